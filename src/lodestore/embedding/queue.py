"""Call queue: which callers wait for an embedder, and which are served together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from ..errors import EmbeddingError
from .errors import is_of_service


class _Waiting(NamedTuple):
    """The texts of one caller, and the future that waits for their vectors."""

    texts: Sequence[str]
    done: asyncio.Future[list[bytes]]


class CallQueue:
    """Calls `ask(texts)` for `batch` texts at most, and `width` times at once at most.

    A call goes out at the end of this event-loop iteration. A caller who is cancelled leaves the others alone; with
    the last of them the call is cancelled.
    """

    def __init__(self, ask: Callable[[list[str]], Awaitable[list[bytes]]], batch: int, width: int) -> None:
        self._ask = ask
        self._batch = batch
        self._width = width
        self._waiting: deque[_Waiting] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Embed at most `batch` texts."""
        loop = asyncio.get_running_loop()
        part = _Waiting(texts, loop.create_future())
        if not self._waiting:  # else it is on its way already, or somebody's end starts it
            loop.call_soon(self._start)
        self._waiting.append(part)
        return await part.done

    def _start(self) -> None:
        while len(self._tasks) < self._width and (parts := self._take()):
            task = asyncio.get_running_loop().create_task(self._settle(parts))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            for part in parts:
                part.done.add_done_callback(partial(_leave, task, parts))

    def _take(self) -> list[_Waiting]:
        parts: list[_Waiting] = []
        room = self._batch
        while self._waiting and (size := len(self._waiting[0].texts)) <= room:
            part = self._waiting.popleft()
            if not part.done.done():
                parts.append(part)
                room -= size
        return parts

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._start()

    async def _settle(self, parts: list[_Waiting]) -> None:
        try:
            await self._serve(parts)
        finally:
            for part in parts:  # nobody may wait for ever, whatever went wrong here
                part.done.cancel()

    async def _serve(self, parts: list[_Waiting]) -> None:
        try:
            rows = iter(await self._ask([text for part in parts for text in part.texts]))
        except EmbeddingError as failure:
            if len(parts) > 1 and not is_of_service(failure):
                for part in parts:  # one of the texts is at fault, and only its caller shall know
                    if not part.done.done():
                        await self._serve([part])
            else:
                _fail(parts, failure)
            return
        for part in parts:
            mine = [next(rows) for _ in part.texts]
            if not part.done.done():
                part.done.set_result(mine)

    async def close(self) -> None:
        """Cancel all who wait, and the calls."""
        for part in self._waiting:
            part.done.cancel()
        self._waiting.clear()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _fail(parts: list[_Waiting], failure: EmbeddingError) -> None:
    for part in parts:
        if not part.done.done():
            own = EmbeddingError(*failure.args)  # one for each: raising it writes into it
            own.__cause__ = failure.__cause__
            part.done.set_exception(own)


def _leave(task: asyncio.Task[None], parts: list[_Waiting], _: asyncio.Future[list[bytes]]) -> None:
    if all(part.done.cancelled() for part in parts):
        task.cancel()
