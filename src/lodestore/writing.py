"""What an agent can write, each method once: for a store, which applies at once, and for a transaction, which collects.

A method checks its ids, encodes its values and hands `Write` values to `_commit`. Nothing is written before all of
that has succeeded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from . import codec
from .catalogue import (
    AGENT,
    CACHE,
    CHUNK_INFO,
    CONVERSATION,
    MEMORY,
    RAW_MESSAGE,
    REASONING_CHAIN,
    RESULT,
    STATE,
    Family,
)
from .clock import HighWater
from .errors import Refused
from .kernel import Append, Drop, Key, Put, Write
from .keys import check_id, check_unreserved, expiry

Value = Mapping[str, Any]


class Committing(ABC):
    """What every write is made of: check, encode, hand over."""

    _clock: HighWater

    @abstractmethod
    async def _commit(self, writes: Sequence[Write]) -> list[int]:
        """Apply or collect; one result for each write."""

    async def _put(
        self, family: Family, key: Key, value: Value, name: str, expect: int | None, ttl: float | None = None
    ) -> bool:
        now = self._clock()
        await self._commit([Put(family, key, codec.encode(value, name), now, expiry(ttl, now), _version(expect))])
        return True

    def _append(self, family: Family, outer: str, values: Sequence[Value]) -> Append:
        key = key_of(CONVERSATION, outer)
        if type(values) is not list and (isinstance(values, (str, bytes)) or not isinstance(values, Sequence)):
            raise Refused(f"messages: expected a list of objects, not {type(values).__name__}")
        return Append(family, key, codec.encode_all(values, "messages"), self._clock())

    async def _drop(self, family: Family, prefix: Key) -> bool:
        return (await self._commit([Drop(family, prefix, self._clock())]))[-1] > 0


class ConversationWriting(Committing):
    """Writes that belong to a conversation. `expect` is the version a record must have now (see `version_of`)."""

    async def store_conversation(self, conversation_id: str, data: Value, *, expect: int | None = None) -> bool:
        """Store the conversation's document, in place of one that is there."""
        return await self._put(CONVERSATION, key_of(CONVERSATION, conversation_id), data, "data", expect)

    async def delete_conversation(self, conversation_id: str) -> bool:
        """Delete the document with its messages, memories and chunk info; whether anything was there."""
        return await self._drop(CONVERSATION, key_of(CONVERSATION, conversation_id))

    async def store_raw_messages(self, conversation_id: str, messages: Sequence[Value]) -> bool:
        """Store the whole list of messages, in place of one that is there."""
        append = self._append(RAW_MESSAGE, conversation_id, messages)
        await self._commit([Drop(RAW_MESSAGE, append.prefix, append.written_at), append])
        return True

    async def append_raw_messages(self, conversation_id: str, messages: Sequence[Value]) -> list[int]:
        """Add messages at the end; their positions, counted from 0 without a gap."""
        append = self._append(RAW_MESSAGE, conversation_id, messages)
        first = (await self._commit([append]))[-1]
        return list(range(first, first + len(append.bodies)))

    async def delete_raw_messages(self, conversation_id: str) -> bool:
        """Delete all messages of a conversation; whether there were any."""
        return await self._drop(RAW_MESSAGE, key_of(CONVERSATION, conversation_id))

    async def store_memory(
        self, conversation_id: str, memory_id: str, memory_data: Value, *, expect: int | None = None
    ) -> bool:
        """Store one memory; storing it again replaces it and keeps its place."""
        key = key_of(MEMORY, conversation_id, memory_id)
        return await self._put(MEMORY, key, memory_data, "memory_data", expect)

    async def delete_memory(self, conversation_id: str, memory_id: str) -> bool:
        """Delete one memory; whether it was there."""
        return await self._drop(MEMORY, key_of(MEMORY, conversation_id, memory_id))

    async def store_chunk_info(self, conversation_id: str, chunk_data: Value, *, expect: int | None = None) -> bool:
        """Store the chunking decisions of a conversation, in place of those that are there."""
        return await self._put(CHUNK_INFO, key_of(CHUNK_INFO, conversation_id), chunk_data, "chunk_data", expect)

    async def delete_chunk_info(self, conversation_id: str) -> bool:
        """Delete the chunking decisions of a conversation; whether there were any."""
        return await self._drop(CHUNK_INFO, key_of(CHUNK_INFO, conversation_id))


class RecordWriting(Committing):
    """Writes of agents, cache, system state and results."""

    async def store_reasoning_chain(self, agent_id: str, chain_data: Value) -> bool:
        """Append a chain to those of the agent."""
        key, body = key_of(AGENT, agent_id), codec.encode(chain_data, "chain_data")
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
            raise Refused(f"entries: expected keys with their entries, not {type(entries).__name__}")
        now = self._clock()
        ends = expiry(ttl, now)
        encoded = [(key_of(CACHE, key), codec.encode(data, f"entries[{key!r}]")) for key, data in entries.items()]
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

    async def save_result(self, result: Value, result_id: str | None = None, *, expect: int | None = None) -> str:
        """Store a result and return its id: the argument, else the result's own `id`, else a new one."""
        body = codec.encode(result, "result")
        chosen = result_id if result_id is not None else codec.loads(body).get("id") or uuid4().hex
        key = key_of(RESULT, chosen)
        await self._commit([Put(RESULT, key, body, self._clock(), None, _version(expect))])
        return str(chosen)

    async def delete_result(self, result_id: str) -> bool:
        """Delete a result; whether it was there."""
        return await self._drop(RESULT, key_of(RESULT, result_id))


class Writing(ConversationWriting, RecordWriting):
    """The writing half of the store's interface."""


def _version(expect: int | None) -> int | None:
    if expect is not None and (type(expect) is not int or expect < 0):
        raise Refused(f"expect: a version as `version_of` gives it, or 0 for no record, not {expect!r}")
    return expect


def key_of(family: Family, *ids: str) -> Key:
    """The checked key; a wrong id is named by its column."""
    if len(ids) == 1:
        return (check_id(ids[0], family.key[0]),)
    return tuple(check_id(value, name) for name, value in zip(family.key, ids, strict=True))


class Transaction(Writing):
    """Writes collected and applied as one when the block ends; none when it raises.

    Reads see nothing of it before. Every method checks its values at once; what it returns says only that the write
    was taken: `results` has the outcome after the block.
    """

    def __init__(self, apply: Any, clock: HighWater) -> None:
        self._apply = apply
        self._clock = clock
        self._writes: list[Write] = []
        self._done = False
        self.results: list[int] = []

    async def append_raw_messages(self, conversation_id: str, messages: Sequence[Value]) -> list[int]:
        """Add messages at the end; the position of the first is known after the block, in `results`."""
        await super().append_raw_messages(conversation_id, messages)
        return []

    async def _commit(self, writes: Sequence[Write]) -> list[int]:
        if self._done:
            raise Refused("the transaction has ended: open a new one")
        self._writes += writes
        return [1] * len(writes)

    async def __aenter__(self) -> Transaction:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._done = True
        if kind is None and self._writes:
            self.results = await self._apply(self._writes)
