"""Group commit: what is handed over while one transaction commits becomes the next one; no timer, no wait.

What SQLite and PostgreSQL share: the queue, the rule of cancellation, and how commit numbers and times advance. How a
batch is committed, and how a write that fails is told from its neighbours, differs: SQLite does the batch again with
savepoints, in a thread; PostgreSQL does each request again, over a connection that may be lost.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..core.records import VERSION, Copy, Write


class CommitRequest(NamedTuple):
    """Writes that stand or fall together, and the future that waits for their results."""

    writes: Sequence[Write]
    done: asyncio.Future[list[int]]


class CommitQueue(ABC):
    """Commits requests in the order in which they are submitted, at most `limit` in one batch, one batch at a time.

    Cancelling a caller changes nothing about its request.
    """

    def __init__(self, limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._waiting: deque[CommitRequest] = deque()
        self._busy = False
        self._idle = asyncio.Event()  # for `drain`; clear only while somebody waits for it

    def submit(self, writes: Sequence[Write]) -> asyncio.Future[list[int]]:
        """Hand writes over; the future resolves when they are committed."""
        done: asyncio.Future[list[int]] = self._loop.create_future()
        self._waiting.append(CommitRequest(writes, done))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._begin)  # who else submits in this iteration of the loop shares the transaction
        return done

    async def drain(self) -> None:
        """Wait until everything submitted has been decided."""
        while self._busy:
            self._idle.clear()
            await self._idle.wait()

    def _take(self) -> list[CommitRequest]:
        """The next batch. For the event loop or, so that more has gathered, the one thread that commits."""
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(self._limit, len(waiting)))]

    @abstractmethod
    def _begin(self) -> None:
        """Begin to commit a batch; settle its futures on the event loop, then call `_decided`."""

    def _decided(self) -> None:
        """Go on with what has gathered, if anything."""
        if self._waiting:
            self._begin()
        else:
            self._busy = False
            self._idle.set()


def advance(writes: Iterable[Write], version: int, latest: int) -> tuple[int, int]:
    """The row of `store` after a request: the last commit number it used, and the newest time.

    `version` is the number the request got; a copied record brings one of its own. `latest` is the time before it.
    """
    for write in writes:
        if type(write) is Copy:
            version = max(version, write.row[VERSION] or 0)
        if write.time > latest:
            latest = write.time
    return version, latest
