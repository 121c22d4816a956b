"""Write batch: writes worked out in memory on the files they touch, and what they change on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import orjson

from ...core.families import Family, owner_of
from ...core.records import BODY, KEY, PLACE, Key, Row
from ..batch import WriteBatch
from . import file_formats, filenames, scan
from .layout import ID_FILE, PARTIAL_FILE, flat_path, layout_of
from .read_view import ReadView, RecordFile
from .record_files import Group, RecordFiles

# The highest place within an outer key; -1 where there is no record.
HighestPlaces = dict[tuple[Family, Key], int]


class FileWriteBatch(WriteBatch):
    """Writes to a view of the store; nothing reaches the disk but through `changes`."""

    def __init__(self, files: RecordFiles, version: int, highest: HighestPlaces) -> None:
        self.view = ReadView(files)
        self.version = version
        self.highest = highest  # so far as they are known: then a write need not look at all records

    def find(self, family: Family, key: Key) -> Row | None:
        return self.view.row(family, key)

    def store(self, family: Family, row: Row) -> None:
        self.extend(family, {row[KEY:]: row})

    def extend(self, family: Family, rows: Mapping[Key, Row]) -> None:
        if rows:
            last = max(rows)  # all stand in the file of this one
            self._file(family, last).rows.update(rows)
            if family.placed and (name := (family, last[:-1])) in self.highest:
                self.highest[name] = max(self.highest[name], rows[last][PLACE])

    def replace(self, family: Family, row: Row) -> None:
        if family.placed and (old := self.find(family, row[KEY:])) and old[PLACE] > row[PLACE]:
            self._forget_places(family)
        self.store(family, row)

    def add_owner(self, owner: Family, row: Row) -> None:
        file = self.view.file(owner, row[KEY:])
        file.rows.setdefault(row[KEY:], row)
        _write_down(file)

    def remove(self, family: Family, prefix: Key) -> list[Row]:
        rows: list[Row] = []
        for file in self.view.files_under(family, prefix):
            gone = [key for key in file.rows if key[: len(prefix)] == prefix]
            if gone:
                self._forget_places(family)
                self._keep_owner(family, file.group)
                file.dirty = True
            rows += [file.rows.pop(key) for key in gone]
        return rows

    def next_place(self, family: Family, outer: Key) -> int:
        if (family, outer) not in self.highest:
            self.highest[family, outer] = max((row[PLACE] for row in self._siblings(family, outer)), default=-1)
        return self.highest[family, outer] + 1

    def is_taken(self, family: Family, key: Key, place: int) -> bool:
        outer = key[:-1]
        if place >= self.next_place(family, outer):
            return False
        return any(row[PLACE] == place and row[KEY:] != key for row in self._siblings(family, outer))

    def changes(self, pretty: bool) -> dict[str, bytes | None]:
        """New content by path; None for a file that goes. Removals come first, as a path may be taken over."""
        for file in self.view.dirty():
            self._make_room(file)
        dirty = self.view.dirty()
        found: dict[str, bytes | None] = {path: None for file in dirty for path in _present(file)}
        for file in dirty:
            if file.rows:
                found[_target(file)] = file_formats.write(file.layout, file.group, file.ordered(), pretty)
                found |= _id_file(file)
        return found

    def _file(self, family: Family, key: Key) -> RecordFile:
        """The file of a record that is to be written."""
        file = self.view.file(family, cast(Group, key[: layout_of(family).depth]))
        file.dirty = True
        return file

    def _siblings(self, family: Family, outer: Key) -> Iterator[Row]:
        """The records that share an outer key, and so may not share a place."""
        for group in self.view.groups(family, outer):
            for row in self.view.peek(family, group).rows.values():
                if row[KEY : KEY + len(outer)] == outer:
                    yield row

    def _forget_places(self, family: Family) -> None:
        """Something was taken away, perhaps the highest."""
        self.highest = {name: place for name, place in self.highest.items() if name[0] is not family}

    def _keep_owner(self, family: Family, key: Key) -> None:
        """Write down an owner that stands only in what it owns, before that goes."""
        if owner := owner_of(family):
            _write_down(self.view.file(owner, cast(Group, key[: len(owner.key)])))

    def _make_room(self, file: RecordFile) -> None:
        """Another key's record under our name (Connectome's naming is not injective) moves to its own."""
        if file.home is None and file.rows and file.path != (path := flat_path(file.layout, file.group)):
            for row in self.view.records.read_flat(file.layout, path):
                self._file(file.layout.family, row[KEY:])


def sweep(batch: FileWriteBatch, now: int, limit: int) -> int:
    """Remove at most `limit` records that have expired by `now`; how many were removed."""
    return sum(len(batch.remove(family, key)) for family, key in scan.expired(batch.view, now, limit))


def _write_down(owner: RecordFile) -> None:
    """See to it that an owner without a body has a file of its own."""
    files = owner.home.files if owner.home else frozenset[str]()
    owner.dirty = owner.dirty or (bool(owner.rows) and owner.path is None and PARTIAL_FILE not in files)


def _present(file: RecordFile) -> list[str]:
    """The files that hold the records now and may have to go."""
    if file.home is None or not file.layout.owns:
        return [file.path] if file.path else []
    goes = {file.layout.file} if file.rows else {file.layout.file, PARTIAL_FILE, ID_FILE}
    return [f"{file.home.path}/{name}" for name in file.home.files if name in goes]


def _target(file: RecordFile) -> str:
    """The file that is to hold the records."""
    if file.home is None:
        return flat_path(file.layout, file.group)
    bare = file.layout.owns and not any(row[BODY] for row in file.rows.values())
    return f"{file.home.path}/{PARTIAL_FILE if bare else file.layout.file}"


def _id_file(file: RecordFile) -> dict[str, bytes | None]:
    """The true key beside the records, where the name of the directory is a hash."""
    home = file.home
    if home is None or ID_FILE in home.files or not any(map(filenames.is_hashed, home.path.split("/"))):
        return {}
    return {f"{home.path}/{ID_FILE}": orjson.dumps(file.group)}
