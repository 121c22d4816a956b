"""Transactions: writes collected, then applied as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.clock import HighWaterClock
from ..core.records import Write
from ..errors import InvalidInputError
from .cache_entries import CacheWrites
from .conversations import ConversationWrites
from .memories import MemoryWrites
from .reasoning_chains import ReasoningWrites
from .record_access import Value
from .results import ResultWrites
from .system_states import StateWrites
from .vector_collections import CollectionWrites
from .vector_spaces import VectorSpaces


class WriteMethods(
    ConversationWrites, MemoryWrites, ReasoningWrites, CacheWrites, StateWrites, ResultWrites, CollectionWrites
):
    """All writes: for a store, which applies them at once, and for a transaction, which collects them."""


class Transaction(WriteMethods):
    """An atomic batch of writes: all are applied when the block ends, none if it raises.

    Use it as `async with store.transaction() as tx`. A write checks its arguments at once, but its return value says
    only that it was taken. Reads of the store do not see the writes before the block ends.

    Attributes:
        results: After the block, one outcome per record written: a version, for an append the position of its first
            message, for a delete how many records went.
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
