"""Searcher: few vectors on the event loop, the rest in a reader thread, each search in one snapshot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ....core.searchable import IndexQuery, Leg, Match
from ....encoding.packer import Packer
from ....search.vectors import load_numpy
from ..engine import driver
from ..engine.connection_thread import ConnectionThread
from ..engine.driver import Connection, Cursor
from ..records import reads
from . import indexer, result_reader, rowid_ranges

VECTOR_BYTES = 96 * 1024 * 1024  # of the index held in the process: half is room for 100,000 vectors of 384 numbers
TRIES = 2  # times that a search looks for a moment at which nothing waits

T = TypeVar("T")


class Searcher:
    """The searches of one handle. `check` raises where the handle may not be used; `catch_up` takes in what waits."""

    def __init__(
        self,
        looking: Cursor,
        scanning: ConnectionThread,
        packer: Packer,
        vector_bytes: int,
        check: Callable[[], None],
        catch_up: Callable[[], Awaitable[int]],
    ) -> None:
        self._looking, self._scanning, self._packer = looking, scanning, packer
        self._vector_bytes = vector_bytes
        self._hot: rowid_ranges.CachedCodes = None
        self._check, self._catch_up = check, catch_up

    async def match(self, wanted: IndexQuery) -> list[Match]:
        """As `core.searchable` says. A record that is overwritten while the search runs may be left out of it."""
        hot = self._lately(wanted)
        if wanted.near is not None and not wanted.query.wanted and wanted.prefix:
            self._check()
            with driver.renaming("searching"):
                found = self._at_once(self._looking, lambda run: result_reader.few(run, wanted, hot))
            if found is not None and found[1] is not None:
                return found[1]
        return await self._find(lambda run: result_reader.matches(run, wanted, hot))

    async def legs(self, wanted: IndexQuery) -> tuple[Leg, Leg]:
        """As `core.searchable` says, with the same exception."""
        hot = self._lately(wanted)
        if wanted.near is not None and wanted.query.wanted and wanted.prefix:
            found = await self._side_by_side(wanted, hot)
            if found is not None:
                return found
        return await self._find(lambda run: result_reader.legs(run, wanted, hot))

    async def _side_by_side(self, wanted: IndexQuery, hot: rowid_ranges.CachedCodes) -> tuple[Leg, Leg] | None:
        """Both legs at once: text in the reader's thread, and few vectors here meanwhile.

        None where there are more, where something waits, and where somebody committed between the two.
        """
        self._check()
        with driver.renaming("searching"):
            few = self._at_once(self._looking, lambda run: result_reader.are_few(run, wanted))
            if few is None or not few[1]:
                return None
            text = self._scanning.begin(
                lambda c: self._at_once(self._on(c), lambda run: result_reader.by_text(run, wanted))
            )
            try:
                near = self._at_once(self._looking, lambda run: result_reader.few_near(run, wanted, hot))
            finally:
                found = await text
        if near is None or near[1] is None or found is None or near[0] != found[0]:
            return None
        return near[1], found[1]

    def _lately(self, wanted: IndexQuery) -> rowid_ranges.CachedCodes:
        """What was lately read of the vectors, where some are asked for."""
        if self._hot is None and wanted.near is not None and self._vector_bytes:
            load_numpy()
            from ..vectors.code_cache import CodeCache

            self._hot = CodeCache(self._vector_bytes)
        return self._hot

    async def _find(self, read: Callable[[Cursor], T]) -> T:
        """What is read at a moment when nothing waits to be taken in, or else without what waits."""
        for _ in range(TRIES):
            self._check()
            found = await self._scanning.run("searching", lambda c: self._at_once(self._on(c), read))
            if found is not None:
                return found[1]
            await self._catch_up()
        found = await self._scanning.run("searching", lambda c: self._at_once(self._on(c), read, still=False))
        assert found is not None, "only a moment that should be still may pass without an answer"
        return found[1]

    def _on(self, connection: Connection) -> Cursor:
        return driver.cursor(connection, self._packer)

    def _at_once(self, run: Cursor, read: Callable[[Cursor], T], *, still: bool = True) -> tuple[int, T] | None:
        """The number of a commit and what is read as of it; None where that is to be `still` and something waits."""
        sequence, found = reads.as_of(run, lambda run: None if still and indexer.waits(run) else (read(run),))
        return None if found is None else (sequence, found[0])
