"""Group commit: what both databases share; one batch at a time, in order, whoever is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lodestore.backends.futures import succeed
from lodestore.backends.group_commit import CommitQueue, CommitRequest, advance
from lodestore.backends.postgres.group_commit import PostgresGroupCommit
from lodestore.core.families import STATE
from lodestore.core.records import Copy, Put, Write


def put(number: int) -> list[Write]:
    return [Put(STATE, (f"k{number}",), b"{}", number, None, None)]


class Commits(CommitQueue):
    """Commits when the test says so."""

    def __init__(self, limit: int = 100) -> None:
        super().__init__(limit)
        self.batches: list[list[CommitRequest]] = []

    def _begin(self) -> None:
        self.batches.append(self._take())

    def end(self) -> None:
        """The batch that was begun last is through."""
        for request in self.batches[-1]:
            succeed(request.done, [write.time for write in request.writes])
        self._decided()

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_what_is_submitted_in_one_iteration_of_the_loop_is_one_batch_and_what_gathers_is_the_next() -> None:
    async def work() -> None:
        queue = Commits()
        first = [queue.submit(put(n)) for n in range(5)]
        assert queue.sizes == []
        await turn()
        later = [queue.submit(put(n)) for n in range(5, 12)]
        await turn()
        assert queue.sizes == [5], "one at a time"
        queue.end()
        assert queue.sizes == [5, 7]
        queue.end()
        assert [await done for done in first + later] == [[n] for n in range(12)]
        queue.submit(put(0))
        await turn()
        assert queue.sizes == [5, 7, 1], "it begins again"

    asyncio.run(work())


def test_a_batch_has_its_limit_and_the_order_stays() -> None:
    async def work() -> None:
        queue = Commits(limit=4)
        for n in range(10):
            queue.submit(put(n))
        await turn()
        for _ in range(3):
            queue.end()
        assert queue.sizes == [4, 4, 2]
        assert [write.time for batch in queue.batches for request in batch for write in request.writes] == [*range(10)]

    asyncio.run(work())


def test_a_cancelled_caller_changes_nothing_about_its_request() -> None:
    async def work() -> None:
        queue = Commits()
        one, two = queue.submit(put(1)), queue.submit(put(2))
        one.cancel()
        await turn()
        assert queue.sizes == [2]
        queue.end()
        assert await two == [2]

    asyncio.run(work())


def test_draining_waits_for_all_that_was_submitted() -> None:
    async def work() -> None:
        queue = Commits(limit=1)
        await queue.drain()
        for n in range(3):
            queue.submit(put(n))
        draining = asyncio.create_task(queue.drain())
        for _ in range(3):
            await turn()
            assert not draining.done()
            queue.end()
        await draining

    asyncio.run(work())


def test_a_copy_brings_a_version_and_any_write_a_time() -> None:
    row = (b"{}", 40, 3, 9, None, None, "k")
    assert advance([], 5, 7) == (5, 7)
    assert advance(put(8), 5, 7) == (5, 8)
    assert advance([Copy(STATE, row), *put(2)], 5, 7) == (40, 9)
    assert advance([Copy(STATE, row)], 50, 10) == (50, 10)


class TestPostgres:
    """The batch is a task of the event loop, which may be cancelled with it."""

    @staticmethod
    def writer(commit: Callable[..., Any]) -> PostgresGroupCommit:
        nothing: Any = None
        made = PostgresGroupCommit(nothing, nothing, nothing, nothing)
        made._commit = commit  # type: ignore[method-assign]
        return made

    def test_nobody_waits_for_ever_when_the_loop_goes_down(self) -> None:
        async def work() -> None:
            writer = self.writer(lambda batch: asyncio.Event().wait())
            first = writer.submit(put(1))
            await turn()
            later = writer.submit(put(2))
            writer._task.cancel()
            await turn()
            assert first.cancelled()
            assert later.cancelled()
            await writer.drain()

        asyncio.run(work())

    def test_an_error_nobody_foresaw_reaches_its_caller_and_the_next_goes_through(self) -> None:
        async def commit(batch: list[CommitRequest]) -> list[list[int]]:
            return [[1 // write.time for write in request.writes] for request in batch]

        async def work() -> None:
            writer = self.writer(commit)
            failing = writer.submit(put(0))
            await turn()
            following = writer.submit(put(1))
            with pytest.raises(ZeroDivisionError):
                await failing
            assert await following == [1]

        asyncio.run(work())
