"""The idle scheduler: each job runs when it wants to, once at a time, and closing leaves no task."""

from __future__ import annotations

import asyncio
import logging

import pytest

from lodestore.core import background
from lodestore.core.background import IdleScheduler, Job, Wants
from lodestore.core.families import STATE
from lodestore.core.records import Put
from lodestore.errors import UnavailableError

WRITES = [Put(STATE, ("k",), b"{}", 1)]


class Counting(Job):
    """Due after each commit, when it says so; each run lasts until it is let go."""

    def __init__(self, when: Wants, error: Exception | None = None) -> None:
        self.when, self.error = when, error
        self.commits = self.runs = self.waiting = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    def committed(self, writes: object) -> None:
        self.commits += 1
        self.waiting += 1

    def wants(self) -> Wants:
        return self.when if self.waiting else Wants.NOTHING

    async def run(self) -> None:
        self.waiting = 0
        self.runs += 1
        if self.error:
            raise self.error
        await self.may_end.wait()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "QUIET", 0.01)


async def until(true: object) -> None:
    while not true():  # type: ignore[operator]  # noqa: ASYNC110  what is watched has no event
        await asyncio.sleep(0)


def test_what_is_urgent_runs_beside_the_commits_and_once_at_a_time() -> None:
    async def main() -> None:
        job = Counting(Wants.NOW)
        job.may_end.clear()
        scheduler = IdleScheduler([job])
        scheduler.start()
        for _ in range(5):
            scheduler.committed(WRITES)
        await until(lambda: job.runs)
        scheduler.committed(WRITES)
        await asyncio.sleep(0)
        assert (job.runs, job.commits) == (1, 6)
        job.may_end.set()
        await until(lambda: job.runs == 2)  # for what was committed while it ran
        await scheduler.stop()
        assert job.runs == 2

    asyncio.run(main())


def test_the_idle_wait_until_nothing_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        job = Counting(Wants.IDLE)
        scheduler = IdleScheduler([job])
        scheduler.start()
        monkeypatch.setattr(background, "QUIET", 3600)
        for _ in range(20):
            scheduler.committed(WRITES)
            await asyncio.sleep(0)
        assert job.runs == 0
        monkeypatch.setattr(background, "QUIET", 0.01)
        scheduler.committed(WRITES)
        await until(lambda: job.runs)
        await scheduler.stop()

    asyncio.run(main())


def test_a_failure_is_logged_once_and_waits_for_the_next_commit(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        job = Counting(Wants.NOW, UnavailableError("busy"))
        scheduler = IdleScheduler([job])
        scheduler.start()
        for count in (1, 2):
            scheduler.committed(WRITES)
            await until(lambda: scheduler.running(job) is None)
            assert job.runs == count
        await scheduler.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert [record.getMessage() for record in caplog.records] == [
        "background work failed, and is tried again later: busy"
    ] * 2


def test_closing_waits_for_the_step_under_way_and_cancels_what_says_so() -> None:
    async def main() -> None:
        waited, cancelled = Counting(Wants.NOW), Counting(Wants.NOW)
        cancelled.cancels = True
        for job in (waited, cancelled):
            job.may_end.clear()
        scheduler = IdleScheduler([waited, cancelled])
        scheduler.start()
        scheduler.committed(WRITES)
        await until(lambda: waited.runs and cancelled.runs)
        closing = asyncio.create_task(scheduler.stop())
        await asyncio.sleep(0)
        assert waited.stopping
        assert not closing.done()
        waited.may_end.set()
        await closing
        assert asyncio.all_tasks() == {asyncio.current_task()}
        scheduler.committed(WRITES)  # closed: nothing starts any more
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize("when", [Wants.NOW, Wants.IDLE])
def test_it_may_be_started_again_on_another_loop(when: Wants) -> None:
    job = Counting(when)
    scheduler = IdleScheduler([job])

    async def main(counts: tuple[int, ...]) -> None:
        for count in counts:
            scheduler.start()
            scheduler.start()
            scheduler.committed(WRITES)
            await until(lambda count=count: job.runs == count)
            scheduler.committed(WRITES)
            await scheduler.stop()  # with a timer set, where the job waits for idleness
            await scheduler.stop()
            job.waiting = 0

    asyncio.run(main((1, 2)))
    asyncio.run(main((3, 4)))
