"""Maintenance: a write that proves itself, everything read back, a copy of the folder, leftovers cleared away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from ...core.families import FAMILIES
from ...errors import CorruptError, InvalidInputError, UnavailableError
from . import filenames
from .filesystem import Filesystem, is_temporary, temporary
from .layout import ID_FILE, Layout, layout_of
from .read_view import ReadView
from .record_files import RecordFiles, fail

_LOW = 64 * 1024 * 1024  # free bytes below which a write may soon fail
_OWN = ".lodestore"


def probe(disk: Filesystem, root: str) -> dict[str, Any]:
    """Write, sync, read and remove a file; warnings and details."""
    path = temporary(f"{root}/{_OWN}")
    try:
        disk.write(path, b"probe")
        if disk.read(path) != b"probe":
            raise UnavailableError(f"{root}: a file just written cannot be read back")
    finally:
        disk.remove(path)
    free = shutil.disk_usage(root).free
    warnings = [f"only {free:,} bytes are free"] if free < _LOW else []
    return {"warnings": warnings, "directory": root, "free_bytes": free}


def verify(view: ReadView) -> list[str]:
    """One line for each file that does not hold what was written."""
    problems: list[str] = []
    records = view.records
    for layout in map(layout_of, FAMILIES):
        for check in _flat_checks(records, layout) if layout.file is None else _home_checks(records, layout, problems):
            _note(check, problems)
    return list(dict.fromkeys(problems))


def _note(check: Callable[[], object], problems: list[str]) -> None:
    try:
        check()
    except CorruptError as problem:
        problems.append(str(problem))
    except OSError as error:
        problems.append(f"{error.filename}: {error.strerror}")


def _flat_checks(records: RecordFiles, layout: Layout) -> Iterator[Callable[[], object]]:
    for path in records.flat_files(layout):
        yield partial(records.read_flat, layout, path)


def _home_checks(records: RecordFiles, layout: Layout, problems: list[str]) -> Iterator[Callable[[], object]]:
    try:
        homes = records.homes(layout.folder, layout.depth)
    except CorruptError as problem:
        problems.append(str(problem))
        return
    for group, home in homes.items():
        yield partial(records.read_home, layout, group, home)


def copy_tree(disk: Filesystem, root: str, target: str) -> None:
    """A copy without journal and history, built beside `target`, synced, then given its name."""
    target = os.path.abspath(target)
    if os.path.lexists(target):
        raise InvalidInputError(f"backup: {target} exists already")
    if Path(target).is_relative_to(root):
        raise InvalidInputError(f"backup: {target} lies inside the store")
    parent = os.path.dirname(target)
    os.makedirs(parent, 0o700, exist_ok=True)
    draft = temporary(parent)
    try:
        _copy_directory(disk, root, draft)
        disk.make_directory(f"{draft}/{_OWN}")
        for name in ("format.json", "lock"):
            disk.write(f"{draft}/{_OWN}/{name}", disk.read(f"{root}/{_OWN}/{name}") or b"")
        disk.sync_directory(f"{draft}/{_OWN}")
        disk.sync_directory(draft)
        disk.replace(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    disk.sync_directory(parent)


def _copy_directory(disk: Filesystem, source: str, target: str) -> None:
    disk.make_directory(target)
    with os.scandir(source) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name == _OWN or is_temporary(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                _copy_directory(disk, entry.path, f"{target}/{entry.name}")
            elif entry.is_file(follow_symlinks=False):
                disk.write(f"{target}/{entry.name}", disk.read(entry.path) or b"")
    disk.sync_directory(target)
    # An owner nobody wrote down is as old as its directory.
    shutil.copystat(source, target, follow_symlinks=False)


def clean(disk: Filesystem, root: str) -> dict[str, int]:
    """Remove what writers left who died: under the exclusive lock nobody else is at work."""
    files = total = directories = 0
    for directory, _, found in os.walk(root, topdown=False, onerror=fail):
        for name in filter(is_temporary, found):
            total += os.lstat(f"{directory}/{name}").st_size
            files += disk.remove(f"{directory}/{name}")
        parts = Path(directory).relative_to(root).parts
        if len(parts) > 1 and parts[0] != _OWN:
            directories += disk.remove_directory(directory)
    return {"removed_files": files, "removed_bytes": total, "removed_directories": directories}


def id_file(path: str, content: bytes) -> dict[str, bytes | None]:
    """The file with the true key that a restored file needs beside it where its directory has a hashed name."""
    folder, *parts, name = path.split("/")
    if not any(map(filenames.is_hashed, parts)):
        return {}
    layouts = [layout for layout in map(layout_of, FAMILIES) if (layout.folder, layout.file) == (folder, name)]
    meta = [orjson.loads(content)[layout.meta] for layout in layouts]
    keys = [[m[c] for c in layout.family.key[: layout.depth]] for m, layout in zip(meta, layouts, strict=True)]
    return {f"{os.path.dirname(path)}/{ID_FILE}": orjson.dumps(key) for key in keys}
