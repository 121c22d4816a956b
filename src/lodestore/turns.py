"""Opening and closing in turn, for backends: whatever is asked at once, or cancelled, ends before the next begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


class Turns:
    """One opening or closing at a time. A closing whose caller was cancelled goes on by itself to its end."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._finishing: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the turns before this one, and for a closing that was left behind."""
        async with self._lock:
            await self._finished()
            yield

    async def finish(self, ending: Coroutine[Any, Any, None]) -> None:
        """Inside a turn: carry out an ending that no cancellation interrupts."""
        self._finishing = asyncio.ensure_future(ending)
        await self._finished()

    async def _finished(self) -> None:
        if self._finishing is not None:
            try:
                await asyncio.shield(self._finishing)
            finally:
                if self._finishing.done():
                    self._finishing = None
