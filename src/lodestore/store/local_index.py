"""Local index: text and vector search for backends without an index, by a private SQLite copy of what is searched.

Before a search the copy is brought in line with the store, unless the store's commit number stands where it stood. So
the first search after a write costs a scan, and no other process has to know of the index. The copy is a scratch store
and takes about as much space on the disk as the records and vectors that are searched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from ..core.backend import Backend, fetch_by_id
from ..core.families import COLLECTION, SEARCHABLE, VECTORS
from ..core.records import BODY, KEY
from ..core.searchable import IndexQuery, Leg, Match, OnCount, Searchable
from ..errors import LodestoreError
from ..search.tokenizer_setting import choose, tokenizer_of
from ..transfer.copy_pass import CopyJob, CopyPass
from ..transfer.report import MigrationReport
from .scratch_store import ScratchStore

TRIES = 3  # times that a search begins anew because what it found was written meanwhile


class LocalIndex:
    """The index of one handle; one search at a time. The copy is made by the first one, and anew after an error."""

    _index: Searchable  # of the copy, once it is open

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = asyncio.Lock()
        self._copy: ScratchStore | None = None
        self._sequence: int | None = None  # of the commit that the copy stands at

    async def match(self, wanted: IndexQuery) -> list[Match]:
        """As `core.searchable.Searchable` says."""
        async with self._searching():
            for _ in range(TRIES):
                await self._refresh()
                found = await self._index.match(wanted)
                matches = await self._current(found)
                if len(matches) == len(found):
                    break
        return matches

    async def legs(self, wanted: IndexQuery) -> tuple[Leg, Leg]:
        """As `core.searchable.Searchable` says."""
        async with self._searching():
            await self._refresh()
            return await self._index.legs(wanted)

    async def reindex(self, tell: OnCount) -> int:
        """As `core.searchable.Searchable` says."""
        async with self._searching():
            await self._drop()
            count = await self._refresh(tell)
            await self._index.reindex(lambda done: None)
            return count

    async def close(self) -> None:
        """Remove the copy, once the search under way is through."""
        async with self._lock:
            await self._drop()

    @asynccontextmanager
    async def _searching(self) -> AsyncIterator[None]:
        async with self._lock:
            if self._copy is not None and not self._copy.usable:
                await self._drop()
            try:
                yield
            except LodestoreError:
                await self._drop()
                raise

    async def _current(self, found: Sequence[Match]) -> list[Match]:
        """Those whose records still are what they were found by, with the rows of the store."""
        rows = await fetch_by_id(self._backend, [(match.family, match.row[KEY:]) for match in found])
        there = ((match, rows[match.family, match.row[KEY:]]) for match in found)
        return [match._replace(row=row) for match, row in there if row and row[BODY] == match.row[BODY]]

    async def _refresh(self, tell: OnCount = lambda done: None) -> int:
        """Bring the copy in line with the store, where that has changed; how many records were looked at."""
        counts = self._backend.capabilities.commit_sequence
        sequence = await self._backend.sequence() if counts else None  # first: what is written during the pass moves it
        if self._copy is None:
            self._copy = ScratchStore()
        copy = await self._copy.opened()
        assert copy.index is not None, "an open SQLite store has an index"
        self._index = copy.index
        if sequence is not None and sequence == self._sequence:
            return 0
        await choose(copy, await tokenizer_of(self._backend), 0)
        report = MigrationReport()
        progress = partial(_tell, tell, report)
        copied = (COLLECTION, *SEARCHABLE, *VECTORS.values())  # a collection says the dimension of its vectors
        job = CopyJob(self._backend, copy, copied, report=report, progress=progress, bodies_only=True)
        await CopyPass(job, "indexing", write=True).run()
        self._sequence = sequence
        return _searched(report)

    async def _drop(self) -> None:
        copy, self._copy, self._sequence = self._copy, None, None
        if copy is not None:
            await copy.close()


def _tell(tell: OnCount, report: MigrationReport, *_: object) -> None:
    tell(_searched(report))


def _searched(report: MigrationReport) -> int:
    return sum(report.families[family.name].records for family in SEARCHABLE if family.name in report.families)
