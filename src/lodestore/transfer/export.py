"""Export: a store as JSON lines, to read, to compare, to keep, and to import again as it was.

The first line is `{"lodestore":"export","version":1}`. Each other line is one record with its family, key, times and
place, families and records in their order, so two stores that hold the same give the same bytes. Versions are
not part of it: they belong to the store that gave them.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import zstandard

from ..core.backend import Backend
from ..core.families import CATALOGUE, CONVERSATION, FAMILIES, RAW_MESSAGE, RESERVED, STATE, Family
from ..core.records import BODY, CREATED_AT, EXPIRES_AT, KEY, PLACE, WRITTEN_AT, Page, Row
from ..encoding.json_codec import loads
from ..errors import InvalidInputError, StorageFullError, UnavailableError
from .report import Progress

FORMATS = ("lodestore", "openai-jsonl")
HEADER = b'{"lodestore":"export","version":1}\n'


@dataclass(slots=True)
class ExportReport:
    """What an export wrote: records in all and by family, and bytes before packing."""

    records: int = 0
    bytes: int = 0
    families: Counter[str] = field(default_factory=Counter)


async def export(
    backend: Backend,
    out: BinaryIO,
    *,
    families: Sequence[str] | None = None,
    now: int,
    format: str = "lodestore",
    progress: Progress | None = None,
) -> ExportReport:
    """Write what has not expired by `now` (milliseconds) to `out`.

    `families` are names, None for all; `openai-jsonl` writes conversations alone, one a line with its messages.
    `progress` is told the bytes written, None, and the family. InvalidInputError for names that do not exist;
    StorageFullError or UnavailableError where `out` takes no more.
    """
    if format not in FORMATS:
        raise InvalidInputError(f"format: {format!r} is not a format; choose from {', '.join(FORMATS)}")
    chosen = _chosen(families)
    writer = _Writer(out, progress)
    if format == "openai-jsonl":
        await _conversations(backend, writer, now)
    else:
        writer.write(HEADER)
        for family in chosen:
            async for rows in backend.stream(Page(family, alive_at=now, partial=True)):
                if family is STATE:  # what is reserved is about this store, and no record of it
                    rows = [row for row in rows if row[KEY] not in RESERVED]
                writer.write(b"".join(map(_line, [family] * len(rows), rows)))
                writer.count(family, len(rows))
    return writer.report


def _chosen(names: Sequence[str] | None) -> tuple[Family, ...]:
    if names is None:
        return tuple(FAMILIES)
    if unknown := [name for name in names if name not in CATALOGUE]:
        raise InvalidInputError(f"families: {unknown[0]!r} is not a family; choose from {', '.join(CATALOGUE)}")
    return tuple(family for family in FAMILIES if family.name in names)


class _Writer:
    def __init__(self, out: BinaryIO, progress: Progress | None) -> None:
        self._out, self._progress = out, progress
        self.report = ExportReport()

    def write(self, data: bytes) -> None:
        try:
            self._out.write(data)
        except OSError as error:
            raise _renamed(error) from None
        self.report.bytes += len(data)

    def count(self, family: Family, records: int) -> None:
        self.report.records += records
        self.report.families[family.name] += records
        if self._progress:
            self._progress(self.report.bytes, None, family.name)


def _line(family: Family, row: Row) -> bytes:
    """One record; its body goes in as the bytes that are stored, not read and written anew."""
    record: dict[str, Any] = {"family": family.name, "key": row[KEY:]}
    record |= {"created_at": row[CREATED_AT], "written_at": row[WRITTEN_AT]}
    if row[EXPIRES_AT] is not None:
        record["expires_at"] = row[EXPIRES_AT]
    if row[PLACE] is not None:
        record["place"] = row[PLACE]
    return b'%s,"body":%s}\n' % (orjson.dumps(record)[:-1], row[BODY] or b"null")


async def _conversations(backend: Backend, writer: _Writer, now: int) -> None:
    async for rows in backend.stream(Page(CONVERSATION, alive_at=now, partial=True)):
        for row in rows:
            await _conversation(backend, writer, row, now)


async def _conversation(backend: Backend, writer: _Writer, row: Row, now: int) -> None:
    """One conversation as a line. Its messages stand where the document's own `messages` would, and go before them."""
    document = loads(row[BODY]) if row[BODY] else {}
    named = document if "id" in document else {"id": row[KEY], **document}
    messages = backend.stream(Page(RAW_MESSAGE, row[KEY:], alive_at=now))
    first = await anext(messages, None)
    if first is None:
        writer.write(orjson.dumps({**named, "messages": named.get("messages", [])}) + b"\n")
    else:
        rest = {name: value for name, value in named.items() if name != "messages"}
        writer.write(b'%s,"messages":[' % orjson.dumps(rest)[:-1] if rest else b'{"messages":[')
        await _messages(writer, first, messages)
        writer.write(b"]}\n")
    writer.count(CONVERSATION, 1)


async def _messages(writer: _Writer, first: list[Row], others: AsyncIterator[list[Row]]) -> None:
    writer.write(b",".join(row[BODY] for row in first))
    writer.count(RAW_MESSAGE, len(first))
    async for rows in others:
        writer.write(b"," + b",".join(row[BODY] for row in rows))
        writer.count(RAW_MESSAGE, len(rows))


@contextlib.contextmanager
def open_output(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write to, packed as its name ends (`.zst`, `.gz`), or standard output for `-`.

    The file appears under its name when the block ends without an error, whole and on the disk; until then what was
    there before stays. StorageFullError or UnavailableError where it cannot be written.
    """
    try:
        with _target(path) as file, _packed(file, str(path)) as out:
            yield out
            out.flush()
    except OSError as error:
        raise _renamed(error) from None


def _target(path: str | Path) -> contextlib.AbstractContextManager[BinaryIO]:
    if str(path) == "-":
        return contextlib.nullcontext(sys.stdout.buffer)
    target = Path(os.path.realpath(path))
    return open(target, "wb") if target.exists() and not target.is_file() else _draft(target)


@contextlib.contextmanager
def _draft(target: Path) -> Iterator[BinaryIO]:
    """A file beside `target` that takes its name at the end."""
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(number)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


def _packed(file: BinaryIO, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
    if name.endswith(".zst"):
        packer = zstandard.ZstdCompressor(level=9, write_checksum=True)
        return cast("contextlib.AbstractContextManager[BinaryIO]", packer.stream_writer(file, closefd=False))
    if name.endswith(".gz"):
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
        return cast("contextlib.AbstractContextManager[BinaryIO]", packed)
    return contextlib.nullcontext(file)


def _renamed(error: OSError) -> Exception:
    kind = StorageFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UnavailableError
    return kind(f"the output cannot be written ({error.strerror or error})")
