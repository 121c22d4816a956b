"""Write rules: what Put, Append, Copy and Drop make of the rows they meet, said once for backends that hold rows.

A backend says how a row is found and stored; nothing here knows where rows lie. Writes take effect one after the
other, each on what those before it left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from ..core.families import OWNED, Family, owner_of
from ..core.records import (
    ABSENT,
    BODY,
    CREATED_AT,
    KEY,
    PLACE,
    VERSION,
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


class WriteRules(ABC):
    """Put, Append and Copy. Rows written get `version`, but those of a copy that brings its own.

    `latest` is the newest time that any write carried.
    """

    version: int
    latest: int = 0

    @abstractmethod
    def find(self, family: Family, key: Key) -> Row | None:
        """The row under a key, expired or not."""

    @abstractmethod
    def store(self, family: Family, row: Row) -> None:
        """Store a row in place of the one under its key, if any."""

    @abstractmethod
    def add_owner(self, owner: Family, row: Row) -> None:
        """Store the row of an owner that exists only through what it owns; one that is there stays as it is."""

    @abstractmethod
    def next_place(self, family: Family, outer: Key) -> int:
        """The place behind all others within an outer key."""

    @abstractmethod
    def is_taken(self, family: Family, key: Key, place: int) -> bool:
        """Whether another record has the place that a copy under `key` asks for."""

    def extend(self, family: Family, rows: Mapping[Key, Row]) -> None:
        """Store rows, by their keys, at the end of a log."""
        for row in rows.values():
            self.store(family, row)

    def replace(self, family: Family, row: Row) -> None:
        """Store a copied row, which may move its record to another place."""
        self.store(family, row)

    def add(self, write: Put | Append | Copy) -> int:
        """Do one write; its result."""
        match write:
            case Put():
                return self._put(write)
            case Append():
                return self._append(write)
            case Copy():
                return self._copy(write)

    def _put(self, put: Put) -> int:
        family, key, body, at, expires_at, expect = put
        self.latest = max(self.latest, at)
        old = self.find(family, key)
        if old is not None and not alive(old, at):
            old = None  # nothing of it is kept
        found = old[VERSION] if old and old[BODY] else ABSENT
        if expect is not None and expect != found:
            raise conflict(put, found)
        if family.owner:
            self._own(family, key, at)
        created, place = (old[CREATED_AT], old[PLACE]) if old else (at, self._new_place(family, key))
        self.store(family, (body, self.version, created, at, expires_at, place, *key))
        return self.version

    def _append(self, append: Append) -> int:
        family, prefix, bodies, at, _ = append
        self.latest = max(self.latest, at)
        self._own(family, prefix, at)
        first, version, rows = self.next_place(family, prefix), self.version, {}
        for place, body in enumerate(bodies, first):
            key = (*prefix, place)
            rows[key] = (body, version, at, at, None, place, *key)
        self.extend(family, rows)
        for put in attached(append, first):
            self._put(put)
        return first

    def _copy(self, copy: Copy) -> int:
        family, row = copy
        self.latest = max(self.latest, copy.time)
        key, place, version = row[KEY:], row[PLACE], int(row[VERSION] or self.version)
        self._own(family, key, copy.time)
        if family.placed and self.is_taken(family, key, place):
            place = self.next_place(family, key[:-1])
        self.replace(family, (row[BODY], version, *row[CREATED_AT:PLACE], place, *key))
        return version

    def _own(self, family: Family, key: Key, at: int) -> None:
        if owner := owner_of(family):
            self.add_owner(owner, (b"", self.version, at, at, None, None, *key[: len(owner.key)]))

    def _new_place(self, family: Family, key: Key) -> int | None:
        return self.next_place(family, key[:-1]) if family.placed else None


class WriteBatch(WriteRules):
    """Drop too, for a backend that has all its rows at hand."""

    @abstractmethod
    def remove(self, family: Family, prefix: Key) -> Iterable[Row]:
        """Remove the rows under a prefix, without what they own, and return them."""

    def write(self, write: Write) -> int:
        """Do one write; its result, as `core.records` says."""
        return self._drop(*write) if isinstance(write, Drop) else self.add(write)

    def _drop(self, family: Family, prefix: Key, at: int) -> int:
        self.latest = max(self.latest, at)
        count = sum(alive(row, at) for row in self.remove(family, prefix))
        for owned in OWNED.get(family, ()):
            self._drop(owned, prefix, at)
        return count
