"""What an agent can write, each method once: for a store, which applies at once, and for a transaction, which collects.

A method checks its ids, encodes its values and hands `Write` values to `_commit`. Nothing is written before all of
that has succeeded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from ..core.clock import HighWaterClock
from ..core.families import (
    AGENT,
    CACHE,
    CHUNK_INFO,
    COLLECTION,
    CONVERSATION,
    ITEM,
    ITEM_VECTOR,
    MEMORY,
    MESSAGE_VECTOR,
    RAW_MESSAGE,
    REASONING_CHAIN,
    RESULT,
    STATE,
    VECTORS,
    Family,
)
from ..core.records import Append, Drop, Key, Put, Write
from ..core.validation import check_id, check_unreserved, expiry
from ..encoding import json_codec
from ..errors import InvalidInputError
from ..search.vectors import METRICS
from .collections import Items
from .vector_spaces import VectorSpaces

Value = Mapping[str, Any]


class WriteMethodsBase(ABC):
    """What every write is made of: check, encode, hand over."""

    _clock: HighWaterClock
    _spaces: VectorSpaces

    @abstractmethod
    async def _commit(self, writes: Sequence[Write]) -> list[int]:
        """Apply or collect; one result for each write."""

    async def _put(
        self, family: Family, key: Key, value: Value, name: str, expect: int | None, ttl: float | None = None
    ) -> bool:
        now = self._clock()
        await self._commit([Put(family, key, json_codec.encode(value, name), now, expiry(ttl, now), _version(expect))])
        return True

    async def _put_found(self, family: Family, key: Key, body: bytes, expect: int | None, vector: object) -> None:
        """Store a record that is searched, with its vector where there is one.

        Without, an old vector stays where it is: it counts only as long as the record says what it was made of.
        """
        version = _version(expect)
        [made] = await self._spaces.bodies(family, [body], None if vector is None else [vector], "vector", [key])
        now = self._clock()
        beside = [Put(VECTORS[family], key, made, now)] if made else []
        await self._commit([Put(family, key, body, now, None, version), *beside])

    async def _messages(self, conversation_id: str, values: Sequence[Value], vectors: object, *, anew: bool) -> Append:
        key = key_of(CONVERSATION, conversation_id)
        if type(values) is not list and (isinstance(values, (str, bytes)) or not isinstance(values, Sequence)):
            raise InvalidInputError(f"messages: expected a list of objects, not {type(values).__name__}")
        bodies = json_codec.encode_all(values, "messages")
        if vectors is None and not self._spaces.embeds:
            return Append(RAW_MESSAGE, key, bodies, self._clock())
        keys = [(*key, position) for position in range(len(bodies))] if anew else ()
        made = await self._spaces.bodies(RAW_MESSAGE, bodies, vectors, "vectors", keys)
        return Append(RAW_MESSAGE, key, bodies, self._clock(), tuple(made))

    async def _drop(self, family: Family, prefix: Key) -> bool:
        now, other = self._clock(), VECTORS.get(family)
        beside = [Drop(other, prefix, now)] if other else []
        return (await self._commit([*beside, Drop(family, prefix, now)]))[-1] > 0


class ConversationWrites(WriteMethodsBase):
    """Writes that belong to a conversation. `expect` is the version a record must have now (see `version_of`)."""

    async def store_conversation(self, conversation_id: str, data: Value, *, expect: int | None = None) -> bool:
        """Store the conversation's document, in place of one that is there."""
        return await self._put(CONVERSATION, key_of(CONVERSATION, conversation_id), data, "data", expect)

    async def delete_conversation(self, conversation_id: str) -> bool:
        """Delete the document with its messages, memories and chunk info; whether anything was there."""
        return await self._drop(CONVERSATION, key_of(CONVERSATION, conversation_id))

    async def store_raw_messages(
        self, conversation_id: str, messages: Sequence[Value], *, vectors: Sequence[Any] | None = None
    ) -> bool:
        """Store the whole list of messages, in place of one that is there; `vectors` as for appending."""
        append = await self._messages(conversation_id, messages, vectors, anew=True)
        old = [Drop(family, append.prefix, append.written_at) for family in (MESSAGE_VECTOR, RAW_MESSAGE)]
        await self._commit([*old, append])
        return True

    async def append_raw_messages(
        self, conversation_id: str, messages: Sequence[Value], *, vectors: Sequence[Any] | None = None
    ) -> list[int]:
        """Add messages at the end; their positions, counted from 0 without a gap.

        `vectors` has one for each message, None for none: a list of numbers, a numpy array or bytes of float32, all of
        the dimension that the first vector of the store had. Without it the store's embedder makes them, if it has one.
        """
        append = await self._messages(conversation_id, messages, vectors, anew=False)
        first = (await self._commit([append]))[-1]
        return list(range(first, first + len(append.bodies)))

    async def delete_raw_messages(self, conversation_id: str) -> bool:
        """Delete all messages of a conversation; whether there were any."""
        return await self._drop(RAW_MESSAGE, key_of(CONVERSATION, conversation_id))

    async def store_memory(
        self,
        conversation_id: str,
        memory_id: str,
        memory_data: Value,
        *,
        expect: int | None = None,
        vector: Any = None,
    ) -> bool:
        """Store one memory; storing it again replaces it and keeps its place, and its vector while it says the same."""
        key = key_of(MEMORY, conversation_id, memory_id)
        await self._put_found(MEMORY, key, json_codec.encode(memory_data, "memory_data"), expect, vector)
        return True

    async def delete_memory(self, conversation_id: str, memory_id: str) -> bool:
        """Delete one memory; whether it was there."""
        return await self._drop(MEMORY, key_of(MEMORY, conversation_id, memory_id))

    async def store_chunk_info(self, conversation_id: str, chunk_data: Value, *, expect: int | None = None) -> bool:
        """Store the chunking decisions of a conversation, in place of those that are there."""
        return await self._put(CHUNK_INFO, key_of(CHUNK_INFO, conversation_id), chunk_data, "chunk_data", expect)

    async def delete_chunk_info(self, conversation_id: str) -> bool:
        """Delete the chunking decisions of a conversation; whether there were any."""
        return await self._drop(CHUNK_INFO, key_of(CHUNK_INFO, conversation_id))


class RecordWrites(WriteMethodsBase):
    """Writes of agents, cache, system state and results."""

    async def store_reasoning_chain(self, agent_id: str, chain_data: Value) -> bool:
        """Append a chain to those of the agent."""
        key, body = key_of(AGENT, agent_id), json_codec.encode(chain_data, "chain_data")
        await self._commit([Append(REASONING_CHAIN, key, (body,), self._clock())])
        return True

    async def delete_reasoning_chains(self, agent_id: str) -> bool:
        """Delete all chains of an agent, and with them the agent; whether there was one."""
        return await self._drop(AGENT, key_of(AGENT, agent_id))

    async def store_cache_entry(
        self, cache_key: str, cache_data: Value, ttl: float | None = None, *, expect: int | None = None
    ) -> bool:
        """Store a cache entry for `ttl` seconds (above 0; None: for ever); overwriting starts the time anew."""
        return await self._put(CACHE, key_of(CACHE, cache_key), cache_data, "cache_data", expect, ttl)

    async def store_cache_entries(self, entries: Mapping[str, Value], ttl: float | None = None) -> bool:
        """Store many cache entries as one transaction, all with the same time to live."""
        if not isinstance(entries, Mapping):
            raise InvalidInputError(f"entries: expected keys with their entries, not {type(entries).__name__}")
        now = self._clock()
        ends = expiry(ttl, now)
        encoded = [(key_of(CACHE, key), json_codec.encode(data, f"entries[{key!r}]")) for key, data in entries.items()]
        await self._commit([Put(CACHE, key, body, now, ends) for key, body in encoded])
        return True

    async def delete_cache_entry(self, cache_key: str) -> bool:
        """Delete a cache entry; whether it was there and had not expired."""
        return await self._drop(CACHE, key_of(CACHE, cache_key))

    async def store_system_state(self, state_key: str, state_data: Value, *, expect: int | None = None) -> bool:
        """Store a piece of system state, in place of one that is there."""
        return await self._put(STATE, key_of(STATE, check_unreserved(state_key)), state_data, "state_data", expect)

    async def delete_system_state(self, state_key: str) -> bool:
        """Delete a piece of system state; whether it was there."""
        return await self._drop(STATE, key_of(STATE, check_unreserved(state_key)))

    async def save_result(
        self, result: Value, result_id: str | None = None, *, expect: int | None = None, vector: Any = None
    ) -> str:
        """Store a result and return its id: the argument, else the result's own `id`, else a new one."""
        body = json_codec.encode(result, "result")
        chosen = result_id if result_id is not None else json_codec.loads(body).get("id") or uuid4().hex
        key = key_of(RESULT, chosen)
        await self._put_found(RESULT, key, body, expect, vector)
        return str(chosen)

    async def delete_result(self, result_id: str) -> bool:
        """Delete a result; whether it was there."""
        return await self._drop(RESULT, key_of(RESULT, result_id))


class CollectionWrites(WriteMethodsBase):
    """Writes of collections: vectors of the caller's own, with what belongs to them."""

    async def upsert_vectors(
        self,
        collection: str,
        ids: Sequence[str],
        vectors: Any = None,
        metadata: Sequence[Value | None] | None = None,
        namespace: str | None = None,
        texts: Sequence[str | None] | None = None,
        *,
        metric: str | None = None,
    ) -> int:
        """Store items, each in place of one of its id; how many.

        `vectors` is a list or a two-dimensional array with one for each id; without it the embedder makes them of
        `texts`. The first write fixes the dimension of the collection and its `metric` ("cosine", the default, "ip" or
        "l2"). `namespace` is one word for all of them by which they can be found apart; `texts` are searched as text.
        """
        items = Items.checked(collection, ids, metadata, namespace, texts)
        made = await self._item_vectors(items, vectors, metric)
        now = self._clock()
        await self._commit([Put(family, key, body, now) for family, key, body in items.records(made)])
        return len(items.keys)

    async def _item_vectors(self, items: Items, vectors: object, metric: str | None) -> list[bytes]:
        if metric is not None and metric not in METRICS:
            raise InvalidInputError(f"metric: expected one of {', '.join(METRICS)}, not {metric!r}")
        if vectors is None:
            if not self._spaces.embeds or not all(text and text.strip() for text in items.texts):
                raise InvalidInputError(
                    "vectors: give one for each id, or texts to a store that was opened with an embedder"
                )
            vectors = await self._spaces.embedder.embed([text or "" for text in items.texts])
        return await self._spaces.placed(items.collection, vectors, items.documents, "vectors", metric)

    async def delete_vectors(self, collection: str, ids: Sequence[str]) -> int:
        """Delete items; how many were there."""
        keys, now = Items.keys_of(collection, ids), self._clock()
        drops = [Drop(family, key, now) for key in keys for family in (ITEM_VECTOR, ITEM)]
        return sum((await self._commit(drops))[1::2])

    async def delete_collection(self, collection: str) -> bool:
        """Delete a collection with all its items; whether there was one. Its name is free for another dimension."""
        if collection == self._spaces.of_records:
            raise InvalidInputError(
                f"collection: {collection!r} is the space of the vectors of messages, memories and results"
            )
        return await self._drop(COLLECTION, key_of(COLLECTION, collection))


class WriteMethods(ConversationWrites, RecordWrites, CollectionWrites):
    """The writing half of the store's interface."""


def _version(expect: int | None) -> int | None:
    if expect is not None and (type(expect) is not int or expect < 0):
        raise InvalidInputError(f"expect: a version as `version_of` gives it, or 0 for no record, not {expect!r}")
    return expect


def key_of(family: Family, *ids: str) -> Key:
    """The checked key; a wrong id is named by its column."""
    if len(ids) == 1:
        return (check_id(ids[0], family.key[0]),)
    return tuple(check_id(value, name) for name, value in zip(family.key, ids, strict=True))


class Transaction(WriteMethods):
    """Writes collected and applied as one when the block ends; none when it raises.

    Reads see nothing of it before. Every method checks its values at once; what it returns says only that the write
    was taken: `results` has the outcome of each record's write after the block.
    """

    def __init__(self, apply: Any, clock: HighWaterClock, spaces: VectorSpaces) -> None:
        self._apply = apply
        self._clock = clock
        self._spaces = spaces
        self._writes: list[Write] = []
        self._done = False
        self.results: list[int] = []

    async def append_raw_messages(
        self, conversation_id: str, messages: Sequence[Value], *, vectors: Sequence[Any] | None = None
    ) -> list[int]:
        """Add messages at the end; the position of the first is known after the block, in `results`."""
        await super().append_raw_messages(conversation_id, messages, vectors=vectors)
        return []

    async def _commit(self, writes: Sequence[Write]) -> list[int]:
        if self._done:
            raise InvalidInputError("the transaction has ended: open a new one")
        self._writes += writes
        return [1] * len(writes)

    async def __aenter__(self) -> Transaction:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._done = True
        if kind is None and self._writes:
            results = await self._apply(self._writes)
            self.results = [result for write, result in zip(self._writes, results, strict=True) if not write.family.of]
