"""The backend contract: what a backend must be able to do, and nothing more.

A backend knows families, keys and opaque bodies (`records`). Writes are values handed over together: `apply` is all or
nothing, so there is no interactive transaction to imitate on a server or in a folder. Times are arguments, in
milliseconds; a backend never reads the clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, runtime_checkable

from ..errors import CorruptError, UnsupportedError
from .clock import Clock
from .families import FAMILIES, Family
from .records import BODY, KEY, Key, Page, RecordId, Row, Write, following
from .searchable import Searchable

MISS: Final[Any] = object()  # what a `ReadCache` answers when only the backend can say

PORTION = 1024 * 1024  # bytes of bodies that are streamed at once
_FIRST, _LONGEST = 4, 2_048  # rows of a portion whose size is not known before it is read


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a backend says of itself: live records with a body and without one per family, bytes held, details."""

    counts: dict[str, int]
    partial: dict[str, int]
    bytes: int
    details: dict[str, Any] = field(default_factory=dict)


class RecordReader(Protocol):
    """What can be read to the end."""

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        """The rows under whole keys."""

    async def keys(self, page: Page) -> list[Key]:
        """The keys of a page."""

    def stream(self, page: Page, size: int = ...) -> AsyncIterator[list[Row]]:
        """The rows of a page in portions."""


class Snapshot(RecordReader, Protocol):
    """A store as it stood after its commit number `sequence`."""

    sequence: int

    def changed(self, family: Family, since: int, size: int = ...) -> AsyncIterator[list[Row]]:
        """The rows whose version is above `since`."""

    async def count(self, family: Family, now: int) -> int:
        """How many records there are, owners without body included, without what has expired by `now`."""


@runtime_checkable
class SupportsSnapshots(Protocol):
    """A backend whose versions are the numbers of its commits, and which can be read as of one of them."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """The store as it stands now, whatever is written while it is read."""


class ReadCache(Protocol):
    """Cache entries and ends of logs a backend keeps in the process."""

    def recall(self, key: str, clock: Clock) -> Any:
        """The document under `key`, the caller's own; None where there is none; MISS where the tier cannot say."""

    def newest(self, family: Family, prefix: Key, count: int | None) -> bytes | None:
        """The last `count` messages of a log, all for None, as a JSON array; None where the tier cannot say."""


class Backend(ABC):
    """Where records live. Seven methods are needed; the others have right, if slow, defaults."""

    name: str = "backend"
    hot: ReadCache | None = None  # asked first for cache entries and logs, where there is one
    index: Searchable | None = None  # where there is none, the store makes one from what it reads

    @abstractmethod
    async def open(self) -> int:
        """Make the store ready; returns the newest time any write has carried, 0 for a new store."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was accepted and let go of everything. Closing twice does nothing."""

    @abstractmethod
    async def apply(self, writes: Sequence[Write]) -> list[int]:
        """Do all of `writes` in order, or none; one result each. Durable when it returns."""

    @abstractmethod
    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        """The rows under whole keys, in the order asked, None where there is none. Expired rows are returned too."""

    @abstractmethod
    async def scan(self, page: Page) -> list[Row]:
        """The rows of a page."""

    @abstractmethod
    async def sweep(self, now: int, limit: int) -> int:
        """Remove at most `limit` records that have expired by `now`; how many were removed."""

    @abstractmethod
    async def vitals(self, now: int) -> Vitals:
        """Counts and sizes, without what has expired by `now`."""

    async def exists(self) -> bool:
        """Whether there is a store to open already; for stores on a server, where opening may make one."""
        return True

    async def identity(self) -> str | None:
        """What tells this open store from every other, whatever it was called by; None where nothing does."""
        return None

    async def sequence(self) -> int | None:
        """A number that moves with every change to the store, whoever makes it; None where there is none."""
        return None

    async def keys(self, page: Page) -> list[Key]:
        """The keys of a page."""
        return [row[KEY:] for row in await self.scan(page)]

    async def bodies(self, page: Page) -> list[bytes]:
        """The bodies of a page."""
        return [row[BODY] for row in await self.scan(page)]

    async def stream(self, page: Page, size: int = PORTION) -> AsyncIterator[list[Row]]:
        """The rows of a page without limit, oldest first, in portions of about `size` bytes.

        What stands there all the while comes once, in order; what is written meanwhile may come or not.
        """
        limit = _FIRST
        while rows := await self.scan(page._replace(limit=limit)):
            page, full = following(page, rows[-1]), len(rows) == limit
            limit = _next_limit(len(rows), sum(len(row[BODY]) for row in rows), size)
            yield rows
            del rows  # or it is held while the next one is read
            if not full:
                return

    async def probe(self) -> dict[str, Any]:
        """Prove that a write would work now, or raise why not. Returns {"warnings": [...], ...details}."""
        await self.apply([])
        return {"warnings": []}

    async def verify(self) -> list[str]:
        """Read everything back; one line for each problem found."""
        problems = []
        for family in FAMILIES:
            for key in await self.keys(Page(family, partial=True)):
                try:
                    await self.fetch(family, [key])
                except CorruptError as problem:
                    problems.append(str(problem))
        return problems

    async def backup(self, path: str) -> None:
        """Write a consistent copy of the store to `path`, while it is in use."""
        raise UnsupportedError(f"the {self.name} backend has no backup: use `lodestore export`")

    async def compact(self) -> dict[str, int]:
        """Give back space that is no longer needed; figures on what was done."""
        return {}


def _next_limit(count: int, size: int, wanted: int) -> int:
    """Rows for the next portion: as many as would have been enough, and not many more than before."""
    return max(1, min(_LONGEST, 4 * count, count * wanted // max(size, 1)))


async def fetch_by_id(backend: Backend, identities: Sequence[RecordId]) -> dict[RecordId, Row | None]:
    """Records of several families by their names, None for those that are not there."""
    keys: dict[Family, list[Key]] = {}
    for family, key in identities:
        keys.setdefault(family, []).append(key)
    found: dict[RecordId, Row | None] = {}
    for family, some in keys.items():
        rows = await backend.fetch(family, some)
        found |= {(family, key): row for key, row in zip(some, rows, strict=True)}
    return found
