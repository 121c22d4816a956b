"""PostgreSQL under the conformance kit, on a real server; a namespace for each folder, dropped at the end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from lodestore.backends.postgres import PostgresBackend
from lodestore.conformance import InterfacePromises, KernelLaws
from tests.support.scale import scaled


async def drop(url: str, namespaces: set[str]) -> None:
    connection = await asyncpg.connect(url)
    for namespace in namespaces:
        await connection.execute(f'DROP SCHEMA IF EXISTS "{namespace}" CASCADE')
    await connection.close()


class TestPostgres(KernelLaws, InterfacePromises):
    examples = scaled(4, 1)
    steps = 20
    url: str
    made: set[str]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def server(cls, postgres_url: str) -> Iterator[None]:
        cls.url, cls.made = postgres_url, set()
        yield
        asyncio.run(drop(postgres_url, cls.made))

    def backend(self, folder: Path) -> PostgresBackend:
        namespace = f"lodestore_{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
        self.made.add(namespace)
        return PostgresBackend(self.url, namespace=namespace)
