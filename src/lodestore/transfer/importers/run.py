"""Import: from beginning to end, with sources, their formats, batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ...core.backend import Backend
from ...errors import CorruptError, InvalidInputError
from ..report import Progress
from . import chatgpt, claude, claude_code, connectome_db, connectome_tree, lodestore_jsonl, openai_jsonl, typingcloud
from .apply import BundleWriter, ImportReport, body_of
from .detect import detect
from .records import BrokenRecord, Bundle, ImportSource, Item

_READERS: dict[str, Callable[[ImportSource], Iterator[Item]]] = {
    "openai-jsonl": openai_jsonl.read,
    "chatgpt": chatgpt.read,
    "claude": claude.read,
    "claude-code": claude_code.read,
    "typingcloud": typingcloud.read,
    "connectome-tree": connectome_tree.read,
    "connectome-db": connectome_db.read,
    "lodestore": lodestore_jsonl.read,
}
FORMATS: tuple[str, ...] = ("auto", *_READERS)
ON_CONFLICT = ("skip", "overwrite")

# A batch is one `apply`: large enough to make commits rare, small enough to be held in memory.
BATCH_BYTES = 2 * 1024 * 1024
BATCH_RECORDS = 4_000
_OVERHEAD = 128  # what a record weighs besides its body


async def import_files(
    backend: Backend,
    paths: Sequence[str | Path],
    *,
    format: str = "auto",
    now: int,
    on_conflict: str = "skip",
    progress: Progress | None = None,
) -> ImportReport:
    """Import files, folders or standard input (`-`) into an open backend, in order.

    Running it again adds nothing: a bundle that is there is left alone, a conversation that has grown gets its tail,
    one that differs is a conflict, skipped or overwritten. What is broken is reported and never stops the rest.
    `now` is in milliseconds; `progress` is told the bytes read, the bytes there are (None where unknown) and a label.
    InvalidInputError, before anything is written, for a format that is not known or cannot be told, and for a missing
    file.
    """
    _check_choice("format", format, FORMATS)
    _check_choice("on_conflict", on_conflict, ON_CONFLICT)
    report = ImportReport()
    absorber = BundleWriter(backend, report, now, overwrite=on_conflict == "overwrite")
    sources = [_source(path, now) for path in paths]
    formats = [_format(source, format) for source in sources]
    total = _total(sources)
    for source, name in zip(sources, formats, strict=True):
        done = report.bytes
        try:
            for batch in _batches(_read(source, name)):
                await _absorb(absorber, batch)
                del batch  # or it is held while the next one is read
                report.bytes = done + source.progress()
                if progress:
                    progress(report.bytes, total, source.label)
            report.bytes = done + source.progress()
        finally:
            source.close()
    if progress:
        progress(report.bytes, total, "")
    return report


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InvalidInputError(f"{name}: expected one of {', '.join(choices)}, not {value!r}")


def _source(path: str | Path, now: int) -> ImportSource:
    if str(path) == "-":
        return ImportSource(None, "stdin", now)
    try:
        return ImportSource(Path(path), Path(path).name or str(path), now)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror})") from None


def _format(source: ImportSource, format: str) -> str:
    """The format as named or told. A damaged file goes to the plainest reader, which will report the damage."""
    folder = source.path is not None and source.path.is_dir()
    try:
        name = detect(source, tuple(_READERS)) if format == "auto" else format
    except CorruptError as error:
        if source.path is None:
            raise InvalidInputError(str(error)) from None
        name = "openai-jsonl"
    finally:
        source.close()
    if folder != (name == "connectome-tree"):
        raise InvalidInputError(f"{source.label}: {name} is read from {'a file' if folder else 'a folder'}")
    if source.path is None and name == "connectome-db":
        raise InvalidInputError(f"{source.label}: {name} is read from a file")
    return name


def _total(sources: Sequence[ImportSource]) -> int | None:
    if any(source.path is None for source in sources):
        return None
    paths = [source.path for source in sources if source.path is not None]
    return sum(connectome_tree.total_bytes(path) if path.is_dir() else path.stat().st_size for path in paths)


def _read(source: ImportSource, name: str) -> Iterator[Item]:
    try:
        yield from _READERS[name](source)
    except CorruptError as error:
        yield BrokenRecord(source.label, str(error).removeprefix(f"{source.label}: "))


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in order, cut into batches in which no key occurs twice."""
    batch: list[Item] = []
    keys: set[object] = set()
    size = records = 0
    for item in items:
        name = (item.family, item.key) if isinstance(item, Bundle) else None
        if size >= BATCH_BYTES or records >= BATCH_RECORDS or name in keys:
            yield batch
            batch, keys, size, records = [], set(), 0, 0
        batch.append(item)
        if isinstance(item, Bundle):
            keys.add(name)
            count, weight = _weight(item)
            records, size = records + count, size + weight
        else:
            records += 1
    yield batch


def _weight(bundle: Bundle) -> tuple[int, int]:
    count = len(bundle.singles) + sum(len(append.bodies) for append in bundle.log)
    size = sum(len(body_of(single)) for single in bundle.singles)
    size += sum(len(body) for append in bundle.log for body in append.bodies)
    return count, size + count * _OVERHEAD


async def _absorb(absorber: BundleWriter, batch: list[Item]) -> None:
    for item in batch:
        if isinstance(item, BrokenRecord):
            absorber.refuse(item)
    await absorber.absorb([item for item in batch if isinstance(item, Bundle)])
    await asyncio.sleep(0)
