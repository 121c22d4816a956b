"""Write batch: what a run of writes makes of the rows it touches, computed here and stored at once.

A batch knows of the server's records only what it was told before the first write: it holds while nobody else writes,
which is what holding the row of `store` is for. Drops are done by statements of their own, before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.families import Family
from ...core.records import CREATED_AT, KEY, PLACE, WRITTEN_AT, Append, Copy, Key, Put, Row, alive
from ...sql.postgres_bulk import ADD, COPY, OWN, PUT
from ..batch import WriteRules

NamedRow = tuple[str, Row]  # how the row is to be stored (see `postgres_bulk.insert`), and the row
_SOME = b"{}"  # stands for the body of a record on the server


class PostgresWriteBatch(WriteRules):
    """Rows to store, by family."""

    def __init__(self) -> None:
        self.rows: dict[Family, dict[Key, NamedRow]] = {}
        self._standing: dict[tuple[Family, Key], Row] = {}  # what is on the server; its times are not known
        self._next_places: dict[tuple[Family, Key], int] = {}  # within an outer key
        self._holders: dict[tuple[Family, Key, int], Any] = {}  # the innermost key at a place
        self._unsure: set[tuple[Family, Key]] = set()  # outer keys whose next place is no longer known

    def tell_next_place(self, family: Family, outer: Key, place: int) -> None:
        """The next free place within an outer key."""
        self._next_places[family, outer] = place

    def tell_standing(self, write: Put | Copy, found: Any) -> None:
        """What `postgres_bulk.standing` found for a write."""
        family, key = write.family, key_of(write)
        version, expires_at, place = found[:3]
        if version is not None:
            self._standing[family, key] = (_SOME if version else b"", version, None, None, expires_at, place, *key)
        if family.arrival:
            outer, (holder, following) = key[:-1], found[3:]
            self._next_places[family, outer] = following
            if holder is not None and type(write) is Copy:
                self._holders[family, outer, write.row[PLACE]] = holder
            if place is not None:
                self._holders[family, outer, place] = key[-1]

    def ready(self, write: Put | Append | Copy) -> bool:
        """Whether enough is known to go on with this write; else the batch must be stored and a new one begun."""
        if not write.family.arrival:
            return True
        key = key_of(write)
        moved_twice = type(write) is Copy and key in self.rows.get(write.family, ())
        return not moved_twice and (write.family, key[:-1]) not in self._unsure

    def find(self, family: Family, key: Key) -> Row | None:
        how, row = self._named(family).get(key, (OWN, None))
        return self._standing.get((family, key), row) if how is OWN else row

    def store(self, family: Family, row: Row) -> None:
        key, rows = row[KEY:], self._named(family)
        how, old = rows.get(key, (PUT, None))
        if old is not None and not alive(old, row[WRITTEN_AT]):
            how = COPY  # nothing is kept of what has expired, nor of what it replaced
        if row[CREATED_AT] is None:  # PUT keeps that of the record on the server
            row = (*row[:CREATED_AT], row[WRITTEN_AT], *row[WRITTEN_AT:])
        rows[key] = (COPY if how is COPY else PUT, row)
        if family.arrival:
            self._hold(family, key, row[PLACE])

    def extend(self, family: Family, rows: Mapping[Key, Row]) -> None:
        for key, row in rows.items():
            self._named(family)[key] = (ADD, row)
            self._next_places[family, key[:-1]] = row[PLACE] + 1

    def replace(self, family: Family, row: Row) -> None:
        key, outer, place = row[KEY:], row[KEY:-1], row[PLACE]
        self._named(family)[key] = (COPY, row)
        if family.arrival:
            old = self._standing.get((family, key))
            if old and old[PLACE] != place:
                del self._holders[family, outer, old[PLACE]]
                if place < old[PLACE] == self._next_places[family, outer] - 1:
                    self._unsure.add((family, outer))
            self._hold(family, key, place)
        elif family.log and (family, outer) in self._next_places:
            self._next_places[family, outer] = max(self._next_places[family, outer], row[-1] + 1)

    def add_owner(self, owner: Family, row: Row) -> None:
        self._named(owner).setdefault(row[KEY:], (OWN, row))

    def next_place(self, family: Family, outer: Key) -> int:
        return self._next_places[family, outer]

    def is_taken(self, family: Family, key: Key, place: int) -> bool:
        # In a log the place is the key.
        return family.arrival and self._holders.get((family, key[:-1], place), key[-1]) != key[-1]

    def _named(self, family: Family) -> dict[Key, NamedRow]:
        return self.rows.setdefault(family, {})

    def _hold(self, family: Family, key: Key, place: int) -> None:
        outer = key[:-1]
        self._holders[family, outer, place] = key[-1]
        self._next_places[family, outer] = max(self._next_places[family, outer], place + 1)


def key_of(write: Put | Append | Copy) -> Key:
    """The key of what is written; for an append that of its log."""
    if type(write) is Copy:
        return write.row[KEY:]
    return write.key if type(write) is Put else write.prefix  # type: ignore[union-attr]
