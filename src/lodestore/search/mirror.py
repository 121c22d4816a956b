"""An index of text in the process, for backends without one: SQLite's own, built from what the store reads.

Before a search the store is read through, unless its commit number stands where it stood: records that are new or
were changed are taken into the index, those that are gone leave it. So a search costs a scan where anything was
written since the last one, and no other process has to know of the index.

It lies in a temporary database of SQLite, of which 16 MiB are kept in memory; the rest goes to a temporary file
without a name. It takes about as much as the text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import TypeVar

from ..backends.sqlite import driver
from ..catalogue import SEARCHABLE, Family
from ..kernel import BODY, KEY, PLACE, Backend, Key, Match, Page, Row, Tell, Wanted
from ..sql import search as sql
from ..texts import text_of
from ..words import expression, spaced

T = TypeVar("T")

TRIES = 3  # times that a search begins anew because what it found was written meanwhile
_CACHE_KIB = 16 * 1024
_TABLES = (
    "CREATE TEMP TABLE owner (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TEMP TABLE unindexed (first INTEGER PRIMARY KEY, last INTEGER NOT NULL)",  # stays empty
    "CREATE TEMP TABLE held (id INTEGER PRIMARY KEY, print BLOB NOT NULL, name TEXT, round INTEGER NOT NULL)",
)
_OWN = "INSERT INTO owner (name) VALUES (?1) ON CONFLICT DO NOTHING"
_OWNER = "SELECT id FROM owner WHERE name = ?1"
_OWNER_NAME = "SELECT name FROM owner WHERE id = ?1"
_STANDS = "UPDATE held SET round = ?3 WHERE id = ?1 AND print = ?2"
_HOLD = "INSERT OR REPLACE INTO held (id, print, name, round) VALUES (?1, ?2, ?3, ?4)"
_HELD = "SELECT name, print FROM held WHERE id = ?1"
_GONE = "DELETE FROM posting WHERE rowid IN (SELECT id FROM held WHERE round < ?1)"
_FORGET = "DELETE FROM held WHERE round < ?1"

Found = tuple[Family, float, Key, bytes]  # with the print of the body it was found by


class Mirror:
    """The index of one handle. All of SQLite happens in a thread of its own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "lodestore-search")
        self._connection: driver.Connection = None
        self._sequence: int | None = None
        self._round = 0

    async def match(self, wanted: Wanted) -> list[Match]:
        """As `kernel.Searchable` says."""
        words = expression(wanted.query)
        if not words:
            return []
        async with self._turn:
            for _ in range(TRIES):
                await self._refresh(lambda done: None)
                found = await self._run(lambda: self._find(wanted, words))
                matches, whole = await self._read(found)
                if whole:
                    break
        return matches

    async def reindex(self, tell: Tell) -> int:
        """As `kernel.Searchable` says."""
        async with self._turn:
            await self._run(self._drop)
            return await self._refresh(tell)

    async def close(self) -> None:
        """Give back what it takes."""
        async with self._turn:
            await self._run(self._drop)
            self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        with driver.renaming("searching"):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._sequence = None, None

    async def _refresh(self, tell: Tell) -> int:
        """Read the store through, if it has changed; how many records there are."""
        sequence = await self._backend.sequence()  # first: what is written during the scan moves it
        if sequence is not None and sequence == self._sequence:
            return 0
        count = 0
        await self._run(self._begin)
        try:
            for family in SEARCHABLE:
                async for rows in self._backend.stream(Page(family)):
                    await self._run(lambda family=family, rows=rows: self._take(family, rows))  # type: ignore[misc]
                    count += len(rows)
                    tell(count)
            await self._run(self._finish)
        except BaseException:
            await self._run(self._drop)  # half of a scan says nothing of what is gone
            raise
        self._sequence = sequence
        return count

    def _begin(self) -> None:
        if self._connection is None:
            self._connection = _database()
        self._round += 1
        self._connection.execute("BEGIN")

    def _take(self, family: Family, rows: list[Row]) -> None:
        run = self._connection.cursor()
        for row in rows:
            number, mark = self._number(run, family, row), _print(row[BODY])
            if run.execute(_STANDS, (number, mark, self._round)).rowcount == 0:
                run.execute(_HOLD, (number, mark, None if family.log else row[-1], self._round))
                run.execute(sql.UNPOST, (number, number))
                run.execute(sql.POST, (number, spaced(text_of(family, row[BODY]))))

    def _number(self, run: driver.Cursor, family: Family, row: Row) -> int:
        owner = 0
        if family.owner:
            run.execute(_OWN, (row[KEY],))
            owner = run.execute(_OWNER, (row[KEY],)).fetchone()[0]
        return sql.number(family, owner, row[PLACE])

    def _finish(self) -> None:
        self._connection.execute(_GONE, (self._round,))
        self._connection.execute(_FORGET, (self._round,))
        self._connection.execute("COMMIT")

    def _find(self, wanted: Wanted, words: str) -> list[Found]:
        run = self._connection.cursor()
        spans = self._spans(run, wanted)
        if not spans:
            return []
        limit = -1 if wanted.limit is None else wanted.limit
        binds = (words, limit, wanted.offset, *(bound for span in spans for bound in span))
        found = run.execute(sql.search(len(spans)), binds).fetchall()
        return [self._found(run, number, score) for number, score in found]

    def _spans(self, run: driver.Cursor, wanted: Wanted) -> list[sql.Span]:
        if not wanted.prefix:
            return [sql.span(family) for family in wanted.families]
        owner = run.execute(_OWNER, wanted.prefix).fetchone()
        return [sql.span(family, owner[0]) for family in wanted.families if family.owner] if owner else []

    def _found(self, run: driver.Cursor, number: int, score: float) -> Found:
        family = sql.family_of(number)
        owner, place = sql.place_of(family, number)
        name, mark = run.execute(_HELD, (number,)).fetchone()
        outer = run.execute(_OWNER_NAME, (owner,)).fetchone() if family.owner else ()
        return family, score, (*outer, place if family.log else name), mark

    async def _read(self, found: list[Found]) -> tuple[list[Match], bool]:
        """The records found, and whether all of them still are what they were found by."""
        rows: dict[tuple[Family, Key], Row | None] = {}
        for family in {family for family, *_ in found}:
            keys = [key for other, _, key, _ in found if other is family]
            rows |= {(family, key): row for key, row in zip(keys, await self._backend.fetch(family, keys), strict=True)}
        matches = []
        for family, score, key, mark in found:
            row = rows[family, key]
            if row is not None and _print(row[BODY]) == mark:
                matches.append(Match(family, score, row))
        return matches, len(matches) == len(found)


def _database() -> driver.Connection:
    connection = driver.private()
    for pragma in ("temp_store = FILE", f"temp.cache_size = -{_CACHE_KIB}"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    for text in (*_TABLES, sql.TABLE.replace("posting", "temp.posting", 1)):
        connection.execute(text)
    return connection


def _print(body: bytes) -> bytes:
    return blake2b(body, digest_size=12).digest()
