"""Write batch: what a run of writes makes of the rows it touches, computed here and stored at once.

A draft knows of the server's records only what it was told before the first write: it holds while nobody else writes,
which is what holding the row of `store` is for. Drops are no business of a draft.
"""

from __future__ import annotations

from typing import Any

from ...core.families import Family, owner_of
from ...core.records import (
    BODY,
    CREATED_AT,
    EXPIRES_AT,
    KEY,
    PLACE,
    VERSION,
    Append,
    Copy,
    Key,
    Put,
    Row,
    alive,
    attached,
    conflict,
)
from ...sql.postgres_bulk import ADD, COPY, OWN, PUT

NamedRow = tuple[str, Row]  # how the row is to be stored (see `sets.insert`), and the row


class PostgresWriteBatch:
    """Rows to store, by family; `write` does as `kernel` says."""

    def __init__(self) -> None:
        self.rows: dict[Family, dict[Key, NamedRow]] = {}
        self._tops: dict[tuple[Family, Key], int] = {}  # the next free place within an outer key
        self._stood: dict[tuple[Family, Key], tuple[int | None, int | None, int | None]] = {}
        self._holders: dict[tuple[Family, Key, int], Any] = {}  # the innermost key at a place
        self._sunk: set[tuple[Family, Key]] = set()  # outer keys whose next place is no longer known

    def tell_top(self, family: Family, outer: Key, top: int) -> None:
        """The next free place within an outer key."""
        self._tops[family, outer] = top

    def tell_standing(self, write: Put | Copy, found: Any) -> None:
        """What `sets.standing` found for a write."""
        family, key = write.family, key_of(write)
        version, expires_at, place = found[:3]
        self._stood[family, key] = (version, expires_at, place)
        if family.arrival:
            outer, (holder, top) = key[:-1], found[3:]
            self._tops[family, outer] = top
            if holder is not None and type(write) is Copy:
                self._holders[family, outer, write.row[PLACE]] = holder
            if place is not None:
                self._holders[family, outer, place] = key[-1]

    def ready(self, write: Put | Append | Copy) -> bool:
        """Whether enough is known to go on with this write; else the draft must be stored and a new one begun."""
        if not write.family.arrival:
            return True
        key = key_of(write)
        moved_twice = type(write) is Copy and key in self.rows.get(write.family, ())
        return not moved_twice and (write.family, key[:-1]) not in self._sunk

    def write(self, write: Put | Append | Copy, version: int) -> int:
        """Take in one write; rows written get `version`. Its result."""
        if type(write) is Copy:
            return self._copy(write, version)
        return self._put(write, version) if type(write) is Put else self._append(write, version)  # type: ignore[arg-type]

    def _put(self, put: Put, version: int) -> int:
        family, key, body, at, expires_at, expect = put
        rows = self.rows.setdefault(family, {})
        how, old = rows.get(key, (PUT, None))
        if expect is not None and expect != (found := self._version(put, old if how is not OWN else None)):
            raise conflict(put, found)
        self._own(family, key, version, at)
        if old is None:
            rows[key] = PUT, (body, version, at, at, expires_at, self._place(family, key), *key)
        elif alive(old, at):
            row = (body, version, old[CREATED_AT], at, expires_at, old[PLACE], *key)
            rows[key] = COPY if how is COPY else PUT, row
        else:  # what has expired is absent: nothing of it is kept, nor of what it replaced
            rows[key] = COPY, (body, version, at, at, expires_at, old[PLACE], *key)
        return version

    def _version(self, put: Put, old: Row | None) -> int:
        if old is None:
            version, expires_at, _ = self._stood[put.family, put.key]
        else:
            version, expires_at = old[VERSION] if old[BODY] else 0, old[EXPIRES_AT]
        return version or 0 if expires_at is None or expires_at > put.written_at else 0

    def _place(self, family: Family, key: Key) -> int | None:
        """Where a put stores a record: where it stands, else at the end."""
        if not family.arrival:
            return None
        place, outer = self._stood[family, key][2], key[:-1]
        if place is None:
            place = self._tops[family, outer]
            self._settle(family, key, place)
        return place

    def _append(self, append: Append, version: int) -> int:
        family, prefix, bodies, at, _ = append
        self._own(family, prefix, version, at)
        first = self._tops[family, prefix]
        self._tops[family, prefix] = first + len(bodies)
        rows = self.rows.setdefault(family, {})
        for position, body in enumerate(bodies, first):
            rows[*prefix, position] = ADD, (body, version, at, at, None, position, *prefix, position)
        for put in attached(append, first):
            self._put(put, version)
        return first

    def _copy(self, copy: Copy, version: int) -> int:
        family, row = copy
        key = row[KEY:]
        own = row[VERSION] or version
        self._own(family, key, version, copy.time)
        if family.arrival:
            row = (*row[:PLACE], self._free_place(family, key, row[PLACE]), *key)
        elif family.log and (family, key[:-1]) in self._tops:
            self._tops[family, key[:-1]] = max(self._tops[family, key[:-1]], key[-1] + 1)
        self.rows.setdefault(family, {})[key] = COPY, (row[BODY], own, *row[CREATED_AT:])
        return int(own)

    def _free_place(self, family: Family, key: Key, place: int) -> int:
        """The place a copy asks for, or the next free one where another key holds it."""
        outer, old = key[:-1], self._stood[family, key][2]
        if self._holders.get((family, outer, place), key[-1]) != key[-1]:
            place = self._tops[family, outer]
        if old is not None and old != place:
            del self._holders[family, outer, old]
            if place < old == self._tops[family, outer] - 1:
                self._sunk.add((family, outer))
        self._settle(family, key, place)
        return place

    def _settle(self, family: Family, key: Key, place: int) -> None:
        outer = key[:-1]
        self._holders[family, outer, place] = key[-1]
        self._tops[family, outer] = max(self._tops[family, outer], place + 1)

    def _own(self, family: Family, key: Key, version: int, at: int) -> None:
        if owner := owner_of(family):
            outer = key[: len(owner.key)]
            rows = self.rows.setdefault(owner, {})
            if outer not in rows:
                rows[outer] = OWN, (b"", version, at, at, None, None, *outer)


def key_of(write: Put | Append | Copy) -> Key:
    """The key of what is written; for an append that of its log."""
    if type(write) is Copy:
        return write.row[KEY:]
    return write.key if type(write) is Put else write.prefix  # type: ignore[union-attr]
