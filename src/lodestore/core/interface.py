"""Storage interface: the methods every store of an agent answers, as an abstract base class.

Names and parameters are those of Connectome's storage architecture, so that code written for it runs here. What it
left open is decided: a write returns True or raises, absence is None or an empty list, `delete_*` tells whether
something was there. A plugin may implement this face directly; most implement `lodestore.core.records.Backend` instead
and get it, and more, from `lodestore.Store`.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]


class StorageInterface(ABC):
    """A durable home for what an agent must not forget. All methods are coroutines."""

    def __init__(self, storage_config: Mapping[str, Any] | None = None) -> None:
        self.config = dict(storage_config or {})
        self.logger = logging.getLogger(type(self).__module__)

    @abstractmethod
    async def initialize(self) -> bool:
        """Make the store ready for use; True when it is."""

    @abstractmethod
    async def shutdown(self) -> bool:
        """Finish what was accepted and close. Closing twice does nothing."""

    @abstractmethod
    async def store_conversation(self, conversation_id: str, data: Mapping[str, Any]) -> bool:
        """Store the conversation's document, in place of one that is there."""

    @abstractmethod
    async def load_conversation(self, conversation_id: str) -> Document | None:
        """The document, equal to what was stored; None where there is none."""

    @abstractmethod
    async def list_conversations(self) -> list[str]:
        """Ids of the conversations that have a document, in code point order."""

    @abstractmethod
    async def delete_conversation(self, conversation_id: str) -> bool:
        """Delete the document with its messages, memories and chunk info; reasoning chains stay."""

    @abstractmethod
    async def store_raw_messages(self, conversation_id: str, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Store the whole list of messages, in place of one that is there."""

    @abstractmethod
    async def load_raw_messages(self, conversation_id: str) -> list[Document]:
        """The messages in the order stored."""

    @abstractmethod
    async def store_memory(self, conversation_id: str, memory_id: str, memory_data: Mapping[str, Any]) -> bool:
        """Store one memory; storing it again replaces it and keeps its place."""

    @abstractmethod
    async def load_memories(self, conversation_id: str) -> list[Document]:
        """The memories in the order first stored, each with its `memory_id`, and `created_at` where it has none."""

    @abstractmethod
    async def store_reasoning_chain(self, agent_id: str, chain_data: Mapping[str, Any]) -> bool:
        """Append a chain to those of the agent."""

    @abstractmethod
    async def load_reasoning_chains(self, agent_id: str, limit: int | None = None) -> list[Document]:
        """The most recent `limit` chains (None: all, 0: none), oldest first."""

    @abstractmethod
    async def store_chunk_info(self, conversation_id: str, chunk_data: Mapping[str, Any]) -> bool:
        """Store the chunking decisions of a conversation, in place of those that are there."""

    @abstractmethod
    async def load_chunk_info(self, conversation_id: str) -> Document | None:
        """The chunking decisions; None where there are none."""

    @abstractmethod
    async def store_cache_entry(self, cache_key: str, cache_data: Mapping[str, Any], ttl: float | None = None) -> bool:
        """Store a cache entry for `ttl` seconds (above 0; None: for ever); overwriting starts the time anew."""

    @abstractmethod
    async def load_cache_entry(self, cache_key: str) -> Document | None:
        """The entry; None where there is none or it has expired."""

    @abstractmethod
    async def store_system_state(self, state_key: str, state_data: Mapping[str, Any]) -> bool:
        """Store a piece of system state, in place of one that is there."""

    @abstractmethod
    async def load_system_state(self, state_key: str) -> Document | None:
        """The state; None where there is none."""

    @abstractmethod
    async def health_check(self) -> Document:
        """Whether the store works, proven by a write: `status`, `timestamp`, `warnings` and more. Never raises."""

    @abstractmethod
    async def get_storage_stats(self) -> Document:
        """`conversation_count`, `total_bytes`, one count per family, `backend`, `timestamp`."""
