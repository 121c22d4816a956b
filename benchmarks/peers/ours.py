"""lodestore itself, behind the same two interfaces."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import lodestore
from lodestore.config.settings import SQLiteSettings

from .base import Document, History, KeyValue, describe

_FIELDS = {field.name for field in dataclasses.fields(SQLiteSettings)}
HAS_HOT, HAS_DICTIONARIES = "hot_bytes" in _FIELDS, "dictionaries" in _FIELDS
HOT_OFF: dict[str, Any] = {"hot_bytes": 0} if HAS_HOT else {}
DICTIONARIES_OFF: dict[str, Any] = {"dictionaries": False} if HAS_DICTIONARIES else {}
# A minute: how often a slow machine lets the tier look at the file must not be counted.
PATIENT: dict[str, Any] = {"max_staleness": 60_000.0} if "max_staleness" in _FIELDS else {}
forced: dict[str, Any] = {}  # settings every store of a run gets: `--without` puts them here


class OurStore:
    """What both have in common."""

    durability: str
    folder: Any
    settings: dict[str, Any]

    async def _open(self) -> None:
        url = f"sqlite:///{self.folder}/store.db"  # the folder is absolute, which makes four slashes
        self.store = await lodestore.open(url, durability=self.durability, **{**self.settings, **forced})

    async def close(self) -> None:
        await self.store.shutdown()

    async def guarantee(self) -> str:
        # The writer switches `synchronous` between transactions, so the writing connection itself is asked.
        writing = self.store.backend._connections.writing
        names = ("journal_mode", "synchronous")
        values = [
            await writing.run("asking", lambda c, name=name: c.execute(f"PRAGMA {name}").fetchone()[0])
            for name in names
        ]
        return describe(*values)


class OurCache(OurStore, KeyValue):
    """Cache entries: committed without fsync by default, they survive the process."""

    durability = "process"

    def __init__(self, hot: bool = True) -> None:
        self.name = f"lodestore, hot tier {'on' if hot and HAS_HOT else 'off'}"
        self.settings = {} if hot else HOT_OFF

    async def _open(self) -> None:
        await super()._open()
        self.get = self.store.load_cache_entry  # type: ignore[method-assign]  # as a caller has it, without a layer
        self.set = self.store.store_cache_entry  # type: ignore[method-assign]

    async def fill(self, items: Iterable[tuple[str, Document]]) -> None:
        feed = iter(items)
        while batch := dict(islice(feed, 1000)):
            await self.store.store_cache_entries(batch)

    async def get(self, key: str) -> Document | None:
        return await self.store.load_cache_entry(key)

    async def set(self, key: str, document: Document) -> Any:
        return await self.store.store_cache_entry(key, document)

    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        return await self.store.store_cache_entry(key, document, ttl=seconds)


class OurState(OurStore, KeyValue):
    """System states: the records by key whose acknowledged writes survive a power cut."""

    durability = "power"

    def __init__(self) -> None:
        self.name, self.settings = "lodestore, system state", {}

    async def fill(self, items: Iterable[tuple[str, Document]]) -> None:
        feed = iter(items)
        while batch := list(islice(feed, 1000)):
            async with self.store.transaction() as together:
                for key, document in batch:
                    await together.store_system_state(key, document)

    async def get(self, key: str) -> Document | None:
        return await self.store.load_system_state(key)

    async def set(self, key: str, document: Document) -> Any:
        return await self.store.store_system_state(key, document)

    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        raise NotImplementedError("states do not expire")


class OurHistory(OurStore, History):
    """Raw messages of conversations."""

    def __init__(self, durability: str = "power") -> None:
        self.name, self.durability, self.settings = "lodestore", durability, {}

    async def append(self, session: str, messages: Sequence[Document]) -> Any:
        return await self.store.append_raw_messages(session, messages)

    async def load(self, session: str) -> list[Document]:
        return await self.store.load_raw_messages(session)

    async def last(self, session: str, count: int) -> list[Document]:
        return await self.store.load_raw_messages(session, limit=count)

    async def delete(self, session: str) -> Any:
        return await self.store.delete_conversation(session)

    async def compact(self) -> None:
        await self.store.compact()


def cache(hot: bool = True) -> OurCache:
    """The cache, with the hot tier or without."""
    return OurCache(hot)


def state() -> OurState:
    """Durable records by key."""
    return OurState()


def history(durability: str = "power") -> OurHistory:
    """Conversations."""
    return OurHistory(durability)
