"""Record reads: rows, keys, bodies and pages, unpacked; and reads as of one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar

from ....core.families import Family
from ....core.records import (
    BODY,
    KEY,
    VERSION,
    Key,
    Page,
    Row,
)
from ....errors import CorruptError
from ....sql import statements
from ..engine.driver import Cursor
from . import log_reader
from .body_io import another, unpack_all, unpack_named
from .log_reader import FEW_AT_ONCE, FEW_BYTES

T = TypeVar("T")


FEW = 16  # messages up to which each is looked for by itself
MANY = 4_096  # rows in a portion at most, for those without much of a body


def fetch(run: Cursor, family: Family, key: Key) -> Row | None:
    """One row, unpacked."""
    if family.log:
        return log_reader.fetch(run, family, key)
    row = run.execute(statements.fetch(family), key).fetchone()
    if row is None:
        return None
    return (unpack_named(run, row[0], family, key), *row[1:], *key)


def fetch_all(run: Cursor, family: Family, keys: Sequence[Key]) -> list[Row | None]:
    """Many rows, unpacked; of a log, messages that follow one another by one statement."""
    if not family.log or len(keys) < FEW:
        return [fetch(run, family, key) for key in keys]
    rows: list[Row | None] = []
    for outer, group in groupby(keys, lambda key: key[:-1]):
        some = list(group)
        first, last = int(some[0][-1]), int(some[-1][-1])
        if len(some) < FEW or some != [(*outer, position) for position in range(first, last + 1)]:
            rows += [fetch(run, family, key) for key in some]
        else:
            there = {row[KEY:]: row for row in scan(run, Page(family, outer, (first - 1,), (last + 1,)))}
            rows += map(there.get, some)
    return rows


def as_of(run: Cursor, read: Callable[[Cursor], T]) -> tuple[int, T]:
    """What `read` reads as of one moment, and the commit sequence of that moment."""
    run.execute("BEGIN")  # one lock for all that is read, which is half of what a short read costs
    try:
        [sequence] = run.execute("SELECT commits FROM store").fetchone()
        return sequence, read(run)
    finally:
        run.execute("COMMIT")


def scan(run: Cursor, page: Page) -> list[Row]:
    """The rows of a page, unpacked."""
    family = page.family
    if family.log:
        return log_reader.scan(run, page)
    return [(unpack_named(run, row[BODY], family, row[KEY:]), *row[1:]) for row in _select(run, "rows", page)]


def keys(run: Cursor, page: Page) -> list[Key]:
    """The keys of a page; no body is read."""
    return log_reader.keys(run, page) if page.family.log else _select(run, "keys", page)


def bodies(run: Cursor, page: Page) -> list[bytes]:
    """The bodies of a page, unpacked; the names of the records are read only to report a broken one."""
    if page.family.log:
        return log_reader.bodies(run, page)
    found = unpack_all(run, [row[0] for row in _select(run, "bodies", page)])
    return [row[BODY] for row in scan(run, page)] if found is None else found


def portion(run: Cursor, page: Page, size: int) -> list[Row]:
    """The first rows of a page, unpacked: `size` bytes of bodies and the row that goes beyond, at least."""
    cursor = another(run)
    try:
        if page.family.log:
            return _upto(size, log_reader.parts(cursor, page))
        return taken(
            cursor.execute(statements.scan("rows", statements.shape(page)), statements.bind(page)), page.family, size
        )
    finally:
        cursor.close()  # a statement left open would pin the log


def taken(cursor: Cursor, family: Family, size: int, since: int = 0) -> list[Row]:
    """The next rows of a statement that is under way, without those of chunks with versions up to `since`."""
    if family.log:
        return _upto(
            size, ([row for row in part if row[VERSION] > since] for part in log_reader.opened(cursor, family))
        )
    return _upto(size, ([(unpack_named(cursor, row[BODY], family, row[KEY:]), *row[1:])] for row in cursor))


def _upto(size: int, parts: Iterable[Sequence[Row]]) -> list[Row]:
    rows: list[Row] = []
    for part in parts:
        rows += part
        size -= sum(len(row[BODY]) for row in part)
        if size < 0 or len(rows) >= MANY:
            break
    return rows


def few_bodies(run: Cursor, page: Page) -> list[bytes] | None:
    """`bodies`, or None as soon as they turn out to be too many or too large to read without giving way."""
    if page.family.log:
        return log_reader.few_bodies(run, page)
    cursor = another(run)
    cursor.execute(statements.scan("bodies", statements.shape(page)), statements.bind(page))
    packed: list[bytes] = []
    size = 0
    while rows := cursor.fetchmany(FEW_AT_ONCE):
        packed += [row[0] for row in rows]
        size += sum(map(len, packed[-len(rows) :]))
        if size > FEW_BYTES:
            cursor.close()  # a statement left open would pin the log
            return None
    found = unpack_all(run, packed)
    return [row[BODY] for row in scan(run, page)] if found is None else found


def _select(run: Cursor, columns: str, page: Page) -> list[Any]:
    # fetchall ends the statement: a cursor left open would pin the log.
    text = statements.scan(columns, statements.shape(page))
    return list(run.execute(text, statements.bind(page)).fetchall())


def broken(run: Cursor, page: Page) -> Iterator[str]:
    """One line for each record of a page that does not come back; streams, whatever the size of the page."""
    if page.family.log:
        yield from log_reader.broken(run, page)
        return
    for row in another(run).execute(statements.scan("rows", statements.shape(page)), statements.bind(page)):
        try:
            unpack_named(run, row[BODY], page.family, row[KEY:])
        except CorruptError as problem:
            yield str(problem)
