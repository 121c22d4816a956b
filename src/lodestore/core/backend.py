"""Backend contract: what a backend must be able to do, and nothing more.

A backend knows families, keys and opaque bodies (`records`). Writes are values handed over together: `apply` is all or
nothing, so there is no interactive transaction to imitate on a server or in a folder. Times are arguments, in
milliseconds; a backend never reads the clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

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
    """The counts of a store.

    Attributes:
        counts: Live records with a body, by the name of their family.
        partial: Owners without a body, by the name of their family.
        bytes: Bytes held.
        details: Figures of the backend's own.
    """

    counts: dict[str, int]
    partial: dict[str, int]
    bytes: int
    details: dict[str, Any] = field(default_factory=dict)


class RecordReader(Protocol):
    """What can be read to the end."""

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        """Fetch the rows under whole keys."""

    async def keys(self, page: Page) -> list[Key]:
        """List the keys of a page."""

    def stream(self, page: Page, size: int = ...) -> AsyncIterator[list[Row]]:
        """Read the rows of a page in portions."""


class Snapshot(RecordReader, Protocol):
    """A store as it stood after its commit number `sequence`."""

    sequence: int

    def changed(self, family: Family, since: int, size: int = ...) -> AsyncIterator[list[Row]]:
        """Read the rows whose version is above `since`, in portions."""

    async def count(self, family: Family, now: int) -> int:
        """Count records, including owners without a body, excluding what has expired by `now`."""


class ReadCache(Protocol):
    """Cache entries and ends of logs a backend keeps in the process."""

    def recall(self, key: str, clock: Clock) -> Any:
        """Look up the document under `key`, a copy; None if there is none; MISS if the cache cannot answer."""

    def newest(self, family: Family, prefix: Key, count: int | None) -> bytes | None:
        """Look up the last `count` messages of a log (None: all) as a JSON array; None if the cache cannot answer."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do beyond the methods that every backend has; the kit holds each to what it says.

    `commit_sequence`  `sequence` gives a number that moves with every change to the store, whoever makes it.
    `identity`         `identity` tells an open store from every other, whatever it was called by.
    `snapshots`        `snapshot` gives the store as of one commit; versions are the numbers of commits.
    `sql`              `query` answers read-only SQL.
    `backup`           `backup` writes a consistent copy while the store is in use.
    `file_versions`    `list_backups` and `restore_backup` give older versions of single files.
    `search_index`     `index` searches, while the store is open; without it the store keeps an index of its own.
    `read_cache`       `cache` is asked first for cache entries and ends of logs, where the user did not switch it off.
    """

    commit_sequence: bool = False
    identity: bool = False
    snapshots: bool = False
    sql: bool = False
    backup: bool = False
    file_versions: bool = False
    search_index: bool = False
    read_cache: bool = False


class OptionalOperations:
    """Operations that a backend has where its `capabilities` say so, and that raise UnsupportedError elsewhere."""

    name: str = "backend"
    capabilities: Capabilities = Capabilities()
    cache: ReadCache | None = None
    index: Searchable | None = None

    async def sequence(self) -> int:
        """Return a number that changes with every write to the store, whoever makes it."""
        raise self._unsupported("commit sequence")

    async def identity(self) -> str:
        """Return what tells this open store from every other."""
        raise self._unsupported("identity")

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Open the store as it stands now, whatever is written while it is read."""
        raise self._unsupported("snapshots: its records can be read, but not as of one commit")

    async def query(self, statement: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one read-only SQL statement.

        Args:
            statement: The statement, with `?` for parameters.
            parameters: The values for each `?`.

        Returns:
            Column names and rows.

        Raises:
            InvalidInputError: The statement is wrong, or would write.
        """
        raise self._unsupported("SQL; only SQLite stores can be queried")

    async def backup(self, path: str) -> None:
        """Write a consistent copy of the store to `path`, a new file or folder, while it is in use."""
        raise self._unsupported("backup: use `lodestore export`")

    def list_backups(self, path: str) -> list[int]:
        """List the numbers of the older versions kept of a file, oldest first."""
        raise self._unsupported("older versions of files")

    async def restore_backup(self, path: str, number: int | None = None) -> None:
        """Put an older version (None: the newest) of a file in place."""
        raise self._unsupported("older versions of files")

    def _unsupported(self, what: str) -> UnsupportedError:
        return UnsupportedError(f"the {self.name} backend has no {what}")


class Backend(OptionalOperations, ABC):
    """A database, folder or server that holds records.

    Seven methods are required: `open`, `close`, `apply`, `fetch`, `scan`, `sweep` and `vitals`. The others have
    correct, if slow, defaults. `lodestore.conformance` tests them.
    """

    @abstractmethod
    async def open(self) -> int:
        """Open the store, creating it if there is none.

        Returns:
            The newest time any write has carried, in milliseconds; 0 for a new store.

        Raises:
            UnavailableError: The store cannot be created, opened or reached.
            CorruptError: What is there is not a lodestore store.
            UnsupportedError: The store needs a newer version of lodestore.
        """

    @abstractmethod
    async def close(self) -> None:
        """Finish pending writes and release everything; closing twice does nothing."""

    @abstractmethod
    async def apply(self, writes: Sequence[Write]) -> list[int]:
        """Apply all of `writes` in order, or none of them.

        Args:
            writes: Each a `Put`, `Append`, `Copy` or `Drop`.

        Returns:
            One result per write, as its class says; durable when this returns.

        Raises:
            ConflictError: A record does not have the version a `Put` expects; nothing was written.
            OutcomeUnknownError: The commit failed half-way.
        """

    @abstractmethod
    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        """Fetch the rows under whole keys.

        Args:
            family: The family of the records.
            keys: Their keys.

        Returns:
            A row per key, in that order, None where there is none. Expired rows are returned too.

        Raises:
            CorruptError: A stored record is damaged.
        """

    @abstractmethod
    async def scan(self, page: Page) -> list[Row]:
        """Read the rows of a page.

        Args:
            page: Which records, in which order.

        Returns:
            The rows.

        Raises:
            CorruptError: A stored record is damaged.
        """

    @abstractmethod
    async def sweep(self, now: int, limit: int) -> int:
        """Remove records that have expired.

        Args:
            now: Milliseconds; what expires at or before is removed.
            limit: At most this many.

        Returns:
            How many were removed.
        """

    @abstractmethod
    async def vitals(self, now: int) -> Vitals:
        """Count records and bytes, without what has expired by `now` (milliseconds)."""

    async def exists(self) -> bool:
        """Check if there is a store already; for servers, where opening may create one."""
        return True

    async def keys(self, page: Page) -> list[Key]:
        """List the keys of a page."""
        return [row[KEY:] for row in await self.scan(page)]

    async def bodies(self, page: Page) -> list[bytes]:
        """Read the bodies of a page."""
        return [row[BODY] for row in await self.scan(page)]

    async def stream(self, page: Page, size: int = PORTION) -> AsyncIterator[list[Row]]:
        """Read the rows of a page without limit, oldest first, in portions of about `size` bytes.

        Records that are there all the time come once, in order; what is written meanwhile may come or not.
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
        """Check by a write that the store works, or raise why not; returns {"warnings": [...], ...details}."""
        await self.apply([])
        return {"warnings": []}

    async def verify(self) -> list[str]:
        """Read everything back; returns one line for each problem found."""
        problems = []
        for family in FAMILIES:
            for key in await self.keys(Page(family, partial=True)):
                try:
                    await self.fetch(family, [key])
                except CorruptError as problem:
                    problems.append(str(problem))
        return problems

    async def compact(self) -> dict[str, int]:
        """Give unused space back; returns figures on what was done."""
        return {}


def _next_limit(count: int, size: int, wanted: int) -> int:
    """Rows for the next portion: as many as would have been enough, and not many more than before."""
    return max(1, min(_LONGEST, 4 * count, count * wanted // max(size, 1)))


async def fetch_by_id(backend: Backend, identities: Sequence[RecordId]) -> dict[RecordId, Row | None]:
    """Fetch records of several families by their ids, None for those that are not there."""
    keys: dict[Family, list[Key]] = {}
    for family, key in identities:
        keys.setdefault(family, []).append(key)
    found: dict[RecordId, Row | None] = {}
    for family, some in keys.items():
        rows = await backend.fetch(family, some)
        found |= {(family, key): row for key, row in zip(some, rows, strict=True)}
    return found
