"""The way in: directories, format, lock, and the journal of whoever died inside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson

from ...errors import CorruptError, UnsupportedError
from .file_formats import FORMAT
from .filesystem import Filesystem, temporary
from .journal import Changes, Journal
from .lock import StoreLock

_FORMAT_NAME = "lodestore file store"


class Session:
    """One handle's lock on a store."""

    def __init__(self, disk: Filesystem, root: str, journal: Journal, timeout: float) -> None:
        self._disk = disk
        self._own = f"{root}/.lodestore"
        self._journal = journal
        self._lock = StoreLock(f"{self._own}/lock", timeout)

    def open(self, newest_file: Callable[[], int]) -> int:
        """The newest time any write has carried; that of the newest file for a tree that does not say."""
        self._make_directories()
        self._lock.open()
        try:
            with self.held(exclusive=True):
                self._check_format()
                latest = self._lock.latest()
                if latest is None:
                    latest = newest_file()
                    self._lock.set_latest(latest)
                return latest
        except BaseException:
            self._lock.close()
            raise

    def latest(self) -> int:
        """The newest time any write has carried."""
        with self.held(exclusive=False):
            return self._lock.latest() or 0

    def turn(self) -> int:
        """How many changes there have been, so far as handles like this one made them."""
        return self._lock.turn()

    def close(self) -> None:
        self._lock.close()

    def commit(self, changes: Changes, latest: int = 0) -> None:
        """Carry out changes; `latest` is the newest time they carry."""
        if changes:
            self._lock.next_turn()
        if latest > (self._lock.latest() or 0):
            self._lock.set_latest(latest)  # first, for a time ahead of the records does no harm
        self._journal.commit(changes)

    def _make_directories(self) -> None:
        missing, path = [], self._own
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            self._disk.make_directory(directory)
            self._disk.sync_directory(os.path.dirname(directory))

    def _check_format(self) -> None:
        path = f"{self._own}/format.json"
        content = self._disk.read(path)
        if content is None:
            draft = temporary(self._own)
            self._disk.write(draft, orjson.dumps({_FORMAT_NAME: FORMAT}))
            self._disk.replace(draft, path)
            self._disk.sync_directory(self._own)
            return
        try:
            number = orjson.loads(content)[_FORMAT_NAME]
        except (ValueError, KeyError, TypeError):
            raise CorruptError(f"{path}: not the format file of a lodestore store") from None
        if number != FORMAT:
            raise UnsupportedError(f"{path}: the store has format {number}, this lodestore reads {FORMAT}")

    @contextmanager
    def held(self, exclusive: bool) -> Iterator[None]:
        """The lock, with no journal left over."""
        self._lock.acquire(exclusive)
        try:
            while self._journal.pending():
                self._lock.acquire(True)
                self._journal.replay()
                self._lock.acquire(exclusive)
            yield
        finally:
            self._lock.release()
