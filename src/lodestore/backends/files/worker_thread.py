"""A thread for a handle's file work, so that the event loop never waits for a disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ...errors import UnavailableError
from .filesystem import renamed

T = TypeVar("T")


class WorkerThread:
    """Runs tasks one after the other, in the process that started it."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    @property
    def running(self) -> bool:
        """Whether it takes tasks, in this process."""
        return self._pool is not None and self._process == os.getpid()

    def start(self) -> None:
        """Begin."""
        self._pool = ThreadPoolExecutor(1, "lodestore-files")
        self._process = os.getpid()

    async def run(self, task: Callable[..., T], *arguments: Any) -> T:
        """One hop. A caller that is cancelled leaves the work to finish as a whole."""
        if self._pool is None:
            raise UnavailableError("the store is not open: await store.initialize() first")
        if self._process != os.getpid():
            raise UnavailableError("the store was opened before a fork: open it again in the child process")
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._pool, _named, task, *arguments))

    async def stop(self, last: Callable[[], None]) -> None:
        """Do all that was accepted, and `last`. In a forked child, or a second time, nothing."""
        pool, self._pool = self._pool, None
        if pool is not None and self._process == os.getpid():
            ending = asyncio.get_running_loop().run_in_executor(pool, last)
            pool.shutdown(wait=False)
            await ending


def _named(task: Callable[..., T], *arguments: Any) -> T:
    try:
        return task(*arguments)
    except OSError as error:
        raise renamed(error) from error
