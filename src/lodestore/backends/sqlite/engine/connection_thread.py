"""Connection thread: a connection, and the one thread in which every call on it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from ...worker_thread import WorkerThread
from .driver import Connection, Error, renamed

T = TypeVar("T")


class ConnectionThread:
    """What `connect` returns, and its thread."""

    connection: Connection = None  # to be used in the thread only

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connector = connect
        self._thread = WorkerThread("lodestore-sqlite")
        self.post = self._thread.post

    async def start(self) -> None:
        """Connect, in the thread."""
        self._thread.start()
        await self._thread.run(self._connect)

    async def run(self, doing: str, function: Callable[[Connection], T]) -> T:
        """Run `function(connection)` in the thread, as one hop; it completes even if the caller is cancelled."""
        try:
            return await self._thread.run(function, self.connection)
        except Error as error:
            raise renamed(error, doing) from error

    def begin(self, function: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Start `function(connection)` in the thread now; the future fails with what the driver raised."""
        return self._thread.begin(function, self.connection)

    async def stop(self) -> None:
        """Finish what was handed over, close the connection, end the thread."""
        await self._thread.stop(self._close)

    def _connect(self) -> None:
        self.connection = self._connector()

    def _close(self) -> None:
        if self.connection is not None:
            self.connection.close()
