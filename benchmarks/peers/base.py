"""What a peer must do to be measured: a cache of documents, or a history of sessions."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Peer(ABC):
    """One system with one setting. `durability` is what an acknowledged write survives: none, process or power."""

    name: str
    durability: str
    folder: Path

    async def open(self, folder: Path) -> None:
        """Begin empty, in a folder of its own."""
        self.folder = _empty(folder)
        await self._open()

    @abstractmethod
    async def _open(self) -> None: ...

    @abstractmethod
    async def close(self) -> None:
        """End; what was written is in the folder."""

    @abstractmethod
    async def guarantee(self) -> str:
        """The setting that makes its durability what it is, as the open connection tells it."""

    def bytes_on_disk(self) -> int:
        """Of all files in the folder."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


class KeyValue(Peer):
    """A cache: documents as dicts in, documents as dicts out; each stores them as its users would."""

    @abstractmethod
    async def get(self, key: str) -> Document | None: ...

    @abstractmethod
    async def set(self, key: str, document: Document) -> Any: ...

    @abstractmethod
    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        """Set with a time to live."""

    async def fill(self, items: Iterable[tuple[str, Document]]) -> None:
        """Set many, in the quickest way there is."""
        for key, document in items:
            await self.set(key, document)

    async def mixed(self, key: str, document: Document | None) -> Any:
        """Read, or write where there is a document."""
        return await (self.get(key) if document is None else self.set(key, document))

    async def ask(self, key: str, document: Document, seconds: float) -> Any:
        """Read, and store where there was nothing: what a cache of model calls does."""
        found = await self.get(key)
        if found is None:
            await self.expire(key, document, seconds)
        return found


class History(Peer):
    """The messages of sessions: appended in order, each call one durable step."""

    @abstractmethod
    async def append(self, session: str, messages: Sequence[Document]) -> Any: ...

    @abstractmethod
    async def load(self, session: str) -> list[Document]: ...

    @abstractmethod
    async def last(self, session: str, count: int) -> list[Document]: ...

    @abstractmethod
    async def delete(self, session: str) -> Any: ...

    async def compact(self) -> None:
        """Whatever the system has to give space back; by default nothing."""


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def describe(journal: object, synchronous: object) -> str:
    """Two pragmas in words."""
    words = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
    return f"journal_mode={journal}, synchronous={words.get(int(str(synchronous)), synchronous)}"
