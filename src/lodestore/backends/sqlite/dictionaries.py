"""Trained dictionaries of a SQLite store: kept in their table, and old bodies packed again with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...catalogue import FAMILIES, Family
from ...errors import Corrupt
from ...kernel import BODY, KEY, VERSION, Key, Page, Row, order_of
from ...packing import MOST, Dictionary, Packer, close_dictionary, damaged
from ...sql import dictionaries, render
from ...training import distinct
from . import driver, unpacking
from .threads import Thread

STEP_ROWS, STEP_BYTES = 256, 256 * 1024  # of records packed again between two looks at what others want


def problems(connection: driver.Connection) -> list[str]:
    """One line for each dictionary whose row is damaged."""
    return damaged(map(Dictionary._make, connection.execute(dictionaries.learn(), (0,)).fetchall()))


class TableShelf:
    """The table `dictionary`, for the trainer, which runs on the loop; all the work is done in the threads."""

    def __init__(self, packer: Packer, scanning: Thread, writing: Thread, check: Callable[[], None]) -> None:
        self._packer = packer
        self._scanning = scanning
        self._writing = writing
        self._check = check  # may refuse a write before it begins

    async def sample(self, family: Family, size: int) -> list[bytes]:
        """Bodies of a family, the newest first, of about `size` bytes in all."""
        return await self._scanning.run("sampling", lambda c: self._sample(c, family, size))

    def _sample(self, connection: driver.Connection, family: Family, size: int) -> list[bytes]:
        run, rows = (driver.cursor(connection, self._packer) for _ in range(2))
        rows.execute(dictionaries.sample(family))
        try:
            return distinct(filter(None, (_readable(run, row[0]) for row in rows)), size)
        finally:
            rows.close()  # a statement left open would pin the log

    async def held(self, family: Family) -> int:
        """Bytes of a family's bodies as they are stored."""
        return await self._scanning.run("counting", lambda c: int(c.execute(dictionaries.held(family)).fetchone()[0]))

    async def keep(self, family: Family, after: int, covered: int, content: bytes) -> bool:
        """Store a dictionary under the next number, unless the family's newest is not `after`; learn what is there."""
        self._check()
        return await self._writing.run("keeping", lambda c: self._keep(c, family, after, covered, content))

    def _keep(self, connection: driver.Connection, family: Family, after: int, covered: int, content: bytes) -> bool:
        def insert() -> bool:
            unpacking.learn(connection, self._packer)
            newest, number = self._packer.newest(family), self._packer.latest + 1
            if (newest.number if newest else 0) != after or number > MOST:
                return False
            row = (number, family.name, covered, close_dictionary(number, content))
            connection.execute(dictionaries.keep(), row)
            return True

        won = bool(_transact(connection, insert))
        unpacking.learn(connection, self._packer)  # only now: nobody may pack with what might have been rolled back
        return won

    async def repack(self) -> int:
        """Pack again, with effort and the newest dictionary, every body that becomes smaller; how many did."""
        count = 0
        for family in FAMILIES:
            after: Key | None = None
            while True:
                smaller, after = await self._scanning.run("packing", self._smaller_after(family, after))
                if after is None:
                    break
                if smaller:
                    self._check()
                    count += await self._writing.run("packing", _replace(family, smaller))
        return count

    def _smaller_after(self, family: Family, after: Key | None) -> Callable[[driver.Connection], _Step]:
        return lambda connection: self._smaller(connection, Page(family, after=after, limit=STEP_ROWS, partial=True))

    def _smaller(self, connection: driver.Connection, page: Page) -> _Step:
        """What to replace of a page, and where it ended; reads and packs outside any transaction that writes."""
        run, rows = (driver.cursor(connection, self._packer) for _ in range(2))
        smaller: list[tuple[Any, ...]] = []
        size, last = 0, None
        for row in rows.execute(render.scan("rows", render.shape(page)), render.bind(page)):
            size, last = size + len(row[BODY]), order_of(page.family, row)
            if body := self._again(run, page.family, row):
                smaller.append((*row[KEY:], row[VERSION], body))
            if size > STEP_BYTES:
                break
        rows.close()
        return smaller, last

    def _again(self, run: driver.Cursor, family: Family, row: Row) -> bytes | None:
        body = _readable(run, row[BODY])
        return self._packer.repack(family, row[BODY], body) if body else None


_Step = tuple[list[tuple[Any, ...]], "Key | None"]


def _readable(run: driver.Cursor, packed: bytes) -> bytes | None:
    """The body; None where it is broken, which reading the record tells and `verify`, not its upkeep."""
    try:
        return unpacking.unpack(run, packed)
    except Corrupt:
        return None


def _replace(family: Family, smaller: list[tuple[Any, ...]]) -> Callable[[driver.Connection], int]:
    def work(connection: driver.Connection) -> int:
        run = connection.cursor()
        return _transact(connection, lambda: run.executemany(dictionaries.repack(family), smaller).rowcount)

    return work


def _transact(connection: driver.Connection, work: Callable[[], int]) -> int:
    """One transaction of its own in the writer's thread, counted in the commit sequence as any other."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work()
        connection.execute("UPDATE store SET commits = commits + 1")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result
