"""Search index: searches, and the upkeep that brings the index in line with what is written.

Whoever searches takes out first what stands in the queue, in the writer's thread, so what was committed before, by
any handle or process, is found. So that little stands there, the same is done when nothing has been written for a
while, and beside the writes where many records wait; but only in a store that has been searched before: one that never
is has no index, and pays for none.
"""

from __future__ import annotations

from collections.abc import Callable

from ....core.searchable import IndexQuery, Leg, Match, OnCount
from ....encoding.packer import Packer
from ....sql import sqlite_fts as sql, sqlite_numbers, sqlite_vectors
from ..engine import driver
from ..engine.connection_thread import ConnectionThread
from ..engine.driver import Connection, Cursor
from ..engine.transaction import Commit, transact
from ..group_commit import SQLiteGroupCommit
from ..records import search_queue
from . import indexer
from .ivf_maintenance import IVFMaintenance
from .searcher import Searcher
from .upkeep import IndexUpkeep

MERGED = 500  # pages of the index merged in one transaction


class SQLiteIndex:
    """The index of one handle's store. `checks` raise where the handle, or its file, may not be used."""

    def __init__(
        self,
        looking: Cursor,
        scanning: ConnectionThread,
        writer: SQLiteGroupCommit,
        packer: Packer,
        vector_bytes: int,
        *checks: Callable[[], None],
    ) -> None:
        self._writer, self._packer, self._checks = writer, packer, checks
        self._look = Searcher(looking, scanning, packer, vector_bytes, self._check, self.catch_up)
        self._cells = IVFMaintenance(scanning, writer, packer)
        self.upkeep = IndexUpkeep(self._keep_up)

    async def match(self, wanted: IndexQuery) -> list[Match]:
        """As `core.searchable` says. A record that is overwritten while the search runs may be left out of it."""
        return await self._look.match(wanted)

    async def legs(self, wanted: IndexQuery) -> tuple[Leg, Leg]:
        """As `core.searchable` says, with the same exception."""
        return await self._look.legs(wanted)

    def _check(self) -> None:
        for check in self._checks:
            check()

    # -- keeping up

    async def _keep_up(self) -> None:
        if await self.catch_up(waking=False):
            await self._cells.tend(self._goes_on)

    def _goes_on(self) -> bool:
        return not self.upkeep.stopping

    async def catch_up(self, tell: OnCount | None = None, *, waking: bool = True) -> int:
        """Take in what stood in the queue when this began; how many records were posted.

        Without `waking`, nothing of a store that has not been searched yet.
        """
        self.upkeep.backlog = 0
        posted, after = 0, sqlite_numbers.FIRST
        while self._goes_on():
            self._check()
            count, following = await self._writer.chore(self._step(after, waking), "indexing")
            posted += count
            if tell is not None:
                tell(posted)
            if following is None:
                break
            after = following
        return posted

    def _step(self, after: int, waking: bool) -> Callable[[Connection], tuple[tuple[int, int | None], Commit | None]]:
        def work(connection: Connection) -> tuple[tuple[int, int | None], Commit | None]:
            run = driver.cursor(connection, self._packer)
            if not indexer.waits(run) or (not waking and indexer.sleeps(run)):
                return (0, None), None
            return transact(run, lambda: indexer.step(run, after))

        return work

    # -- the whole

    async def reindex(self, tell: OnCount) -> int:
        """Drop the index and build it anew; until it is there, a search waits for it."""
        self._check()
        await self._writer.chore(_forget, "reindexing")
        count = await self.catch_up(tell)
        await self._cells.tend(self._goes_on)
        return count

    async def settle(self) -> None:
        """Take in what waits, then bring the parts of the index together, in short transactions."""
        await self.catch_up(waking=False)
        await self._cells.tend(self._goes_on)
        pages = -MERGED  # negative at first: all parts, not only those of one size
        while self._goes_on() and await self._writer.chore(_merging(pages), "merging the index of text"):
            self._check()
            pages = MERGED


def _forget(connection: Connection) -> tuple[None, Commit | None]:
    run = connection.cursor()

    def forget() -> None:
        run.execute(sql.UNPOST_ALL)
        for text in sqlite_vectors.EMPTY:
            run.execute(text)
        search_queue.note(run, sqlite_numbers.FIRST, sqlite_numbers.END)

    return transact(run, forget)


def _merging(pages: int) -> Callable[[Connection], tuple[bool, Commit | None]]:
    def work(connection: Connection) -> tuple[bool, Commit | None]:
        def merge() -> bool:
            before = connection.total_changes
            connection.execute(sql.MERGE, (pages,))
            return bool(connection.total_changes - before > 1)  # FTS5's way to say that there is more to do

        return transact(connection.cursor(), merge)

    return work
