"""lodestore importer: its own export, one record a line; see `lodestore.transfer.export`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.families import CATALOGUE, OWNED, Family
from ...core.records import Copy, Key
from ...core.validation import check_id
from ...errors import CorruptError, InvalidInputError
from .records import Bundle, ImportSource, Item, attempt, encoded, object_of
from .sources import parse

VERSION = 1
_DAY = 86_400_000  # how far ahead the clock of the exporting machine may be


def read(source: ImportSource) -> Iterator[Item]:
    rows = source.lines()
    _check_header(next(rows, None))
    for where, line in rows:
        yield attempt(where, _bundle, line, source.now)


def _check_header(first: tuple[str, bytes] | None) -> None:
    if first is None:
        return
    try:
        header = object_of(parse(first[1]))
    except InvalidInputError:
        header = {}
    if header.get("lodestore") != "export":
        raise CorruptError('the first line is not {"lodestore":"export","version":1}')
    if header.get("version") != VERSION:
        raise CorruptError(f"the export has version {header.get('version')!r}; this lodestore reads version {VERSION}")


def _bundle(where: str, line: bytes, now: int) -> Bundle:
    record = object_of(parse(line))
    family = CATALOGUE.get(str(record.get("family")))
    if family is None:
        raise InvalidInputError(f"family: {record.get('family')!r} is not a family; choose from {', '.join(CATALOGUE)}")
    key = _key(family, record.get("key"))
    created, written = (_time(record, name, now + _DAY) for name in ("created_at", "written_at"))
    expires_at = _time(record, "expires_at", 2**53) if family.expires and "expires_at" in record else None
    row = (_body(family, record), None, created, written, expires_at, _place(family, key, record), *key)
    return Bundle(where, family, key, [Copy(family, row)])


def _key(family: Family, parts: Any) -> Key:
    if not isinstance(parts, list) or len(parts) != len(family.key):
        raise InvalidInputError(f"key: expected [{', '.join(family.key)}]")
    texts = parts[:-1] if family.log else parts
    outer = tuple(check_id(part, name) for part, name in zip(texts, family.key, strict=False))
    return (*outer, _count(parts[-1], family.key[-1])) if family.log else outer


def _count(value: Any, name: str, most: int = 2**53) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise InvalidInputError(f"{name}: expected a whole number from 0 to {most}, not {value!r}")
    return value


def _time(record: dict[str, Any], name: str, latest: int) -> int:
    return _count(record.get(name), name, latest)


def _place(family: Family, key: Key, record: dict[str, Any]) -> int | None:
    if not family.placed:
        return None
    place = _count(record.get("place"), "place")
    if family.log and place != key[-1]:
        raise InvalidInputError(f"place: {place} is not the position {key[-1]}")
    return place


def _body(family: Family, record: dict[str, Any]) -> bytes:
    """The record's bytes; empty for an owner that exists only through what it owns."""
    if record.get("body") is None and "body" in record and OWNED[family]:
        return b""
    return encoded(record.get("body"), "body")
