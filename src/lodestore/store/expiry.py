"""Expiry: removes what has expired in short steps, now and then, while nothing is being written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf

from ..core.background import Job, Wants

STEP = 1000  # expired records removed in one step, so that a writer never waits long
SHARE = 100  # a round of steps is followed by a pause at least this many times as long


class ExpiryJob(Job):
    """A round of steps every `interval` seconds (0: never). `step` removes at most STEP records and counts them."""

    name = "removing expired records"

    def __init__(self, step: Callable[[], Awaitable[int]], interval: float) -> None:
        self._step = step
        self._interval = interval
        self._next = inf  # when the next step is due, in the time of the loop
        self._took = 0.0  # seconds, by the steps of this round

    def opened(self) -> None:
        """Let the first round be due in `interval` seconds."""
        if self._interval:
            self._rest()

    def wants(self) -> Wants:
        """Wait for idleness once a round is due."""
        return Wants.IDLE if self.pause() <= 0 else Wants.NOTHING

    def pause(self) -> float:
        """Seconds until a round is due."""
        return self._next - asyncio.get_running_loop().time()

    async def run(self) -> None:
        """One step. The round goes on with the next one, as soon as the store is idle, where there was enough to do."""
        clock = asyncio.get_running_loop().time
        begun, removed = clock(), 0
        try:
            removed = await self._step()
        finally:
            self._took += clock() - begun
            if removed < STEP:
                self._rest()

    def _rest(self) -> None:
        pause, self._took = max(self._interval, SHARE * self._took), 0.0
        self._next = asyncio.get_running_loop().time() + pause
