"""Lua scripts: what the server runs, with the families written in front."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...core.families import FAMILIES, OWNED, VECTORS, Family

FORMAT = 1  # how a store is laid out; another number is another version of lodestore


class Script:
    """A script, and the hash by which a server that has seen it knows it."""

    def __init__(self, *names: str) -> None:
        self.text = "\n".join((_catalogue(), *map(_read, ("common", *names))))
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


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
