"""Lua scripts: what the server runs, with the families written in front."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...core.families import FAMILIES, OWNED, VECTORS, Family, catalogue_cache

FORMAT = 1  # how a store is laid out; another number is another version of lodestore


class Script:
    """A script, and the hash by which a server that has seen it knows it."""

    def __init__(self, *names: str) -> None:
        self._names = names

    @property
    def text(self) -> str:
        """What the server is to run."""
        return _rendered(self._names)[0]

    @property
    def sha(self) -> str:
        """The hash of the text."""
        return _rendered(self._names)[1]


@catalogue_cache
def _rendered(names: tuple[str, ...]) -> tuple[str, str]:
    text = "\n".join((_catalogue(), *map(_read, ("common", *names))))
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _read(name: str) -> str:
    return (Path(__file__).parent / f"{name}.lua").read_text(encoding="utf-8")


def _catalogue() -> str:
    families = ", ".join(f"{family.name} = {{{_traits(family)}}}" for family in FAMILIES)
    return f"local FORMAT = '{FORMAT}'\nlocal FAMILIES = {{{families}}}"


def _traits(family: Family) -> str:
    owned = ", ".join(f"'{other.name}'" for other in OWNED[family])
    owner = f"'{family.owner}'" if family.owner else "nil"
    vectors = f"'{VECTORS[family].name}'" if family in VECTORS else "nil"
    placed, expires = str(family.placed).lower(), str(family.expires).lower()
    kin = f"owner = {owner}, owned = {{{owned}}}, vectors = {vectors}"
    return f"depth = {len(family.key)}, placed = {placed}, expires = {expires}, {kin}"


APPLY = Script("validate", "apply")
PAGE, FETCH, STATS, PERMISSIONS, SAVE_DICTIONARY, REPACK = map(
    Script, ("page", "fetch", "stats", "permissions", "save_dictionary", "repack")
)
