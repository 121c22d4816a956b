"""lodestore's own search: users as namespaces of one collection, and as conversations."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Any, ClassVar

from lodestore.store.search_request import Hit

from ..vectors import Records, Scope
from .nearest import Nearest, Record
from .ours import OurStore

COLLECTION = "bench"
PORTION = 1000


class OurSearch(OurStore, Nearest):
    """A store that fsyncs every write, or with `durability` process none: that one only writes."""

    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self, durability: str = "power") -> None:
        self.durability = durability
        if durability == "process":
            self.name, self.scopes = f"{self.name}, no fsync", frozenset()

    async def guarantee(self) -> str:
        return await Nearest.guarantee(self)

    async def setting(self) -> str:
        return await OurStore.guarantee(self)

    async def fill(self, records: Records) -> None:
        for portion in records.portions(PORTION):
            by_user: dict[int, list[int]] = {}
            for number in portion:
                by_user.setdefault(records.users[number], []).append(number)
            await asyncio.gather(*(self._take(records, user, some) for user, some in by_user.items()))
        await self.hybrid("index", None, 0, "text")  # the first search takes in what was written

    @abstractmethod
    async def _take(self, records: Records, user: int, some: list[int]) -> None:
        """Store records of one user."""

    @abstractmethod
    async def hybrid(self, text: str, vector: Any, user: int, mode: str) -> list[Hit]:
        """Search what is one user's by text and vector, or by one of them."""


class OurNamespaces(OurSearch):
    """One collection, each user a namespace in it, the group in the metadata."""

    name = "lodestore, namespaces"

    async def _take(self, records: Records, user: int, some: list[int]) -> None:
        groups = [{"group": records.groups[number]} for number in some]
        texts = [records.text(number) for number in some]
        ids = [str(number) for number in some]
        await self.store.upsert_vectors(COLLECTION, ids, records.vectors[some], groups, name_of(user), texts)

    async def near(self, vector: Any, scope: Scope) -> list[int]:
        where = None if scope.group is None else {"group": scope.group}
        part = None if scope.user is None else name_of(scope.user)
        hits = await self.store.search_vectors(COLLECTION, vector, namespace=part, where=where)
        return [int(hit.key[1]) for hit in hits]

    async def hybrid(self, text: str, vector: Any, user: int, mode: str) -> list[Hit]:
        place = (COLLECTION, name_of(user))
        return await self.store.search(text, vector=vector, namespace=place, mode=mode)

    async def write(self, record: Record) -> Any:
        about = [{"group": record.group}]
        ids, vectors, texts = [str(record.number)], record.vector[None, :], [record.text]
        await self.store.upsert_vectors(COLLECTION, ids, vectors, about, name_of(record.user), texts)


class OurWhole(OurNamespaces):
    """One collection, and no namespaces in it; filled once it has cells, if it is to have some."""

    name = "lodestore, one namespace"
    scopes = frozenset({"group", "all"})

    async def fill(self, records: Records) -> None:
        for portion in records.portions(PORTION):
            ids, groups = [str(number) for number in portion], [{"group": records.groups[n]} for n in portion]
            await self.store.upsert_vectors(COLLECTION, ids, records.vectors[portion.start : portion.stop], groups)
        await self.store.search_vectors(COLLECTION, records.vectors[0])
        await self.store.compact()


class OurConversations(OurSearch):
    """Each user a conversation, each record a message with a vector."""

    name = "lodestore, conversations"

    async def _take(self, records: Records, user: int, some: list[int]) -> None:
        messages = [_message(number, records.groups[number], records.text(number)) for number in some]
        vectors = records.vectors[some] if len(records.vectors) else None
        await self.store.append_raw_messages(name_of(user), messages, vectors=vectors)

    async def near(self, vector: Any, scope: Scope) -> list[int]:
        where = None if scope.group is None else {"group": scope.group}
        place = None if scope.user is None else name_of(scope.user)
        hits = await self.store.search(vector=vector, namespace=place, where=where, mode="vector")
        return [hit.data["n"] for hit in hits]

    async def hybrid(self, text: str, vector: Any, user: int, mode: str) -> list[Hit]:
        return await self.store.search(text, vector=vector, namespace=name_of(user), mode=mode)

    async def write(self, record: Record) -> Any:
        message = _message(record.number, record.group, record.text)
        await self.store.append_raw_messages(name_of(record.user), [message], vectors=record.vector[None, :])


def _message(number: int, group: int, text: str | None) -> dict[str, Any]:
    about = {"role": "user", "n": number, "group": group}
    return about if text is None else {**about, "content": text}


def name_of(user: int) -> str:
    """A user's namespace, or conversation."""
    return f"user-{user}"


def namespaces(durability: str = "power") -> OurNamespaces:
    """A collection."""
    return OurNamespaces(durability)


def whole() -> OurWhole:
    """A collection without namespaces."""
    return OurWhole()


def conversations() -> OurConversations:
    """Conversations."""
    return OurConversations()
