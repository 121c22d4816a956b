"""One lock for every handle and process on a store, in a file that also carries the newest time written."""

from __future__ import annotations

import os
import time
import zlib

from ...core import os_support
from ...errors import UnavailableError

_LINE = 30  # bytes: twenty digits, a blank, eight of a checksum, a line feed
_SLEEPS = (0.0005, 0.001, 0.002, 0.005, 0.01)


class StoreLock:
    """A shared or exclusive lock; a handle that waits longer than `timeout` seconds gives up with UnavailableError."""

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._handle = -1

    def open(self) -> None:
        self._handle = os_support.open_plain(self._path, os.O_RDWR | os.O_CREAT)
        self._lock = os_support.FileLock(self._handle)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def acquire(self, exclusive: bool) -> None:
        """Take the lock, or turn the one held into the other kind."""
        deadline = time.monotonic() + self._timeout
        tries = 0
        while not self._lock.take(exclusive):
            if time.monotonic() >= deadline:
                raise UnavailableError(
                    f"{self._path}: no lock on the store within {self._timeout:g} s; try again, or increase `timeout`"
                )
            time.sleep(_SLEEPS[min(tries, len(_SLEEPS) - 1)])
            tries += 1
        try:
            self._check_place()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        self._lock.release()

    def _check_place(self) -> None:
        """A lock on a file that was moved or removed keeps nobody out; Windows lets nobody do so to an open file."""
        if os_support.WINDOWS:
            return
        ours = os.fstat(self._handle)
        try:
            there = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            there = None
        if there is None or (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev):
            raise UnavailableError(f"{self._path}: the store was moved or removed while it was open")

    def latest(self) -> int | None:
        """The newest time any write has carried; None where the file does not say, or not legibly."""
        return self._number(0)

    def set_latest(self, milliseconds: int) -> None:
        """Not synced: after a power cut the clock may step back by what the kernel had not written yet."""
        self._set_number(0, milliseconds)

    def changes(self) -> int:
        """How many changes there have been; what was remembered before the last one may be wrong."""
        return self._number(1) or 0

    def count_change(self) -> None:
        """A change begins."""
        self._set_number(1, self.changes() + 1)

    def _number(self, line: int) -> int | None:
        number, _, check = (
            os_support.read_at(self._handle, _LINE, line * _LINE).decode("ascii", "replace").strip().partition(" ")
        )
        return int(number) if number.isdigit() and check == _check(number) else None

    def _set_number(self, line: int, value: int) -> None:
        number = f"{value:020d}"
        os_support.write_at(self._handle, f"{number} {_check(number)}\n".encode(), line * _LINE)


def _check(number: str) -> str:
    return f"{zlib.crc32(number.encode()):08x}"
