"""What a backend must be able to do, and nothing more.

A backend knows families, keys and opaque bodies. Writes are values handed over together: `apply` is all or
nothing, so there is no interactive transaction to imitate on a server or in a folder. Times are arguments, in
milliseconds; a backend never reads the clock. Keys have passed the gate in `keys.py`, bodies are canonical JSON
made once by `codec.encode`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from ..errors import Conflict, Corrupt, Unsupported
from ..search.query import Query
from ..search.vectors import Space
from .clock import Clock
from .families import FAMILIES, VECTORS, Family

Key = tuple[str | int, ...]

# A stored record, flat, because an object per row costs a third more on long lists:
#   (body, version, created_at, written_at, expires_at, place, *key)
# `version` is opaque, above 0, and changes with every write of the record; `place` orders the records of a
# placed family within their outer key (None elsewhere); an empty body marks an owner that exists only through
# what it owns.
Row = tuple[Any, ...]
BODY, VERSION, CREATED_AT, WRITTEN_AT, EXPIRES_AT, PLACE, KEY = range(7)

ABSENT = 0  # the version of a record that does not exist, for `expect`
MISS: Final[Any] = object()  # what a `Tier` answers when only the backend can say

PORTION = 1024 * 1024  # bytes of bodies that are streamed at once
_FIRST, _LONGEST = 4, 2_048  # rows of a portion whose size is not known before it is read


class Put(NamedTuple):
    """Store a record under its whole key; keeps `created_at` and the place of one that is there.

    Not for logs, whose positions `Append` hands out. `expect` is the version the record must have now (ABSENT: none),
    else Conflict. An expired record is absent. Result: the new version.
    """

    family: Family
    key: Key
    body: bytes
    written_at: int
    expires_at: int | None = None
    expect: int | None = None

    @property
    def time(self) -> int:
        """When the write happened."""
        return self.written_at


class Append(NamedTuple):
    """Add records at the end of a log. Result: the position of the first; the others follow without a gap.

    `vectors`, where there are any, has for each body that of the record's vector, empty for none.
    """

    family: Family
    prefix: Key
    bodies: tuple[bytes, ...]
    written_at: int
    vectors: tuple[bytes, ...] = ()

    @property
    def time(self) -> int:
        """When the write happened."""
        return self.written_at


class Copy(NamedTuple):
    """Store a row as it stood in another store: times, version and place kept. Result: its version.

    A version of None asks for a new one; a place that another key holds already becomes the next free one.
    """

    family: Family
    row: Row

    @property
    def time(self) -> int:
        """When the write happened, in the other store."""
        return int(self.row[WRITTEN_AT])


class Drop(NamedTuple):
    """Remove one record (whole key) or a branch (shorter key), with all it owns. Result: live rows removed.

    Rows that had expired `at` that time are removed but not counted.
    """

    family: Family
    prefix: Key
    at: int

    @property
    def time(self) -> int:
        """When the write happened."""
        return self.at


Write = Put | Append | Copy | Drop


class Page(NamedTuple):
    """Which records to read, in the order of the family: by place where it has one, else by key (code points).

    `after` and `before` are exclusive bounds: what `order_of` gives for a row, less the prefix. With `newest` the
    page starts at the end. `alive_at` leaves out what has expired by then. `partial` takes in owners without body.
    """

    family: Family
    prefix: Key = ()
    after: Key | None = None
    before: Key | None = None
    limit: int | None = None
    newest: bool = False
    alive_at: int | None = None
    partial: bool = False

    @property
    def tail(self) -> bool:
        """Whether this is the end of one log, or all of it."""
        whole_log = self.family.log and len(self.prefix) == len(self.family.key) - 1
        return whole_log and self.after is self.before is None and (self.newest or self.limit is None)


def attached(append: Append, first: int) -> list[Put]:
    """The vectors of an append whose first record came to stand at a position."""
    family, at = VECTORS.get(append.family), append.written_at
    found = [(position, body) for position, body in enumerate(append.vectors, first) if body]
    return [Put(family, (*append.prefix, str(position)), body, at) for position, body in found] if family else []


def order_of(family: Family, row: Row) -> Key:
    """The tuple by which rows of `family` are ordered."""
    key: Key = row[KEY:]
    return (*key[:-1], row[PLACE]) if family.placed else key


def following(page: Page, row: Row) -> Page:
    """The rest of a page behind one of its rows."""
    return page._replace(after=order_of(page.family, row)[len(page.prefix) :])


def _next_limit(count: int, size: int, wanted: int) -> int:
    """Rows for the next portion: as many as would have been enough, and not many more than before."""
    return max(1, min(_LONGEST, 4 * count, count * wanted // max(size, 1)))


def alive(row: Row, now: int | None) -> bool:
    """Whether a row has not expired by `now`; None asks nothing."""
    return now is None or row[EXPIRES_AT] is None or bool(row[EXPIRES_AT] > now)


def name_of(family: Family, key: Key) -> str:
    """How messages name a record: `raw_message('conv_1', 3)`."""
    return f"{family.name}({', '.join(map(repr, key))})"


def conflict(put: Put, found: int) -> Conflict:
    """The error for a version that is not the one `put` expects; `found` is ABSENT where there is no record."""
    wanted, there = (f"version {v}" if v else "no record" for v in (put.expect, found))
    return Conflict(f"{name_of(put.family, put.key)}: expected {wanted}, found {there}")


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a backend says of itself: live records with a body and without one per family, bytes held, details."""

    counts: dict[str, int]
    partial: dict[str, int]
    bytes: int
    details: dict[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """What can be read to the end."""

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        """The rows under whole keys."""

    async def keys(self, page: Page) -> list[Key]:
        """The keys of a page."""

    def stream(self, page: Page, size: int = ...) -> AsyncIterator[list[Row]]:
        """The rows of a page in portions."""


class Moment(Source, Protocol):
    """A store as it stood after its commit number `sequence`."""

    sequence: int

    def changed(self, family: Family, since: int, size: int = ...) -> AsyncIterator[list[Row]]:
        """The rows whose version is above `since`."""

    async def count(self, family: Family, now: int) -> int:
        """How many records there are, owners without body included, without what has expired by `now`."""


@runtime_checkable
class Sequenced(Protocol):
    """A backend whose versions are the numbers of its commits, and which can be read as of one of them."""

    def snapshot(self) -> AbstractAsyncContextManager[Moment]:
        """The store as it stands now, whatever is written while it is read."""


class Near(NamedTuple):
    """A vector that others of its space are searched near to; `exact` reads all of them, whatever it takes."""

    space: Space
    vector: bytes
    exact: bool = False


class Wanted(NamedTuple):
    """What to search for: records of some families, below an outer key where there is one; a page of them.

    `part` is a namespace inside a collection, None for all of it.
    """

    query: Query
    families: tuple[Family, ...]
    prefix: Key = ()
    limit: int | None = None
    offset: int = 0
    part: str | None = None
    near: Near | None = None


class Match(NamedTuple):
    """A record that was found; a higher score is a better one."""

    family: Family
    score: float
    row: Row


Identity = tuple[Family, Key]
Leg = list[tuple[Identity, float]]  # what one way of searching finds, the best first, with scores of its own
Tell = Callable[[int], None]  # how many records have been done


class Searchable(Protocol):
    """A backend's index of text and vectors. What was committed before a search began is found by it, on any handle."""

    async def match(self, wanted: Wanted) -> list[Match]:
        """What text finds, or where no words are asked for what is near, the best first; of one score in an order that
        stays."""

    async def legs(self, wanted: Wanted) -> tuple[Leg, Leg]:
        """What vectors find and what text finds, of one moment: a page of each. A vector's score is the inner product
        or, for "l2", the negative distance."""

    async def reindex(self, tell: Tell) -> int:
        """Build the index anew from the records; how many there are."""


class Tier(Protocol):
    """Cache entries and ends of logs a backend keeps in the process."""

    def recall(self, key: str, clock: Clock) -> Any:
        """The document under `key`, the caller's own; None where there is none; MISS where the tier cannot say."""

    def newest(self, family: Family, prefix: Key, count: int | None) -> bytes | None:
        """The last `count` messages of a log, all for None, as a JSON array; None where the tier cannot say."""


class Backend(ABC):
    """Where records live. Seven methods are needed; the others have right, if slow, defaults."""

    name: str = "backend"
    hot: Tier | None = None  # asked first for cache entries and logs, where there is one
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
                except Corrupt as problem:
                    problems.append(str(problem))
        return problems

    async def backup(self, path: str) -> None:
        """Write a consistent copy of the store to `path`, while it is in use."""
        raise Unsupported(f"the {self.name} backend has no backup: use `lodestore export`")

    async def compact(self) -> dict[str, int]:
        """Give back space that is no longer needed; figures on what was done."""
        return {}


async def fetch_named(backend: Backend, identities: Sequence[Identity]) -> dict[Identity, Row | None]:
    """Records of several families by their names, None for those that are not there."""
    keys: dict[Family, list[Key]] = {}
    for family, key in identities:
        keys.setdefault(family, []).append(key)
    found: dict[Identity, Row | None] = {}
    for family, some in keys.items():
        rows = await backend.fetch(family, some)
        found |= {(family, key): row for key, row in zip(some, rows, strict=True)}
    return found
