"""Conversations: their documents, their raw messages and their chunk info."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.families import CHUNK_INFO, CONVERSATION, MESSAGE_VECTOR, RAW_MESSAGE
from ..core.interface import Document
from ..core.records import Append, Drop
from ..encoding import json_codec
from ..errors import InvalidInputError
from .record_access import ReadAccess, Value, WriteAccess, key_of


class ConversationWrites(WriteAccess):
    """Writes that belong to a conversation."""

    async def store_conversation(self, conversation_id: str, data: Value, *, expect: int | None = None) -> bool:
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
        return await self._put(CONVERSATION, key_of(CONVERSATION, conversation_id), data, "data", expect)

    async def delete_conversation(self, conversation_id: str) -> bool:
        """Delete a conversation: its document, messages, memories and chunk info.

        Args:
            conversation_id: The conversation.

        Returns:
            Whether there was anything to delete.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return await self._drop(CONVERSATION, key_of(CONVERSATION, conversation_id))

    async def store_raw_messages(
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
        append = await self._messages(conversation_id, messages, vectors, anew=True)
        old = [Drop(family, append.prefix, append.written_at) for family in (MESSAGE_VECTOR, RAW_MESSAGE)]
        await self._commit([*old, append])
        return True

    async def append_raw_messages(
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
            positions = await store.append_raw_messages(
                "chat-1",
                [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Hi!"}],
            )
            assert positions == [0, 1]
            ```
        """
        append = await self._messages(conversation_id, messages, vectors, anew=False)
        first = (await self._commit([append]))[-1]
        return list(range(first, first + len(append.bodies)))

    async def delete_raw_messages(self, conversation_id: str) -> bool:
        """Delete all messages of a conversation; its document and memories stay.

        Args:
            conversation_id: The conversation.

        Returns:
            Whether there were any messages.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return await self._drop(RAW_MESSAGE, key_of(CONVERSATION, conversation_id))

    async def store_chunk_info(self, conversation_id: str, chunk_data: Value, *, expect: int | None = None) -> bool:
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
        return await self._put(CHUNK_INFO, key_of(CHUNK_INFO, conversation_id), chunk_data, "chunk_data", expect)

    async def delete_chunk_info(self, conversation_id: str) -> bool:
        """Delete the chunk info of a conversation.

        Args:
            conversation_id: The conversation.

        Returns:
            Whether there was any.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return await self._drop(CHUNK_INFO, key_of(CHUNK_INFO, conversation_id))

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


class ConversationMethods(ConversationWrites, ReadAccess):
    """Conversations, written and read."""

    async def load_conversation(self, conversation_id: str) -> Document | None:
        """Load a conversation's document.

        Args:
            conversation_id: The conversation.

        Returns:
            The document, equal to what was stored; None if there is none.

        Raises:
            InvalidInputError: The id is not valid.
            CorruptError: The stored document is damaged.
        """
        return await self._load(CONVERSATION, key_of(CONVERSATION, conversation_id))

    async def list_conversations(
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
        return await self._ids(CONVERSATION, limit, after, include_partial)

    async def load_raw_messages(
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
            await store.append_raw_messages("chat-2", [{"n": 1}, {"n": 2}, {"n": 3}])
            assert await store.load_raw_messages("chat-2", limit=2) == [{"n": 2}, {"n": 3}]
            assert await store.load_raw_messages("chat-2", before=1) == [{"n": 1}]
            ```
        """
        return await self._log(RAW_MESSAGE, key_of(CONVERSATION, conversation_id), limit, before, after)

    async def load_chunk_info(self, conversation_id: str) -> Document | None:
        """Load how a conversation was split into chunks.

        Args:
            conversation_id: The conversation.

        Returns:
            The chunking decisions; None if there are none.

        Raises:
            InvalidInputError: The id is not valid.
            CorruptError: The stored record is damaged.
        """
        return await self._load(CHUNK_INFO, key_of(CHUNK_INFO, conversation_id))
