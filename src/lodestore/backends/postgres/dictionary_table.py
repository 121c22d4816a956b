"""Dictionary table in PostgreSQL: trained dictionaries, and old bodies repacked with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from ...core.families import FAMILIES, Family
from ...core.records import BODY, KEY, VERSION, Page, Row, following
from ...encoding.body_format import MAX_DICTIONARIES
from ...encoding.dictionaries import Dictionary, close_dictionary
from ...encoding.dictionary_training import distinct
from ...encoding.packer import Packer, UnknownDictionary
from ...sql import dictionaries, postgres_bulk, statements
from ...sql.dialect import Dialect
from .driver import Connection
from .pool import Pool
from .single_put import row_of

T = TypeVar("T")

STEP_ROWS = 256  # packed again between two looks at what others want


async def rows(run: Connection, d: Dialect, after: int) -> list[Dictionary]:
    """The dictionaries with numbers above `after`."""
    return [Dictionary._make(row) for row in await run.fetch(dictionaries.learn(d), after)]


class PostgresDictionaries:
    """The table `dictionary`, for the trainer and for reading."""

    def __init__(self, pool: Pool, d: Dialect, packer: Packer) -> None:
        self._pool = pool
        self._d = d
        self._packer = packer

    async def learn(self) -> None:
        """Tell the packer of every dictionary it does not know yet."""
        self._packer.learn(await self._pool.read("reading", lambda run: rows(run, self._d, self._packer.latest)))

    async def unpacking(self, work: Callable[[], T]) -> T:
        """Do what unpacks; once more when another process has trained a dictionary since."""
        try:
            return work()
        except UnknownDictionary:
            await self.learn()
        return work()

    async def rows_of(self, family: Family, found: Sequence[Any]) -> list[Any]:
        """Rows as `core.records` defines them, where there are any."""
        return await self.unpacking(lambda: [row and row_of(self._packer, family, row) for row in found])

    async def sample(self, family: Family, size: int) -> list[bytes]:
        """Bodies of a family from blocks taken by chance, of about `size` bytes in all."""
        packed = await self._pool.read("sampling", lambda run: self._some(run, family, size))
        await self.learn()
        return distinct(filter(None, map(self._packer.readable, packed)), size)

    async def _some(self, run: Connection, family: Family, size: int) -> list[bytes]:
        found: list[bytes] = []
        async with run.transaction(readonly=True):
            held = await run.fetchval("SELECT pg_total_relation_size($1::regclass)", self._d.table(family))
            share = min(100.0, 800.0 * size / max(held, 1))  # per cent; eight times what is wanted, for duplicates
            async for row in run.cursor(dictionaries.sample(family, self._d), share, prefetch=100):
                found.append(row[0])
                size -= len(row[0])
                if size < 0:
                    break
        return found

    async def held(self, family: Family) -> int:
        """Bytes of a family's bodies as they are stored."""
        text = dictionaries.held(family, self._d)
        return int(await self._pool.read("counting", lambda run: run.fetchval(text)))

    async def keep(self, family: Family, after: int, covered: int, pressed: bytes) -> bool:
        """Store a dictionary under the next number, unless the family's newest is not `after`; learn what is there."""

        async def work(run: Connection) -> bool:
            async with run.transaction(isolation="read_committed"):
                await run.execute(self._advance())
                self._packer.learn(await rows(run, self._d, self._packer.latest))
                newest, number = self._packer.newest(family), self._packer.latest + 1
                if (newest.number if newest else 0) != after or number > MAX_DICTIONARIES:
                    return False
                row = (number, family.name, covered, close_dictionary(number, pressed))
                await run.execute(dictionaries.keep(self._d), *row)
            return True

        won = await self._pool.read("keeping", work, writes=True)
        await self.learn()  # only now: nobody may pack with what might have been rolled back
        return won

    def _advance(self) -> str:
        # Takes the row of `store`, as every writer does first; without that two could wait for each other.
        return f"UPDATE {self._d.schema}store SET commits = commits + 1"

    async def repack(self) -> int:
        """Pack again, with effort and the newest dictionary, every body that becomes smaller; how many did."""
        count = 0
        for family in FAMILIES:
            page = Page(family, limit=STEP_ROWS, partial=True)
            while found := await self._rows(page):
                await self.learn()
                if smaller := await asyncio.to_thread(self._smaller, family, found):
                    count += await self._pool.read("packing", partial(self._replace, family, smaller), writes=True)
                page = following(page, found[-1])
        return count

    async def _rows(self, page: Page) -> list[Row]:
        text, bound = statements.scan("rows", statements.shape(page), self._d), statements.bind(page, self._d)
        return [tuple(row) for row in await self._pool.read("packing", lambda run: run.fetch(text, *bound))]

    def _smaller(self, family: Family, found: Sequence[Row]) -> list[tuple[Any, ...]]:
        pairs = ((row, self._packer.readable(row[BODY])) for row in found)
        again = ((row, self._packer.repack(family, row[BODY], body)) for row, body in pairs if body)
        return [(*row[KEY:], row[VERSION], body) for row, body in again if body]

    async def _replace(self, family: Family, smaller: list[tuple[Any, ...]], run: Connection) -> int:
        columns = [list(column) for column in zip(*smaller, strict=True)]
        async with run.transaction(isolation="read_committed"):
            await run.execute(self._advance())
            status = await run.execute(postgres_bulk.repack(family, self._d), *columns)  # "UPDATE 3"
        return int(status.rpartition(" ")[2])
