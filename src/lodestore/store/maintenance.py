"""Maintenance: backup, verification, compaction, expiry, health, statistics and read-only SQL."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from ..core.backend import Backend
from ..core.clock import iso
from ..core.families import AGENT, CONVERSATION, FAMILIES, RESERVED, STATE, UNFINISHED
from ..core.interface import Document
from ..errors import InvalidInputError, LodestoreError
from ..search.tokenizer_setting import tokenizer_in
from .expiry import STEP
from .record_access import ReadAccess


class MaintenanceMethods(ReadAccess):
    """The store as a whole."""

    async def purge_expired(self) -> int:
        """Remove expired cache entries now, in short steps.

        Returns:
            How many were removed.

        Raises:
            UnavailableError: The store is not open or cannot be reached.
        """
        total, now = 0, self._clock()
        while removed := await self.backend.sweep(now, STEP):
            total += removed
        return total

    async def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a consistent, verified copy of the store while it is in use.

        Args:
            path: A new file (SQLite) or folder (files).

        Raises:
            InvalidInputError: There is something at `path` already, or it is not a path.
            UnsupportedError: The backend has no backup; the message says what to use instead.
            StorageFullError: There is no space left.

        Example:
            ```python
            await store.backup("agent-backup.db")
            ```
        """
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or "\0" in os.fspath(path):
            raise InvalidInputError(f"path: expected a path, not {path!r}")
        await self.backend.backup(os.fspath(path))

    async def verify(self) -> Document:
        """Read everything back and check structure, references and the checksum of every record.

        Returns:
            `ok`, `problems` (a list of texts), `warnings` and `backend`.

        Raises:
            UnavailableError: The store is not open or cannot be reached.
        """
        problems = await self.backend.verify()
        warnings = await warnings_of(self.backend)
        return {"ok": not problems, "problems": problems, "warnings": warnings, "backend": self.backend.name}

    async def compact(self) -> Document:
        """Remove what has expired and give unused space back.

        Returns:
            `purged`, how many expired records were removed, and the backend's own figures.

        Raises:
            UnavailableError: The store is busy, is not open or cannot be reached.
        """
        purged = await self.purge_expired()
        return {"purged": purged, **await self.backend.compact()}

    async def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[Document]:
        """Run one read-only SQL statement over the tables and views of a SQLite store.

        Args:
            statement: The statement, with `?` for parameters.
            parameters: The values for each `?`.

        Returns:
            The rows, each a dictionary by column name.

        Raises:
            InvalidInputError: The statement is wrong, would write, or names two columns alike.
            UnsupportedError: The backend has no SQL; only SQLite has.
        """
        columns, rows = await self.backend.query(statement, parameters)
        if len(set(columns)) < len(columns):
            raise InvalidInputError(f"SQL: two columns have the same name, rename one with AS: {', '.join(columns)}")
        return [dict(zip(columns, row, strict=True)) for row in rows]

    async def health_check(self) -> Document:
        """Check that the store works, by writing to it.

        Returns:
            `status` ("healthy", "degraded" or "unhealthy"), `writable`, `latency_ms`, `warnings`, `error`, `details`,
            `backend` and `timestamp`. A failure is reported here, never raised.
        """
        begun = time.perf_counter()
        found: Document = {}
        error: str | None = None
        try:
            found = await self.backend.probe()
            found["warnings"] = [*found.get("warnings", []), *await warnings_of(self.backend)]
        except (LodestoreError, OSError) as problem:
            error = str(problem)
        return health_report(self.backend.name, self._clock(), time.perf_counter() - begun, found, error)

    async def get_storage_stats(self) -> Document:
        """Count what is in the store.

        Returns:
            One `..._count` per family (without what has expired), `total_bytes`, `tokenizer`, `backend` and
            `timestamp`.

        Raises:
            UnavailableError: The store is not open or cannot be reached.
        """
        vitals = await self.backend.vitals(self._clock())
        counts = {f"{f.name}_count": vitals.counts[f.name] for f in FAMILIES}
        unfinished, choice = reserved = await self.backend.fetch(STATE, [(key,) for key in RESERVED])
        counts["state_count"] -= sum(row is not None for row in reserved)  # they are no states of a user
        counts["agent_count"] += vitals.partial[AGENT.name]  # an agent has no document of its own
        return {
            "backend": self.backend.name,
            "storage_type": self.backend.name,
            "timestamp": iso(self._clock()),
            **counts,
            "partial_conversation_count": vitals.partial[CONVERSATION.name],
            "total_bytes": vitals.bytes,
            "tokenizer": tokenizer_in(choice),
            **({"unfinished_migration": True} if unfinished else {}),
        }


async def warnings_of(backend: Backend) -> list[str]:
    """List what keeps a store from being whole though it works: an unfinished migration into it."""
    [mark] = await backend.fetch(STATE, [(UNFINISHED,)])
    return ["a migration into this store is unfinished: resume it before the store is used"] if mark else []


def health_report(backend: str, now: int, seconds: float, found: Document, error: str | None) -> Document:
    """Make the answer of `health_check`, from what a probe found or how it failed."""
    warnings = found.get("warnings", [])
    return {
        "status": "unhealthy" if error else "degraded" if warnings else "healthy",
        "backend": backend,
        "timestamp": iso(now),
        "writable": error is None,
        "latency_ms": round(seconds * 1000, 3),
        "warnings": warnings,
        "error": error,
        "details": {name: value for name, value in found.items() if name != "warnings"},
    }
