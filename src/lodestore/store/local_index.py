"""An index of text and vectors in the process, for backends without one: SQLite's, built from what the store reads.

Before a search the store is read through, unless its commit number stands where it stood: records that are new or
were changed are taken into the index, those that are gone leave it. So a search costs a scan where anything was
written since the last one, and no other process has to know of the index.

It lies in a temporary database of SQLite, of which 16 MiB are kept in memory; the rest goes to a temporary file
without a name. It takes about as much as the text and the vectors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..backends.sqlite.engine import driver
from ..core.backend import Backend, fetch_by_id
from ..core.families import COLLECTION, SEARCHABLE, VECTORS, Family
from ..core.records import BODY, Page, Row
from ..core.searchable import IndexQuery, Leg, Match, OnCount
from ..encoding.vector_codec import content_digest
from ..search.tokenizer_setting import tokenizer_of
from . import shadow

T = TypeVar("T")

TRIES = 3  # times that a search begins anew because what it found was written meanwhile


class LocalIndex:
    """The index of one handle. All of SQLite happens in a thread of its own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "lodestore-search")
        self._shadow: shadow.Shadow | None = None
        self._sequence: int | None = None

    async def match(self, wanted: IndexQuery) -> list[Match]:
        """As `kernel.Searchable` says."""
        search = self._words if wanted.query.wanted else self._near
        async with self._turn:
            for _ in range(TRIES):
                await self._refresh(lambda done: None)
                matches, whole = await search(wanted)
                if whole:
                    break
        return matches

    async def _words(self, wanted: IndexQuery) -> tuple[list[Match], bool]:
        """What text finds, and whether all of it still is what it was found by."""
        found = await self._run(lambda: self._there().matches(wanted))
        rows = await fetch_by_id(self._backend, [identity for identity, *_ in found])
        there = ((identity, score, rows[identity], mark) for identity, score, mark in found)
        matches = [Match(identity[0], score, row) for identity, score, row, mark in there if row and _is(row, mark)]
        return matches, len(matches) == len(found)

    async def _near(self, wanted: IndexQuery) -> tuple[list[Match], bool]:
        """What is near, and whether all of it is still there."""
        leg, _ = await self._run(lambda: self._there().legs(wanted))
        rows = await fetch_by_id(self._backend, [identity for identity, _ in leg])
        there = ((identity, score, rows[identity]) for identity, score in leg)
        matches = [Match(identity[0], score, row) for identity, score, row in there if row]
        return matches, len(matches) == len(leg)

    async def legs(self, wanted: IndexQuery) -> tuple[Leg, Leg]:
        """As `kernel.Searchable` says."""
        async with self._turn:
            await self._refresh(lambda done: None)
            return await self._run(lambda: self._there().legs(wanted))

    async def reindex(self, tell: OnCount) -> int:
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

    def _there(self) -> shadow.Shadow:
        assert self._shadow is not None, "every search begins with a refreshed index"
        return self._shadow

    def _begin(self, tokenizer: str, spaces: list[Row]) -> None:
        if self._shadow is not None and self._shadow.tokenizer != tokenizer:
            self._drop()
        if self._shadow is None:
            self._shadow = shadow.Shadow(tokenizer)
        self._shadow.begin(spaces)

    def _drop(self) -> None:
        if self._shadow is not None:
            self._shadow.close()
        self._shadow, self._sequence = None, None

    async def _refresh(self, tell: OnCount) -> int:
        """Read the store through, if it has changed; how many records there are."""
        can = self._backend.capabilities.commit_sequence
        sequence = await self._backend.sequence() if can else None  # first: what is written during the scan moves it
        if sequence is not None and sequence == self._sequence:
            return 0
        try:
            spaces = await self._backend.scan(Page(COLLECTION))
            tokenizer = await tokenizer_of(self._backend)
            await self._run(lambda: self._begin(tokenizer, spaces))
            count = 0
            for family in SEARCHABLE:
                count += await self._stream(family, self._there().take, tell, count)
            for family in VECTORS:
                await self._stream(VECTORS[family], self._there().take_vectors, lambda done: None, 0)
            await self._run(self._there().finish)
        except BaseException:
            await self._run(self._drop)  # half of a scan says nothing of what is gone
            raise
        self._sequence = sequence
        return count

    async def _stream(
        self, family: Family, take: Callable[[Family, list[Row]], None], tell: OnCount, before: int
    ) -> int:
        """All records of a family; how many there are."""
        count = 0
        async for rows in self._backend.stream(Page(family)):
            await self._run(lambda rows=rows: take(family, rows))  # type: ignore[misc]
            count += len(rows)
            tell(before + count)
        return count


def _is(row: Row, mark: bytes) -> bool:
    return content_digest(row[BODY]) == mark
