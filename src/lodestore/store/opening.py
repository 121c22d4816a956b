"""`lodestore.open`: a URL in, an open store out; to be awaited or used as `async with`."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Any

from ..config.registry import backend
from ..core.clock import Clock, system_clock
from .store import Store


class Opening:
    """What `open` returns: await it for the store, or enter it to have the store closed at the end."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __await__(self) -> Generator[Any, None, Store]:
        return self._opened().__await__()

    async def _opened(self) -> Store:
        await self._store.initialize()
        return self._store

    async def __aenter__(self) -> Store:
        return await self._opened()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._store.shutdown()


def open(
    url: str,
    *,
    clock: Clock = system_clock,
    purge_interval: float = 60.0,
    embedder: Any = None,
    tokenizer: str | None = None,
    **settings: Any,
) -> Opening:
    """Open the store at `url`, creating it where there is none.

    `sqlite:///agent.db` (relative; four slashes: absolute), `file:///folder`, `memory:`,
    `postgresql://user@host/database`. Settings stand in the URL (`?durability=process`) or beside it (`key="..."` only
    there); an unknown one is InvalidInputError. What has expired is removed every `purge_interval` seconds (0: only
    when asked), while nothing is being written. `embedder` makes vectors of what is stored and searched: a function of
    a list of texts, or one of `lodestore.embedding` (docs/embeddings.md). `tokenizer` says how the text of a new store
    is indexed, by "words", "trigram" or "both" (docs/search.md). `clock` gives milliseconds and is for tests.
    """
    chosen = backend(url, **settings)
    return Opening(Store(chosen, clock=clock, purge_interval=purge_interval, embedder=embedder, tokenizer=tokenizer))
