"""A memory store to import into, and the writing of small sources: what the tests of importing share."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lodestore.backends.memory import MemoryBackend
from lodestore.core.families import CONVERSATION
from lodestore.core.records import BODY, KEY, Page, Write
from lodestore.encoding.json_codec import loads
from lodestore.transfer.export import export
from lodestore.transfer.importers import ImportReport, import_files

NOW = 2_000_000_000_000
OLD = 1_700_000_000  # seconds


class Watched(MemoryBackend):
    """Remembers how many writes each `apply` brought."""

    def __init__(self) -> None:
        super().__init__()
        self.applied: list[int] = []

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        self.applied.append(len(writes))
        return await super().apply(writes)


class Box:
    """A memory store with the calls of these tests, each run to its end."""

    def __init__(self) -> None:
        self.backend = Watched()
        asyncio.run(self.backend.open())

    def take(self, *paths: Path | str, **options: Any) -> ImportReport:
        return asyncio.run(import_files(self.backend, paths, now=NOW, **options))

    def rows(self, family: Any, *prefix: str) -> list[tuple[Any, ...]]:
        return asyncio.run(self.backend.scan(Page(family, prefix, partial=True)))

    def documents(self, family: Any, *prefix: str) -> list[Any]:
        return [loads(row[BODY]) for row in self.rows(family, *prefix)]

    def ids(self) -> list[str]:
        return [row[KEY] for row in self.rows(CONVERSATION)]

    def exported(self) -> bytes:
        out = io.BytesIO()
        asyncio.run(export(self.backend, out, now=NOW))
        return out.getvalue()


def write(path: Path, text: str | bytes, seconds: int = OLD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, (seconds, seconds))
    return path


def jsonl(path: Path, *records: Any) -> Path:
    return write(path, "".join(json.dumps(record) + "\n" for record in records))


def talk(name: Any, *contents: str, **more: Any) -> dict[str, Any]:
    return {"id": name, **more, "messages": [{"role": "user", "content": content} for content in contents]}
