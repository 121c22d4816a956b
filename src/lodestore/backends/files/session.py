"""Session: one handle's way into the store. Whatever a call does, it does while it holds the lock.

Before anything is read, the journal of a writer that died is finished; what a call writes is committed before it lets
the lock go.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson

from ...core.records import Write
from ...errors import CorruptError, UnsupportedError
from .backups import Backups, check_path
from .file_formats import FORMAT
from .filesystem import Filesystem, temporary
from .journal import Changes, Journal
from .layout import scattered_folders
from .lock import StoreLock
from .maintenance import id_file
from .read_view import ReadView
from .record_files import RecordFiles, last_modified
from .write_batch import FileWriteBatch, HighestPlaces

T = TypeVar("T")

_FORMAT_NAME = "lodestore file store"


class Session:
    """One handle's critical sections on the store under `root`; they block, so a thread of its own runs them."""

    def __init__(self, disk: Filesystem, root: str, pretty: bool, backups: Backups, timeout: float) -> None:
        self._disk = disk
        self._root = root
        self._pretty = pretty
        self._backups = backups
        self._files = RecordFiles(disk, root)
        self._journal = Journal(disk, root, backups)
        self._lock = StoreLock(f"{root}/.lodestore/lock", timeout)
        self._remembered: tuple[tuple[int, ...], HighestPlaces] = (), {}

    def open(self) -> int:
        """Make what is missing, finish what was committed; the newest time any write has carried.

        That of the newest file for a tree that does not say.
        """
        _make_directories(self._disk, f"{self._root}/.lodestore")
        self._lock.open()
        try:
            with self._locked(exclusive=True):
                _check_format(self._disk, f"{self._root}/.lodestore")
                latest = self._lock.latest()
                if latest is None:
                    latest = self._files.measure()[1]
                    self._lock.set_latest(latest)
                return latest
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Let go of the lock's file."""
        self._lock.close()

    def latest(self) -> int:
        """The newest time any write has carried."""
        return self.shared(lambda: self._lock.latest() or 0)

    def sequence(self) -> int:
        """How many changes there have been, so far as handles like this one made them."""
        return self._lock.changes()

    def shared(self, task: Callable[..., T], *arguments: Any) -> T:
        """Do `task` while nobody writes."""
        with self._locked(exclusive=False):
            return task(*arguments)

    def exclusive(self, task: Callable[..., T], *arguments: Any) -> T:
        """Do `task` while no other handle is at work."""
        with self._locked(exclusive=True):
            return task(*arguments)

    def read(self, look: Callable[..., T], *arguments: Any) -> T:
        """What `look` makes of the store as it stands, given a view of it."""
        return self.shared(look, ReadView(self._files), *arguments)

    def write(self, task: Callable[..., T], *arguments: Any) -> T:
        """Do `task`, given a batch to write to, and commit what it wrote."""
        with self._locked(exclusive=True):
            batch = FileWriteBatch(self._files, secrets.randbelow(2**53 - 1) + 1, self._known_places())
            result = task(batch, *arguments)
            self._commit(batch.changes(self._pretty), batch.latest)
            self._remembered = self._state(), {name: place for name, place in batch.highest.items() if not name[1]}
            return result

    def apply(self, writes: Sequence[Write]) -> list[int]:
        """Do all of `writes` in order, or none; one result each."""
        return self.write(lambda batch: [batch.write(write) for write in writes]) if writes else []

    def restore(self, path: str, number: int | None) -> None:
        """Put an old version of a file in its place; the present one becomes a backup."""
        with self._locked(exclusive=True):
            content = self._backups.content(check_path(path), number)
            self._commit({path: content, **id_file(path, content)})

    def _known_places(self) -> HighestPlaces:
        """The highest places of records that have a file each, where nobody else has changed anything since."""
        state, places = self._remembered
        return dict(places) if state == self._state() else {}

    def _state(self) -> tuple[int, ...]:
        return self._lock.changes(), *(last_modified(f"{self._root}/{folder}") for folder in scattered_folders())

    def _commit(self, changes: Changes, latest: int = 0) -> None:
        """Carry out changes; `latest` is the newest time they carry."""
        if changes:
            self._lock.count_change()
        if latest > (self._lock.latest() or 0):
            self._lock.set_latest(latest)  # first, for a time ahead of the records does no harm
        self._journal.commit(changes)

    @contextmanager
    def _locked(self, exclusive: bool) -> Iterator[None]:
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


def _make_directories(disk: Filesystem, path: str) -> None:
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        disk.make_directory(directory)
        disk.sync_directory(os.path.dirname(directory))


def _check_format(disk: Filesystem, own: str) -> None:
    """Write the number of the format down, or make sure that it is the one written here."""
    path = f"{own}/format.json"
    content = disk.read(path)
    if content is None:
        draft = temporary(own)
        disk.write(draft, orjson.dumps({_FORMAT_NAME: FORMAT}))
        disk.replace(draft, path)
        disk.sync_directory(own)
        return
    try:
        number = orjson.loads(content)[_FORMAT_NAME]
    except (ValueError, KeyError, TypeError):
        raise CorruptError(f"{path}: not the format file of a lodestore store") from None
    if number != FORMAT:
        raise UnsupportedError(f"{path}: the store has format {number}, this lodestore reads {FORMAT}")
