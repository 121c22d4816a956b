"""Operating systems: what Windows does otherwise than POSIX, said once.

Windows opens no folder and keeps the names in it safe itself, syncs no file that was opened for reading, takes signal 0
for Ctrl-C, knows no flock, and removes or replaces no file that anybody has open.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

WINDOWS = os.name == "nt"

_locking: Any = import_module("msvcrt" if WINDOWS else "fcntl")
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC
# No symbolic link is followed, no child inherits the file, and bytes stay as they are: each where the system has it.
_PLAIN = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}
_LOCKED = {errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN}
_LOCKED_BYTE = 1 << 30  # far behind what a lock file holds, for Windows lets nobody read a locked byte
_PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # seconds that a virus scanner may take
_SYNCHRONIZE, _ACCESS_DENIED, _WAIT_TIMEOUT = 0x100000, 5, 258


def open_plain(path: str, flags: int, mode: int = 0o600) -> int:
    """Open a descriptor of a file that is no symbolic link."""
    if WINDOWS and os.path.islink(path):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    try:
        return os.open(path, flags | _PLAIN, mode)
    except PermissionError:
        if WINDOWS and os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path) from None
        raise


def open_folder(path: str | os.PathLike[str]) -> int | None:
    """Open a descriptor to sync a folder by; None where the system opens none, though it may be read."""
    try:
        return os.open(path, _FOLDER)
    except PermissionError:
        if os.access(path, os.R_OK):
            return None
        raise


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Make the names in a folder survive a power cut."""
    handle = open_folder(path)
    if handle is not None:
        _sync(handle)


def sync_file(path: str | os.PathLike[str]) -> None:
    """Sync a file nobody has open. Never a live database: closing it would drop SQLite's locks."""
    _sync(os.open(path, os.O_RDWR | _CLOEXEC))


def _sync(handle: int) -> None:
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(old: str, new: str) -> None:
    """Rename a file over another."""
    _patiently(lambda: os.replace(old, new))


def remove(path: str | os.PathLike[str]) -> bool:
    """Whether there was a file to remove."""
    try:
        _patiently(lambda: os.unlink(path))
    except FileNotFoundError:
        return False
    return True


def _patiently(change: Callable[[], None]) -> None:
    for pause in _PAUSES if WINDOWS else ():
        try:
            return change()
        except PermissionError:
            time.sleep(pause)
    return change()


def link(old: str, new: str) -> bool:
    """Give a file a second name; False where the file system knows no links."""
    try:
        if WINDOWS:
            os.link(old, new)
        else:
            os.link(old, new, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (_NO_LINKS | {errno.EINVAL} if WINDOWS else _NO_LINKS):
            raise
        return False
    return True


def read_at(handle: int, size: int, offset: int) -> bytes:
    """Bytes of an open file; on Windows for one thread at a time."""
    if hasattr(os, "pread"):
        content: bytes = os.pread(handle, size, offset)
        return content
    os.lseek(handle, offset, os.SEEK_SET)
    return os.read(handle, size)


def write_at(handle: int, content: bytes, offset: int) -> None:
    """Overwrite bytes of an open file; on Windows for one thread at a time."""
    if hasattr(os, "pwrite"):
        os.pwrite(handle, content, offset)
        return
    os.lseek(handle, offset, os.SEEK_SET)
    os.write(handle, content)


class FileLock:
    """A lock on an open file, shared or exclusive. On Windows readers exclude one another too: it has no other kind."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._held = False

    def take(self, exclusive: bool) -> bool:
        """Whether the lock was free; the one held turns into the other kind."""
        try:
            if not WINDOWS:
                _locking.flock(self._handle, (_locking.LOCK_EX if exclusive else _locking.LOCK_SH) | _locking.LOCK_NB)
            elif not self._held:
                _lock_byte(self._handle, _locking.LK_NBLCK)
        except OSError as error:
            if error.errno not in _LOCKED:
                raise
            return False
        self._held = True
        return True

    def release(self) -> None:
        """Let others in."""
        if not WINDOWS:
            _locking.flock(self._handle, _locking.LOCK_UN)
        elif self._held:
            _lock_byte(self._handle, _locking.LK_UNLCK)
        self._held = False


def lock_folder(path: str | os.PathLike[str], *, wait: bool) -> int | None:
    """Open a folder of this user in a way that locks it until the descriptor is closed.

    None on Windows, for a link, on a file system without locks, and without `wait` where another has the lock.
    """
    if WINDOWS:
        return None
    try:
        handle = os.open(path, _FOLDER | getattr(os, "O_NOFOLLOW", 0) | _PLAIN)
    except OSError:
        return None
    try:
        if hasattr(os, "getuid") and os.fstat(handle).st_uid == os.getuid():
            _locking.flock(handle, _locking.LOCK_EX if wait else _locking.LOCK_EX | _locking.LOCK_NB)
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


def _lock_byte(handle: int, mode: int) -> None:
    os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
    _locking.locking(handle, mode, 1)


def is_running(process: int) -> bool:
    """Whether a process is there, or is not ours to ask about."""
    if process >= 1 << 31:
        return True  # no process has such a number, so it means something else
    if WINDOWS:
        return _is_running_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_running_on_windows(process: int) -> bool:
    ctypes: Any = import_module("ctypes")
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(_SYNCHRONIZE, False, process)
    if not handle:
        return bool(ctypes.get_last_error() == _ACCESS_DENIED)
    try:
        return bool(kernel.WaitForSingleObject(ctypes.c_void_p(handle), 0) == _WAIT_TIMEOUT)
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))
