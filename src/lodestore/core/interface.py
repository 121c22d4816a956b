"""Storage interface: the methods every store of an agent answers, as an abstract base class.

Names and parameters are those of Connectome's storage architecture, so that code written for it runs here. What it
left open is decided: a write returns True or raises, absence is None or an empty list, `delete_*` tells whether
something was there. A plugin may implement this face directly; most implement `lodestore.core.backend.Backend` instead
and get it, and more, from `lodestore.Store`.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]


class StorageInterface(ABC):
    """The storage of an agent, as an abstract base class; all methods are coroutines.

    Implement it to offer a service of your own under `StorageFactory.register_backend`; for a database, implement
    `lodestore.core.backend.Backend` instead.

    Args:
        storage_config: The configuration, kept as `config`.
    """

    def __init__(self, storage_config: Mapping[str, Any] | None = None) -> None:
        self.config = dict(storage_config or {})
        self.logger = logging.getLogger(type(self).__module__)

    @abstractmethod
    async def initialize(self) -> bool:
        """Open the store; True once it is ready for use."""

    @abstractmethod
    async def shutdown(self) -> bool:
        """Finish pending writes and close; closing twice does nothing."""

    @abstractmethod
    async def store_conversation(self, conversation_id: str, data: Mapping[str, Any]) -> bool:
        """Store a conversation's document, replacing the one that is there."""

    @abstractmethod
    async def load_conversation(self, conversation_id: str) -> Document | None:
        """Load a conversation's document, equal to what was stored; None if there is none."""

    @abstractmethod
    async def list_conversations(self) -> list[str]:
        """List the ids of conversations that have a document, in code point order."""

    @abstractmethod
    async def delete_conversation(self, conversation_id: str) -> bool:
        """Delete a conversation with its messages, memories and chunk info; whether there was anything."""

    @abstractmethod
    async def store_raw_messages(self, conversation_id: str, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Store the whole list of messages, replacing the one that is there."""

    @abstractmethod
    async def load_raw_messages(self, conversation_id: str) -> list[Document]:
        """Load the messages of a conversation in the order stored."""

    @abstractmethod
    async def store_memory(self, conversation_id: str, memory_id: str, memory_data: Mapping[str, Any]) -> bool:
        """Store one memory; storing it again replaces it and keeps its position."""

    @abstractmethod
    async def load_memories(self, conversation_id: str) -> list[Document]:
        """Load memories in the order first stored, each with `memory_id`, and `created_at` if it has none."""

    @abstractmethod
    async def store_reasoning_chain(self, agent_id: str, chain_data: Mapping[str, Any]) -> bool:
        """Append a reasoning chain to those of an agent."""

    @abstractmethod
    async def load_reasoning_chains(self, agent_id: str, limit: int | None = None) -> list[Document]:
        """Load the most recent `limit` chains (None: all), oldest first."""

    @abstractmethod
    async def store_chunk_info(self, conversation_id: str, chunk_data: Mapping[str, Any]) -> bool:
        """Store how a conversation was split into chunks, replacing what is there."""

    @abstractmethod
    async def load_chunk_info(self, conversation_id: str) -> Document | None:
        """Load how a conversation was split into chunks; None if nothing is stored."""

    @abstractmethod
    async def store_cache_entry(self, cache_key: str, cache_data: Mapping[str, Any], ttl: float | None = None) -> bool:
        """Store a cache entry for `ttl` seconds from now (above 0; None: until it is deleted)."""

    @abstractmethod
    async def load_cache_entry(self, cache_key: str) -> Document | None:
        """Load a cache entry; None if there is none or it has expired."""

    @abstractmethod
    async def store_system_state(self, state_key: str, state_data: Mapping[str, Any]) -> bool:
        """Store a piece of system state, replacing the one under that key."""

    @abstractmethod
    async def load_system_state(self, state_key: str) -> Document | None:
        """Load a piece of system state; None if there is none."""

    @abstractmethod
    async def health_check(self) -> Document:
        """Check by a write that the store works: `status`, `timestamp`, `warnings` and more. Never raises."""

    @abstractmethod
    async def get_storage_stats(self) -> Document:
        """Count what is in the store: `conversation_count`, one count per family, `total_bytes` and more."""
