"""Writes as values, carried out on a connection inside a transaction; and pages read from one."""

from __future__ import annotations

from collections.abc import Iterator
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
    Page,
    Put,
    Row,
    Write,
    conflict,
    name_of,
)
from ...sql import render
from .driver import Connection


def execute(connection: Connection, write: Write, version: int) -> int:
    """Do one write; rows written get `version`. The result `kernel` promises for it."""
    match write:
        case Put():
            return _put(connection, write, version)
        case Append():
            return _append(connection, write, version)
        case Copy():
            return _copy(connection, write, version)
        case Drop():
            return _drop(connection, write)


def _put(connection: Connection, put: Put, version: int) -> int:
    family, key, body, at, expires_at, expect = put
    if expect is not None:
        _expect(connection, put)
    _own(connection, family, key, version, at)
    expiry = (expires_at,) if family.expires else ()
    connection.execute(render.put(family), (*key, codec.pack(body), version, at, *expiry))
    return version


def _expect(connection: Connection, put: Put) -> None:
    time = (put.written_at,) if put.family.expires else ()
    row = connection.execute(render.version(put.family), (*put.key, *time)).fetchone()
    found = row[0] if row else 0
    if found != put.expect:
        raise conflict(put, found)


def _append(connection: Connection, append: Append, version: int) -> int:
    family, prefix, bodies, at = append
    _own(connection, family, prefix, version, at)
    first: int = connection.execute(render.next_place(family), prefix).fetchone()[0]
    rows = [(*prefix, place, codec.pack(body), version, at) for place, body in enumerate(bodies, first)]
    connection.executemany(render.append(family), rows)
    return first


def _copy(connection: Connection, copy: Copy, version: int) -> int:
    family, row = copy
    key = row[KEY:]
    version = row[VERSION] or version
    _own(connection, family, key, version, row[CREATED_AT])
    expiry = (row[EXPIRES_AT],) if family.expires else ()
    place = (_free_place(connection, family, row),) if family.arrival else ()
    values = (codec.pack(row[BODY]), version, *row[CREATED_AT:EXPIRES_AT], *expiry, *place)
    connection.execute(render.copy(family), (*key, *values))
    return version


def _free_place(connection: Connection, family: Family, row: Row) -> int:
    outer, place = row[KEY:-1], row[PLACE]
    taken = connection.execute(render.at_place(family), (*outer, place)).fetchone()
    if taken is None or taken[0] == row[-1]:
        return int(place)
    return int(connection.execute(render.next_place(family), outer).fetchone()[0])


def _drop(connection: Connection, drop: Drop) -> int:
    family, prefix, at = drop
    expired = 0
    if family.expires:
        expired = connection.execute(render.expired(family, len(prefix)), (*prefix, at)).fetchone()[0]
    return int(connection.execute(render.drop(family, len(prefix)), prefix).rowcount) - expired


def _own(connection: Connection, family: Family, key: Key, version: int, at: int) -> None:
    if owner := owner_of(family):
        connection.execute(render.own(owner), (*key[: len(owner.key)], version, at))


def fetch(connection: Connection, family: Family, key: Key) -> Row | None:
    """One row, unpacked."""
    row = connection.execute(render.fetch(family), key).fetchone()
    if row is None:
        return None
    return (_body(row[0], family, key), *row[1:], *key)


def _body(packed: bytes, family: Family, key: Key) -> bytes:
    try:
        return codec.unpack(packed)
    except Corrupt as problem:
        raise Corrupt(f"{name_of(family, key)}: {problem}") from None


def scan(connection: Connection, page: Page) -> list[Row]:
    """The rows of a page, unpacked."""
    family = page.family
    rows = _select(connection, "rows", page)
    return [(_body(row[BODY], family, row[KEY:]), *row[1:]) for row in rows]


def keys(connection: Connection, page: Page) -> list[Key]:
    """The keys of a page; no body is read."""
    return _select(connection, "keys", page)


def bodies(connection: Connection, page: Page) -> list[bytes]:
    """The bodies of a page, unpacked; the names of the records are read only to report a broken one."""
    packed = _select(connection, "bodies", page)
    try:
        return codec.unpack_all([row[0] for row in packed])
    except Corrupt:
        return [row[BODY] for row in scan(connection, page)]


def _select(connection: Connection, columns: str, page: Page) -> list[Any]:
    # fetchall ends the statement: a cursor left open would pin the log.
    text = render.scan(columns, render.shape(page))
    return list(connection.execute(text, render.bind(page)).fetchall())


def broken(connection: Connection, page: Page) -> Iterator[str]:
    """One line for each record of a page whose body does not unpack; streams, whatever the size of the page."""
    for row in connection.execute(render.scan("rows", render.shape(page)), render.bind(page)):
        try:
            _body(row[BODY], page.family, row[KEY:])
        except Corrupt as problem:
            yield str(problem)
