"""Log writer: writes on logs, executed inside a transaction.

A write that touches a message inside a chunk takes the chunk apart first, in the same transaction.
"""

from __future__ import annotations

from typing import Any, cast

from ....core.families import Family, owner_of
from ....core.records import BODY, CREATED_AT, KEY, VERSION, WRITTEN_AT, Append, Copy, Key, name_of
from ....errors import InvalidInputError
from ....sql import sqlite_logs as sql, statements
from ....sql.sqlite_numbers import last_place
from ..engine.driver import Cursor, IntegrityError
from . import chunk_format, search_queue
from .body_io import unpack_named


def append(run: Cursor, write: Append, version: int) -> int:
    """Add messages after the last one; the position of the first."""
    family, prefix, bodies, at, _ = write
    if len(bodies) == 1 and (
        position := _append_one(run, family, (*prefix, run.packer.pack(family, bodies[0]), version, at))
    ):
        return position
    base, first = run.execute(sql.end(family), prefix).fetchone() or _own(run, family, prefix, version, at)
    last = last_place(family)
    if first + len(bodies) > base + last + 1:
        raise InvalidInputError(f"{name_of(family, prefix)}: the log is full: its last position is {last}")
    rows = [(number, run.packer.pack(family, body), version, at) for number, body in enumerate(bodies, first)]
    run.executemany(sql.insert(family), rows)
    if rows:
        search_queue.enqueue_rows(run, family, first, first + len(rows) - 1)
    return cast(int, first - base)


def _append_one(run: Cursor, family: Family, values: tuple[Any, ...]) -> int:
    """What nearly every append is, in one statement; 0 when it is the first message, and nothing was done."""
    try:
        run.execute(sql.append(family), values)
    except IntegrityError:
        return 0
    number = int(run.lastrowid)
    search_queue.enqueue_rows(run, family, number, number)
    return number % sql.SPAN


def copy(run: Cursor, write: Copy, version: int) -> int:
    """Store a message at its position; its version."""
    family, row = write
    key, version, at = row[KEY:], row[VERSION] or version, row[WRITTEN_AT]
    last = last_place(family)
    if not 0 <= key[-1] <= last:
        raise InvalidInputError(f"{name_of(family, key)}: a position in a SQLite store must be from 0 to {last}")
    base, _ = run.execute(sql.end(family), key[:-1]).fetchone() or _own(run, family, key[:-1], version, at)
    _take_apart(run, family, base, key)
    run.execute(sql.copy(family), (base + key[-1], run.packer.pack(family, row[BODY]), version, row[CREATED_AT], at))
    search_queue.enqueue_rows(run, family, base + key[-1], base + key[-1])
    return version


def _own(run: Cursor, family: Family, prefix: Key, version: int, at: int) -> tuple[int, int]:
    """Make the owner; what `sql.end` finds then."""
    owner = owner_of(family)
    assert owner is not None, "a log has an owner"
    run.execute(statements.own(owner), (*prefix, version, at))
    base, first = run.execute(sql.end(family), prefix).fetchone()
    return base, first


def drop(run: Cursor, family: Family, prefix: Key) -> int:
    """Remove one message, a log, or all of them; how many messages went."""
    depth = len(prefix)
    if depth == len(family.key):
        return _drop_one(run, family, prefix)
    count: int = run.execute(sql.size(family, depth), prefix).fetchone()[0]
    if count:
        search_queue.enqueue_drop(run, family, prefix)
        run.execute(sql.drop(family, depth), prefix)
    return count


def _drop_one(run: Cursor, family: Family, key: Key) -> int:
    found = run.execute(sql.end(family), key[:-1]).fetchone()
    position = int(key[-1])
    if found is None or not 0 <= position <= sql.LAST:
        return 0
    _take_apart(run, family, found[0], key)
    number = found[0] + position
    search_queue.enqueue_rows(run, family, number, number)
    return int(run.execute(sql.erase(family), (number, number)).rowcount)


def _take_apart(run: Cursor, family: Family, base: int, key: Key) -> None:
    """Make rows of the chunk that holds a message, if one does."""
    number = base + int(key[-1])
    found = run.execute(sql.covering(family), (number, base + sql.LAST)).fetchone()
    if found is None:
        return
    last, sealed, packed = found
    messages = chunk_format.messages(unpack_named(run, packed, family, key), sealed, name_of(family, key))
    run.execute(sql.erase(family), (last, last))
    rows = [(at, run.packer.pack(family, body), *rest) for at, (body, *rest) in enumerate(messages, last - sealed + 1)]
    run.executemany(sql.copy(family), rows)
