"""A Python dict: what no store can be faster than."""

from __future__ import annotations

from typing import Any

from .base import Document, KeyValue


class Dict(KeyValue):
    """Keeps the caller's own objects; nothing survives."""

    name, durability = "dict", "none"

    async def _open(self) -> None:
        self._entries: dict[str, Document] = {}

    async def close(self) -> None:
        self._entries.clear()

    async def guarantee(self) -> str:
        return "in memory"

    async def get(self, key: str) -> Document | None:
        return self._entries.get(key)

    async def set(self, key: str, document: Document) -> Any:
        self._entries[key] = document

    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        self._entries[key] = document  # a dict does not expire
