"""The checkpointer of langgraph over SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiosqlite
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from .base import Document, History, describe


class LangGraph(History):
    """One checkpoint for each step, holding the whole list; the running list is in memory, as in a running graph.

    Only checkpoints are put, none of the writes between them that a graph puts besides.
    """

    def __init__(self, durability: str = "power") -> None:
        self.name, self.durability = "langgraph checkpoint-sqlite", durability

    async def _open(self) -> None:
        self._db = await aiosqlite.connect(self.folder / "checkpoints.db")
        self._saver = AsyncSqliteSaver(self._db)
        await self._saver.setup()
        if self.durability == "process":  # not its default: for the comparison without fsync
            await self._db.execute_fetchall("PRAGMA synchronous = NORMAL")
        self._lists: dict[str, list[Document]] = {}
        self._configs: dict[str, Any] = {}

    async def close(self) -> None:
        await self._db.close()

    async def guarantee(self) -> str:
        names = ("journal_mode", "synchronous")
        return describe(*[row[0] for name in names for row in await self._db.execute_fetchall(f"PRAGMA {name}")])

    async def append(self, session: str, messages: Sequence[Document]) -> Any:
        state = self._lists.setdefault(session, [])
        state.extend(messages)
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"messages": state}
        checkpoint["channel_versions"] = {"messages": len(state)}
        config = self._configs.get(session, _config(session))
        step = {"source": "loop", "step": len(state)}
        self._configs[session] = await self._saver.aput(config, checkpoint, step, checkpoint["channel_versions"])

    async def load(self, session: str) -> list[Document]:
        found = await self._saver.aget_tuple(_config(session))
        return found.checkpoint["channel_values"]["messages"] if found else []

    async def last(self, session: str, count: int) -> list[Document]:
        return (await self.load(session))[-count:]

    async def delete(self, session: str) -> Any:
        self._lists.pop(session, None)
        self._configs.pop(session, None)
        await self._saver.adelete_thread(session)


def _config(session: str) -> Any:
    return {"configurable": {"thread_id": session, "checkpoint_ns": ""}}


def saver(durability: str = "power") -> LangGraph:
    """On one file."""
    return LangGraph(durability)
