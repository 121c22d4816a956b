"""The SQLiteSession of openai-agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents import SQLiteSession

from .base import Document, History, describe


class AgentsSession(History):
    """One session object for each conversation on one file, as its users have it. It syncs at each commit."""

    name, durability = "openai-agents SQLiteSession", "power"

    async def _open(self) -> None:
        self._sessions: dict[str, SQLiteSession] = {}

    async def close(self) -> None:
        for session in self._sessions.values():
            session.close()

    async def guarantee(self) -> str:
        connection = self._session("asked")._get_connection()
        return describe(
            *(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))
        )

    async def append(self, session: str, messages: Sequence[Document]) -> Any:
        await self._session(session).add_items(list(messages))

    async def load(self, session: str) -> list[Document]:
        return await self._session(session).get_items()

    async def last(self, session: str, count: int) -> list[Document]:
        return await self._session(session).get_items(limit=count)

    async def delete(self, session: str) -> Any:
        await self._session(session).clear_session()

    def _session(self, name: str) -> SQLiteSession:
        found = self._sessions.get(name)
        if found is None:
            found = self._sessions[name] = SQLiteSession(name, self.folder / "sessions.db")
        return found


def session() -> AgentsSession:
    """On one file."""
    return AgentsSession()
