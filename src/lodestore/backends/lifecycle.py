"""Lifecycle of a backend: one opening or closing at a time, and a cancelled one ends before the next begins."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ..errors import InvalidInputError, UnavailableError


class Lifecycle:
    """One opening or closing at a time. A closing whose caller was cancelled goes on by itself to its end."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._finishing: asyncio.Future[None] | None = None
        self.open = False

    def opened(self) -> None:
        """From now on `check` passes, in this process and on this event loop."""
        self._pid, self._loop, self.open = os.getpid(), asyncio.get_running_loop(), True

    def check(self) -> None:
        """UnavailableError or InvalidInputError where the store cannot be used.

        Closed, in a forked child, on another loop.
        """
        if not self.open:
            raise UnavailableError("the store is not open: await store.initialize() first")
        if os.getpid() != self._pid:
            raise UnavailableError("the store was opened before a fork: open it again in the child process")
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidInputError(
                "the store was opened on another event loop: use it there, or use lodestore.sync.open()"
            )

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Wait for the openings and closings before this one, and for a closing that was left behind."""
        async with self._lock:
            await self._finished()
            yield

    async def finish(self, ending: Coroutine[Any, Any, None]) -> None:
        """Inside `exclusive`: carry out an ending that no cancellation interrupts."""
        self.open = False
        self._finishing = asyncio.ensure_future(ending)
        await self._finished()

    async def _finished(self) -> None:
        if self._finishing is not None:
            try:
                await asyncio.shield(self._finishing)
            finally:
                if self._finishing.done():
                    self._finishing = None
