"""Worker thread: runs blocking functions one at a time, so that the event loop never waits for a disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from ..errors import UnavailableError
from .futures import fail, succeed

T = TypeVar("T")

_Queue = SimpleQueue["Callable[[], object] | None"]  # None ends the thread


class WorkerThread:
    """A thread that runs functions in the order in which they were handed over, each to its end.

    Cancelling a caller changes nothing about its function. The thread is a daemon, so a script that forgets to stop it
    still exits; in a forked child it does not run.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: _Queue = SimpleQueue()
        self._process = 0  # that started the thread; 0 before, and once it was told to stop

    def __del__(self) -> None:
        self._queue.put(None)  # nobody can hand over anything any more

    @property
    def running(self) -> bool:
        """Whether it takes functions, in this process."""
        return self._process == os.getpid()

    def start(self) -> None:
        """Start the thread."""
        self._queue = SimpleQueue()
        self._thread = Thread(target=_work, args=(self._queue,), name=self._name, daemon=True)
        self._thread.start()
        self._process = os.getpid()

    def post(self, function: Callable[[], object]) -> None:
        """Run a function that raises nothing, and forget about it.

        Raises:
            UnavailableError: the thread was not started in this process, or was told to stop.
        """
        self._check()
        self._queue.put(function)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a function returns or raises, or UnavailableError as for `post`."""
        self._check()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(partial(_answer, answer, function, arguments))
        return await answer

    def begin(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Start a function now; the future says what it returns or raises, to whoever asks."""
        self._check()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_retrieved)
        self._queue.put(partial(_answer, answer, function, arguments))
        return answer

    async def stop(self, last: Callable[[], object] = lambda: None) -> None:
        """Run what was handed over, then `last`, and end the thread, even if the caller is cancelled.

        Does nothing in a forked child, or a second time.
        """
        if self.running:
            ended = self.begin(last)
            self._queue.put(None)
            self._process = 0
            await ended
            self._thread.join()  # it has nothing left to do but to end

    def _check(self) -> None:
        if self._process == os.getpid():
            return
        if self._process:
            raise UnavailableError("the store was opened before a fork: open it again in the child process")
        raise UnavailableError("the store is not open: await store.initialize() first")


def reply(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: Any) -> None:
    """From a thread: call a function on an event loop, unless nobody waits there any more."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:  # it is closed
        return


def _work(queue: _Queue) -> None:
    while (function := queue.get()) is not None:
        function()
        del function  # or it is held until the next one comes


def _answer(answer: asyncio.Future[Any], function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    try:
        result = function(*arguments)
    except BaseException as error:  # whatever it is, somebody waits for it
        reply(answer.get_loop(), fail, answer, error)
    else:
        reply(answer.get_loop(), succeed, answer, result)


def _retrieved(answer: asyncio.Future[Any]) -> None:
    # Nobody need ask; asyncio would log an error that nobody has asked for.
    if not answer.cancelled():
        answer.exception()
