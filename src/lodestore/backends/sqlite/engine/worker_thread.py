"""Connections that live in a thread of their own, by aiosqlite."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import aiosqlite

from ....errors import UnavailableError
from .driver import Connection, Error, renamed

T = TypeVar("T")


class WorkerThread:
    """One connection and the thread every call on it runs in.

    aiosqlite has no public way to run a function of several statements in its thread; the few private names
    used for that stand in this class alone, and pyproject pins the minor version.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._aio = aiosqlite.Connection(connect, iter_chunk_size=64)
        self._aio._thread.daemon = True  # a script that forgets to close still exits

    async def start(self) -> None:
        """Connect, in the thread."""
        await self._aio

    @property
    def connection(self) -> Connection:
        """The connection itself, to be used in the thread only."""
        return self._aio._conn

    def post(self, function: Callable[[], None]) -> None:
        """Run `function` in the thread and forget about it."""
        self._aio._tx.put_nowait((None, function))

    async def run(self, doing: str, function: Callable[[Connection], T]) -> T:
        """Run `function(connection)` in the thread, as one hop; it completes even if the caller is cancelled."""
        try:
            hop = asyncio.ensure_future(self._aio._execute(function, self._aio._conn))  # type: ignore[no-untyped-call]
            hop.add_done_callback(_looked_at)
            result: T = await asyncio.shield(hop)
            return result
        except ValueError:
            if self._aio._connection is None:  # between two steps of one call
                raise UnavailableError("the store was closed during the call") from None
            raise
        except Error as error:
            raise renamed(error, doing) from error

    def begin(self, function: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Start `function(connection)` in the thread now; the future fails with what the driver raised."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_looked_at)
        self._aio._tx.put_nowait((future, partial(function, self.connection)))
        return future

    async def stop(self) -> None:
        """Finish what was posted, close the connection, end the thread."""
        await self._aio.close()


def _looked_at(hop: asyncio.Future[Any]) -> None:
    # The caller may have been cancelled; what became of the work is then nobody's to ask.
    if not hop.cancelled():
        hop.exception()
