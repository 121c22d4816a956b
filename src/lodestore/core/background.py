"""Background work: upkeep that follows commits, scheduled while nothing is being written.

Every kind of upkeep (expiry, eviction, indexing, dictionary training) is a `Job`. It is told of each commit and says
when it wants to run; the `IdleScheduler` has the one timer, runs each job in a task of its own, and ends them all.
Waiting is done by the timer alone, so a loop that ends finds no task but a step under way.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum, auto
from functools import partial
from math import inf

from ..errors import LodestoreError
from .records import Write

QUIET = 0.05  # seconds without a commit after which a store is idle

_log = logging.getLogger(__name__)


class Wants(Enum):
    """When a job wants to run."""

    NOTHING = auto()
    IDLE = auto()  # once nothing has been committed for `QUIET` seconds
    NOW = auto()  # beside the commits


class Job(ABC):
    """One kind of upkeep. It lives on the event loop alone."""

    name = "background work"  # for the log
    cancels = False  # whether closing cancels a run, instead of waiting for the step under way
    stopping = False  # set by the scheduler: take no further step

    def committed(self, writes: Sequence[Write]) -> None:  # noqa: B027  most jobs count nothing
        """Take note of what has just been committed; called for every commit, so it only counts."""

    @abstractmethod
    def wants(self) -> Wants:
        """When to run next, as things are."""

    def pause(self) -> float:
        """Seconds until `wants` may answer otherwise without a commit; infinite where it never does."""
        return inf

    @abstractmethod
    async def run(self) -> None:
        """Do what is due, in short steps.

        First of all put back what made it due: an error is logged, and does not make the job run again.
        """


class IdleScheduler:
    """Runs jobs when they want to: one task for each at a time, and one timer for all.

    Example:
        scheduler = IdleScheduler([eviction, indexing])
        scheduler.start()
        scheduler.committed(writes)  # after each commit
        await scheduler.stop()
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = tuple(jobs)
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = inf  # when the timer goes off
        self._last_commit = 0.0
        self._open = False

    def start(self) -> None:
        """Begin to ask the jobs what they want; starting twice does nothing."""
        if self._open:
            return
        for job in self._jobs:
            job.stopping = False
        self._loop = asyncio.get_running_loop()
        self._last_commit, self._open = self._loop.time(), True
        self.wake()

    def committed(self, writes: Sequence[Write]) -> None:
        """Tell every job what has been committed."""
        if self._open:
            self._last_commit = self._loop.time()
            for job in self._jobs:
                job.committed(writes)
            self.wake()

    def wake(self) -> None:
        """Start what wants to run, and set the timer for what will."""
        if not self._open:
            return
        now, due = self._loop.time(), inf
        for job in self._jobs:
            if job not in self._tasks:
                due = min(due, self._ask(job, now))
        self._set_timer(due)

    def halt(self) -> None:
        """Begin no further step; `stop` waits for those under way."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._due = None, inf
        for job in self._jobs:
            job.stopping = True

    async def stop(self) -> None:
        """Take no further step; returns when the steps under way are through. Stopping twice does nothing."""
        self.halt()
        for job, task in self._tasks.items():
            if job.cancels:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def running(self, job: Job) -> asyncio.Task[None] | None:
        """Return the task of a job that runs now."""
        return self._tasks.get(job)

    def _ask(self, job: Job, now: float) -> float:
        """Start a job if it is its time; else when to ask again."""
        wants, idle = job.wants(), self._last_commit + QUIET
        if wants is Wants.NOTHING:
            return now + job.pause()
        if wants is Wants.IDLE and now < idle:
            return idle
        task = self._tasks[job] = self._loop.create_task(self._run(job))
        task.add_done_callback(partial(self._ended, job))
        return inf

    async def _run(self, job: Job) -> None:
        try:
            await job.run()
        except LodestoreError as problem:
            _log.warning("%s failed, and is tried again later: %s", job.name, problem)

    def _ended(self, job: Job, _: asyncio.Task[None]) -> None:
        self._tasks.pop(job, None)
        self.wake()

    def _set_timer(self, due: float) -> None:
        if due >= self._due:  # it goes off early, and then looks again: cheaper than a new timer for each commit
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._timer = due, self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer, self._due = None, inf
        self.wake()
