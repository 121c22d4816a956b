"""Records and writes as values: rows, keys, Put, Append, Copy, Drop, and the Page that is read.

Keys have been checked once (`validation`), bodies are canonical JSON made once (`encoding.json_codec`). Times are
milliseconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import ConflictError
from .families import VECTORS, Family

Key = tuple[str | int, ...]

# A stored record, flat, because an object per row costs a third more on long lists:
#   (body, version, created_at, written_at, expires_at, place, *key)
# `version` is opaque, above 0, and changes with every write of the record; `place` orders the records of a
# placed family within their outer key (None elsewhere); an empty body marks an owner that exists only through
# what it owns.
Row = tuple[Any, ...]
BODY, VERSION, CREATED_AT, WRITTEN_AT, EXPIRES_AT, PLACE, KEY = range(7)

RecordId = tuple[Family, Key]

LAST_PLACE = 2**26 - 1  # within an outer key, that every backend keeps when it copies a row
ABSENT = 0  # the version of a record that does not exist, for `expect`


class Put(NamedTuple):
    """Store a record under its whole key; keeps `created_at` and the place of one that is there.

    Not for logs, whose positions `Append` hands out. `expect` is the version the record must have now (ABSENT: none),
    else ConflictError. An expired record is absent. Result: the new version.
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

    `vectors`: one encoded vector per body, b"" where there is none.
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

    A version of None asks for a new one; a place that another key holds already becomes the next free one, and so
    may one beyond LAST_PLACE.
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
    """Make the vectors of an append whose first record was stored at a position."""
    family, at = VECTORS.get(append.family), append.written_at
    found = [(position, body) for position, body in enumerate(append.vectors, first) if body]
    return [Put(family, (*append.prefix, str(position)), body, at) for position, body in found] if family else []


def order_of(family: Family, row: Row) -> Key:
    """Return the tuple by which rows of `family` are ordered."""
    key: Key = row[KEY:]
    return (*key[:-1], row[PLACE]) if family.placed else key


def following(page: Page, row: Row) -> Page:
    """Return the rest of a page behind one of its rows."""
    return page._replace(after=order_of(page.family, row)[len(page.prefix) :])


def within(page: Page, order: Key) -> bool:
    """Whether what orders a row, less the prefix, lies between the bounds of a page."""
    return (page.after is None or order > page.after) and (page.before is None or order < page.before)


def selected(page: Page, row: Row) -> bool:
    """Whether a page takes a row in, its bounds and limit aside."""
    named = row[KEY : KEY + len(page.prefix)] == page.prefix
    return named and (page.partial or bool(row[BODY])) and alive(row, page.alive_at)


def alive(row: Row, now: int | None) -> bool:
    """Whether a row has not expired by `now`; None asks nothing."""
    return now is None or row[EXPIRES_AT] is None or bool(row[EXPIRES_AT] > now)


def name_of(family: Family, key: Key) -> str:
    """How messages name a record: `raw_message('conv_1', 3)`."""
    return f"{family.name}({', '.join(map(repr, key))})"


def conflict(put: Put, found: int) -> ConflictError:
    """Make the error for a version that is not the one `put` expects; `found` is ABSENT if there is no record."""
    wanted, there = (f"version {v}" if v else "no record" for v in (put.expect, found))
    return ConflictError(f"{name_of(put.family, put.key)}: expected {wanted}, found {there}")
