"""The connections of one handle: one writes, one reads on the event loop, the others read in threads of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from . import door, driver
from .creation import Site
from .threads import Thread
from .writer import Writer


class Connections:
    """Opened together, closed together, also when opening fails half-way."""

    writing: Thread
    scanning: Thread
    reading: driver.Cursor
    looking: driver.Cursor  # on the connection of `reading`

    def __init__(self, site: Site) -> None:
        self._site = site
        self._threads: list[Thread] = []
        self._asking: Thread | None = None

    async def open(self) -> None:
        """Connect all but the door for SQL, which the first question opens."""
        try:
            with driver.renaming(f"opening {self._site.path}"):
                self.writing = await self._start(self._site.writer)
                self.scanning = await self._start(self._site.reader)
                self.reading = self._site.looker().cursor()
                self.looking = self.reading.connection.cursor()
        except BaseException:
            await asyncio.shield(self._stop())
            raise

    async def asking(self) -> Thread:
        """The guarded connection that SQL from outside runs on."""
        if self._asking is None:
            self._asking = await self._start(lambda: door.guard(self._site.reader()))
        return self._asking

    async def close(self, writer: Writer | None = None) -> None:
        """Finish what the threads were given but questions in SQL, then close; the writer last, for it checkpoints."""
        if writer is not None:
            await writer.drain()
        self.reading.connection.close()
        await self._stop()

    async def _start(self, connect: Callable[[], driver.Connection]) -> Thread:
        thread = Thread(connect)
        self._threads.append(thread)
        await thread.start()
        return thread

    async def _stop(self) -> None:
        if self._asking is not None:
            self._asking.connection.interrupt()
            self._asking = None
        while self._threads:
            await self._threads.pop().stop()
