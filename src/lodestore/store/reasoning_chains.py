"""Reasoning chains: what an agent thought, one after another."""

from __future__ import annotations

from ..core.families import AGENT, REASONING_CHAIN
from ..core.interface import Document
from ..core.records import Append
from ..encoding import json_codec
from .record_access import ReadAccess, Value, WriteAccess, key_of


class ReasoningWrites(WriteAccess):
    """Writes of reasoning chains."""

    async def store_reasoning_chain(self, agent_id: str, chain_data: Value) -> bool:
        """Append a reasoning chain to those of an agent.

        Args:
            agent_id: The agent; it is created by its first chain.
            chain_data: The chain, a JSON object.

        Returns:
            True.

        Raises:
            InvalidInputError: The id or the object cannot be stored; the message names the place.
        """
        key, body = key_of(AGENT, agent_id), json_codec.encode(chain_data, "chain_data")
        await self._commit([Append(REASONING_CHAIN, key, (body,), self._clock())])
        return True

    async def delete_reasoning_chains(self, agent_id: str) -> bool:
        """Delete an agent with all its reasoning chains.

        Args:
            agent_id: The agent.

        Returns:
            Whether there were any chains.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return await self._drop(AGENT, key_of(AGENT, agent_id))


class ReasoningMethods(ReasoningWrites, ReadAccess):
    """Reasoning chains, written and read."""

    async def load_reasoning_chains(self, agent_id: str, limit: int | None = None) -> list[Document]:
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
        return await self._log(REASONING_CHAIN, key_of(AGENT, agent_id), limit, None, None)

    async def list_agents(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """List the ids of agents that have reasoning chains, in code point order.

        Args:
            limit: At most this many; None for all.
            after: Only ids behind this one.

        Returns:
            The ids.

        Raises:
            InvalidInputError: `limit` or `after` is not valid.
        """
        return await self._ids(AGENT, limit, after, True)
