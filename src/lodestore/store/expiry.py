"""Purging by itself: what has expired is removed in short steps while nothing is being written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ..errors import LodestoreError

STEP = 1000  # expired records removed in one step, so that a writer never waits long
QUIET = 0.05  # seconds without a write before each step
SHARE = 100  # a round of steps is followed by a pause at least this many times as long

_log = logging.getLogger(__name__)


class ExpiryTask:
    """A round of steps every `interval` seconds (0: never). `step` removes at most STEP records and counts them.

    All waiting is done by timers, so that a loop that ends finds no task of ours but a step under way. A step that
    fails is reported to the log and tried again in the next round.
    """

    def __init__(self, step: Callable[[], Awaitable[int]], interval: float) -> None:
        self._step = step
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._open = False
        self._took = 0.0  # seconds, by the steps of this round
        self.writes = 0  # raised by the owner with each write

    def start(self) -> None:
        """Begin to wait for the first round."""
        if self._interval and not self._open:
            self._open = True
            self._rest()

    async def stop(self) -> None:
        """No further step; returns when the one under way is through."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            await asyncio.wait([self._task])

    def _rest(self) -> None:
        pause, self._took = max(self._interval, SHARE * self._took), 0.0
        self._timer = asyncio.get_running_loop().call_later(pause, self._watch)

    def _watch(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(QUIET, self._quiet, self.writes)

    def _quiet(self, writes: int) -> None:
        if writes != self.writes:
            self._watch()
        else:
            self._timer, self._task = None, asyncio.ensure_future(self._purge())

    async def _purge(self) -> None:
        clock = asyncio.get_running_loop().time
        begun, removed = clock(), 0
        try:
            removed = await self._step()
        except LodestoreError as problem:
            _log.warning("removing expired records failed, and is tried again later: %s", problem)
        finally:
            self._task = None
        self._took += clock() - begun
        if self._open:
            self._watch() if removed >= STEP else self._rest()
