"""Dictionary table in SQLite: trained dictionaries, and old bodies repacked with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from ....core.families import FAMILIES, Family
from ....core.records import BODY, KEY, Key, Page, Row, order_of
from ....encoding.body_format import MAX_DICTIONARIES
from ....encoding.dictionaries import Dictionary, close_dictionary, damaged
from ....encoding.dictionary_training import distinct
from ....encoding.packer import Packer
from ....sql import dictionaries, sqlite_logs, statements
from ..engine import driver
from ..engine.connection_thread import ConnectionThread
from ..engine.transaction import Commit, transact
from ..group_commit import SQLiteGroupCommit
from ..records import body_io, chunk_format

T = TypeVar("T")

STEP_ROWS, STEP_BYTES = 256, 256 * 1024  # of records packed again between two looks at what others want


def problems(connection: driver.Connection) -> list[str]:
    """One line for each dictionary whose row is damaged."""
    return damaged(map(Dictionary._make, connection.execute(dictionaries.learn(), (0,)).fetchall()))


class SQLiteDictionaries:
    """The table `dictionary`, for the trainer, which runs on the loop; all the work is done in the threads."""

    def __init__(
        self, packer: Packer, scanning: ConnectionThread, writer: SQLiteGroupCommit, check: Callable[[], None]
    ) -> None:
        self._packer = packer
        self._scanning = scanning
        self._writer = writer
        self._check = check  # may refuse a write before it begins

    async def sample(self, family: Family, size: int) -> list[bytes]:
        """Bodies of a family, the newest first, of about `size` bytes in all."""
        return await self._scanning.run("sampling", lambda c: self._sample(c, family, size))

    def _sample(self, connection: driver.Connection, family: Family, size: int) -> list[bytes]:
        run, rows = (driver.cursor(connection, self._packer) for _ in range(2))
        rows.execute(dictionaries.sample(family))
        try:
            return distinct(_messages(filter(None, (body_io.readable(run, row[0]) for row in rows))), size)
        finally:
            rows.close()  # a statement left open would pin the log

    async def held(self, family: Family) -> int:
        """Bytes of a family's bodies as they are stored."""
        return await self._scanning.run("counting", lambda c: int(c.execute(dictionaries.held(family)).fetchone()[0]))

    async def keep(self, family: Family, after: int, covered: int, pressed: bytes) -> bool:
        """Store a dictionary under the next number, unless the family's newest is not `after`; learn what is there."""
        self._check()
        return await self._writer.chore(lambda c: self._keep(c, family, after, covered, pressed), "keeping")

    def _keep(
        self, connection: driver.Connection, family: Family, after: int, covered: int, pressed: bytes
    ) -> tuple[bool, Commit]:
        def insert() -> bool:
            body_io.learn(connection, self._packer)
            newest, number = self._packer.newest(family), self._packer.latest + 1
            if (newest.number if newest else 0) != after or number > MAX_DICTIONARIES:
                return False
            row = (number, family.name, covered, close_dictionary(number, pressed))
            connection.execute(dictionaries.keep(), row)
            return True

        won, commit = transact(connection.cursor(), insert)
        body_io.learn(connection, self._packer)  # only now: nobody may pack with what might have been rolled back
        return won, commit

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
                    count += await self._writer.chore(_replace(family, smaller), "packing")
        return count

    def _smaller_after(self, family: Family, after: Key | None) -> Callable[[driver.Connection], _Step]:
        return lambda connection: self._smaller(connection, family, after)

    def _smaller(self, connection: driver.Connection, family: Family, after: Key | None) -> _Step:
        """What to replace of some rows, and where they end; reads and packs outside any transaction that writes."""
        run, rows = (driver.cursor(connection, self._packer) for _ in range(2))
        smaller: list[tuple[Any, ...]] = []
        size, last = 0, None
        for row in rows.execute(*_stored(family, after)):
            which, last, packed = _parts(family, row)
            size += len(packed)
            body = body_io.readable(run, packed)
            if again := self._packer.repack(family, packed, body) if body else None:
                smaller.append((*which, packed, again))
            if size > STEP_BYTES:
                break
        rows.close()
        return smaller, last


def _messages(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Bodies, those in chunks one by one."""
    for body in bodies:
        yield from chunk_format.bodies(body) if chunk_format.sealed(body) else [body]


def _stored(family: Family, after: Key | None) -> tuple[str, tuple[object, ...]]:
    """The statement that reads rows as they are stored, and what it binds."""
    if family.log:
        return sqlite_logs.stored(family), (*(after or (0,)), STEP_ROWS)
    page = Page(family, after=after, limit=STEP_ROWS, partial=True)
    return statements.scan("rows", statements.shape(page)), statements.bind(page)


def _parts(family: Family, row: Row) -> tuple[tuple[Any, ...], Key, bytes]:
    """How a row is found, where it stands, and its body as it is stored."""
    if family.log:
        number, packed = row
        return (number,), (number,), packed
    return row[KEY:], order_of(family, row), row[BODY]


_Step = tuple[list[tuple[Any, ...]], "Key | None"]


def _replace(family: Family, smaller: list[tuple[Any, ...]]) -> Callable[[driver.Connection], tuple[int, Commit]]:
    def work(connection: driver.Connection) -> tuple[int, Commit]:
        run = connection.cursor()
        return transact(run, lambda: run.executemany(_repack(family), smaller).rowcount)

    return work


def _repack(family: Family) -> str:
    return sqlite_logs.repack(family) if family.log else dictionaries.repack(family)
