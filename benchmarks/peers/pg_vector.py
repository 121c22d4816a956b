"""pgvector on a server of its own on loopback, through asyncpg; its vectors go in PostgreSQL's binary form."""

from __future__ import annotations

import struct
from typing import Any

import asyncpg
import numpy as np

from tests.support import postgres_server

from ..vectors import DIMENSION, Records, Scope
from .nearest import Nearest, Record

if postgres_server.binaries() is None:
    raise ImportError("no PostgreSQL")

COLUMNS = ("id", "user_id", "grp", "embedding", "text")
TABLE = f"CREATE TABLE items (id bigint PRIMARY KEY, user_id int, grp int, embedding vector({DIMENSION}), text text)"
INSERT = f"INSERT INTO items ({', '.join(COLUMNS)}) VALUES ($1, $2, $3, $4, $5)"
# Room for the table and the index in memory; its own default, 128 MB, would have it read from the disk.
OPTIONS = ("shared_buffers=2GB", "maintenance_work_mem=1GB", "max_parallel_maintenance_workers=2")
INDEXES = {
    "btree": ("CREATE INDEX ON items (user_id)", "CREATE INDEX ON items (grp)"),
    "HNSW": ("CREATE INDEX ON items USING hnsw (embedding vector_cosine_ops)",),
}


class PgVector(Nearest):
    """One table; with B-trees on user and group and all of their vectors compared, or with an index of vectors."""

    def __init__(self, index: str) -> None:
        self.name, self._index = f"pgvector, {index}", index
        if index == "HNSW":
            self.efforts, self.effort, self.knob = (40, 100, 200, 400, 1000), 40, "ef_search"

    async def _open(self) -> None:
        self._server = postgres_server.Server(*OPTIONS)
        self._server.start()
        self._db = await asyncpg.connect(self._server.url)
        await self._db.execute("CREATE EXTENSION vector")
        await self._db.set_type_codec("vector", encoder=_binary, decoder=bytes, format="binary")
        await self._db.execute(TABLE)
        await self._db.execute("SET hnsw.iterative_scan = 'strict_order'" if self._index == "HNSW" else "SELECT 1")

    async def close(self) -> None:
        await self._db.close()
        self._server.stop()

    async def setting(self) -> str:
        names = ("fsync", "synchronous_commit")
        return ", ".join([f"{name}={await self._db.fetchval(f'SHOW {name}')}" for name in names])

    async def fill(self, records: Records) -> None:
        for portion in records.portions(10_000):
            rows = ((n, records.users[n], records.groups[n], records.vectors[n], records.text(n)) for n in portion)
            await self._db.copy_records_to_table("items", records=rows, columns=COLUMNS)
        for statement in INDEXES[self._index]:
            await self._db.execute(statement)
        await self._db.execute("VACUUM ANALYZE items")

    async def strive(self, effort: int) -> None:
        await super().strive(effort)
        if effort:
            await self._db.execute(f"SET hnsw.ef_search = {effort}")

    async def near(self, vector: Any, scope: Scope) -> list[int]:
        end = "ORDER BY embedding <=> $1 LIMIT 10"
        if scope.user is not None:
            rows = await self._db.fetch(f"SELECT id FROM items WHERE user_id = $2 {end}", vector, scope.user)
        elif scope.group is not None:
            rows = await self._db.fetch(f"SELECT id FROM items WHERE grp = $2 {end}", vector, scope.group)
        else:
            rows = await self._db.fetch(f"SELECT id FROM items {end}", vector)
        return [row[0] for row in rows]

    async def write(self, record: Record) -> Any:
        await self._db.execute(INSERT, record.number, record.user, record.group, record.vector, record.text)

    async def size(self) -> int:
        """Bytes of the table and its indexes."""
        return int(await self._db.fetchval("SELECT pg_total_relation_size('items')"))


def _binary(vector: Any) -> bytes:
    return struct.pack(">HH", len(vector), 0) + np.asarray(vector).astype(">f4").tobytes()


def server(index: str) -> PgVector:
    """A server of its own, its table indexed so."""
    return PgVector(index)
