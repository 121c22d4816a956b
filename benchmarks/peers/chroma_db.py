"""Chroma in the process, on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import chromadb
from chromadb.config import Settings

from ..vectors import Records, Scope
from .nearest import Nearest, Record

PORTION = 5000


class Chroma(Nearest):
    """One collection, the user as metadata; or a collection for each user. strace sees eight fsyncs a write."""

    knob = "ef_search"
    efforts = (100, 200, 400, 1000)

    def __init__(self, apart: bool) -> None:
        self.name = "chroma, a collection per user" if apart else "chroma, one collection"
        self._apart, self.effort = apart, 100
        if apart:
            self.scopes = frozenset({"user"})

    async def _open(self) -> None:
        self._connect()

    def _connect(self) -> None:
        self._client = chromadb.PersistentClient(str(self.folder), Settings(anonymized_telemetry=False))
        self._found: dict[str, Any] = {}

    async def close(self) -> None:
        self._found.clear()
        self._client.close()

    async def setting(self) -> str:
        return "its own, fsync"

    def _collection(self, user: int | None) -> Any:
        name = f"user-{user}" if self._apart else "items"
        if name not in self._found:
            how: Any = {"hnsw": {"space": "cosine", "ef_search": self.effort}}
            self._found[name] = self._client.get_or_create_collection(name, configuration=how, embedding_function=None)
        return self._found[name]

    async def fill(self, records: Records) -> None:
        users: Sequence[int | None] = sorted(set(records.users)) if self._apart else [None]
        for user in users:
            rows = Scope(user=user).rows(records).tolist()
            for start in range(0, len(rows), PORTION):
                self._add(records, user, rows[start : start + PORTION])

    def _add(self, records: Records, user: int | None, rows: list[int]) -> None:
        about = [{"user": records.users[n], "group": records.groups[n]} for n in rows]
        texts = [records.texts[n] for n in rows] if records.texts else None
        ids = [str(n) for n in rows]
        self._collection(user).add(ids, embeddings=records.vectors[rows], metadatas=about, documents=texts)

    async def strive(self, effort: int) -> None:
        if effort != self.effort:
            await super().strive(effort)
            for collection in self._client.list_collections():
                collection.modify(configuration={"hnsw": {"ef_search": effort}})
            await self.close()  # an index that is in use keeps the setting it was loaded with
            self._connect()

    async def near(self, vector: Any, scope: Scope) -> list[int]:
        where: Any = None
        if scope.group is not None:
            where = {"group": scope.group}
        elif scope.user is not None and not self._apart:
            where = {"user": scope.user}
        found = self._collection(scope.user).query(vector[None, :], n_results=10, where=where, include=[])
        return [int(number) for number in found["ids"][0]]

    async def write(self, record: Record) -> Any:
        about = [{"user": record.user, "group": record.group}]
        ids, vectors = [str(record.number)], record.vector[None, :]
        self._collection(record.user).add(ids, embeddings=vectors, metadatas=about, documents=[record.text])


def client(apart: bool = False) -> Chroma:
    """A folder of its own."""
    return Chroma(apart)
