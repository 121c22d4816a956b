"""The same store for code without an event loop.

One loop in a thread of its own runs the store; every method hands its coroutine over and waits. There is no second
implementation: the methods are those of `lodestore.Store`, found when they are called.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from ..errors import UnavailableError
from .opening import open as open_async
from .store import Store
from .writes import Transaction

T = TypeVar("T")


class SyncTransaction:
    """The writes of a block, applied as one when it ends; none when it raises."""

    def __init__(self, store: SyncStore, transaction: Transaction) -> None:
        self._store, self._transaction = store, transaction

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._store._blocking(getattr(self._transaction, name))

    @property
    def results(self) -> list[int]:
        """One result for each write, after the block."""
        return self._transaction.results

    def __enter__(self) -> SyncTransaction:
        return self

    def __exit__(self, *failure: Any) -> None:
        self._store._wait(self._transaction.__aexit__(*failure))


class SyncStore:
    """Every method of `lodestore.Store`, without `await`; usable from any thread."""

    def __init__(self, url: str, **settings: Any) -> None:
        self._pid = os.getpid()
        self._closing = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lodestore", daemon=True)
        self._thread.start()
        try:
            self._store: Store = self._wait(self._open(url, settings))
        except BaseException:
            self._stop()
            raise

    @staticmethod
    async def _open(url: str, settings: dict[str, Any]) -> Store:
        return await open_async(url, **settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._store, name)
        return self._blocking(found) if inspect.iscoroutinefunction(found) else found

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in dir(Store) if not name.startswith("_"))})

    def transaction(self) -> SyncTransaction:
        """An atomic batch of writes: `with store.transaction() as tx: tx.store_memory(...)`."""
        return SyncTransaction(self, self._store.transaction())

    def close(self) -> None:
        """Finish what was accepted and close; closing twice does nothing, and waits for the first."""
        with self._closing:
            if self._pid != os.getpid():
                return  # the loop stayed in the parent process
            first, self._closed = not self._closed, True
            ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop) if first else None
        if ending is None:
            self._thread.join()
            return
        try:
            ending.result()
        finally:
            self._stop()

    async def _end(self) -> None:
        try:
            await self._store.shutdown()
        finally:  # nobody may wait for ever for a call that was under way
            if others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others, timeout=5)

    shutdown = close

    def __enter__(self) -> SyncStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _blocking(self, method: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> T:
            return self._wait(method(*args, **kwargs))

        return call

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            with self._closing:
                self._check()
                future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except UnavailableError:
            coroutine.close()
            raise
        return future.result()

    def _check(self) -> None:
        if self._pid != os.getpid():
            raise UnavailableError("the store was opened before a fork: open it again in the child process")
        if self._closed:
            raise UnavailableError("the store is closed: open it again")
        if threading.current_thread() is self._thread:
            raise UnavailableError("called from the store's own thread, which would wait for itself")

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def open(url: str, **settings: Any) -> SyncStore:
    """Open the store at `url`; arguments as for `lodestore.open`."""
    return SyncStore(url, **settings)
