"""Connections of one handle: one writes, one reads on the event loop, the others read in threads of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ...encoding.packer import Packer
from . import sql_console
from .engine import driver
from .engine.store_file import StoreFile
from .engine.worker_thread import WorkerThread


class Connections:
    """Opened together, closed together, also when opening fails half-way."""

    writing: WorkerThread
    scanning: WorkerThread
    reading: driver.Cursor
    looking: driver.Cursor  # on the connection of `reading`

    def __init__(self, site: StoreFile, packer: Packer) -> None:
        self._site = site
        self._packer = packer
        self._threads: list[WorkerThread] = []
        self._asking: WorkerThread | None = None

    async def open(self) -> None:
        """Connect all but the door for SQL, which the first question opens."""
        try:
            with driver.renaming(f"opening {self._site.path}"):
                self.writing = await self._start(self._site.writer)
                self.scanning = await self._start(self._site.reader)
                self.reading = driver.cursor(self._site.looker(), self._packer)
                self.looking = self.reading.connection.cursor()
        except BaseException:
            await asyncio.shield(self._stop())
            raise

    async def asking(self) -> WorkerThread:
        """The guarded connection that SQL from outside runs on."""
        if self._asking is None:
            self._asking = await self._start(lambda: sql_console.guard(self._site.reader(), self._packer))
        return self._asking

    async def close(self, *endings: Callable[[], Awaitable[None]]) -> None:
        """Wait for these endings and for what the threads were given, but questions in SQL; the writer goes last."""
        for ending in endings:
            await ending()
        self.reading.connection.close()
        await self._stop()

    async def _start(self, connect: Callable[[], driver.Connection]) -> WorkerThread:
        thread = WorkerThread(connect)
        self._threads.append(thread)
        await thread.start()
        return thread

    async def _stop(self) -> None:
        if self._asking is not None:
            self._asking.connection.interrupt()
            self._asking = None
        while self._threads:
            await self._threads.pop().stop()
