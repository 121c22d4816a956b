"""What is in the folder: files and directories by their paths inside the store."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .filesystem import Filesystem


def fail(error: OSError) -> None:
    """For `os.walk`, which would pass over a directory it cannot read."""
    raise error


class DirectoryListing:
    """Looks, and remembers nothing."""

    def __init__(self, disk: Filesystem, root: str) -> None:
        self._disk = disk
        self._root = root

    def read(self, path: str) -> bytes | None:
        return self._disk.read(f"{self._root}/{path}")

    def is_spelled(self, path: str) -> bool:
        """Whether a path exists with just this spelling, also where the file system ignores case."""
        if not os.path.lexists(f"{self._root}/{path}"):
            return False
        folder, *parts = path.split("/")
        for part in parts:
            if part not in os.listdir(f"{self._root}/{folder}"):
                return False
            folder = f"{folder}/{part}"
        return True

    def directories(self, path: str) -> Iterator[tuple[str, frozenset[str]]]:
        """Each directory under `path` with the names of its files."""
        for name in self._entries(path, directories=True):
            below = f"{path}/{name}"
            yield below, self.files(below)
            yield from self.directories(below)

    def files(self, path: str) -> frozenset[str]:
        return frozenset(self._entries(path, directories=False))

    def _entries(self, path: str, directories: bool) -> list[str]:
        try:
            with os.scandir(f"{self._root}/{path}") as entries:
                return [e.name for e in entries if e.is_dir(follow_symlinks=False) == directories]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def changed(self, path: str) -> int:
        """When a file or directory was changed, in milliseconds."""
        return os.stat(f"{self._root}/{path}").st_mtime_ns // 1_000_000

    def touched(self, path: str) -> int:
        """When a name in a directory was last made or removed; 0 where there is no directory."""
        try:
            return os.stat(f"{self._root}/{path}").st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def size(self) -> tuple[int, int]:
        """Bytes in all files outside `.lodestore`, and the newest time of change in milliseconds."""
        total = newest = 0
        for directory, below, files in os.walk(self._root, onerror=fail):
            if directory == self._root and ".lodestore" in below:
                below.remove(".lodestore")
            for name in files:
                status = os.stat(f"{directory}/{name}", follow_symlinks=False)
                total, newest = total + status.st_size, max(newest, status.st_mtime_ns // 1_000_000)
        return total, newest
