"""Purging by itself: what has expired is removed in short steps while nothing is being written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from .errors import LodestoreError

STEP = 1000  # expired records removed in one step, so that a writer never waits long
QUIET = 0.05  # seconds without a write before each step
SHARE = 100  # a round that takes long is followed by a pause this many times as long

_log = logging.getLogger(__name__)


class Purging:
    """A round of steps every `interval` seconds (0: never). `step` removes at most STEP records and counts them.

    A timer starts the rounds, so that nothing but a round under way is ever left to a loop that ends. A round that
    fails is reported to the log and tried again.
    """

    def __init__(self, step: Callable[[], Awaitable[int]], interval: float) -> None:
        self._step = step
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None
        self._round: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self.writes = 0  # raised by the owner with each write

    def start(self) -> None:
        """Begin to wait for the first round."""
        if self._interval and self._timer is None and self._round is None:
            self._ended.clear()
            self._wait(self._interval)

    async def stop(self) -> None:
        """No further step; returns when the one under way is through."""
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._round is not None:
            await asyncio.wait([self._round])

    def _wait(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._begin)

    def _begin(self) -> None:
        self._timer, self._round = None, asyncio.ensure_future(self._purge())

    async def _purge(self) -> None:
        begun = asyncio.get_running_loop().time()
        try:
            while await self._quiet() and await self._step() >= STEP:
                pass
        except LodestoreError as problem:
            _log.warning("purging what has expired: %s", problem)
        finally:
            self._round = None
            if not self._ended.is_set():
                took = asyncio.get_running_loop().time() - begun
                self._wait(max(self._interval, SHARE * (took - QUIET)))

    async def _quiet(self) -> bool:
        """Wait until a moment has passed without a write; False where it is time to end."""
        while not self._ended.is_set():
            before = self.writes
            try:
                await asyncio.wait_for(self._ended.wait(), QUIET)
            except TimeoutError:
                if self.writes == before:
                    return True
        return False
