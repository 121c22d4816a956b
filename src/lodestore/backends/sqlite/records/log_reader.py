"""Log reader: pages of logs, with no seam between messages in rows and messages in chunks.

A page is read by one statement, so it is of one moment even while another process seals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeVar

from ....core.families import Family
from ....core.records import BODY, KEY, Key, Page, Row, name_of
from ....errors import CorruptError
from ....sql import sqlite_logs as sql
from ..engine.driver import Cursor
from . import chunk_format
from .body_io import another, unpack_all, unpack_named

T = TypeVar("T")
StoredRow = tuple[
    Any, ...
]  # how many messages are sealed in it, if several; then a row or a key as `core.records` defines it

FEW_AT_ONCE = 256  # rows between two looks at how much it has become
FEW_BYTES = 1_000_000  # about two milliseconds of reading
ENOUGH_AT_ONCE = 64
SURELY_PACKED = 1024  # bytes: a longer body is a chunk, or compressed


def fetch(run: Cursor, family: Family, key: Key) -> Row | None:
    """One message."""
    *outer, position = key
    if not 0 <= int(position) <= sql.LAST:
        return None
    stored = run.execute(sql.fetch(family), (*outer, position)).fetchone()
    if stored is None or stored[-1] - (stored[0] or 1) >= position:
        return None
    return next(row for row in _rows(run, family, stored) if row[KEY:] == key)


def scan(run: Cursor, page: Page) -> list[Row]:
    """The rows of a page."""
    cursor = another(run)
    try:
        return list(islice(chain.from_iterable(parts(cursor, page)), page.limit))
    finally:
        cursor.close()  # a statement left open would pin the log


def parts(cursor: Cursor, page: Page) -> Iterator[Sequence[Row]]:
    """The rows of a page without limit, as many at once as are stored together."""
    page = _narrowed(page)
    cursor.execute(sql.scan("rows", sql.shape(page)), sql.bind(page))
    for part in opened(cursor, page.family):
        yield _within(page, part, _key_of)


def opened(cursor: Cursor, family: Family) -> Iterator[Sequence[Row]]:
    """The rows of a statement that is under way."""
    return (_rows(cursor, family, stored) for stored in cursor)


def keys(run: Cursor, page: Page) -> list[Key]:
    """The keys of a page; no body is read."""
    page, cursor = _narrowed(page), another(run)
    try:
        cursor.execute(sql.scan("keys", sql.shape(page)), sql.bind(page))
        found = (_within(page, _keys(stored), tuple) for stored in cursor)
        return list(islice(chain.from_iterable(found), page.limit))
    finally:
        cursor.close()


def _narrowed(page: Page) -> Page:
    """A page of one message as a page of its log."""
    if len(page.prefix) < len(page.family.key):
        return page
    *outer, position = page.prefix
    return page._replace(prefix=tuple(outer), after=(int(position) - 1,), before=(int(position) + 1,))


def _within(page: Page, part: Sequence[T], key: Callable[[T], Key]) -> Sequence[T]:
    """What of a part is in a page, in the order of the page."""
    depth = len(page.prefix)
    if page.after is not None:
        part = [item for item in part if key(item)[depth:] > page.after]
    if page.before is not None:
        part = [item for item in part if key(item)[depth:] < page.before]
    return part[::-1] if page.newest else part


def _key_of(row: Row) -> Key:
    return row[KEY:]


def _rows(run: Cursor, family: Family, stored: StoredRow) -> Sequence[Row]:
    sealed, packed, *rest = stored
    *outer, last = key = stored[KEY + 1 :]
    body = unpack_named(run, packed, family, key)
    if sealed is None:
        return ((body, *rest),)
    messages = chunk_format.messages(body, sealed, name_of(family, key))
    return [(*message, None, at, *outer, at) for at, message in enumerate(messages, last - sealed + 1)]


def _keys(stored: StoredRow) -> Sequence[Key]:
    sealed, *outer, last = stored
    return [(*outer, at) for at in range(last + 1 - (sealed or 1), last + 1)]


def bodies(run: Cursor, page: Page) -> list[bytes]:
    """The bodies of a page."""
    found: list[bytes] = _bodies(run, page, _all if page.limit is None else _enough)
    return found


def few_bodies(run: Cursor, page: Page) -> list[bytes] | None:
    """`bodies`, or None as soon as they turn out to be too many or too large to read without giving way."""
    found: list[bytes] | None = _bodies(run, page, _few)
    return found


def _bodies(run: Cursor, page: Page, take: Callable[[Cursor, Page], list[StoredRow] | None]) -> Any:
    page = _narrowed(page)
    bounded = sql.bounded(page)
    if page.prefix or not bounded:
        cursor = another(run)
        columns = "bodies" if page.limit is None else "counted"
        try:
            stored = take(cursor.execute(sql.scan(columns, sql.shape(page)), sql.bind(page)), page)
        finally:
            cursor.close()
        if stored is None:
            return None
        found = unpack_all(run, [row[0] for row in stored])
        if found is not None:
            whole = not bounded and not chunk_format.any_in(found)
            return found if whole else _opened(page, stored, found)
    return [row[BODY] for row in scan(run, page)]  # where bounds are of several logs, or a body is broken: by name


def _all(cursor: Cursor, _: Page) -> list[StoredRow]:
    return list(cursor.fetchall())


def _enough(cursor: Cursor, page: Page) -> list[StoredRow]:
    """Rows until they hold as many messages as asked."""
    stored: list[StoredRow] = []
    # Where there are bounds the first row is not counted: they may cut off most of it.
    left, counted = page.limit or 0, not sql.bounded(page)
    while left > 0 and (rows := cursor.fetchmany(ENOUGH_AT_ONCE)):
        for row in rows:
            if left > 0:
                stored.append(row)
                left -= (row[1] or 1) * counted
                counted = True
    return stored


def _few(cursor: Cursor, _: Page) -> list[StoredRow] | None:
    stored: list[StoredRow] = []
    size = 0
    while rows := cursor.fetchmany(FEW_AT_ONCE):
        stored += rows
        size += sum(
            [len(row[0]) if len(row[0]) < SURELY_PACKED else len(row[0]) * chunk_format.DENSITY for row in rows]
        )
        if size > FEW_BYTES:
            return None
    return stored


def _opened(page: Page, stored: list[StoredRow], found: list[bytes]) -> list[bytes]:
    """The bodies in rows and chunks, without what lies outside the bounds."""
    low, high = int(page.after[0]) + 1 if page.after else 0, int(page.before[0]) if page.before else sql.SPAN
    parts = []
    for row, body in zip(stored, found, strict=True):
        part = chunk_format.bodies(body) if chunk_format.sealed(body) else [body]
        if sql.bounded(page):
            first = row[-1] + 1 - len(part)
            part = part[max(low - first, 0) : max(high - first, 0)]
        parts.append(part[::-1] if page.newest else part)
    return list(islice(chain.from_iterable(parts), page.limit))


def broken(run: Cursor, page: Page) -> Iterator[str]:
    """One line for each row or chunk that does not come back, and for each message that is there twice; streams."""
    family, last = page.family, ("", 0)
    for (number,) in another(run).execute(sql.orphans(family)):
        yield f"{family.name} row {number}: its {family.owner} is missing"
    for stored in another(run).execute(sql.scan("rows", sql.shape(page)), sql.bind(page)):
        *outer, end = key = stored[KEY + 1 :]
        if (*outer, end + 1 - (stored[0] or 1)) <= last:
            yield f"{name_of(family, last)}: the chunk that ends at position {end} holds it too"
        last = key
        try:
            _rows(run, family, stored)
        except CorruptError as problem:
            yield str(problem)
