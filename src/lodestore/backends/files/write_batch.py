"""A batch of writes worked out in memory, by the rules of the memory backend, and what it changes on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import orjson

from ...core.families import OWNED, Family, owner_of
from ...core.records import (
    BODY,
    CREATED_AT,
    KEY,
    PLACE,
    VERSION,
    WRITTEN_AT,
    Append,
    Copy,
    Drop,
    Key,
    Put,
    Row,
    Write,
    alive,
    attached,
    conflict,
)
from . import file_formats, filenames
from .layout import ID_FILE, PARTIAL_FILE, flat_path, layout_of
from .read_view import ReadView, RecordFile, Rows
from .record_files import Group, RecordFiles

HighestPlaces = dict[
    tuple[Family, Key], int
]  # the highest place in a row of places, by its outer key; -1 where none is


class FileWriteBatch(ReadView):
    """A view that is written to; nothing reaches the disk but through `changes`."""

    def __init__(self, tree: RecordFiles, version: int, tops: HighestPlaces | None = None) -> None:
        super().__init__(tree)
        self._version = version
        self.latest = 0
        self.tops: HighestPlaces = tops or {}  # those that are known

    def write(self, write: Write) -> int:
        """The result of one write."""
        match write:
            case Put():
                return self._put(write)
            case Append():
                return self._append(write)
            case Copy():
                return self._copy(write)
            case Drop():
                return self._drop(write)

    def remove(self, family: Family, key: Key) -> None:
        """Take one record out, without what it owns."""
        del self._rows(family, key)[key]
        self._forget_tops(family)

    def _rows(self, family: Family, key: Key) -> Rows:
        shelf = self.shelf(family, cast(Group, key[: layout_of(family).depth]))
        shelf.dirty = True
        return shelf.rows

    def _put(self, put: Put) -> int:
        rows = self._rows(put.family, put.key)
        old = rows.get(put.key)
        if old is not None and not alive(old, put.written_at):
            self.remove(put.family, put.key)
            old = None
        found = old[VERSION] if old and old[BODY] else 0
        if put.expect is not None and put.expect != found:
            raise conflict(put, found)
        self._own(put.family, put.key, put.written_at)
        created, place = (old[CREATED_AT], old[PLACE]) if old else (put.written_at, self._place(put.family, put.key))
        self._raise_top(put.family, put.key, place)
        rows[put.key] = (put.body, self._version, created, put.written_at, put.expires_at, place, *put.key)
        self.latest = max(self.latest, put.written_at)
        return self._version

    def _append(self, append: Append) -> int:
        at = append.written_at
        self._own(append.family, append.prefix, at)
        first = cast(int, self._place(append.family, (*append.prefix, 0)))
        rows = self._rows(append.family, append.prefix)
        for position, body in enumerate(append.bodies, first):
            key = (*append.prefix, position)
            rows[key] = (body, self._version, at, at, None, position, *key)
            self._raise_top(append.family, key, position)
        for put in attached(append, first):
            self._put(put)
        self.latest = max(self.latest, at)
        return first

    def _copy(self, copy: Copy) -> int:
        family, row = copy.family, copy.row
        key, at, place = row[KEY:], row[WRITTEN_AT], row[PLACE]
        self._own(family, key, at)
        if family.placed and self._is_taken(family, key, place):
            place = self._place(family, key)
        if family.placed and (old := self.row(family, key)) and old[PLACE] > place:
            self._forget_tops(family)
        self._raise_top(family, key, place)
        version = int(row[VERSION] or self._version)
        self._rows(family, key)[key] = (row[BODY], version, *row[CREATED_AT:PLACE], place, *key)
        self.latest = max(self.latest, at)
        return version

    def _drop(self, drop: Drop) -> int:
        depth, count = len(drop.prefix), 0
        for shelf in self.shelves(drop.family, drop.prefix):
            gone = [key for key in shelf.rows if key[:depth] == drop.prefix]
            count += sum(alive(shelf.rows[key], drop.at) for key in gone)
            if gone:
                self._forget_tops(drop.family)
                self._keep_owner(drop.family, shelf.group)
                shelf.dirty = True
            for key in gone:
                del shelf.rows[key]
        for family in OWNED.get(drop.family, ()):
            self._drop(Drop(family, drop.prefix, drop.at))
        self.latest = max(self.latest, drop.at)
        return count

    def _own(self, family: Family, key: Key, at: int) -> None:
        if owner := owner_of(family):
            outer = cast(Group, key[: len(owner.key)])
            self.shelf(owner, outer).rows.setdefault(outer, (b"", self._version, at, at, None, None, *outer))
            self._keep_owner(family, key)

    def _keep_owner(self, family: Family, key: Key) -> None:
        """Write down an owner that stands only in what it owns, before that goes or another comes."""
        if owner := owner_of(family):
            shelf = self.shelf(owner, cast(Group, key[: len(owner.key)]))
            files = shelf.home.files if shelf.home else frozenset[str]()
            shelf.dirty = shelf.dirty or (bool(shelf.rows) and shelf.path is None and PARTIAL_FILE not in files)

    # Places. That the next one is free is known from the highest, so that a write need not look at all others.

    def _siblings(self, family: Family, outer: Key) -> Iterator[Row]:
        """The records that share a row of places."""
        for group in self.groups(family, outer):
            for row in self.peek(family, group).rows.values():
                if row[KEY : KEY + len(outer)] == outer:
                    yield row

    def _top(self, family: Family, outer: Key) -> int:
        if (family, outer) not in self.tops:
            self.tops[family, outer] = max((row[PLACE] for row in self._siblings(family, outer)), default=-1)
        return self.tops[family, outer]

    def _place(self, family: Family, key: Key) -> int | None:
        return self._top(family, key[:-1]) + 1 if family.placed else None

    def _is_taken(self, family: Family, key: Key, place: int) -> bool:
        if place > self._top(family, key[:-1]):
            return False
        return any(row[PLACE] == place and row[KEY:] != key for row in self._siblings(family, key[:-1]))

    def _raise_top(self, family: Family, key: Key, place: int | None) -> None:
        if place is not None and (family, key[:-1]) in self.tops:
            self.tops[family, key[:-1]] = max(place, self.tops[family, key[:-1]])

    def _forget_tops(self, family: Family) -> None:
        """Something was taken away, perhaps the highest."""
        self.tops = {name: top for name, top in self.tops.items() if name[0] is not family}

    # What is to happen on the disk.

    def changes(self, pretty: bool) -> dict[str, bytes | None]:
        """New content by path; None for a file that goes. Removals come first, as a path may be taken over."""
        dirty = [shelf for shelves in self._shelves.values() for shelf in shelves.values() if shelf.dirty]
        for shelf in dirty:
            self._make_room(shelf)
        dirty = [shelf for shelves in self._shelves.values() for shelf in shelves.values() if shelf.dirty]
        found: dict[str, bytes | None] = {path: None for shelf in dirty for path in _present(shelf)}
        for shelf in dirty:
            if shelf.rows:
                found[_target(shelf)] = file_formats.write(shelf.layout, shelf.group, shelf.ordered(), pretty)
                found |= _id_file(shelf)
        return found

    def _make_room(self, shelf: RecordFile) -> None:
        """Another key's record under our name (Connectome's naming is not injective) moves to its own."""
        if shelf.home is None and shelf.rows and shelf.path != (path := flat_path(shelf.layout, shelf.group)):
            for row in self.tree.read_flat(shelf.layout, path):
                self._rows(shelf.layout.family, row[KEY:])


def _present(shelf: RecordFile) -> list[str]:
    """The files that hold the shelf now and may have to go."""
    if shelf.home is None or not shelf.layout.owns:
        return [shelf.path] if shelf.path else []
    goes = {shelf.layout.file} if shelf.rows else {shelf.layout.file, PARTIAL_FILE, ID_FILE}
    return [f"{shelf.home.path}/{name}" for name in shelf.home.files if name in goes]


def _target(shelf: RecordFile) -> str:
    """The file that is to hold the shelf."""
    if shelf.home is None:
        return flat_path(shelf.layout, shelf.group)
    bare = shelf.layout.owns and not any(row[BODY] for row in shelf.rows.values())
    return f"{shelf.home.path}/{PARTIAL_FILE if bare else shelf.layout.file}"


def _id_file(shelf: RecordFile) -> dict[str, bytes | None]:
    """The true key beside the records, where the name of the directory is a hash."""
    home = shelf.home
    if home is None or ID_FILE in home.files or not any(map(filenames.is_hashed, home.path.split("/"))):
        return {}
    return {f"{home.path}/{ID_FILE}": orjson.dumps(shelf.group)}
