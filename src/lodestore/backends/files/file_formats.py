"""File contents to rows and back, for the three shapes.

Every record carries its times, its version and a CRC-32 over key, place and canonical body. A file without them is
one that Connectome (or a hand) wrote: it is read as it stands.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from ...core import clock
from ...core.records import BODY, CREATED_AT, EXPIRES_AT, KEY, PLACE, VERSION, WRITTEN_AT, Key, Row, name_of
from ...errors import CorruptError
from .layout import FileKind, Layout

MARK = "lodestore"  # in metadata: the number of this format
FORMAT = 1
_HINT = "if you edited this file by hand, remove its crc32"
_STAMPS = ("created_at", "stored_at", "last_updated")
Object = dict[str, Any]


def checksum(key: Sequence[object], place: int | None, body: bytes) -> int:
    """Ties a body to its key and place, so that neither can change unseen. No body counts as an empty one."""
    return zlib.crc32(body or b"{}", zlib.crc32(orjson.dumps([*key, place])))


def read(layout: Layout, group: Key, content: bytes, path: str) -> list[Row]:
    """The rows of a file. CorruptError, naming record and file, where it holds anything but what was written."""
    try:
        top = orjson.loads(content)
        if not isinstance(top, dict):
            raise ValueError("not a JSON object")
        return _READERS[layout.shape](layout, group, top)
    except ValueError as problem:
        raise CorruptError(f"{name_of(layout.family, group)}: {path}: {problem}") from None


def read_partial(layout: Layout, key: Key, content: bytes, path: str) -> list[Row]:
    """The row of an owner without body."""
    row = read(layout, key, content, path)[0]
    return [(b"", *row[VERSION:])]


def write(layout: Layout, group: Key, rows: Iterable[Row], pretty: bool) -> bytes:
    """The content of a file that holds `rows`, which stand in the order of the family."""
    top = _WRITERS[layout.shape](layout, group, list(rows))
    return _fitted(orjson.dumps(top, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE if pretty else None))


def _fitted(made: bytes) -> bytes:
    """The same bytes in no more memory than they need: what orjson makes keeps the room it was written in, up to 9x."""
    return bytes(memoryview(made))


def iso(milliseconds: int | None) -> str | None:
    """For people to read; the exact number stands in the metadata."""
    try:
        return None if milliseconds is None else clock.iso(milliseconds)
    except (ValueError, OverflowError, OSError):
        return None


def _take_meta(layout: Layout, top: Object) -> Object:
    meta = top.pop(layout.meta, None)
    if meta is None:
        last = next(reversed(top.values()), None)
        if isinstance(last, dict) and MARK in last:
            raise ValueError(f"the name {layout.meta} is damaged")
        return {}
    if not isinstance(meta, dict):
        raise ValueError(f"{layout.meta} is not an object")
    return meta


def _data(value: object) -> bytes:
    if not isinstance(value, dict):
        raise ValueError("a record is not an object")
    return _fitted(orjson.dumps(value))


def _number(fields: Object, name: str, default: int | None) -> int | None:
    value = fields.get(name, default)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f"{name} is not a number")
    return value


def _stamp(*sources: Object) -> int:
    """The first time found in a foreign record or file, in milliseconds."""
    found = (clock.milliseconds(source.get(name)) for source in sources for name in _STAMPS)
    return next((time for time in found if time is not None), 0)


def _row(layout: Layout, key: Key, place: int | None, body: bytes, fields: Object, stamp: int) -> Row:
    """A row from its metadata, with what a foreign file lacks made up from its content."""
    crc = _number(fields, "crc32", None)
    if crc is not None and crc != checksum(key, place, body):
        raise ValueError(f"{name_of(layout.family, key)} fails its checksum; {_HINT}")
    created = _number(fields, "created_at", stamp)
    written = _number(fields, "written_at", created)
    version = _number(fields, "version", None) or zlib.crc32(body) + 1
    return (body, version, created, written, _number(fields, "expires_at", None), place, *key)


def _fields(row: Row) -> Object:
    """What the metadata of one record says."""
    fields = {"created_at": row[CREATED_AT], "written_at": row[WRITTEN_AT]}
    if row[EXPIRES_AT] is not None:
        fields["expires_at"] = row[EXPIRES_AT]
    if row[PLACE] is not None:
        fields["place"] = row[PLACE]
    return {**fields, "version": row[VERSION], "crc32": checksum(row[KEY:], row[PLACE], row[BODY])}


# One record, its members on the top level.


def _read_document(layout: Layout, key: Key, top: Object) -> list[Row]:
    meta = _take_meta(layout, top)
    body = _data(top.get("data") if meta.get("wrapped") else top)
    fields = meta if MARK in meta or "crc32" in meta else {}
    return [_row(layout, key, _number(fields, "place", None), body, fields, _stamp(meta))]


def _write_document(layout: Layout, key: Key, rows: list[Row]) -> Object:
    row = rows[0]
    data = orjson.loads(row[BODY] or b"{}")
    meta = {"stored_at": iso(row[WRITTEN_AT]), "storage_backend": "file", MARK: FORMAT}
    meta |= {**dict(zip(layout.family.key, key, strict=True)), **_fields(row)}
    if layout.meta in data:
        data, meta["wrapped"] = {"data": data}, True
    return {**data, layout.meta: meta}


# One record under `data`.


def _read_entry(layout: Layout, _group: Key, top: Object) -> list[Row]:
    meta = _take_meta(layout, top)
    key: Key = tuple(top.get(column, "") for column in layout.family.key)
    if not all(isinstance(part, str) and part for part in key):
        raise ValueError(f"{' and '.join(layout.family.key)} not found inside")
    stamp = _stamp(top, meta)
    place = _number(meta, "place", stamp if layout.family.placed else None)
    if MARK not in meta and "expires_at" in top:
        meta["expires_at"] = _foreign_expiry(top["expires_at"])
    return [_row(layout, key, place, _data(top.get("data")), meta, stamp)]


def _foreign_expiry(value: Any) -> int | None:
    when = clock.milliseconds(value)
    if when is None and value is not None:
        raise ValueError("expires_at is not a time")
    return when


def _write_entry(layout: Layout, key: Key, rows: list[Row]) -> Object:
    row = rows[0]
    top = {**dict(zip(layout.family.key, key, strict=True)), "data": orjson.loads(row[BODY])}
    top["stored_at"] = iso(row[WRITTEN_AT])
    if layout.family.expires:
        top["expires_at"] = iso(row[EXPIRES_AT])
    return {**top, layout.meta: {MARK: FORMAT, **_fields(row)}}


# Many records; the metadata has one line of text for each, `created_at=1 ... crc32=5 memory_id=m1`.


def _read_listing(layout: Layout, group: Key, top: Object) -> list[Row]:
    meta = _take_meta(layout, top)
    items, lines = top.pop(layout.items, None), meta.get("records")
    if not isinstance(items, list) or top:
        raise ValueError(f"expected {layout.items} and {layout.meta}, nothing else")
    if lines is None:
        if MARK in meta:
            raise ValueError("the list `records` is missing")
        return _read_foreign(layout, group, items, meta)
    if not isinstance(lines, list) or len(lines) != len(items):
        raise ValueError(f"`records` does not fit {layout.items}; if you edited this file by hand, adjust it too")
    return [_read_item(layout, group, item, line) for item, line in zip(items, lines, strict=True)]


def _read_item(layout: Layout, group: Key, item: object, line: object) -> Row:
    column = layout.family.key[-1]
    head, found, last = str(line).partition(f" {column}=")
    pairs = [part.split("=", 1) for part in head.split(" ")]
    shown = next((text for name, text in pairs if name == "shown"), None)
    fields: Object = {name: int(text) for name, text in pairs if name != "shown"}
    if not (found and {"created_at", "written_at", "version"} <= fields.keys()):
        raise ValueError(f"unreadable line in `records`: {line!r}")
    key = (*group, int(last) if layout.family.log else last)
    place = fields.get("place", int(last) if layout.family.log else None)
    if layout.family.placed and place is None:
        raise ValueError(f"unreadable line in `records`: {line!r}")
    body = _data(_without(item, shown.split(",") if shown else []))
    return _row(layout, key, place, body, fields, 0)


def _without(item: object, shown: list[str]) -> object:
    """The record without the members put in front of it."""
    if isinstance(item, dict) and list(item)[: len(shown)] == shown:
        return {name: value for name, value in item.items() if name not in shown}
    raise ValueError(f"a record does not begin with {', '.join(shown)}" if shown else "a record is not an object")


def _read_foreign(layout: Layout, group: Key, items: list[Any], meta: Object) -> list[Row]:
    """Records without metadata: a key that comes twice keeps its first place and its last value."""
    bodies: dict[Key, tuple[bytes, int]] = {}
    for index, item in enumerate(items):
        body = _data(item)
        last = index if layout.family.log else item.get(layout.family.key[-1])
        if not layout.family.log and not (isinstance(last, str) and last):
            raise ValueError(f"{layout.items}[{index}] has no {layout.family.key[-1]}")
        bodies[*group, last] = (body, _stamp(item, meta))
    placed = layout.family.placed
    numbered = enumerate(bodies.items())
    return [_row(layout, key, n if placed else None, body, {}, stamp) for n, (key, (body, stamp)) in numbered]


def _write_listing(layout: Layout, group: Key, rows: list[Row]) -> Object:
    data = [orjson.loads(row[BODY]) for row in rows]
    fronts = [_front(layout, row, item) for row, item in zip(rows, data, strict=True)]
    meta: Object = {layout.stamp: iso(max(row[WRITTEN_AT] for row in rows))}
    meta[f"{layout.family.name.rpartition('_')[2]}_count"] = len(rows)
    meta |= {**dict(zip(layout.family.key[:-1], group, strict=True)), MARK: FORMAT}
    meta["records"] = [_line(layout, row, front) for row, front in zip(rows, fronts, strict=True)]
    return {layout.items: [{**front, **item} for front, item in zip(fronts, data, strict=True)], layout.meta: meta}


def _front(layout: Layout, row: Row, data: Object) -> Object:
    """What is shown before the record's own members, where it has none of that name."""
    values = zip(layout.shown, (row[-1], iso(row[CREATED_AT])), strict=False)
    return {name: value for name, value in values if name not in data}


def _line(layout: Layout, row: Row, front: Object) -> str:
    fields = _fields(row)
    if layout.family.log and row[PLACE] == row[-1]:
        del fields["place"]
    if front:
        fields["shown"] = ",".join(front)
    return f"{' '.join(f'{name}={value}' for name, value in fields.items())} {layout.family.key[-1]}={row[-1]}"


_READERS = {FileKind.DOCUMENT: _read_document, FileKind.ENTRY: _read_entry, FileKind.LISTING: _read_listing}
_WRITERS = {FileKind.DOCUMENT: _write_document, FileKind.ENTRY: _write_entry, FileKind.LISTING: _write_listing}
