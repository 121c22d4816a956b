"""aiosqlite as its README uses it, over the interpreter's sqlite3."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import aiosqlite
import orjson

from .base import Document, KeyValue, describe

UPSERT = "INSERT INTO kv VALUES (?, ?, ?) ON CONFLICT (k) DO UPDATE SET expires = excluded.expires, v = excluded.v"


class AioSqlite(KeyValue):
    """A table of keys and JSON; each write is executed and committed. WAL, which its users choose for speed."""

    def __init__(self, durability: str = "process") -> None:
        self.name, self.durability = "aiosqlite", durability

    async def _open(self) -> None:
        self._db = await aiosqlite.connect(self.folder / "plain.db")
        synchronous = "FULL" if self.durability == "power" else "NORMAL"
        for statement in (
            "PRAGMA journal_mode = WAL",
            f"PRAGMA synchronous = {synchronous}",
            "CREATE TABLE kv (k TEXT PRIMARY KEY, expires REAL, v BLOB)",
        ):
            await self._db.execute_fetchall(statement)

    async def close(self) -> None:
        await self._db.close()

    async def guarantee(self) -> str:
        names = ("journal_mode", "synchronous")
        return describe(*[row[0] for name in names for row in await self._db.execute_fetchall(f"PRAGMA {name}")])

    async def fill(self, items: Iterable[tuple[str, Document]]) -> None:
        await self._db.executemany(UPSERT, ((key, None, orjson.dumps(document)) for key, document in items))
        await self._db.commit()

    async def get(self, key: str) -> Document | None:
        async with self._db.execute("SELECT v, expires FROM kv WHERE k = ?", (key,)) as cursor:
            row = await cursor.fetchone()
        return None if row is None or (row[1] and row[1] <= time.time()) else orjson.loads(row[0])

    async def set(self, key: str, document: Document) -> Any:
        await self._db.execute(UPSERT, (key, None, orjson.dumps(document)))
        await self._db.commit()

    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        await self._db.execute(UPSERT, (key, time.time() + seconds, orjson.dumps(document)))
        await self._db.commit()


def plain(durability: str = "process") -> AioSqlite:
    """One connection."""
    return AioSqlite(durability)
