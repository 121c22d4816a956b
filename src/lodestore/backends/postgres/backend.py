"""PostgreSQL backend: writes in one queue, each read a single statement on any connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ...core.backend import Backend, Capabilities, Vitals
from ...core.background import IdleScheduler
from ...core.families import FAMILIES, Family
from ...core.records import Key, Page, Row, Write
from ...encoding.dictionary_training import FIRST, DictionaryTrainer
from ...encoding.packer import Packer
from ...errors import CorruptError, InvalidInputError, UnsupportedError
from ...sql import statements
from ...sql.dialect import POSTGRES
from ..lifecycle import Lifecycle
from . import maintenance, schema
from .dictionary_table import PostgresDictionaries
from .driver import Connection, PostgresAddress
from .group_commit import PostgresGroupCommit
from .index import PostgresIndex
from .pgvector import VectorTable
from .pool import Pool

T = TypeVar("T")


class PostgresBackend(Backend):
    """A store in one schema (`namespace`) of a PostgreSQL database, for any number of handles, processes, machines.

    `pool_size` connections at most, `pool_wait` seconds until no free one is UnavailableError, `recycle` seconds until
    one is replaced; `timeout` is how many seconds one statement may take. `sslrootcert` is a file of certificates that
    prove the server, or "system". `pgbouncer` gives up prepared statements and session settings, for a pooler of that
    name in either mode. Without `dictionaries` none is trained, and none used to write.
    """

    name = "postgres"
    capabilities = Capabilities(commit_sequence=True, identity=True, search_index=True)

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        namespace: str = "lodestore",
        host: str | None = None,
        sslmode: str | None = None,
        sslrootcert: str | Path | None = None,
        pool_size: int = 5,
        pool_wait: float = 30.0,
        recycle: float = 1800.0,
        timeout: float = 30.0,
        pgbouncer: bool = False,
        dictionaries: bool = True,
    ) -> None:
        if not 0 < len(namespace.encode()) < 64 or "\0" in namespace or namespace.startswith("pg_"):
            raise InvalidInputError("namespace: expected a schema name of 1 to 63 bytes that does not begin with pg_")
        if pool_size < 1:
            raise InvalidInputError(f"pool_size: expected 1 or more, not {pool_size}")
        self._address = PostgresAddress(url, password, host, sslmode, sslrootcert, timeout, pgbouncer)
        self._namespace = namespace
        self._pooling = (pool_size, pool_wait, recycle)
        self._d = replace(POSTGRES, schema=f"{schema.quoted(namespace)}.")
        self._dictionaries = dictionaries
        self._vectors = VectorTable(self._d, namespace)
        self._details = partial(maintenance.details, namespace=namespace, vectors=self._vectors)
        self._lifecycle = Lifecycle()
        self._check = self._lifecycle.check

    async def open(self) -> int:
        async with self._lifecycle.exclusive():
            if not self._lifecycle.open:
                await self._begin()
            return await self._pool.read("opening", lambda run: schema.latest(run, self._d.schema))

    async def _begin(self) -> None:
        pool = Pool(self._address.connect, *self._pooling)
        try:
            await pool.read("opening", lambda run: schema.prepare(run, self._address, self._namespace))
            self._packer = Packer(use=self._dictionaries)
            self._dict_table = PostgresDictionaries(pool, self._d, self._packer)
            await self._dict_table.learn()
        except BaseException:
            await asyncio.shield(pool.close())
            raise
        self.trainer = DictionaryTrainer(self._packer, self._dict_table, use=self._dictionaries)
        self.trainer.open(FIRST)  # a look costs the server more than a short-lived handle saves
        self._background = IdleScheduler([self.trainer])
        self._background.start()
        self._pool, self._writer = pool, PostgresGroupCommit(pool, self._d, self._packer, self._vectors)
        self.index = self._index = PostgresIndex(
            pool, self._d, self._dict_table, self._packer, self._vectors, self._check
        )
        self._lifecycle.opened()

    async def close(self) -> None:
        async with self._lifecycle.exclusive():
            if self._lifecycle.open:
                self._check()

                async def finish() -> None:
                    await self._background.stop()
                    await self._writer.drain()
                    await self._pool.close()

                self._background.halt()  # first, or a step would find the store closed
                await self._lifecycle.finish(finish())

    async def exists(self) -> bool:
        pool = Pool(self._address.connect, *self._pooling)
        try:
            return await pool.read("looking", lambda run: schema.revision(run, self._namespace)) is not None
        finally:
            await pool.close()

    async def identity(self) -> str:
        return await self._read(lambda run: maintenance.identity(run, self._namespace))

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        self._check()
        results = await self._writer.submit(tuple(writes))
        self._background.committed(writes)
        return results

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        if len(keys) == 1:
            text = statements.fetch(family, self._d)
            found = await self._read(lambda run: run.fetchrow(text, *keys[0]))
            return await self._dict_table.rows_of(family, [found and (*found, *keys[0])])
        if not keys:
            self._check()
            return []
        columns = [list(column) for column in zip(*keys, strict=True)]
        rows = await self._read(lambda run: run.fetch(statements.fetch_many(family, self._d), *columns))
        by_key = {row[6:]: row for row in map(tuple, rows)}
        return await self._dict_table.rows_of(family, [by_key.get(key) for key in keys])

    async def scan(self, page: Page) -> list[Row]:
        found = await self._select("rows", page)
        return await self._dict_table.rows_of(page.family, found)

    async def keys(self, page: Page) -> list[Key]:
        return [tuple(row) for row in await self._select("keys", page)]

    async def bodies(self, page: Page) -> list[bytes]:
        packed = await self._select("bodies", page)
        try:
            return await self._dict_table.unpacking(lambda: self._packer.unpack_all([row[0] for row in packed]))
        except CorruptError:  # read again with the names, for the one that is broken
            return await super().bodies(page)

    async def sequence(self) -> int:
        return int(await self._read(lambda run: run.fetchval(f"SELECT commits FROM {self._d.schema}store")))

    async def _select(self, columns: str, page: Page) -> list[Any]:
        text = statements.scan(columns, statements.shape(page), self._d)
        found: list[Any] = await self._read(lambda run: run.fetch(text, *statements.bind(page, self._d)))
        return found

    async def sweep(self, now: int, limit: int) -> int:
        self._check()
        return await self._pool.read("sweeping", lambda run: maintenance.sweep(run, self._d, now, limit), writes=True)

    async def vitals(self, now: int) -> Vitals:
        counts = await self._read(lambda run: maintenance.counts(run, self._d, now), "counting")
        whole, partial = ({f.name: pair[i] for f, pair in zip(FAMILIES, counts, strict=True)} for i in (0, 1))
        size = await self._read(lambda run: maintenance.size(run, self._namespace), "counting")
        return Vitals(whole, partial, size, await self._read(self._details))

    async def probe(self) -> dict[str, Any]:
        await self.apply([])
        warnings = await self._read(maintenance.warnings)
        return {"warnings": [*warnings, *self.trainer.problems], **await self._read(self._details)}

    async def verify(self) -> list[str]:
        return await self._read(lambda run: maintenance.verify(run, self._d, self._packer, self._vectors), "verifying")

    async def compact(self) -> dict[str, int]:
        self._check()
        trained = await self.trainer.train()
        packed = await self._dict_table.repack() if self._dictionaries else 0
        return {"dictionaries": trained, "packed": packed, "vector_indexes": await self._index.settle()}

    async def backup(self, path: str) -> None:
        hint = f"pg_dump --schema={self._namespace} makes a consistent copy while the store is in use"
        raise UnsupportedError(f"the postgres backend writes no backup file: {hint}")

    async def _read(self, work: Callable[[Connection], Awaitable[T]], doing: str = "reading") -> T:
        self._check()
        return await self._pool.read(doing, work)
