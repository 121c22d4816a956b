"""Memory backend: everything in dictionaries, plain enough to be the model that the others are held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.backend import Backend, Capabilities, Vitals
from ..core.families import FAMILIES, Family
from ..core.records import BODY, KEY, PLACE, VERSION, Key, Page, Row, Write, alive, order_of, selected, within
from ..errors import UnavailableError
from .batch import WriteBatch

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
        batch = _MemoryBatch(self._space)
        results = [batch.write(write) for write in writes]
        batch.commit()
        return results

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        rows = self._rows(family)
        return [rows.get(key) for key in keys]

    async def scan(self, page: Page) -> list[Row]:
        family, depth = page.family, len(page.prefix)
        found = [(order_of(family, row), row) for row in self._rows(family).values() if selected(page, row)]
        found.sort(key=lambda pair: pair[0], reverse=page.newest)
        rows = [row for order, row in found if within(page, order[depth:])]
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


class _MemoryBatch(WriteBatch):
    """A copy of the touched families that takes the place of the rows when every write has gone through."""

    def __init__(self, space: SharedStore) -> None:
        self.version, self.latest = space.commits + 1, space.latest
        self._space = space
        self._rows: dict[Family, Rows] = {}

    def commit(self) -> None:
        self._space.rows.update(self._rows)
        self._space.commits, self._space.latest = self.version, self.latest

    def find(self, family: Family, key: Key) -> Row | None:
        return self._family(family).get(key)

    def store(self, family: Family, row: Row) -> None:
        self._family(family)[row[KEY:]] = row

    def extend(self, family: Family, rows: Mapping[Key, Row]) -> None:
        self._family(family).update(rows)

    def replace(self, family: Family, row: Row) -> None:
        self.store(family, row)
        self.version = max(self.version, row[VERSION])  # one that was copied does not come again

    def add_owner(self, owner: Family, row: Row) -> None:
        self._family(owner).setdefault(row[KEY:], row)

    def remove(self, family: Family, prefix: Key) -> list[Row]:
        rows, depth = self._family(family), len(prefix)
        gone = [key for key in rows if key[:depth] == prefix]
        return [rows.pop(key) for key in gone]

    def next_place(self, family: Family, outer: Key) -> int:
        places = [row[PLACE] for key, row in self._family(family).items() if key[:-1] == outer]
        return max(places, default=-1) + 1

    def is_taken(self, family: Family, key: Key, place: int) -> bool:
        outer, rows = key[:-1], self._family(family)
        return any(row[PLACE] == place and k[:-1] == outer and k != key for k, row in rows.items())

    def _family(self, family: Family) -> Rows:
        rows = self._rows.get(family)
        if rows is None:
            rows = self._rows[family] = dict(self._space.rows[family])
        return rows
