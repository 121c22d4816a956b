"""Writes as values, carried out inside a transaction; and pages read.

`run` is a cursor that is used again and again: a fresh one for each statement costs a fifth of a short one. It
carries the packer of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from ....core.families import OWNED, Family, owner_of
from ....core.records import (
    BODY,
    CREATED_AT,
    EXPIRES_AT,
    KEY,
    PLACE,
    VERSION,
    Append,
    Copy,
    Drop,
    Key,
    Page,
    Put,
    Row,
    Write,
    attached,
    conflict,
    name_of,
)
from ....errors import Corrupt, Refused
from ....sql import statements as render
from ....sql.sqlite_fts import last_place
from ..engine.driver import Cursor, IntegrityError
from . import log_reader as log_pages
from . import log_writer as logs
from . import search_queue as noting
from .body_io import another, unpack_all, unpack_named
from .log_reader import FEW_AT_ONCE, FEW_BYTES

T = TypeVar("T")

MANY = 4_096  # rows in a portion at most, for those without much of a body


def execute(run: Cursor, write: Write, version: int) -> int:
    """Do one write; rows written get `version`. The result `kernel` promises for it."""
    return _DOERS[type(write)](run, write, version)


def _put(run: Cursor, put: Put, version: int) -> int:
    family, key, body, at, expires_at, expect = put
    if family.log:
        raise Refused(f"{name_of(family, key)}: records enter a log by Append or Copy")
    if expect is not None:
        _expect(run, put)
    expiry = (expires_at,) if family.expires else ()
    _insert(run, render.put(family), (*key, run.packer.pack(family, body), version, at, *expiry), put)
    noting.note_put(run, family, key)
    return version


def _append(run: Cursor, append: Append, version: int) -> int:
    first = logs.append(run, append, version)
    for family, key, body, at, _, _ in attached(append, first) if append.vectors else ():
        run.execute(render.put(family), (*key, run.packer.pack(family, body), version, at))
    return first


def _expect(run: Cursor, put: Put) -> None:
    time = (put.written_at,) if put.family.expires else ()
    row = run.execute(render.version(put.family), (*put.key, *time)).fetchone()
    found = row[0] if row else 0
    if found != put.expect:
        raise conflict(put, found)


def _copy(run: Cursor, copy: Copy, version: int) -> int:
    family, row = copy
    if family.log:
        return logs.copy(run, copy, version)
    key = row[KEY:]
    version = row[VERSION] or version
    expiry = (row[EXPIRES_AT],) if family.expires else ()
    place = (_free_place(run, family, row),) if family.arrival else ()
    values = (*key, run.packer.pack(family, row[BODY]), version, *row[CREATED_AT:EXPIRES_AT], *expiry, *place)
    if family.arrival:
        noting.note_put(run, family, key)  # it may stand at another place so far
    _insert(run, render.copy(family), values, copy)
    noting.note_put(run, family, key)
    return version


def _free_place(run: Cursor, family: Family, row: Row) -> int:
    outer, place, last = row[KEY:-1], row[PLACE], last_place(family)
    if not 0 <= place <= last:
        raise Refused(f"{name_of(family, row[KEY:])}: places in a SQLite store go from 0 to {last}")
    taken = run.execute(render.at_place(family), (*outer, place)).fetchone()
    if taken is None or taken[0] == row[-1]:
        return int(place)
    return int(run.execute(render.next_place(family), outer).fetchone()[0])


def _drop(run: Cursor, drop: Drop, _: int) -> int:
    family, prefix, at = drop
    if family.log:
        return logs.drop(run, family, prefix)
    if not family.of:
        noting.note_drop(run, family, prefix)
    for owned in OWNED[family]:
        if owned.log:  # where the foreign keys do not reach
            logs.drop(run, owned, prefix)
    expired = 0
    if family.expires:
        expired = run.execute(render.expired(family, len(prefix)), (*prefix, at)).fetchone()[0]
    count = int(run.execute(render.drop(family, len(prefix)), prefix).rowcount) - expired
    if count and family.of:  # behind it: most of these find nothing
        noting.note_drop(run, *noting.record_of(family, prefix))
    return count


_DOERS: dict[type[Write], Callable[[Cursor, Any, int], int]] = {
    Put: _put,
    Append: _append,
    Copy: _copy,
    Drop: _drop,
}


def _insert(run: Cursor, text: str, values: tuple[Any, ...], write: Put | Copy) -> None:
    """Insert a row, and where the foreign key says that its owner is missing, make that first: it hardly ever is."""
    try:
        run.execute(text, values)
    except IntegrityError:
        width = len(write.family.key)
        _own(run, write, values[:width], values[width + 1])
        run.execute(text, values)


def _own(run: Cursor, write: Put | Copy, key: Key, version: int) -> None:
    if owner := owner_of(write.family):
        run.execute(render.own(owner), (*key[: len(owner.key)], version, write.time))


def fetch(run: Cursor, family: Family, key: Key) -> Row | None:
    """One row, unpacked."""
    if family.log:
        return log_pages.fetch(run, family, key)
    row = run.execute(render.fetch(family), key).fetchone()
    if row is None:
        return None
    return (unpack_named(run, row[0], family, key), *row[1:], *key)


def fetch_all(run: Cursor, family: Family, keys: Sequence[Key]) -> list[Row | None]:
    """Many rows, unpacked."""
    return [fetch(run, family, key) for key in keys]


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
        return log_pages.scan(run, page)
    return [(unpack_named(run, row[BODY], family, row[KEY:]), *row[1:]) for row in _select(run, "rows", page)]


def keys(run: Cursor, page: Page) -> list[Key]:
    """The keys of a page; no body is read."""
    return log_pages.keys(run, page) if page.family.log else _select(run, "keys", page)


def bodies(run: Cursor, page: Page) -> list[bytes]:
    """The bodies of a page, unpacked; the names of the records are read only to report a broken one."""
    if page.family.log:
        return log_pages.bodies(run, page)
    found = unpack_all(run, [row[0] for row in _select(run, "bodies", page)])
    return [row[BODY] for row in scan(run, page)] if found is None else found


def portion(run: Cursor, page: Page, size: int) -> list[Row]:
    """The first rows of a page, unpacked: `size` bytes of bodies and the row that goes beyond, at least."""
    cursor = another(run)
    try:
        if page.family.log:
            return _upto(size, log_pages.parts(cursor, page))
        return taken(cursor.execute(render.scan("rows", render.shape(page)), render.bind(page)), page.family, size)
    finally:
        cursor.close()  # a statement left open would pin the log


def taken(cursor: Cursor, family: Family, size: int, since: int = 0) -> list[Row]:
    """The next rows of a statement that is under way, without those of chunks with versions up to `since`."""
    if family.log:
        return _upto(size, ([row for row in part if row[VERSION] > since] for part in log_pages.opened(cursor, family)))
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
        return log_pages.few_bodies(run, page)
    cursor = another(run)
    cursor.execute(render.scan("bodies", render.shape(page)), render.bind(page))
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
    text = render.scan(columns, render.shape(page))
    return list(run.execute(text, render.bind(page)).fetchall())


def broken(run: Cursor, page: Page) -> Iterator[str]:
    """One line for each record of a page that does not come back; streams, whatever the size of the page."""
    if page.family.log:
        yield from log_pages.broken(run, page)
        return
    for row in another(run).execute(render.scan("rows", render.shape(page)), render.bind(page)):
        try:
            unpack_named(run, row[BODY], page.family, row[KEY:])
        except Corrupt as problem:
            yield str(problem)
