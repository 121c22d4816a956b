"""Search over the index of text and vectors, and keeping that index up with what is written.

Whoever searches takes out first what stands in the queue, in the writer's thread, so what was committed before, by
any handle or process, is found. So that little stands there, the same is done when nothing has been written for a
while, and beside the writes where many records wait; but only in a store that has been searched before: one that never
is has no index, and pays for none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ...errors import LodestoreError
from ...floats import load_numpy
from ...kernel import Append, Drop, Leg, Match, Tell, Wanted, Write
from ...packing import Packer
from ...search import ranges
from ...sql import search as sql
from ...sql import vectors
from . import driver, execute, indexing, noting, reading
from .cells import Cells
from .driver import Connection, Cursor
from .threads import Thread
from .watch import Commit
from .writer import Writer, transacted

QUIET = 0.05  # seconds without a write, after which what waits is taken in
MANY = 2000  # records written and not taken in, from which on that is done beside the writes
TRIES = 2  # times that a search looks for a moment at which nothing waits
VECTOR_BYTES = 96 * 1024 * 1024  # of the index held in the process: half is room for 100,000 vectors of 384 numbers
MERGED = 500  # pages of the index merged in one transaction

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Index:
    """The index of one handle's store. `checks` raise where the handle, or its file, may not be used."""

    def __init__(
        self,
        looking: Cursor,
        scanning: Thread,
        writer: Writer,
        packer: Packer,
        vector_bytes: int,
        *checks: Callable[[], None],
    ) -> None:
        self._looking, self._scanning, self._writer = looking, scanning, writer
        self._packer, self._checks = packer, checks
        self._vector_bytes = vector_bytes
        self._hot: ranges.Hot = None
        self._cells = Cells(scanning, writer, packer)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self._writes = 0  # by this handle, ever
        self._backlog = 0  # records this handle wrote since the last walk through the queue began

    # -- searching

    async def match(self, wanted: Wanted) -> list[Match]:
        """As `kernel.Searchable` says. A record that is overwritten while the search runs may be left out of it."""
        hot = self._lately(wanted)
        if wanted.near is not None and not wanted.query.wanted and wanted.prefix:
            self._check()
            with driver.renaming("searching"):
                found = self._at_once(self._looking, lambda run: reading.few(run, wanted, hot), still=True)
            if found is not None and found[0] is not None:
                return found[0]
        return await self._find(lambda run: reading.matches(run, wanted, hot))

    async def legs(self, wanted: Wanted) -> tuple[Leg, Leg]:
        """As `kernel.Searchable` says, with the same exception."""
        hot = self._lately(wanted)
        if wanted.near is not None and wanted.query.wanted and wanted.prefix:
            found = await self._side_by_side(wanted, hot)
            if found is not None:
                return found
        return await self._find(lambda run: reading.legs(run, wanted, hot))

    async def _side_by_side(self, wanted: Wanted, hot: ranges.Hot) -> tuple[Leg, Leg] | None:
        """Both legs at once: text in the reader's thread, and few vectors here meanwhile.

        None where there are more, where something waits, and where somebody committed between the two.
        """
        self._check()
        with driver.renaming("searching"):
            few = self._at_once(self._looking, lambda run: reading.are_few(run, wanted), still=True)
            if few is None or not few[0]:
                return None
            text = self._scanning.begin(lambda c: self._moment(self._on(c), lambda run: reading.by_text(run, wanted)))
            try:
                near = self._moment(self._looking, lambda run: reading.few_near(run, wanted, hot))
            finally:
                found = await text
        if near[0] != found[0] or near[1] is None or found[1] is None:
            return None
        return near[1], found[1]

    def _lately(self, wanted: Wanted) -> ranges.Hot:
        """What was lately read of the vectors, where some are asked for."""
        if self._hot is None and wanted.near is not None and self._vector_bytes:
            load_numpy()
            from ...vectors.hot import HotCodes

            self._hot = HotCodes(self._vector_bytes)
        return self._hot

    async def _find(self, read: Callable[[Cursor], T]) -> T:
        """What is read at a moment when nothing waits to be taken in, or else without what waits."""
        for _ in range(TRIES):
            self._check()
            found = await self._scanning.run("searching", lambda c: self._at_once(self._on(c), read, still=True))
            if found is not None:
                return found[0]
            await self.catch_up()
        found = await self._scanning.run("searching", lambda c: self._at_once(self._on(c), read, still=False))
        assert found is not None, "only a moment that should be still may pass without an answer"
        return found[0]

    def _on(self, connection: Connection) -> Cursor:
        return driver.cursor(connection, self._packer)

    def _moment(self, run: Cursor, read: Callable[[Cursor], T | None]) -> tuple[int, T | None]:
        """What is read, with the number of the commit it is as of; None where something waits."""
        return execute.as_of(run, lambda run: None if indexing.waits(run) else read(run))

    def _at_once(self, run: Cursor, read: Callable[[Cursor], T], *, still: bool) -> tuple[T] | None:
        """What is read, of one moment; None where that would have to be `still` and something waits."""
        _, found = execute.as_of(run, lambda run: None if still and indexing.waits(run) else (read(run),))
        return found

    def _check(self) -> None:
        for check in self._checks:
            check()

    # -- keeping up

    def wake(self) -> None:
        """Take in what waits, once nothing is being written."""
        if self._timer is None and self._task is None and not self._ended:
            self._timer = self._loop.call_later(QUIET, self._quiet, self._writes)

    def wrote(self, writes: Sequence[Write]) -> None:
        """Count what has just been written."""
        self._writes += 1
        count = sum(map(_records, writes))
        if count:
            self._backlog += count
            self.wake()
            if self._backlog >= MANY and self._task is None:
                self._begin()

    def _quiet(self, writes: int) -> None:
        self._timer = None
        if writes != self._writes and self._backlog < MANY:
            self.wake()
        else:
            self._begin()

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None and not self._ended:
            self._task = asyncio.ensure_future(self._tend())

    async def _tend(self) -> None:
        try:
            if await self.catch_up(waking=False):
                await self._cells.tend(self._goes_on)
        except LodestoreError as problem:  # the next search takes it in, or says why not
            _log.warning("keeping the index of text and vectors: %s", problem)
        finally:
            self._task = None
        if self._backlog:
            self.wake()

    def _goes_on(self) -> bool:
        return not self._ended

    async def stop(self) -> None:
        """No further step; returns when the one under way is through."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            await asyncio.wait([self._task])

    async def catch_up(self, tell: Tell | None = None, *, waking: bool = True) -> int:
        """Take in what stood in the queue when this began; how many records were posted.

        Without `waking`, nothing of a store that has not been searched yet.
        """
        self._backlog = 0
        posted, after = 0, sql.FIRST
        while not self._ended:
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
            if not indexing.waits(run) or (not waking and indexing.sleeps(run)):
                return (0, None), None
            return transacted(connection, lambda: indexing.step(run, after))

        return work

    # -- the whole

    async def reindex(self, tell: Tell) -> int:
        """Drop the index and build it anew; until it is there, a search waits for it."""
        self._check()
        await self._writer.chore(lambda c: transacted(c, lambda: _forget(c.cursor())), "reindexing")
        count = await self.catch_up(tell)
        await self._cells.tend(self._goes_on)
        return count

    async def settle(self) -> None:
        """Take in what waits, then bring the parts of the index together, in short transactions."""
        await self.catch_up(waking=False)
        await self._cells.tend(self._goes_on)
        pages = -MERGED  # negative at first: all parts, not only those of one size
        while not self._ended and await self._writer.chore(_merging(pages), "merging the index of text"):
            self._check()
            pages = MERGED


def _records(write: Write) -> int:
    if not (write.family.text or isinstance(write, Drop)):
        return 0
    return len(write.bodies) if isinstance(write, Append) else 1


def _forget(run: Any) -> None:
    run.execute(sql.UNPOST_ALL)
    for text in vectors.EMPTY:
        run.execute(text)
    noting.note(run, sql.FIRST, sql.END)


def _merging(pages: int) -> Callable[[Connection], tuple[bool, Commit | None]]:
    def work(connection: Connection) -> tuple[bool, Commit | None]:
        def merge() -> bool:
            before = connection.total_changes
            connection.execute(sql.MERGE, (pages,))
            return bool(connection.total_changes - before > 1)  # FTS5's way to say that there is more to do

        return transacted(connection, merge)

    return work
