"""Memories: what an agent keeps of a conversation, in the order first stored."""

from __future__ import annotations

from typing import Any

from ..core.families import CONVERSATION, MEMORY
from ..core.interface import Document
from ..core.records import Page
from ..encoding import json_codec
from .documents import memory_document
from .record_access import ReadAccess, Value, WriteAccess, key_of


class MemoryWrites(WriteAccess):
    """Writes of memories."""

    async def store_memory(
        self,
        conversation_id: str,
        memory_id: str,
        memory_data: Value,
        *,
        expect: int | None = None,
        vector: Any = None,
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
            await store.store_memory("chat-1", "seat", {"text": "prefers a window seat"})
            version = await store.version_of("memory", "chat-1", "seat")
            await store.store_memory("chat-1", "seat", {"text": "prefers an aisle seat"}, expect=version)
            ```
        """
        key = key_of(MEMORY, conversation_id, memory_id)
        await self._put_searchable(MEMORY, key, json_codec.encode(memory_data, "memory_data"), expect, vector)
        return True

    async def delete_memory(self, conversation_id: str, memory_id: str) -> bool:
        """Delete one memory.

        Args:
            conversation_id: The conversation it belongs to.
            memory_id: Its name within the conversation.

        Returns:
            Whether it was there.

        Raises:
            InvalidInputError: An id is not valid.
        """
        return await self._drop(MEMORY, key_of(MEMORY, conversation_id, memory_id))


class MemoryMethods(MemoryWrites, ReadAccess):
    """Memories, written and read."""

    async def load_memory(self, conversation_id: str, memory_id: str) -> Document | None:
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
        row = await self._row(MEMORY, key_of(MEMORY, conversation_id, memory_id))
        return None if row is None else memory_document(row)

    async def load_memories(self, conversation_id: str) -> list[Document]:
        """Load the memories of a conversation in the order they were first stored.

        Args:
            conversation_id: The conversation.

        Returns:
            The memories, each with its `memory_id`, and with `created_at` (ISO 8601, UTC) if it has none of its own.

        Raises:
            InvalidInputError: The id is not valid.
            CorruptError: A stored memory is damaged.
        """
        rows = await self.backend.scan(Page(MEMORY, key_of(CONVERSATION, conversation_id)))
        return [memory_document(row) for row in rows]
