"""cashews with its memory backend."""

from __future__ import annotations

from typing import Any

from cashews import Cache

from .base import Document, KeyValue


class Cashews(KeyValue):
    """Keeps the caller's own objects in memory; nothing survives."""

    name, durability = "cashews, memory", "none"

    async def _open(self) -> None:
        self._cache = Cache()
        self._cache.setup("mem://", size=10_000_000, check_interval=60)
        await self._cache.init()
        self.get, self.set = self._cache.get, self._cache.set  # type: ignore[method-assign]

    async def close(self) -> None:
        await self._cache.clear()
        await self._cache.close()

    async def guarantee(self) -> str:
        return "in memory"

    async def get(self, key: str) -> Document | None:
        return await self._cache.get(key)

    async def set(self, key: str, document: Document) -> Any:
        return await self._cache.set(key, document)

    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        return await self._cache.set(key, document, expire=seconds)
