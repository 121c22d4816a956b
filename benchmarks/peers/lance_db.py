"""LanceDB in the process, through its async interface."""

from __future__ import annotations

from typing import Any

import lancedb
import pyarrow as pa
from lancedb.index import Bitmap, HnswSq

from ..vectors import DIMENSION, Records, Scope
from .nearest import Nearest, Record

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("user", pa.int32()),
        ("grp", pa.int32()),
        ("vector", pa.list_(pa.float32(), DIMENSION)),
        ("text", pa.string()),
    ]
)


class Lance(Nearest):
    """One table, bitmaps on user and group, which filter first; HNSW over vectors in a byte a number, or none.

    It writes files and syncs none of them: strace sees no fsync in 20 writes.
    """

    durability = "process"

    def __init__(self, index: bool) -> None:
        self.name = "lancedb, HNSW" if index else "lancedb, exact"
        self._indexed = index
        if index:
            self.efforts, self.effort, self.knob = (50, 100, 200, 400), 50, "ef"

    async def _open(self) -> None:
        self._db = await lancedb.connect_async(str(self.folder))
        self._table = await self._db.create_table("items", schema=SCHEMA)

    async def close(self) -> None:
        self._table.close()
        self._db.close()

    async def setting(self) -> str:
        return "files, no fsync"

    async def fill(self, records: Records) -> None:
        for portion in records.portions(50_000):
            some = slice(portion.start, portion.stop)
            texts = records.texts[some] if records.texts else [None] * len(portion)
            await self._table.add(
                _rows(list(portion), records.users[some], records.groups[some], records.vectors[some], texts)
            )
        for column in ("user", "grp"):
            await self._table.create_index(column, config=Bitmap())
        if self._indexed:
            await self._table.create_index("vector", config=HnswSq(distance_type="cosine"))
        await self._table.optimize()

    async def near(self, vector: Any, scope: Scope) -> list[int]:
        query = self._table.query().nearest_to(vector).distance_type("cosine").limit(10).select(["id", "_distance"])
        query = query.ef(self.effort).refine_factor(2) if self._indexed else query.bypass_vector_index()
        if scope.user is not None:
            query = query.where(f"user = {scope.user}")
        elif scope.group is not None:
            query = query.where(f"grp = {scope.group}")
        return (await query.to_arrow())["id"].to_pylist()  # type: ignore[no-any-return]

    async def write(self, record: Record) -> Any:
        row = ([record.number], [record.user], [record.group], record.vector[None, :], [record.text])
        await self._table.add(_rows(*row))


def _rows(ids: Any, users: Any, groups: Any, vectors: Any, texts: Any) -> Any:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), DIMENSION)
    columns = [pa.array(ids, pa.int64()), pa.array(users, pa.int32()), pa.array(groups, pa.int32()), lists]
    return pa.table([*columns, pa.array(texts, pa.string())], schema=SCHEMA)


def table(index: bool = True) -> Lance:
    """A folder of its own."""
    return Lance(index)
