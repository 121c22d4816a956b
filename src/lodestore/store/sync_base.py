"""Blocking calls: an event loop in a thread of its own runs the store; a call hands its coroutine over and waits.

There is no second implementation. The methods of `sync_store` are generated from those of `lodestore.Store`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from ..core.backend import Backend
from ..errors import UnavailableError
from .opening import Opening
from .store import Store
from .transaction import Transaction, WriteMethods

T = TypeVar("T")


class BlockingCalls(ABC):
    """What a blocking method needs: where to write, and how to wait."""

    _writer: WriteMethods

    @abstractmethod
    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the store's loop and wait for its outcome."""


class SyncStoreBase(BlockingCalls):
    """Opening, calling and closing a store that runs on a loop in a thread."""

    def __init__(self, opening: Opening) -> None:
        self._pid = os.getpid()
        self._closing = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lodestore", daemon=True)
        self._thread.start()
        try:
            self._store: Store = self._wait(_opened(opening))
        except BaseException:
            self._stop()
            raise
        self._writer = self._store

    @property
    def backend(self) -> Backend:
        """Where records live."""
        return self._store.backend

    def close(self) -> None:
        """Finish pending writes and close the store; closing a closed one does nothing.

        Called from several threads, each waits until the store is closed.

        Raises:
            UnavailableError: The store could not be closed cleanly.
        """
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

    def shutdown(self) -> bool:
        """Finish pending writes and close the store, as `close` does.

        Returns:
            True.

        Raises:
            UnavailableError: The store could not be closed cleanly.
        """
        self.close()
        return True

    async def _end(self) -> None:
        try:
            await self._store.shutdown()
        finally:  # nobody may wait for ever for a call that was under way
            if others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others, timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SyncStore on {self.backend.name}>"

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
            raise UnavailableError(
                "a blocking call from the store's own thread would never return: use the async store there"
            )

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SyncTransactionBase(BlockingCalls):
    """The block of a transaction."""

    def __init__(self, store: SyncStoreBase, transaction: Transaction) -> None:
        self._store = store
        self._writer = self._transaction = transaction

    @property
    def results(self) -> list[int]:
        """One outcome per record written, after the block."""
        return self._transaction.results

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: Any) -> None:
        self._wait(self._transaction.__aexit__(*failure))

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._store._wait(coroutine)


async def _opened(opening: Opening) -> Store:
    return await opening
