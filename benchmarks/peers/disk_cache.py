"""diskcache: called on the event loop, or in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from diskcache import Cache

from .base import Document, KeyValue, describe


class DiskCache(KeyValue):
    """Documents pickled, as its users have them; one cache directory."""

    def __init__(self, durability: str = "process") -> None:
        self.durability = durability
        self.name = "diskcache, direct"

    async def _open(self) -> None:
        # Its own defaults, without throwing entries out; fsync is a setting of the user's.
        synchronous = 2 if self.durability == "power" else 1
        self._cache = Cache(str(self.folder), eviction_policy="none", sqlite_synchronous=synchronous)

    async def close(self) -> None:
        self._cache.close()

    async def guarantee(self) -> str:
        pragma = self._cache._sql
        return describe(*(pragma(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")))

    async def fill(self, items: Iterable[tuple[str, Document]]) -> None:
        with self._cache.transact():
            for key, document in items:
                self._cache.set(key, document)

    async def get(self, key: str) -> Document | None:
        return self._cache.get(key)

    async def set(self, key: str, document: Document) -> Any:
        return self._cache.set(key, document)

    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        return self._cache.set(key, document, expire=seconds)


class DiskCacheInThreads(DiskCache):
    """The way that does not block the loop."""

    def __init__(self, durability: str = "process") -> None:
        super().__init__(durability)
        self.name = "diskcache, to_thread"

    async def get(self, key: str) -> Document | None:
        return await asyncio.to_thread(self._cache.get, key)

    async def set(self, key: str, document: Document) -> Any:
        return await asyncio.to_thread(self._cache.set, key, document)

    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        return await asyncio.to_thread(self._cache.set, key, document, seconds)


def direct(durability: str = "process") -> DiskCache:
    """Called on the event loop."""
    return DiskCache(durability)


def in_threads(durability: str = "process") -> DiskCacheInThreads:
    """Called by `asyncio.to_thread`."""
    return DiskCacheInThreads(durability)
