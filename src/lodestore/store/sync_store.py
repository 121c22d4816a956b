"""SyncStore: the methods of `Store` for code without an event loop.

Generated from `Store` by `./dev generate`; a test fails when it differs. Do not edit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

from ..config.open_settings import OpenSettings
from ..core.clock import Clock, system_clock
from ..core.interface import Document
from ..core.searchable import OnCount
from .opening import open as open_async
from .record_access import Value
from .search_request import Hit, Rerank
from .sync_base import BlockingCalls, SyncStoreBase, SyncTransactionBase


class SyncWriteMethods(BlockingCalls):
    """All writes: for a store, which applies them at once, and for a transaction, which collects them."""

    def store_conversation(self, conversation_id: str, data: Value, *, expect: int | None = None) -> bool:
        """Store a conversation's document, replacing the one that is there.

        Messages, memories and chunk info of the conversation stay as they are.

        Args:
            conversation_id: The conversation, 1 to 1024 bytes in UTF-8.
            data: The document, a JSON object.
            expect: Write only if the document has this version now (see `version_of`; `ABSENT` for none).

        Returns:
            True.

        Raises:
            InvalidInputError: The id or the document cannot be stored; the message names the place.
            ConflictError: The document does not have the version `expect`.
        """
        return self._wait(self._writer.store_conversation(conversation_id, data, expect=expect))

    def delete_conversation(self, conversation_id: str) -> bool:
        """Delete a conversation: its document, messages, memories and chunk info.

        Args:
            conversation_id: The conversation.

        Returns:
            Whether there was anything to delete.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return self._wait(self._writer.delete_conversation(conversation_id))

    def store_raw_messages(
        self, conversation_id: str, messages: Sequence[Value], *, vectors: Sequence[Any] | None = None
    ) -> bool:
        """Store the whole list of messages, replacing the one that is there.

        Args:
            conversation_id: The conversation.
            messages: The messages in order, each a JSON object.
            vectors: One vector per message, as for `append_raw_messages`.

        Returns:
            True.

        Raises:
            InvalidInputError: The id, a message or a vector cannot be stored; the message names the place.
        """
        return self._wait(self._writer.store_raw_messages(conversation_id, messages, vectors=vectors))

    def append_raw_messages(
        self, conversation_id: str, messages: Sequence[Value], *, vectors: Sequence[Any] | None = None
    ) -> list[int]:
        """Append messages to a conversation.

        Messages of concurrent calls never mix, and positions have no gaps.

        Args:
            conversation_id: The conversation; it is created by its first message.
            messages: The messages in order, each a JSON object.
            vectors: One vector per message, or None in place of one: a list of numbers, a numpy array or float32
                bytes, all of the dimension that the store's first vector had. Without it, the store's embedder makes
                them, if it has one.

        Returns:
            The position of each message in its conversation, counted from 0.

        Raises:
            InvalidInputError: The id, a message or a vector cannot be stored; the message names the place.
            OutcomeUnknownError: The commit failed half-way. Load before you append again, or a message may be stored
                twice.

        Example:
            ```python
            positions = store.append_raw_messages(
                "chat-1",
                [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Hi!"}],
            )
            assert positions == [0, 1]
            ```
        """
        return self._wait(self._writer.append_raw_messages(conversation_id, messages, vectors=vectors))

    def delete_raw_messages(self, conversation_id: str) -> bool:
        """Delete all messages of a conversation; its document and memories stay.

        Args:
            conversation_id: The conversation.

        Returns:
            Whether there were any messages.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return self._wait(self._writer.delete_raw_messages(conversation_id))

    def store_chunk_info(self, conversation_id: str, chunk_data: Value, *, expect: int | None = None) -> bool:
        """Store how a conversation was split into chunks, replacing what is there.

        Args:
            conversation_id: The conversation.
            chunk_data: The chunking decisions, a JSON object.
            expect: Write only if the record has this version now (see `version_of`).

        Returns:
            True.

        Raises:
            InvalidInputError: The id or the object cannot be stored; the message names the place.
            ConflictError: The record does not have the version `expect`.
        """
        return self._wait(self._writer.store_chunk_info(conversation_id, chunk_data, expect=expect))

    def delete_chunk_info(self, conversation_id: str) -> bool:
        """Delete the chunk info of a conversation.

        Args:
            conversation_id: The conversation.

        Returns:
            Whether there was any.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return self._wait(self._writer.delete_chunk_info(conversation_id))

    def store_memory(
        self, conversation_id: str, memory_id: str, memory_data: Value, *, expect: int | None = None, vector: Any = None
    ) -> bool:
        """Store one memory, replacing the one of that id.

        A replaced memory keeps its position in `load_memories`, and its vector as long as its content is unchanged.

        Args:
            conversation_id: The conversation it belongs to.
            memory_id: Its name within the conversation.
            memory_data: The memory, a JSON object. All text in it is searched.
            expect: Write only if the memory has this version now (see `version_of`; `ABSENT` for none).
            vector: Its vector: a list of numbers, a numpy array or float32 bytes. Without it, the store's embedder
                makes one, if it has one.

        Returns:
            True.

        Raises:
            InvalidInputError: An id, the object or the vector cannot be stored; the message names the place.
            ConflictError: The memory does not have the version `expect`.

        Example:
            ```python
            store.store_memory("chat-1", "seat", {"text": "prefers a window seat"})
            version = store.version_of("memory", "chat-1", "seat")
            store.store_memory("chat-1", "seat", {"text": "prefers an aisle seat"}, expect=version)
            ```
        """
        return self._wait(
            self._writer.store_memory(conversation_id, memory_id, memory_data, expect=expect, vector=vector)
        )

    def delete_memory(self, conversation_id: str, memory_id: str) -> bool:
        """Delete one memory.

        Args:
            conversation_id: The conversation it belongs to.
            memory_id: Its name within the conversation.

        Returns:
            Whether it was there.

        Raises:
            InvalidInputError: An id is not valid.
        """
        return self._wait(self._writer.delete_memory(conversation_id, memory_id))

    def store_reasoning_chain(self, agent_id: str, chain_data: Value) -> bool:
        """Append a reasoning chain to those of an agent.

        Args:
            agent_id: The agent; it is created by its first chain.
            chain_data: The chain, a JSON object.

        Returns:
            True.

        Raises:
            InvalidInputError: The id or the object cannot be stored; the message names the place.
        """
        return self._wait(self._writer.store_reasoning_chain(agent_id, chain_data))

    def delete_reasoning_chains(self, agent_id: str) -> bool:
        """Delete an agent with all its reasoning chains.

        Args:
            agent_id: The agent.

        Returns:
            Whether there were any chains.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return self._wait(self._writer.delete_reasoning_chains(agent_id))

    def store_cache_entry(
        self, cache_key: str, cache_data: Value, ttl: float | None = None, *, expect: int | None = None
    ) -> bool:
        """Store a cache entry, replacing the one under that key.

        Args:
            cache_key: The key, 1 to 1024 bytes in UTF-8.
            cache_data: The entry, a JSON object.
            ttl: Seconds to live, above 0, from now; None: until it is deleted.
            expect: Write only if the entry has this version now (see `version_of`; `ABSENT` for none or expired).

        Returns:
            True.

        Raises:
            InvalidInputError: The key, the object or `ttl` cannot be stored; the message names the place.
            ConflictError: The entry does not have the version `expect`.

        Example:
            ```python
            store.store_cache_entry("answer:42", {"text": "Oslo"}, ttl=3600)
            assert store.load_cache_entry("answer:42") == {"text": "Oslo"}
            ```
        """
        return self._wait(self._writer.store_cache_entry(cache_key, cache_data, ttl, expect=expect))

    def store_cache_entries(self, entries: Mapping[str, Value], ttl: float | None = None) -> bool:
        """Store many cache entries in one transaction.

        Args:
            entries: The entries by their keys.
            ttl: Seconds to live for all of them, above 0; None: until they are deleted.

        Returns:
            True.

        Raises:
            InvalidInputError: A key, an object or `ttl` cannot be stored; nothing was written.
        """
        return self._wait(self._writer.store_cache_entries(entries, ttl))

    def delete_cache_entry(self, cache_key: str) -> bool:
        """Delete a cache entry.

        Args:
            cache_key: The key.

        Returns:
            Whether it was there and had not expired.

        Raises:
            InvalidInputError: The key is not valid.
        """
        return self._wait(self._writer.delete_cache_entry(cache_key))

    def store_system_state(self, state_key: str, state_data: Value, *, expect: int | None = None) -> bool:
        """Store a piece of system state, replacing the one under that key.

        Args:
            state_key: The key, 1 to 1024 bytes in UTF-8.
            state_data: The state, a JSON object.
            expect: Write only if the state has this version now (see `version_of`; `ABSENT` for none).

        Returns:
            True.

        Raises:
            InvalidInputError: The key or the object cannot be stored; the message names the place.
            ConflictError: The state does not have the version `expect`.

        Example:
            ```python
            store.store_system_state("agent-1:task", {"step": 1}, expect=lodestore.ABSENT)
            version = store.version_of("state", "agent-1:task")
            store.store_system_state("agent-1:task", {"step": 2}, expect=version)
            ```
        """
        return self._wait(self._writer.store_system_state(state_key, state_data, expect=expect))

    def delete_system_state(self, state_key: str) -> bool:
        """Delete a piece of system state.

        Args:
            state_key: The key.

        Returns:
            Whether it was there.

        Raises:
            InvalidInputError: The key is not valid, or reserved for lodestore.
        """
        return self._wait(self._writer.delete_system_state(state_key))

    def save_result(
        self, result: Value, result_id: str | None = None, *, expect: int | None = None, vector: Any = None
    ) -> str:
        """Save a result, replacing the one of that id.

        Args:
            result: The result, a JSON object. All text in it is searched.
            result_id: Its id; without one, the result's own `id`, else a new one.
            expect: Write only if the result has this version now (see `version_of`; `ABSENT` for none).
            vector: Its vector: a list of numbers, a numpy array or float32 bytes. Without it, the store's embedder
                makes one, if it has one.

        Returns:
            The id.

        Raises:
            InvalidInputError: The id, the object or the vector cannot be stored; the message names the place.
            ConflictError: The result does not have the version `expect`.

        Example:
            ```python
            result_id = store.save_result({"task": "summary", "text": "Two flights were cancelled."})
            assert store.load_result(result_id) == {"task": "summary", "text": "Two flights were cancelled."}
            ```
        """
        return self._wait(self._writer.save_result(result, result_id, expect=expect, vector=vector))

    def delete_result(self, result_id: str) -> bool:
        """Delete a result.

        Args:
            result_id: The id.

        Returns:
            Whether it was there.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return self._wait(self._writer.delete_result(result_id))

    def upsert_vectors(
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
        """Store items of a collection, each replacing the one of its id.

        The first write fixes the dimension and the metric of the collection.

        Args:
            collection: The collection; it is created by its first items.
            ids: The ids of the items, all different.
            vectors: One vector per id: a list of lists of numbers, an array of shape `(len(ids), dimension)`, or a
                list of float32 bytes. Without it, the store's embedder makes them of `texts`.
            metadata: One JSON object per id, or None in place of one; `where=` filters look at it.
            namespace: A name for all these items, by which a search can be limited to them.
            texts: One text per id, or None in place of one; `search` finds the items by them.
            metric: How vectors compare: "cosine" (the default), "ip" (inner product) or "l2" (Euclidean distance).

        Returns:
            How many items were stored.

        Raises:
            InvalidInputError: An argument is not valid, the vectors have another dimension than the collection's, or
                `metric` is another.
            EmbeddingError: The embedder failed; nothing was stored.

        Example:
            ```python
            store.upsert_vectors(
                "documents",
                ["d1", "d2"],
                [[0.1, 0.9], [0.8, 0.2]],
                metadata=[{"page": 1}, {"page": 2}],
            )
            [hit] = store.search_vectors("documents", [0.0, 1.0], limit=1)
            assert hit.data["id"] == "d1"
            ```
        """
        return self._wait(
            self._writer.upsert_vectors(collection, ids, vectors, metadata, namespace, texts, metric=metric)
        )

    def delete_vectors(self, collection: str, ids: Sequence[str]) -> int:
        """Delete items of a collection.

        Args:
            collection: The collection.
            ids: The ids of the items.

        Returns:
            How many of them were there.

        Raises:
            InvalidInputError: An id is not valid.
        """
        return self._wait(self._writer.delete_vectors(collection, ids))

    def delete_collection(self, collection: str) -> bool:
        """Delete a collection with all its items; its name may then be used with another dimension.

        Args:
            collection: The collection.

        Returns:
            Whether there was one.

        Raises:
            InvalidInputError: The name is not valid, or is the vector space of messages, memories and results.
        """
        return self._wait(self._writer.delete_collection(collection))


class SyncTransaction(SyncTransactionBase, SyncWriteMethods):
    """An atomic batch of writes: all are applied when the block ends, none if it raises.

    Use it as `with store.transaction() as tx`. A write checks its arguments at once, but its return value says
    only that it was taken. Reads of the store do not see the writes before the block ends.

    Attributes:
        results: After the block, one outcome per record written: a version, for an append the position of its first
            message, for a delete how many records went.
    """

    def append_raw_messages(
        self, conversation_id: str, messages: Sequence[Value], *, vectors: Sequence[Any] | None = None
    ) -> list[int]:
        """Append messages to a conversation when the block ends.

        Args:
            conversation_id: The conversation; it is created by its first message.
            messages: The messages in order, each a JSON object.
            vectors: One vector per message, or None in place of one, as for `Store.append_raw_messages`.

        Returns:
            An empty list: positions are not known yet. That of the first message is in `results` after the block.

        Raises:
            InvalidInputError: The id, a message or a vector cannot be stored; or the transaction has ended.
        """
        return self._wait(self._writer.append_raw_messages(conversation_id, messages, vectors=vectors))


class SyncStore(SyncStoreBase, SyncWriteMethods):
    """A `Store` for code without an event loop, usable from any thread.

    `lodestore.sync.open` makes one. Every method of `Store` is here, without `await`; a call blocks its thread until it
    is done. The store runs on an event loop in a thread of its own.

    Attributes:
        backend: Where records live.
    """

    def initialize(self) -> bool:
        """Open the store; opening an open one does nothing.

        Returns:
            True.

        Raises:
            UnavailableError: The store cannot be created, opened or reached.
            CorruptError: What is there is not a lodestore store, or the key is wrong.
            UnsupportedError: The store needs a newer version of lodestore.
            InvalidInputError: The store has another tokenizer.
        """
        return self._wait(self._store.initialize())

    def transaction(self) -> SyncTransaction:
        """Start an atomic batch of writes over any records.

        Nothing is written before the block ends, and nothing at all if it raises or a precondition fails.

        Returns:
            The transaction, to be used as `with`.

        Raises:
            ConflictError: At the end of the block: a record does not have the version `expect`.

        Example:
            ```python
            with store.transaction() as tx:
                tx.append_raw_messages("chat-3", [{"role": "user", "content": "Book it."}])
                tx.store_memory("chat-3", "booking", {"state": "requested"})
            assert len(tx.results) == 2
            ```
        """
        return SyncTransaction(self, self._store.transaction())

    def version_of(self, family: str, *key: str | int) -> int:
        """Look up the version of a record, to be passed as `expect` (optimistic locking).

        Args:
            family: The kind of record: "conversation", "raw_message", "memory", "chunk_info", "reasoning_chain",
                "cache", "state", "result" or "item".
            *key: The parts of its key, as in `version_of("memory", "chat-1", "seat")`.

        Returns:
            The version, a number that changes with every write; 0 (`ABSENT`) if there is no such record.

        Raises:
            InvalidInputError: There is no such family, or the key has other parts.
        """
        return self._wait(self._store.version_of(family, *key))

    def load_conversation(self, conversation_id: str) -> Document | None:
        """Load a conversation's document.

        Args:
            conversation_id: The conversation.

        Returns:
            The document, equal to what was stored; None if there is none.

        Raises:
            InvalidInputError: The id is not valid.
            CorruptError: The stored document is damaged.
        """
        return self._wait(self._store.load_conversation(conversation_id))

    def list_conversations(
        self, *, include_partial: bool = False, limit: int | None = None, after: str | None = None
    ) -> list[str]:
        """List conversation ids in code point order.

        Args:
            include_partial: Also list conversations that have messages or memories but no document.
            limit: At most this many; None for all.
            after: Only ids behind this one: pass the last id of a page to get the next.

        Returns:
            The ids.

        Raises:
            InvalidInputError: `limit` or `after` is not valid.
        """
        return self._wait(self._store.list_conversations(include_partial=include_partial, limit=limit, after=after))

    def load_raw_messages(
        self, conversation_id: str, *, limit: int | None = None, before: int | None = None, after: int | None = None
    ) -> list[Document]:
        """Load the messages of a conversation, oldest first.

        Args:
            conversation_id: The conversation.
            limit: Only the most recent this many; None for all.
            before: Only messages at positions below this one.
            after: Only messages at positions above this one.

        Returns:
            The messages, equal to what was stored; an empty list if there are none.

        Raises:
            InvalidInputError: An argument is not valid.
            CorruptError: A stored message is damaged.

        Example:
            ```python
            store.append_raw_messages("chat-2", [{"n": 1}, {"n": 2}, {"n": 3}])
            assert store.load_raw_messages("chat-2", limit=2) == [{"n": 2}, {"n": 3}]
            assert store.load_raw_messages("chat-2", before=1) == [{"n": 1}]
            ```
        """
        return self._wait(self._store.load_raw_messages(conversation_id, limit=limit, before=before, after=after))

    def load_chunk_info(self, conversation_id: str) -> Document | None:
        """Load how a conversation was split into chunks.

        Args:
            conversation_id: The conversation.

        Returns:
            The chunking decisions; None if there are none.

        Raises:
            InvalidInputError: The id is not valid.
            CorruptError: The stored record is damaged.
        """
        return self._wait(self._store.load_chunk_info(conversation_id))

    def load_memory(self, conversation_id: str, memory_id: str) -> Document | None:
        """Load one memory.

        Args:
            conversation_id: The conversation it belongs to.
            memory_id: Its name within the conversation.

        Returns:
            The memory as `load_memories` returns it; None if there is none.

        Raises:
            InvalidInputError: An id is not valid.
            CorruptError: The stored memory is damaged.
        """
        return self._wait(self._store.load_memory(conversation_id, memory_id))

    def load_memories(self, conversation_id: str) -> list[Document]:
        """Load the memories of a conversation in the order they were first stored.

        Args:
            conversation_id: The conversation.

        Returns:
            The memories, each with its `memory_id`, and with `created_at` (ISO 8601, UTC) if it has none of its own.

        Raises:
            InvalidInputError: The id is not valid.
            CorruptError: A stored memory is damaged.
        """
        return self._wait(self._store.load_memories(conversation_id))

    def load_reasoning_chains(self, agent_id: str, limit: int | None = None) -> list[Document]:
        """Load the reasoning chains of an agent, oldest first.

        Args:
            agent_id: The agent.
            limit: Only the most recent this many; None for all.

        Returns:
            The chains; an empty list if there are none.

        Raises:
            InvalidInputError: An argument is not valid.
            CorruptError: A stored chain is damaged.
        """
        return self._wait(self._store.load_reasoning_chains(agent_id, limit))

    def list_agents(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """List the ids of agents that have reasoning chains, in code point order.

        Args:
            limit: At most this many; None for all.
            after: Only ids behind this one.

        Returns:
            The ids.

        Raises:
            InvalidInputError: `limit` or `after` is not valid.
        """
        return self._wait(self._store.list_agents(limit=limit, after=after))

    def load_cache_entry(self, cache_key: str) -> Document | None:
        """Load a cache entry.

        Args:
            cache_key: The key.

        Returns:
            The entry; None if there is none or it has expired.

        Raises:
            InvalidInputError: The key is not valid.
            CorruptError: The stored entry is damaged.

        Example:
            ```python
            if (cached := store.load_cache_entry("answer:41")) is None:
                cached = {"text": "Bergen"}  # computed here, then kept
                store.store_cache_entry("answer:41", cached, ttl=60)
            ```
        """
        return self._wait(self._store.load_cache_entry(cache_key))

    def load_cache_entries(self, cache_keys: Iterable[str]) -> dict[str, Document]:
        """Load many cache entries.

        Args:
            cache_keys: The keys.

        Returns:
            The entries by their keys; keys without an entry, or with an expired one, are left out.

        Raises:
            InvalidInputError: A key is not valid.
            CorruptError: A stored entry is damaged.
        """
        return self._wait(self._store.load_cache_entries(cache_keys))

    def list_cache_keys(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """List the keys of entries that have not expired, in code point order.

        Args:
            limit: At most this many; None for all.
            after: Only keys behind this one.

        Returns:
            The keys.

        Raises:
            InvalidInputError: `limit` or `after` is not valid.
        """
        return self._wait(self._store.list_cache_keys(limit=limit, after=after))

    def increment(self, key: str, amount: int = 1, ttl: float | None = None) -> int:
        """Add to the counter under a cache key; atomic between tasks, stores and processes.

        A counter is the cache entry `{"value": 3}`. It starts at 0.

        Args:
            key: The cache key.
            amount: What to add, a whole number of 64 bits; negative numbers subtract.
            ttl: Seconds to live, counted from the increment that creates the counter; later ones do not extend it.

        Returns:
            The value after adding.

        Raises:
            InvalidInputError: The entry is not a counter, or the value would leave 64 bits; nothing was written.
            ConflictError: Others changed the counter first, 100 times in a row; nothing was written.
            OutcomeUnknownError: The amount may have been added.
        """
        return self._wait(self._store.increment(key, amount, ttl))

    def load_system_state(self, state_key: str) -> Document | None:
        """Load a piece of system state.

        Args:
            state_key: The key.

        Returns:
            The state; None if there is none.

        Raises:
            InvalidInputError: The key is not valid.
            CorruptError: The stored state is damaged.
        """
        return self._wait(self._store.load_system_state(state_key))

    def list_system_states(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """List the keys of system states in code point order.

        Args:
            limit: At most this many; None for all.
            after: Only keys behind this one.

        Returns:
            The keys.

        Raises:
            InvalidInputError: `limit` or `after` is not valid.
        """
        return self._wait(self._store.list_system_states(limit=limit, after=after))

    def load_result(self, result_id: str) -> Document | None:
        """Load a result.

        Args:
            result_id: The id.

        Returns:
            The result; None if there is none.

        Raises:
            InvalidInputError: The id is not valid.
            CorruptError: The stored result is damaged.
        """
        return self._wait(self._store.load_result(result_id))

    def list_results(self, limit: int | None = 100, offset: int = 0) -> list[str]:
        """List the ids of results, the one first saved last standing first.

        Saving a result again does not move it.

        Args:
            limit: At most this many; None for all.
            offset: Skip this many.

        Returns:
            The ids.

        Raises:
            InvalidInputError: `limit` or `offset` is not valid.
        """
        return self._wait(self._store.list_results(limit, offset))

    def search_vectors(
        self,
        collection: str,
        vector: Any,
        *,
        limit: int | None = 10,
        offset: int = 0,
        namespace: str | None = None,
        where: Mapping[str, Any] | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """Find the items of a collection nearest to a vector.

        Args:
            collection: The collection.
            vector: A list of numbers, a numpy array or float32 bytes, of the collection's dimension.
            limit: At most this many hits; None for all.
            offset: Skip this many.
            namespace: Only items stored with this namespace.
            where: A filter over the items' metadata (docs/filters.md).
            exact: Read all vectors instead of the index.

        Returns:
            The hits, nearest first; an empty list if there is no such collection. A score is the cosine similarity or
            the inner product, or the negative distance for "l2".

        Raises:
            InvalidInputError: An argument is not valid, or the vector has another dimension.
            UnsupportedError: numpy is not installed: `pip install 'lodestore[vector]'`.

        Example:
            ```python
            store.upsert_vectors("faces", ["ann", "bob"], [[1.0, 0.0], [0.0, 1.0]])
            hits = store.search_vectors("faces", [0.9, 0.1])
            assert [hit.data["id"] for hit in hits] == ["ann", "bob"]
            ```
        """
        return self._wait(
            self._store.search_vectors(
                collection, vector, limit=limit, offset=offset, namespace=namespace, where=where, exact=exact
            )
        )

    def get_vector(self, collection: str, item_id: str) -> Document | None:
        """Load one item of a collection.

        Args:
            collection: The collection.
            item_id: The id of the item.

        Returns:
            `id`, `vector` (a list of numbers; of length 1 if the metric is cosine), `metadata`, `namespace` and
            `text`; None if there is no such item.

        Raises:
            InvalidInputError: An id is not valid.
            CorruptError: The stored item is damaged.
        """
        return self._wait(self._store.get_vector(collection, item_id))

    def list_vectors(self, collection: str, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """List the ids of a collection's items in the order they were first stored.

        Args:
            collection: The collection.
            limit: At most this many; None for all.
            after: Only items behind this one, which must exist.

        Returns:
            The ids; an empty list if there is no such collection.

        Raises:
            InvalidInputError: An argument is not valid, or there is no item `after`.
        """
        return self._wait(self._store.list_vectors(collection, limit=limit, after=after))

    def list_collections(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """List the names of collections in code point order.

        The vector spaces of messages, memories and results are collections too and are listed.

        Args:
            limit: At most this many; None for all.
            after: Only names behind this one.

        Returns:
            The names.

        Raises:
            InvalidInputError: `limit` or `after` is not valid.
        """
        return self._wait(self._store.list_collections(limit=limit, after=after))

    def search(
        self,
        query: str | None = None,
        *,
        vector: Any = None,
        namespace: str | tuple[str, ...] | None = None,
        families: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int | None = 10,
        offset: int = 0,
        mode: str = "auto",
        k: float = 5,
        weights: tuple[float, float] = (0.4, 0.6),
        pool: int = 100,
        neighbours: float | None = None,
        recency: float | None = None,
        rerank: Rerank | None = None,
        exact: bool = False,
        explain: bool = False,
    ) -> list[Hit]:
        """Find messages, memories, results and items by text, by vector, or by both (hybrid search).

        Everything committed before the call is found, whoever wrote it. Every input is accepted as a query; invalid
        syntax is treated as plain words. In a hybrid search the two rankings are fused by reciprocal rank: a record
        scores the sum of weight / (`k` + rank).

        Args:
            query: Words; any of them is enough, in any English form. `"window seat"` is a phrase, `cancel*` a prefix,
                `-hotel` excludes. Common words count only if there are no others.
            vector: A list of numbers, a numpy array or float32 bytes. Without it, the store's embedder makes one of
                `query`, if it has one.
            namespace: Only this conversation or collection; a pair of a collection and a namespace within it limits
                the search further.
            families: Only these kinds of record: "raw_message", "memory", "result", "item".
            where: A filter over the documents, of items over their metadata (docs/filters.md).
            limit: At most this many hits; None for all.
            offset: Skip this many.
            mode: "text", "vector", "hybrid", or "auto" for whatever is available.
            k: The constant of rank fusion; a larger one brings ranks closer together.
            weights: The weights of the vector ranking and of the text ranking.
            pool: How many of the best of each ranking are fused, and how many hits are reranked.
            neighbours: The share of a message's score that the messages next to it gain, and once more those beyond.
                Defaults to 0.5 in hybrid search; text search uses it only if it is given.
            recency: Half-life in seconds; older records lose up to half of their score.
            rerank: A function of `query` and a list of hits that returns a score for each, now or awaitable.
            exact: Read all vectors instead of the index.
            explain: Give each hit its rank and score in each ranking, as `Hit.legs`.

        Returns:
            The hits, best first. Scores compare within one search only.

        Raises:
            InvalidInputError: An argument is not valid; the message names it.
            EmbeddingError: The query could not be embedded (in mode "auto", text alone is searched instead).
            UnsupportedError: numpy is needed for vectors: `pip install 'lodestore[vector]'`.

        Example:
            ```python
            store.append_raw_messages("trip", [{"role": "user", "content": "A window seat to Oslo, please."}])
            [hit] = store.search("seats", namespace="trip")
            assert hit.family == "raw_message" and hit.key == ("trip", 0)
            assert hit.snippet == "A window seat to Oslo, please."
            ```
        """
        return self._wait(
            self._store.search(
                query,
                vector=vector,
                namespace=namespace,
                families=families,
                where=where,
                limit=limit,
                offset=offset,
                mode=mode,
                k=k,
                weights=weights,
                pool=pool,
                neighbours=neighbours,
                recency=recency,
                rerank=rerank,
                exact=exact,
                explain=explain,
            )
        )

    def reindex(self, tell: OnCount = lambda done: None, *, pending: bool = False, tokenizer: str | None = None) -> int:
        """Rebuild the search index from the records, or embed the records that have no vector.

        Args:
            tell: Called with the number of records done so far.
            pending: Keep the index; embed messages, memories and results that have no vector.
            tokenizer: Index text by "words", "trigram" or "both" from now on (docs/search.md); None: as before.

        Returns:
            How many records the index holds; with `pending`, how many were embedded.

        Raises:
            InvalidInputError: `pending` without an embedder or together with `tokenizer`, or an unknown tokenizer.
            EmbeddingError: The embedder failed on some records; those embedded before stay.
        """
        return self._wait(self._store.reindex(tell, pending=pending, tokenizer=tokenizer))

    def purge_expired(self) -> int:
        """Remove expired cache entries now, in short steps.

        Returns:
            How many were removed.

        Raises:
            UnavailableError: The store is not open or cannot be reached.
        """
        return self._wait(self._store.purge_expired())

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a consistent, verified copy of the store while it is in use.

        Args:
            path: A new file (SQLite) or folder (files).

        Raises:
            InvalidInputError: There is something at `path` already, or it is not a path.
            UnsupportedError: The backend has no backup; the message says what to use instead.
            StorageFullError: There is no space left.

        Example:
            ```python
            store.backup("agent-backup.db")
            ```
        """
        return self._wait(self._store.backup(path))

    def verify(self) -> Document:
        """Read everything back and check structure, references and the checksum of every record.

        Returns:
            `ok`, `problems` (a list of texts), `warnings` and `backend`.

        Raises:
            UnavailableError: The store is not open or cannot be reached.
        """
        return self._wait(self._store.verify())

    def compact(self) -> Document:
        """Remove what has expired and give unused space back.

        Returns:
            `purged`, how many expired records were removed, and the backend's own figures.

        Raises:
            UnavailableError: The store is busy, is not open or cannot be reached.
        """
        return self._wait(self._store.compact())

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[Document]:
        """Run one read-only SQL statement over the tables and views of a SQLite store.

        Args:
            statement: The statement, with `?` for parameters.
            parameters: The values for each `?`.

        Returns:
            The rows, each a dictionary by column name.

        Raises:
            InvalidInputError: The statement is wrong, would write, or names two columns alike.
            UnsupportedError: The backend has no SQL; only SQLite has.
        """
        return self._wait(self._store.sql(statement, parameters))

    def health_check(self) -> Document:
        """Check that the store works, by writing to it.

        Returns:
            `status` ("healthy", "degraded" or "unhealthy"), `writable`, `latency_ms`, `warnings`, `error`, `details`,
            `backend` and `timestamp`. A failure is reported here, never raised.
        """
        return self._wait(self._store.health_check())

    def get_storage_stats(self) -> Document:
        """Count what is in the store.

        Returns:
            One `..._count` per family (without what has expired), `total_bytes`, `tokenizer`, `backend` and
            `timestamp`.

        Raises:
            UnavailableError: The store is not open or cannot be reached.
        """
        return self._wait(self._store.get_storage_stats())


def open(
    url: str,
    *,
    clock: Clock = system_clock,
    purge_interval: float = 60.0,
    embedder: Any = None,
    tokenizer: str | None = None,
    options: Mapping[str, Any] | None = None,
    **settings: Unpack[OpenSettings],
) -> SyncStore:
    """Open the store at a URL, creating it if there is none.

    | URL | store |
    |---|---|
    | `sqlite:///agent.db`, `sqlite:////srv/agent.db` | a SQLite file; a relative path, an absolute one |
    | `file:///folder` | a folder of readable JSON |
    | `memory:` | in memory, gone with the process |
    | `redis://host`, `rediss://host` | a Redis or Valkey server |
    | `postgresql://user@host/database` | a PostgreSQL database |

    Args:
        url: Where the store is. Settings may follow: `sqlite:///agent.db?durability=process`.
        clock: Returns milliseconds; for tests.
        purge_interval: Seconds between removals of expired entries, while nothing is being written; 0: only when
            `purge_expired` is called.
        embedder: Makes vectors of what is stored and searched: a function of a list of texts, or one of
            `lodestore.embedding` (docs/embeddings.md).
        tokenizer: How the text of a new store is indexed: "words", "trigram" or "both" (docs/search.md). The store
            keeps it.
        options: Settings by name, for backends that lodestore does not know.
        **settings: Settings of the backend, see `OpenSettings`: `key`, `durability`, `timeout`, `namespace`, ...

    Returns:
        The store, open, and closed at the end of a `with` block.

    Raises:
        InvalidInputError: The URL or a setting is not valid.
        UnavailableError: The store cannot be created, opened or reached.
        CorruptError: What is there is not a lodestore store, or the key is wrong.
        UnsupportedError: A driver is not installed, or the store needs a newer version of lodestore.

    Example:
        ```python
        with lodestore.sync.open("sqlite:///agent.db", durability="process") as store:
            store.append_raw_messages("chat-1", [{"role": "user", "content": "hello"}])
        ```
    """
    return SyncStore(
        open_async(
            url,
            clock=clock,
            purge_interval=purge_interval,
            embedder=embedder,
            tokenizer=tokenizer,
            options=options,
            **settings,
        )
    )
