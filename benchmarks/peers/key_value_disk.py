"""py-key-value's disk store."""

from __future__ import annotations

from typing import Any

from key_value.aio.stores.disk import DiskStore

from .base import Document, KeyValue, describe


class KeyValueDisk(KeyValue):
    """Its managed entries as JSON text, on diskcache."""

    name, durability = "py-key-value, disk", "process"

    async def _open(self) -> None:
        self._store = DiskStore(directory=self.folder)
        await self._store.setup()

    async def close(self) -> None:
        await self._store.close()

    async def guarantee(self) -> str:
        pragma = self._store._cache._sql
        return describe(*(pragma(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")))

    async def get(self, key: str) -> Document | None:
        return await self._store.get(key)

    async def set(self, key: str, document: Document) -> Any:
        await self._store.put(key, document)

    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        await self._store.put(key, document, ttl=seconds)
