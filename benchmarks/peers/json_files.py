"""One JSON file for each session, rewritten at each append: what people write first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from .base import Document, History


class JsonFiles(History):
    """The list in memory while the session lives; beside, synced for `power`, and renamed."""

    def __init__(self, durability: str = "power") -> None:
        self.name, self.durability = "JSON files", durability

    async def _open(self) -> None:
        self._lists: dict[str, list[Document]] = {}

    async def close(self) -> None:
        self._lists.clear()

    async def guarantee(self) -> str:
        return "fsync of file and folder" if self.durability == "power" else "renamed, no fsync"

    async def append(self, session: str, messages: Sequence[Document]) -> Any:
        self._lists.setdefault(session, []).extend(messages)
        self._write(session, orjson.dumps(self._lists[session]))

    async def load(self, session: str) -> list[Document]:
        return orjson.loads(self._path(session).read_bytes())

    async def last(self, session: str, count: int) -> list[Document]:
        return (await self.load(session))[-count:]

    async def delete(self, session: str) -> Any:
        self._lists.pop(session)
        self._path(session).unlink()

    def _path(self, session: str) -> Path:
        return self.folder / f"{session.replace('/', '_')}.json"

    def _write(self, session: str, body: bytes) -> None:
        path = self._path(session)
        draft = path.with_suffix(".new")
        with draft.open("wb") as out:
            out.write(body)
            out.flush()
            self._sync(out.fileno())
        os.replace(draft, path)
        if self.durability == "power":
            handle = os.open(self.folder, os.O_RDONLY)
            self._sync(handle)
            os.close(handle)

    def _sync(self, handle: int) -> None:
        if self.durability == "power":
            os.fsync(handle)


def files(durability: str = "power") -> JsonFiles:
    """In one folder."""
    return JsonFiles(durability)
