"""The store as a folder: every operation done here and now, under the lock. The backend calls it from its thread."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from ...core.backend import Vitals
from ...core.families import FAMILIES, Family
from ...core.records import Key, Page, Row, Write
from . import maintenance
from .backups import Backups, check_path
from .directory import DirectoryListing
from .filesystem import Filesystem
from .journal import Journal
from .layout import layout_of
from .read_view import ReadView
from .record_files import Group, RecordFiles
from .scan import expired, groups_in_order, portion, read_keys, read_page, vitals
from .session import Session
from .write_batch import FileWriteBatch, HighestPlaces

# Folders whose records have places and a file each. A hand may put one there, which the folder's time tells.
_SCATTERED = [layout_of(f).folder for f in FAMILIES if f.placed and len(f.key) == 1]


class FileStore:
    """One handle on the tree under `root`."""

    def __init__(self, root: str, disk: Filesystem, pretty: bool, backups: int, timeout: float) -> None:
        self._root = root
        self._disk = disk
        self._pretty = pretty
        self._backups = Backups(disk, root, backups)
        unkept = tuple(layout_of(f).folder for f in FAMILIES if f.expires and layout_of(f).file is None)
        self._gate = Session(disk, root, Journal(disk, root, self._backups, unkept), timeout)
        self.turn = self._gate.turn
        self._finder = DirectoryListing(disk, root)
        self._tree = RecordFiles(self._finder)
        self._remembered: tuple[tuple[int, ...], HighestPlaces] = (), {}

    def open(self) -> int:
        """Make what is missing, finish what was committed; the newest time any write has carried."""
        return self._gate.open(lambda: self._finder.size()[1])

    def latest(self) -> int:
        """The newest time any write has carried."""
        return self._gate.latest()

    def close(self) -> None:
        self._gate.close()

    def apply(self, writes: Sequence[Write]) -> list[int]:
        if not writes:
            return []
        with self._gate.held(exclusive=True):
            draft = FileWriteBatch(self._tree, secrets.randbelow(2**53 - 1) + 1, self._tops())
            results = [draft.write(write) for write in writes]
            self._gate.commit(draft.changes(self._pretty), draft.latest)
            self._remembered = self._moment(), {name: top for name, top in draft.tops.items() if not name[1]}
            return results

    def _tops(self) -> HighestPlaces:
        """The highest places of records that have a file each, where nobody else has changed anything since."""
        moment, tops = self._remembered
        return dict(tops) if moment == self._moment() else {}

    def _moment(self) -> tuple[int, ...]:
        return self._gate.turn(), *map(self._finder.touched, _SCATTERED)

    def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        with self._gate.held(exclusive=False):
            view = ReadView(self._tree)
            return [view.row(family, key) for key in keys]

    def scan(self, page: Page) -> list[Row]:
        with self._gate.held(exclusive=False):
            return read_page(ReadView(self._tree), page)

    def outline(self, page: Page) -> list[Group]:
        """The files that may hold records of a page, in its order."""
        with self._gate.held(exclusive=False):
            return groups_in_order(ReadView(self._tree), page)

    def portion(self, page: Page, groups: list[Group], size: int) -> tuple[list[Row], int]:
        """The records in the first of these files, and how many files those are."""
        with self._gate.held(exclusive=False):
            return portion(ReadView(self._tree), page, groups, size)

    def keys(self, page: Page) -> list[Key]:
        with self._gate.held(exclusive=False):
            return read_keys(ReadView(self._tree), page)

    def sweep(self, now: int, limit: int) -> int:
        with self._gate.held(exclusive=True):
            draft = FileWriteBatch(self._tree, 1)
            found = expired(draft, now, limit)
            for family, key in found:
                draft.remove(family, key)
            self._gate.commit(draft.changes(self._pretty))
            return len(found)

    def vitals(self, now: int) -> Vitals:
        with self._gate.held(exclusive=False):
            return vitals(ReadView(self._tree), now, self._finder.size()[0])

    def restore(self, path: str, number: int | None) -> None:
        """Put an old version of a file in its place; the present one becomes a backup."""
        with self._gate.held(exclusive=True):
            content = self._backups.content(check_path(path), number)
            self._gate.commit({path: content, **maintenance.id_file(path, content)})

    def backup_numbers(self, path: str) -> list[int]:
        """Takes no lock, so any thread may ask."""
        return self._backups.numbers(check_path(path))

    def probe(self) -> dict[str, Any]:
        with self._gate.held(exclusive=True):
            return maintenance.probe(self._disk, self._root)

    def verify(self) -> list[str]:
        with self._gate.held(exclusive=False):
            return maintenance.verify(self._tree)

    def backup(self, target: str) -> None:
        with self._gate.held(exclusive=False):
            maintenance.copy_tree(self._disk, self._root, target)

    def compact(self) -> dict[str, int]:
        with self._gate.held(exclusive=True):
            return maintenance.clean(self._disk, self._root)
