"""Batching of embedder calls: texts that arrive while one call runs go together in the next; answers are checked.

The writer of the SQLite backend makes its commits in the same way: no timer, no wait, and under load few calls of many
texts instead of many calls of one.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..errors import EmbeddingError, InvalidInputError
from ..search.vectors import load_numpy
from .embedder import Embedder, EmbedFunction, as_embedder
from .errors import said_of
from .queue import CallQueue
from .validation import rows_of

BATCH = 64  # texts in one call
CALLS = 4  # of an asynchronous embedder at once, for documents and for queries each


class BatchingEmbedder:
    """An embedder as a store uses it, on one event loop: calls are batched, checked and limited in time.

    A synchronous embedder is called in a thread of its own, once at a time; a call that has timed out goes on there,
    and the next waits for it.

    Args:
        embedder: An embedder, or a function of a list of texts.
        batch: At most this many texts in one call.
        timeout: Seconds that one call may take; None: any time.

    Raises:
        InvalidInputError: An argument is not valid.
        UnsupportedError: numpy is not installed: `pip install 'lodestore[vector]'`.
    """

    def __init__(self, embedder: Embedder | EmbedFunction, *, batch: int = BATCH, timeout: float | None = None) -> None:
        load_numpy()
        if batch < 1:
            raise InvalidInputError(f"batch: expected a whole number from 1, not {batch!r}")
        if timeout is not None and not timeout > 0:
            raise InvalidInputError("timeout: expected seconds above 0, or None")
        named = as_embedder(embedder)
        self.name = named.name
        self.dimension = named.dimension  # None until the first answer
        self._batch = batch
        self._timeout = timeout
        self._thread = ThreadPoolExecutor(1, "lodestore-embedder")
        self._documents = self._line(named.function)
        self._queries = self._line(named.for_queries) if named.for_queries else self._documents

    def _line(self, function: EmbedFunction) -> CallQueue:
        waits = _is_async(function)
        return CallQueue(partial(self._ask, function, waits), self._batch, CALLS if waits else 1)

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Embed texts.

        Texts of other callers in the same batch do not matter: after a failure each text is tried alone.

        Args:
            texts: The texts.

        Returns:
            A vector per text, as float32 in little-endian bytes; not normalised, none of them all zeros.

        Raises:
            EmbeddingError: The embedder raised, took too long, or did not return one usable vector per text.
        """
        return await self._all(self._documents, texts)

    async def embed_queries(self, texts: Sequence[str]) -> list[bytes]:
        """Embed texts that are searched for.

        Args:
            texts: The queries.

        Returns:
            A vector per text, as `embed` returns it.

        Raises:
            EmbeddingError: As for `embed`.
        """
        return await self._all(self._queries, texts)

    async def _all(self, line: CallQueue, texts: Sequence[str]) -> list[bytes]:
        rows: list[bytes] = []
        for start in range(0, len(texts), self._batch):  # in turn, so that others get theirs in between
            rows += await line.embed(texts[start : start + self._batch])
        return rows

    async def _ask(self, function: EmbedFunction, waits: bool, texts: list[str]) -> list[bytes]:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                answer = await self._answer(function, waits, texts)
            rows = await asyncio.to_thread(rows_of, answer, len(texts))
            self._keep_dimension(len(rows[0]) // 4)
        except Exception as error:
            said = f"no answer within {self._timeout:g} s" if limit.expired() else said_of(error)
            # Never the text of the error itself: it may quote headers, and with them a key.
            raise EmbeddingError(f"{self.name}: {said}") from error
        return rows

    async def _answer(self, function: EmbedFunction, waits: bool, texts: list[str]) -> Any:
        if waits:
            return await function(texts)
        answer = await asyncio.get_running_loop().run_in_executor(self._thread, _call, function, texts)
        return await answer if inspect.isawaitable(answer) else answer

    def _keep_dimension(self, found: int) -> None:
        if self.dimension is None:
            self.dimension = found
        if found != self.dimension:
            raise EmbeddingError(f"vectors of {found} numbers instead of {self.dimension}")

    async def close(self) -> None:
        """Give up the calls under way; who waits for one is cancelled."""
        for line in {self._documents, self._queries}:
            await line.close()
        self._thread.shutdown(wait=False, cancel_futures=True)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _call(function: EmbedFunction, texts: list[str]) -> Any:
    try:
        return function(texts)
    except StopIteration as error:  # no future can hold it: who waits would wait for ever
        raise RuntimeError("the embedder raised StopIteration") from error
