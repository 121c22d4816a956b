"""System states: small documents under keys of the application's own."""

from __future__ import annotations

from ..core.families import RESERVED, STATE
from ..core.interface import Document
from ..core.validation import check_count, check_unreserved
from .record_access import ReadAccess, Value, WriteAccess, key_of


class StateWrites(WriteAccess):
    """Writes of system states."""

    async def store_system_state(self, state_key: str, state_data: Value, *, expect: int | None = None) -> bool:
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
            await store.store_system_state("agent-1:task", {"step": 1}, expect=lodestore.ABSENT)
            version = await store.version_of("state", "agent-1:task")
            await store.store_system_state("agent-1:task", {"step": 2}, expect=version)
            ```
        """
        return await self._put(STATE, key_of(STATE, check_unreserved(state_key)), state_data, "state_data", expect)

    async def delete_system_state(self, state_key: str) -> bool:
        """Delete a piece of system state.

        Args:
            state_key: The key.

        Returns:
            Whether it was there.

        Raises:
            InvalidInputError: The key is not valid, or reserved for lodestore.
        """
        return await self._drop(STATE, key_of(STATE, check_unreserved(state_key)))


class StateMethods(StateWrites, ReadAccess):
    """System states, written and read."""

    async def load_system_state(self, state_key: str) -> Document | None:
        """Load a piece of system state.

        Args:
            state_key: The key.

        Returns:
            The state; None if there is none.

        Raises:
            InvalidInputError: The key is not valid.
            CorruptError: The stored state is damaged.
        """
        return await self._load(STATE, key_of(STATE, state_key))

    async def list_system_states(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """List the keys of system states in code point order.

        Args:
            limit: At most this many; None for all.
            after: Only keys behind this one.

        Returns:
            The keys.

        Raises:
            InvalidInputError: `limit` or `after` is not valid.
        """
        count = check_count(limit, "limit")
        ids = await self._ids(STATE, None if count is None else count + len(RESERVED), after)
        return [name for name in ids if name not in RESERVED][:count]
