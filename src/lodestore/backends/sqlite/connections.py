"""Connections of one handle: one writes, one reads on the event loop, the others read in threads of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ...encoding.packer import Packer
from .engine import driver
from .engine.connection_thread import ConnectionThread
from .engine.store_file import StoreFile
from .sql_console import SQLConsole


class Connections:
    """Opened together, closed together, also when opening fails half-way."""

    writing: ConnectionThread
    scanning: ConnectionThread
    reading: driver.Cursor
    looking: driver.Cursor  # on the connection of `reading`

    def __init__(self, site: StoreFile, packer: Packer) -> None:
        self._site = site
        self._packer = packer
        self._threads: list[ConnectionThread] = []
        self._console: asyncio.Task[SQLConsole] | None = None

    async def open(self) -> None:
        """Connect all but the SQL console, which the first statement opens."""
        try:
            with driver.renaming(f"opening {self._site.path}"):
                self.writing = await self._start(self._site.writer)
                self.scanning = await self._start(self._site.reader)
                self.reading = driver.cursor(self._site.looker(), self._packer)
                self.looking = self.reading.connection.cursor()
        except BaseException:
            await asyncio.shield(self._stop())
            raise

    async def console(self) -> SQLConsole:
        """The console, opened by whoever asks for it first."""
        if self._console is None or _failed(self._console):
            self._console = asyncio.create_task(SQLConsole.open(self._site, self._packer, self.scanning))
        return await asyncio.shield(self._console)

    async def close(self, *endings: Callable[[], Awaitable[None]]) -> None:
        """Wait for these endings and for what the threads were given, but statements in SQL; the writer goes last."""
        for ending in endings:
            await ending()
        if self._console is not None:
            await asyncio.wait([self._console])
            if not _failed(self._console):
                await self._console.result().close()
        self.reading.connection.close()
        await self._stop()

    async def _start(self, connect: Callable[[], driver.Connection]) -> ConnectionThread:
        thread = ConnectionThread(connect)
        self._threads.append(thread)
        await thread.start()
        return thread

    async def _stop(self) -> None:
        while self._threads:
            await self._threads.pop().stop()


def _failed(console: asyncio.Task[SQLConsole]) -> bool:
    return console.done() and (console.cancelled() or console.exception() is not None)
