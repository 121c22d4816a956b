"""Writes as values, carried out inside a transaction that holds the row of `store`; and rows unpacked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ... import codec
from ...catalogue import Family, owner_of
from ...errors import Corrupt
from ...kernel import (
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
    conflict,
    name_of,
)
from ...sql import render
from ...sql.dialect import Dialect
from .driver import Connection


async def execute(run: Connection, d: Dialect, write: Write, version: int) -> int:
    """Do one write; rows written get `version`. The result `kernel` promises for it."""
    return await _DOERS[type(write)](run, d, write, version)


def alone(write: Write) -> bool:
    """Whether a write can be one statement that commits itself: it depends on no other row but its own."""
    return type(write) is Put and write.expect is None and not write.family.placed and not write.family.owner


async def put_alone(run: Connection, d: Dialect, put: Put) -> int:
    """Advance the commit sequence and store one record, in one statement."""
    return int(await run.fetchval(render.put_alone(put.family, d), *_put_values(put)))


def _put_values(put: Put, *version: int) -> tuple[Any, ...]:
    expiry = (put.expires_at,) if put.family.expires else ()
    return (*put.key, codec.pack(put.body), *version, put.written_at, *expiry)


async def _put(run: Connection, d: Dialect, put: Put, version: int) -> int:
    if put.expect is not None:
        time = (put.written_at,) if put.family.expires else ()
        found = await run.fetchval(render.version(put.family, d), *put.key, *time) or 0
        if found != put.expect:
            raise conflict(put, found)
    await _own(run, d, put, put.key, version)
    await run.execute(render.put(put.family, d), *_put_values(put, version))
    return version


async def _append(run: Connection, d: Dialect, append: Append, version: int) -> int:
    family, prefix, bodies, at = append
    await _own(run, d, append, prefix, version)
    first: int = await run.fetchval(render.next_place(family, d), *prefix)
    rows = [(*prefix, place, codec.pack(body), version, at) for place, body in enumerate(bodies, first)]
    if len(rows) == 1:
        await run.execute(render.append(family, d), *rows[0])
    elif rows:
        await run.executemany(render.append(family, d), rows)
    return first


async def _copy(run: Connection, d: Dialect, copy: Copy, version: int) -> int:
    family, row = copy
    key = row[KEY:]
    version = row[VERSION] or version
    expiry = (row[EXPIRES_AT],) if family.expires else ()
    place = (await _free_place(run, d, family, row),) if family.arrival else ()
    await _own(run, d, copy, key, version)
    values = (*key, codec.pack(row[BODY]), version, *row[CREATED_AT:EXPIRES_AT], *expiry, *place)
    await run.execute(render.copy(family, d), *values)
    return version


async def _free_place(run: Connection, d: Dialect, family: Family, row: Row) -> int:
    outer, place = row[KEY:-1], row[PLACE]
    taken = await run.fetchval(render.at_place(family, d), *outer, place)
    if taken is None or taken == row[-1]:
        return int(place)
    return int(await run.fetchval(render.next_place(family, d), *outer))


async def _drop(run: Connection, d: Dialect, drop: Drop, _: int) -> int:
    family, prefix, at = drop
    expired = 0
    if family.expires:
        expired = await run.fetchval(render.expired(family, len(prefix), d), *prefix, at)
    return affected(await run.execute(render.drop(family, len(prefix), d), *prefix)) - expired


_DOERS: dict[type[Write], Callable[[Connection, Dialect, Any, int], Awaitable[int]]] = {
    Put: _put,
    Append: _append,
    Copy: _copy,
    Drop: _drop,
}


async def _own(run: Connection, d: Dialect, write: Put | Append | Copy, key: Key, version: int) -> None:
    # Always, for a foreign key that fails ends the whole transaction here.
    if owner := owner_of(write.family):
        await run.execute(render.own(owner, d), *key[: len(owner.key)], version, write.time)


def affected(status: str) -> int:
    """The count in what the server says of a statement: `DELETE 3`."""
    return int(status.rpartition(" ")[2])


def row_of(family: Family, found: Sequence[Any]) -> Row:
    """A row as `kernel` knows it, its body unpacked."""
    return (_body(found[BODY], family, tuple(found[KEY:])), *found[1:])


def _body(packed: bytes, family: Family, key: Key) -> bytes:
    try:
        return codec.unpack(packed)
    except Corrupt as problem:
        raise Corrupt(f"{name_of(family, key)}: {problem}") from None
