"""Record writes: Put, Append, Copy and Drop, executed inside a transaction.

`run` is a cursor that is used again and again: a fresh one for each statement costs a fifth of a short one. It
carries the packer of the store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    Put,
    Row,
    Write,
    attached,
    conflict,
    name_of,
)
from ....errors import InvalidInputError
from ....sql import statements
from ....sql.sqlite_numbers import last_place
from ..engine.driver import Cursor, IntegrityError
from . import log_writer, search_queue


def execute(run: Cursor, write: Write, version: int) -> int:
    """Do one write; rows written get `version`. The result is that of `core.records` for it."""
    return _DOERS[type(write)](run, write, version)


def _put(run: Cursor, put: Put, version: int) -> int:
    family, key, body, at, expires_at, expect = put
    if family.log:
        raise InvalidInputError(f"{name_of(family, key)}: a record of a log is written by Append or Copy")
    if expect is not None:
        _expect(run, put)
    expiry = (expires_at,) if family.expires else ()
    _insert(run, statements.put(family), (*key, run.packer.pack(family, body), version, at, *expiry), put)
    search_queue.enqueue_put(run, family, key)
    return version


def _append(run: Cursor, append: Append, version: int) -> int:
    first = log_writer.append(run, append, version)
    for family, key, body, at, _, _ in attached(append, first) if append.vectors else ():
        run.execute(statements.put(family), (*key, run.packer.pack(family, body), version, at))
    return first


def _expect(run: Cursor, put: Put) -> None:
    time = (put.written_at,) if put.family.expires else ()
    row = run.execute(statements.version(put.family), (*put.key, *time)).fetchone()
    found = row[0] if row else 0
    if found != put.expect:
        raise conflict(put, found)


def _copy(run: Cursor, copy: Copy, version: int) -> int:
    family, row = copy
    if family.log:
        return log_writer.copy(run, copy, version)
    key = row[KEY:]
    version = row[VERSION] or version
    expiry = (row[EXPIRES_AT],) if family.expires else ()
    place = (_free_place(run, family, row),) if family.arrival else ()
    values = (*key, run.packer.pack(family, row[BODY]), version, *row[CREATED_AT:EXPIRES_AT], *expiry, *place)
    if family.arrival:
        search_queue.enqueue_put(run, family, key)  # it may stand at another place so far
    _insert(run, statements.copy(family), values, copy)
    search_queue.enqueue_put(run, family, key)
    return version


def _free_place(run: Cursor, family: Family, row: Row) -> int:
    """Where a copied record is to stand: at its place, unless another holds it or there is none of that number."""
    key, place = row[KEY:], row[PLACE]
    if place < 0:
        raise InvalidInputError(f"{name_of(family, key)}: a place must be 0 or more, not {place}")
    if place > last_place(family):
        there = run.execute(statements.fetch(family), key).fetchone()
        return _next_place(run, family, key) if there is None else int(there[PLACE])
    taken = run.execute(statements.at_place(family), (*key[:-1], place)).fetchone()
    return int(place) if taken is None or taken[0] == row[-1] else _next_place(run, family, key)


def _next_place(run: Cursor, family: Family, key: Key) -> int:
    """The place behind the last; InvalidInputError where none is left."""
    place = run.execute(statements.next_place(family), key[:-1]).fetchone()[0]
    if place is None:
        other = "another " + family.key[0] if family.owner else "a new store, by export and import"
        raise InvalidInputError(
            f"{name_of(family, key)}: no place is left, the last one is {last_place(family)}: store it under {other}"
        )
    return int(place)


def _drop(run: Cursor, drop: Drop, _: int) -> int:
    family, prefix, at = drop
    if family.log:
        return log_writer.drop(run, family, prefix)
    if not family.of:
        search_queue.enqueue_drop(run, family, prefix)
    for owned in OWNED[family]:
        if owned.log:  # where the foreign keys do not reach
            log_writer.drop(run, owned, prefix)
    expired = 0
    if family.expires:
        expired = run.execute(statements.expired(family, len(prefix)), (*prefix, at)).fetchone()[0]
    count = int(run.execute(statements.drop(family, len(prefix)), prefix).rowcount) - expired
    if count and family.of:  # behind it: most of these find nothing
        search_queue.enqueue_drop(run, *search_queue.record_of(family, prefix))
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
        family, width = write.family, len(write.family.key)
        if family.arrival:
            _next_place(run, family, values[:width])
        _own(run, write, values[:width], values[width + 1])
        run.execute(text, values)


def _own(run: Cursor, write: Put | Copy, key: Key, version: int) -> None:
    if owner := owner_of(write.family):
        run.execute(statements.own(owner), (*key[: len(owner.key)], version, write.time))
