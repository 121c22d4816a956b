"""Journal: changes to several files as one. What is to be is written down first, then done, then struck out."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping

import orjson

from ...errors import CorruptError, OutcomeUnknownError
from .backups import Backups
from .filesystem import Filesystem, is_temporary, temporary
from .layout import unkept_paths

Changes = Mapping[str, bytes | None]  # new content by path inside the store; None removes the file


class Journal:
    """Carries out changes, all or none. The holder of the exclusive lock calls it, nobody else.

    A single change needs no journal: its own rename is the commit point.
    """

    def __init__(self, disk: Filesystem, root: str, backups: Backups) -> None:
        self._disk = disk
        self._root = root
        self._backups = backups
        self._path = f"{root}/.lodestore/journal"

    def commit(self, changes: Changes) -> None:
        """OutcomeUnknownError where it is not certain that nothing was written.

        The journal then finishes the work later.
        """
        for path in changes:
            if path.endswith(".json") and not path.startswith(unkept_paths()):
                self._backups.keep(path)
        if len(changes) > 1:
            self._write_down(changes)
            self._finish(changes)
        elif changes:
            self._do_one(changes)

    def pending(self) -> bool:
        """Whether somebody died between the commit point and the end."""
        return os.path.lexists(self._path)

    def replay(self) -> None:
        """Finish what was committed. Doing it twice does no harm."""
        content = self._disk.read(self._path)
        if content is not None:
            _Work(self._disk, self._root, again=True).do(_unpack(content, self._path))
            self._strike_out()

    def _do_one(self, changes: Changes) -> None:
        work = _Work(self._disk, self._root)
        try:
            work.do(changes)
        except OSError as error:
            if work.begun:
                raise OutcomeUnknownError(
                    f"{self._root}: written, but it may not survive a power cut ({error})"
                ) from error
            raise

    def _write_down(self, changes: Changes) -> None:
        directory = os.path.dirname(self._path)
        draft = temporary(directory)
        try:
            self._disk.write(draft, _pack(changes))
            self._disk.replace(draft, self._path)
        except OSError:
            self._disk.remove(draft)
            raise

    def _finish(self, changes: Changes) -> None:
        try:
            self._disk.sync_directory(os.path.dirname(self._path))
            _Work(self._disk, self._root).do(changes)
            self._strike_out()
        except OSError as error:
            raise OutcomeUnknownError(
                f"{self._root}: committed to the journal, but not yet applied ({error})"
            ) from error

    def _strike_out(self) -> None:
        # Synced, for a journal that comes back after a power cut would undo later writes.
        self._disk.remove(self._path)
        self._disk.sync_directory(os.path.dirname(self._path))


def _pack(changes: Changes) -> bytes:
    listed = [[path, None if content is None else content.decode()] for path, content in changes.items()]
    body = orjson.dumps(listed)
    return b"%08x\n%b\n" % (zlib.crc32(body), body)


def _unpack(content: bytes, where: str) -> dict[str, bytes | None]:
    check, _, body = content.removesuffix(b"\n").partition(b"\n")
    if check != b"%08x" % zlib.crc32(body):
        raise CorruptError(f"{where}: the journal fails its checksum")
    return {path: None if text is None else text.encode() for path, text in orjson.loads(body)}


class _Work:
    """One pass over the files: new ones beside the old, then the renames, then the directories synced once each."""

    def __init__(self, disk: Filesystem, root: str, again: bool = False) -> None:
        self._disk = disk
        self._root = root
        self._again = again  # somebody began before us and may not have synced what he made
        self._touched: dict[str, None] = {}
        self.begun = False

    def do(self, changes: Changes) -> None:
        staged: dict[str, str] = {}
        try:
            self._stage(changes, staged)
            for draft, path in staged.items():
                self._disk.replace(draft, path)
                self.begun = True
            self._remove([path for path, content in changes.items() if content is None])
            for directory in self._touched:
                self._disk.sync_directory(directory)
        except OSError:
            for draft in staged:
                self._disk.remove(draft)
            raise

    def _stage(self, changes: Changes, staged: dict[str, str]) -> None:
        for path, content in changes.items():
            if content is not None:
                directory = self._directory(path)
                draft = temporary(directory)
                staged[draft] = f"{self._root}/{path}"
                self._disk.write(draft, content)

    def _directory(self, path: str) -> str:
        """The directory of a file, made if need be, on the list of those to sync.

        One without files may be new, made by a writer who died before syncing it: then those above are synced too.
        """
        above = self._root
        for part in path.split("/")[:-1]:
            directory = f"{above}/{part}"
            if directory not in self._touched and (self._disk.make_directory(directory) or self._is_fresh(directory)):
                self._touch_all(above)
            above = directory
        self._touched[above] = None
        return above

    def _is_fresh(self, directory: str) -> bool:
        with os.scandir(directory) as entries:
            return self._again or all(is_temporary(entry.name) for entry in entries)

    def _touch_all(self, directory: str) -> None:
        while directory.startswith(self._root):
            self._touched[directory] = None
            directory = os.path.dirname(directory)

    def _remove(self, paths: list[str]) -> None:
        for path in paths:
            if self._disk.remove(f"{self._root}/{path}"):
                self.begun = True
            self._touched[os.path.dirname(f"{self._root}/{path}")] = None
        for path in paths:
            self._remove_empty(os.path.dirname(path))

    def _remove_empty(self, directory: str) -> None:
        """Remove a home that has become empty; the folders of the families stay."""
        while "/" in directory and self._disk.remove_directory(f"{self._root}/{directory}"):
            self._touched.pop(f"{self._root}/{directory}", None)
            directory = os.path.dirname(directory)
            self._touched[f"{self._root}/{directory}"] = None
