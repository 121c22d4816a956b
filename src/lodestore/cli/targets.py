"""From a URL on the command line to a store; only some commands may create one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from ..config import registry
from ..core.backend import Backend
from ..core.families import CATALOGUE, Family
from ..core.records import Key
from ..core.validation import check_id
from ..errors import InvalidInputError
from ..store.opening import open as open_store
from ..store.store import Store
from . import Negative

# What makes a folder a store: our own directory, or those Connectome's trees begin with.
_MARKS = (".lodestore", "conversations", "agents")


def path_of(url: str) -> tuple[str, Path | None]:
    """The scheme of a URL and where its store lies; None for one in memory or on a server."""
    scheme, path, _ = registry.split(url)
    return scheme, Path(path).absolute() if path and registry.SCHEMES[scheme].path else None


def secrets(url: str) -> dict[str, Any]:
    """Settings from the environment that may not stand in a URL."""
    return registry.secrets(url)


def made(scheme: str, path: Path, settings: dict[str, str] | None = None) -> Backend:
    """A backend for a store at `path`, not yet open."""
    kind = registry.SCHEMES[scheme]
    return kind.build({str(kind.path): path, **(settings or {}), **secrets(f"{scheme}:x")})


def is_there(scheme: str, path: Path | None) -> bool:
    """Whether there is a store, or something in its place that opening will explain."""
    if path is None or not path.exists():
        return path is None
    return scheme != "file" or not path.is_dir() or any((path / mark).is_dir() for mark in _MARKS)


@asynccontextmanager
async def existing(url: str, *, embedder: Any = None, **settings: Any) -> AsyncIterator[Store]:
    """The store at `url`, opened and closed again; never created."""
    require(url)
    backend = registry.backend(url, **secrets(url), **settings)
    if not await backend.exists():
        raise Negative(f"no store at {registry.describe(url)}")
    async with Store(backend, embedder=embedder) as store:
        yield store


@asynccontextmanager
async def created(url: str, **settings: Any) -> AsyncIterator[Store]:
    """The store at `url`, created where there is none; `settings` besides those in the URL."""
    async with open_store(url, **secrets(url), **settings) as store:
        yield store


def require(url: str) -> None:
    """Negative, naming the place, where there is no store."""
    registry.backend(url, **secrets(url))  # a wrong setting is a wrong setting, store or no store
    scheme, path = path_of(url)
    if not is_there(scheme, path):
        raise Negative(f"no store at {path} ({registry.describe(url)})")


def schema_number(url: str) -> int:
    """The schema of a SQLite store that is there, without bringing it up to date."""
    from ..backends.sqlite.engine import driver, store_file

    key, (_, path) = secrets(url).get("key"), path_of(url)
    assert path is not None
    store_file.check_file(path)
    with closing(driver.connect(str(path), key, timeout=5)) as connection:
        return store_file.inspect(connection, path, key)


def family_of(name: str) -> Family:
    """The family of that name; InvalidInputError, naming those there are."""
    if name not in CATALOGUE:
        raise InvalidInputError(f"no family {name!r}; choose from {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def key_of(family: Family, parts: list[str], *, most: int) -> Key:
    """A key, or its first parts, as the family spells it: the position in a log is a number."""
    if len(parts) > most:
        wanted = " and ".join(family.key[:most]) or "nothing"
        raise InvalidInputError(f"{family.name}: give {wanted} here, not {len(parts)} parts")
    last = len(family.key) - 1 if family.log else None
    return tuple(
        position(part) if index == last else check_id(part, family.key[index]) for index, part in enumerate(parts)
    )


def position(text: str) -> int:
    """A position in a log."""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise InvalidInputError(f"expected a position, a whole number from 0, not {text!r}")
    return int(text)
