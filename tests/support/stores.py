"""Stores of every kind for a test, each new and gone afterwards, on the servers of the session."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lodestore.config import registry
from lodestore.core.backend import Backend

KINDS = ("memory", "sqlite", "file", "redis", "cluster", "postgres")
# The same as parameters: those on servers are slow, for tests that are not about the servers.
LOCAL_FIRST = [*KINDS[:3], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[3:])]


class Stores:
    """Makes stores of a kind; servers are started when the first of theirs is asked for."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request, self._folder = request, folder
        self._namespaces: list[str] = []

    def url(self, kind: str) -> str:
        """The URL of a store that is not there yet."""
        name = f"test-{secrets.token_hex(6)}"
        if kind == "memory":
            return "memory:"
        if kind == "sqlite":
            return f"sqlite:///{self._folder / name}.db?durability=process"
        if kind == "file":
            return f"file:///{self._folder / name}?backups=false"
        fixture = {"redis": "one_redis_url", "cluster": "redis_cluster", "postgres": "postgres_url"}[kind]
        if kind == "postgres":
            self._namespaces.append(name)
        return f"{self._request.getfixturevalue(fixture)}?namespace={name}"

    def backend(self, kind: str) -> Backend:
        return registry.backend(self.url(kind))

    def tidy(self) -> None:
        """Drop what was made on a server that lives on."""
        if self._namespaces:
            asyncio.run(_drop(self._request.getfixturevalue("postgres_url"), self._namespaces))


async def _drop(url: str, namespaces: list[str]) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    for namespace in namespaces:
        await connection.execute(f'DROP SCHEMA IF EXISTS "{namespace}" CASCADE')
    await connection.close()


def on(work: Callable[..., Any], *backends: Backend) -> Any:
    """Run `work` on backends, opened and closed again."""

    async def main() -> Any:
        for backend in backends:
            await backend.open()
        try:
            return await work(*backends)
        finally:
            for backend in backends:
                await backend.close()

    return asyncio.run(main())
