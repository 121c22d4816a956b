"""The plainest backend there is, and so the model the others are held to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..core.backend import Backend, Capabilities, Vitals
from ..core.families import FAMILIES, OWNED, Family, owner_of
from ..core.records import (
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
    Page,
    Put,
    Row,
    Write,
    alive,
    attached,
    conflict,
    order_of,
)
from ..errors import UnavailableError

Rows = dict[Key, Row]


class SharedStore:
    """What several handles on one memory store share: the rows of each family, and two counters."""

    def __init__(self) -> None:
        self.rows: dict[Family, Rows] = {family: {} for family in FAMILIES}
        self.commits = 0
        self.latest = 0


class MemoryBackend(Backend):
    """Everything in dictionaries; gone with the process. Handles on one `SharedStore` are handles on one store."""

    name = "memory"
    capabilities = Capabilities(commit_sequence=True)

    def __init__(self, space: SharedStore | None = None) -> None:
        self._space = space or SharedStore()
        self._open = False

    async def open(self) -> int:
        self._open = True
        return self._space.latest

    async def close(self) -> None:
        self._open = False

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        self._check_open()
        draft = _WriteBatch(self._space)
        results = [draft.write(write) for write in writes]
        draft.commit()
        return results

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        rows = self._rows(family)
        return [rows.get(key) for key in keys]

    async def scan(self, page: Page) -> list[Row]:
        family, depth = page.family, len(page.prefix)
        found = [(order_of(family, row), row) for row in self._rows(family).values() if _wanted(page, row)]
        found.sort(key=lambda pair: pair[0], reverse=page.newest)
        rows = [row for order, row in found if _within(page, order[depth:])]
        return rows if page.limit is None else rows[: page.limit]

    async def sweep(self, now: int, limit: int) -> int:
        self._check_open()
        old = [(rows, key) for rows in self._space.rows.values() for key, row in rows.items() if not alive(row, now)]
        for rows, key in old[:limit]:
            del rows[key]
        return len(old[:limit])

    async def sequence(self) -> int:
        self._check_open()
        return self._space.commits

    async def vitals(self, now: int) -> Vitals:
        self._check_open()
        live = {f.name: [row for row in rows.values() if alive(row, now)] for f, rows in self._space.rows.items()}
        whole = {name: sum(1 for row in rows if row[BODY]) for name, rows in live.items()}
        partial = {name: len(rows) - whole[name] for name, rows in live.items()}
        return Vitals(whole, partial, sum(len(row[BODY]) for rows in live.values() for row in rows))

    def _rows(self, family: Family) -> Rows:
        self._check_open()
        return self._space.rows[family]

    def _check_open(self) -> None:
        if not self._open:
            raise UnavailableError("the store is not open: await store.initialize() first")


def _wanted(page: Page, row: Row) -> bool:
    return (
        row[KEY : KEY + len(page.prefix)] == page.prefix
        and (page.partial or bool(row[BODY]))
        and alive(row, page.alive_at)
    )


def _within(page: Page, order: Key) -> bool:
    return (page.after is None or order > page.after) and (page.before is None or order < page.before)


class _WriteBatch:
    """A copy of the touched families that takes the place of the rows when every write has gone through."""

    def __init__(self, space: SharedStore) -> None:
        self._space = space
        self._rows: dict[Family, Rows] = {}
        self._latest = space.latest
        self._version = space.commits + 1

    def commit(self) -> None:
        self._space.rows.update(self._rows)
        self._space.commits, self._space.latest = self._version, self._latest

    def write(self, write: Write) -> int:
        match write:
            case Put():
                return self._put(write)
            case Append():
                return self._append(write)
            case Copy():
                return self._copy(write)
            case Drop():
                return self._drop(write)

    def _family(self, family: Family) -> Rows:
        if family not in self._rows:
            self._rows[family] = dict(self._space.rows[family])
        return self._rows[family]

    def _put(self, put: Put) -> int:
        rows = self._family(put.family)
        old = rows.get(put.key)
        if old is not None and not alive(old, put.written_at):
            old = rows.pop(put.key)
            old = None
        found = old[VERSION] if old and old[BODY] else 0
        if put.expect is not None and put.expect != found:
            raise conflict(put, found)
        self._own(put.family, put.key, put.written_at)
        created, place = (old[CREATED_AT], old[PLACE]) if old else (put.written_at, self._place(put.family, put.key))
        rows[put.key] = (put.body, self._version, created, put.written_at, put.expires_at, place, *put.key)
        self._latest = max(self._latest, put.written_at)
        return self._version

    def _append(self, append: Append) -> int:
        rows = self._family(append.family)
        at = append.written_at
        self._own(append.family, append.prefix, at)
        first = cast(int, self._place(append.family, (*append.prefix, 0)))
        for position, body in enumerate(append.bodies, first):
            key = (*append.prefix, position)
            rows[key] = (body, self._version, at, at, None, position, *key)
        for put in attached(append, first):
            self._put(put)
        self._latest = max(self._latest, at)
        return first

    def _copy(self, copy: Copy) -> int:
        rows, key, at = self._family(copy.family), copy.row[KEY:], copy.row[WRITTEN_AT]
        self._own(copy.family, key, at)
        version, place = copy.row[VERSION] or self._version, copy.row[PLACE]
        if any(k[:-1] == key[:-1] and k != key and row[PLACE] == place is not None for k, row in rows.items()):
            place = self._place(copy.family, key)
        rows[key] = (copy.row[BODY], version, *copy.row[CREATED_AT:PLACE], place, *key)
        self._version = max(self._version, version)
        self._latest = max(self._latest, at)
        return int(version)

    def _drop(self, drop: Drop) -> int:
        rows, depth = self._family(drop.family), len(drop.prefix)
        gone = [key for key in rows if key[:depth] == drop.prefix]
        count = sum(alive(rows[key], drop.at) for key in gone)
        for key in gone:
            del rows[key]
        for family in OWNED[drop.family]:
            self._drop(Drop(family, drop.prefix, drop.at))
        self._latest = max(self._latest, drop.at)
        return count

    def _own(self, family: Family, key: Key, at: int) -> None:
        if owner := owner_of(family):
            outer = key[: len(owner.key)]
            self._family(owner).setdefault(outer, (b"", self._version, at, at, None, None, *outer))

    def _place(self, family: Family, key: Key) -> int | None:
        if not family.placed:
            return None
        outer = key[:-1]
        places = (row[PLACE] for k, row in self._family(family).items() if k[:-1] == outer)
        return max(places, default=-1) + 1
