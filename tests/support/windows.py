"""Windows rules: what that system does otherwise, laid over this one's `os` for a test or for a whole process."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from lodestore.core import os_support

Patch = Callable[[Any, str, Any], None]
LOCKED_BYTE = 1 << 30
_MISSING = ("O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY", "pread", "pwrite", "fork", "getuid")


class WindowsRules:
    """Lays the rules with `patch(object, name, value)`; `signals` are the processes that got a Ctrl-C."""

    def __init__(self, patch: Patch, delete: Callable[[Any, str], None]) -> None:
        self.signals: list[tuple[int, int]] = []
        self._reading: set[int] = set()
        self._locks: dict[tuple[int, int], int] = {}
        self._os = SimpleNamespace(**{name: getattr(os, name) for name in _KEPT})
        for name in _MISSING:
            if hasattr(os, name):
                delete(os, name)
        for name in _KEPT:
            patch(os, name, getattr(self, name))
        msvcrt = SimpleNamespace(LK_NBLCK=2, LK_UNLCK=0, locking=self.locking)
        patch(os_support, "WINDOWS", True)
        patch(os_support, "_locking", msvcrt)
        patch(os_support, "_PLAIN", 0)
        patch(os_support, "_CLOEXEC", 0)
        patch(os_support, "_FOLDER", os.O_RDONLY)

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        handle: int = self._os.open(path, flags, mode)
        self._reading.discard(handle)
        if flags & (os.O_WRONLY | os.O_RDWR) == 0:
            self._reading.add(handle)
        return handle

    def close(self, handle: int) -> None:
        self._reading.discard(handle)
        for file, owner in list(self._locks.items()):
            if owner == handle:
                del self._locks[file]
        self._os.close(handle)

    def fsync(self, handle: int) -> None:
        if handle in self._reading:
            raise OSError(errno.EBADF, "Bad file descriptor")
        self._os.fsync(handle)

    def kill(self, process: int, signal: int) -> None:
        self.signals.append((process, signal))

    def link(self, old: Any, new: Any) -> None:
        self._os.link(old, new)

    def unlink(self, path: Any) -> None:
        self._refuse_open(path)
        self._os.unlink(path)

    def replace(self, old: Any, new: Any) -> None:
        self._refuse_open(old)
        self._refuse_open(new)
        self._os.replace(old, new)

    def rename(self, old: Any, new: Any) -> None:
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "File exists", str(new))
        self._refuse_open(old)
        self._os.rename(old, new)

    def _refuse_open(self, path: Any) -> None:
        """A file that this process has open keeps its name."""
        if not os.path.isfile(path) or not os.path.isdir("/dev/fd"):
            return
        found = os.stat(path)
        for handle in os.listdir("/dev/fd"):
            try:
                there = os.fstat(int(handle))
            except OSError:
                continue
            if (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino) and found.st_nlink == 1:
                raise PermissionError(errno.EACCES, "used by another process", str(path))

    def locking(self, handle: int, mode: int, size: int) -> None:
        """Exclusive, and not to be taken twice, not even by the same descriptor."""
        assert (os.lseek(handle, 0, os.SEEK_CUR), size) == (LOCKED_BYTE, 1)
        status = os.fstat(handle)
        file = (status.st_dev, status.st_ino)
        if mode == 0 and self._locks.pop(file, None) != handle:
            raise PermissionError(errno.EACCES, "not locked")
        if mode == 2 and self._locks.setdefault(file, -1) != -1:
            raise PermissionError(errno.EACCES, "locked")
        if mode == 2:
            self._locks[file] = handle


_KEPT = ("open", "close", "fsync", "kill", "link", "unlink", "replace", "rename")


def install() -> WindowsRules:
    """Lay the rules for the rest of this process."""
    return WindowsRules(setattr, delattr)
