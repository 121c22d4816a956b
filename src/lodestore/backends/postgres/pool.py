"""Connection pool: waiting has a limit, and a stale connection is never handed out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ...errors import UnavailableError
from . import driver

T = TypeVar("T")
PING_AFTER = 1.0  # seconds idle after which a connection proves that it lives
PING_PATIENCE = 5.0  # seconds it has to do so


class Pool:
    """At most `size` connections; who finds none waits `wait` seconds. `recycle` is how old one may become."""

    def __init__(
        self, connect: Callable[[], Awaitable[driver.Connection]], size: int, wait: float, recycle: float
    ) -> None:
        self._connect = connect
        self._slots = asyncio.Semaphore(size)
        self._wait = wait
        self._recycle = recycle
        self._idle: list[tuple[driver.Connection, float]] = []
        self._born: dict[driver.Connection, float] = {}

    def connection(self) -> PooledConnection:
        """A connection for an `async with`: alive just now, and thrown away when left inside a transaction."""
        return PooledConnection(self)

    async def read(self, doing: str, work: Callable[[driver.Connection], Awaitable[T]], *, writes: bool = False) -> T:
        """Run `work`, which may be done twice: once more when its connection is gone, or a rival made it fail.

        With `writes` it commits, so that a failure whose outcome nobody knows is OutcomeUnknownError.
        """
        lost = False
        try:
            try:
                return await self._once(work)
            except driver.Error as error:
                lost = driver.lost(error)
                if isinstance(error, TimeoutError) or not (lost or driver.rivalled(error)):
                    raise
                if lost:
                    self.forget()
            return await self._once(work)
        except driver.Error as error:
            raise driver.renamed(error, doing, committing=writes) from error
        except UnavailableError as error:
            if lost and writes:
                raise driver.unknown(f"{doing}: {error}") from error
            raise

    async def _once(self, work: Callable[[driver.Connection], Awaitable[T]]) -> T:
        async with self.connection() as connection:
            return await work(connection)

    def forget(self) -> None:
        """Drop what is idle: the server went away, and the others are as dead as the one that told."""
        while self._idle:
            self._drop(self._idle.pop()[0])

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        while self._idle:
            connection, _ = self._idle.pop()
            self._born.pop(connection, None)
            try:
                await connection.close(timeout=5)
            except driver.Error:
                connection.terminate()

    async def lend(self) -> driver.Connection:
        """A connection to be handed back by `give_back`."""
        await self._slot()
        try:
            return await self._take()
        except BaseException:
            self._slots.release()
            raise

    def give_back(self, connection: driver.Connection) -> None:
        """Take a connection back, and its place in the queue."""
        if connection.is_closed() or connection.is_in_transaction():
            self._drop(connection)
        else:
            self._idle.append((connection, time.monotonic()))
        self._slots.release()

    async def _slot(self) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(self._wait):
                await self._slots.acquire()
        except TimeoutError:
            raise UnavailableError(
                f"no connection became free within {self._wait:g} seconds: increase `pool_size`"
            ) from None

    async def _take(self) -> driver.Connection:
        while self._idle:
            connection, since = self._idle.pop()
            if await self._usable(connection, since):
                return connection
            self._drop(connection)
        connection = await self._connect()
        self._born[connection] = time.monotonic()
        return connection

    async def _usable(self, connection: driver.Connection, since: float) -> bool:
        now = time.monotonic()
        if connection.is_closed() or now - self._born[connection] > self._recycle:
            return False
        if now - since < PING_AFTER:
            return True
        try:
            await connection.execute("SELECT 1", timeout=PING_PATIENCE)
        except driver.Error:
            return False
        return True

    def _drop(self, connection: driver.Connection) -> None:
        self._born.pop(connection, None)
        if not connection.is_closed():
            connection.terminate()


class PooledConnection:
    """The time during which a task has a connection. Plain, for a generator costs as much as a read's own work."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> driver.Connection:
        self._connection = await self._pool.lend()
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, (TimeoutError, asyncio.CancelledError)):
            self._connection.terminate()  # an answer may still come, to nobody
        self._pool.give_back(self._connection)
