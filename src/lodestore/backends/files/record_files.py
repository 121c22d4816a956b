"""Record files: the files that hold records, found and read, under our names and under Connectome's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

import orjson

from ...core.records import KEY, Row, name_of
from ...errors import CorruptError
from . import file_formats, filenames
from .filesystem import Filesystem
from .layout import ID_FILE, PARTIAL_FILE, FileKind, Layout, flat_path, home_path, known_files

Group = tuple[str, ...]  # the parts of a key that choose a file
_FOREIGN_BACKUP = re.compile(r".*\.[0-9]{8}_[0-9]{6}\.backup\.json", re.DOTALL).fullmatch


class OwnerFolder(NamedTuple):
    """The directory of an owner: its path inside the store and the names of the files in it."""

    path: str
    files: frozenset[str]


class RecordFiles:
    """Finds and reads what is in the folder; it remembers nothing. Paths are those inside the store."""

    def __init__(self, disk: Filesystem, root: str) -> None:
        self._disk = disk
        self._root = root

    def home(self, folder: str, key: Group) -> OwnerFolder:
        """Where an owner lives, or will live: under our name, else under the raw id as Connectome has it."""
        ours = home_path(folder, key)
        for path in (ours, *self._raw_home(folder, key, ours)):
            files = self._names(path)
            if files & known_files(folder):
                return OwnerFolder(path, files)
        return OwnerFolder(ours, frozenset())

    def _raw_home(self, folder: str, key: Group, ours: str) -> list[str]:
        raw = filenames.raw_path(key[0]) if len(key) == 1 else None
        if raw is None or filenames.is_ours(raw):
            return []
        path = f"{folder}/{raw}"
        return [path] if path != ours and _is_spelled(self._root, path) else []

    def homes(self, folder: str, depth: int) -> dict[Group, OwnerFolder]:
        """Every owner under a folder."""
        found: dict[Group, OwnerFolder] = {}
        known = known_files(folder)
        for path, files in self._directories(folder):
            key = self._home_key(folder, path, depth) if files & known else None
            if key and (key not in found or path == home_path(folder, key)):
                found[key] = OwnerFolder(path, files)
        return found

    def _home_key(self, folder: str, path: str, depth: int) -> Group | None:
        parts = path.removeprefix(f"{folder}/").split("/")
        if any(map(filenames.is_hashed, parts)):
            return self._id_inside(folder, path)
        decoded = [filenames.decode(part) for part in parts]
        if len(parts) == depth and all(decoded):
            return tuple(part for part in decoded if part)
        raw = "/".join(parts)
        return (raw,) if depth == 1 and filenames.is_text(raw) else None

    def _id_inside(self, folder: str, path: str) -> Group:
        try:
            key = tuple(map(str, orjson.loads(self._read(f"{path}/{ID_FILE}") or b"")))
        except (ValueError, TypeError):
            key = ()
        if home_path(folder, key) != path:
            raise CorruptError(f"{path}/{ID_FILE}: the id inside does not match the name of the directory")
        return key

    def flat_files(self, layout: Layout) -> list[str]:
        """Every file of a family whose keys name their files."""
        directories = [layout.folder, *(path for path, _ in self._directories(layout.folder))]
        return [
            f"{directory}/{name}"
            for directory in directories
            for name in sorted(self._names(directory))
            if name.endswith(".json") and not name.startswith(".") and not _FOREIGN_BACKUP(name)
        ]

    def read_flat(self, layout: Layout, path: str) -> list[Row]:
        """The rows of a flat file. CorruptError where the key inside does not match the name of the file."""
        content = self._read(path)
        if content is None:
            return []
        rows = file_formats.read(layout, _flat_group(layout, content), content, path)
        group = rows[0][KEY : KEY + layout.depth] if rows else ()
        if rows and path not in flat_paths(layout, group):
            raise CorruptError(
                f"{name_of(layout.family, group)}: {path}: the key inside does not match the name of the file"
            )
        return rows

    def read_all_flat(self, layout: Layout) -> Iterator[tuple[Group, list[Row], str]]:
        """Every flat file of a family that holds something: its group, rows and path."""
        for path in self.flat_files(layout):
            if rows := self.read_flat(layout, path):
                yield rows[0][KEY : KEY + layout.depth], rows, path

    def read_home(self, layout: Layout, group: Group, home: OwnerFolder) -> list[Row]:
        """The rows of a file in a home; an owner whose directory only holds others' records has a row without body."""
        path = f"{home.path}/{layout.file}"
        content = self._read(path) if layout.file in home.files else None
        if content is not None:
            return file_formats.read(layout, group, content, path)
        if not layout.owns or not home.files & known_files(layout.folder):
            return []
        path = f"{home.path}/{PARTIAL_FILE}"
        content = self._read(path) if PARTIAL_FILE in home.files else None
        return (
            [self._implied(home, group)] if content is None else file_formats.read_partial(layout, group, content, path)
        )

    def _implied(self, home: OwnerFolder, key: Group) -> Row:
        """An owner nobody wrote down, as Connectome leaves them."""
        time = os.stat(f"{self._root}/{home.path}").st_mtime_ns // 1_000_000
        return (b"", 1, time, time, None, None, *key)

    def measure(self) -> tuple[int, int]:
        """Bytes in all files outside `.lodestore`, and the newest time of change in milliseconds."""
        total = newest = 0
        for directory, below, files in os.walk(self._root, onerror=fail):
            if directory == self._root and ".lodestore" in below:
                below.remove(".lodestore")
            for name in files:
                status = os.stat(f"{directory}/{name}", follow_symlinks=False)
                total, newest = total + status.st_size, max(newest, status.st_mtime_ns // 1_000_000)
        return total, newest

    def _read(self, path: str) -> bytes | None:
        return self._disk.read(f"{self._root}/{path}")

    def _directories(self, path: str) -> Iterator[tuple[str, frozenset[str]]]:
        """Each directory under `path` with the names of its files."""
        for name in sorted(self._names(path, directories=True)):
            below = f"{path}/{name}"
            yield below, self._names(below)
            yield from self._directories(below)

    def _names(self, path: str, directories: bool = False) -> frozenset[str]:
        """The names of the files in a directory, or of the directories."""
        try:
            with os.scandir(f"{self._root}/{path}") as entries:
                return frozenset(e.name for e in entries if e.is_dir(follow_symlinks=False) == directories)
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()


def last_modified(path: str) -> int:
    """When a name in a directory was last made or removed, in nanoseconds; 0 where there is no directory."""
    try:
        return os.stat(path).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return 0


def fail(error: OSError) -> None:
    """For `os.walk`, which would pass over a directory it cannot read."""
    raise error


def _is_spelled(root: str, path: str) -> bool:
    """Whether a path exists with just this spelling, also where the file system ignores case."""
    if not os.path.lexists(f"{root}/{path}"):
        return False
    folder, *parts = path.split("/")
    for part in parts:
        if part not in os.listdir(f"{root}/{folder}"):
            return False
        folder = f"{folder}/{part}"
    return True


def _flat_group(layout: Layout, content: bytes) -> Group:
    """Listings say in their metadata whose they are; entries say it beside the data."""
    try:
        inside = orjson.loads(content)
        source = inside[layout.meta] if layout.shape is FileKind.LISTING else inside
        return tuple(str(source[column]) for column in layout.family.key[: layout.depth])
    except (ValueError, KeyError, TypeError):
        return ()


def flat_paths(layout: Layout, group: Group) -> list[str]:
    """Where a flat file may be: under our name, else under the one Connectome gave it."""
    ours = flat_path(layout, group)
    name = f"{filenames.sanitised(group[0])}.json"
    theirs = f"{layout.folder}/{name}"
    return [ours, theirs] if len(group) == 1 and len(name) <= filenames.LONGEST_NAME and theirs != ours else [ours]
