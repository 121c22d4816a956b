"""SQLite backend: writes by group commit, point reads on the event loop, all other reads in a reader's thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ...core.backend import PORTION, Backend, Capabilities, Vitals
from ...core.background import IdleScheduler
from ...core.families import CACHE, FAMILIES, Family
from ...core.records import Key, Page, Row, Write, following
from ...encoding.dictionary_training import DictionaryTrainer
from ...encoding.packer import Packer
from ...sql import statements
from ..lifecycle import Lifecycle
from .cache.coherence import MAX_STALENESS
from .cache.hot_cache import HOT_BYTES, HotCache
from .connections import Connections
from .engine import driver, store_file
from .group_commit import SQLiteGroupCommit
from .maintenance import compaction, operations
from .maintenance.dictionary_table import SQLiteDictionaries
from .maintenance.eviction import Evictor
from .records import body_io, reads
from .search import indexer
from .search.index import SQLiteIndex
from .search.searcher import VECTOR_BYTES
from .snapshot import SQLiteSnapshot

T = TypeVar("T")

SHORT_PAGE = 64  # rows: up to here a page is read on the event loop


class SQLiteBackend(Backend):
    """A store in one SQLite file, for any number of handles and processes on one machine.

    `key` opens or creates an encrypted file: a passphrase, or 32 bytes used as they are. `durability` is "power" (an
    acknowledged record survives a power cut; cache entries survive the end of the process) or "process" (all survive
    the end of the process). `timeout` is how many seconds to wait for another process's write, `cache` how many
    MiB of pages each of the three connections keeps. `hot_bytes` bounds the hot cache of entries and ends of logs held
    in this process (0: none); `max_staleness` is for how many milliseconds of one loop iteration it may answer
    without looking at the file again (0: not at all). `vector_bytes` bounds the index of vectors that is held here, of
    namespaces lately searched (0: none). `max_cache_bytes` bounds the stored cache (0: no bound). Without
    `dictionaries` none is trained, and none used to write.
    """

    name = "sqlite"
    capabilities = Capabilities(snapshots=True, sql=True, backup=True, search_index=True, read_cache=True)
    cache: HotCache | None = None
    index: SQLiteIndex | None = None

    def __init__(
        self,
        path: str | Path,
        *,
        key: str | bytes | None = None,
        durability: str = "power",
        timeout: float = 30.0,
        cache: int = driver.CACHE_MIB,
        hot_bytes: int = HOT_BYTES,
        max_staleness: float = MAX_STALENESS,
        vector_bytes: int = VECTOR_BYTES,
        max_cache_bytes: int = 0,
        dictionaries: bool = True,
    ) -> None:
        self.path = Path(path).absolute()
        self._site = store_file.StoreFile(self.path, key, timeout, cache)
        self._durability = durability
        self._hot_bytes, self._max_staleness, self._max_cache_bytes = hot_bytes, max_staleness, max_cache_bytes
        self._vector_bytes = vector_bytes
        self._lifecycle = Lifecycle()
        self._check = self._lifecycle.check
        self._dictionaries = dictionaries

    async def open(self) -> int:
        async with self._lifecycle.exclusive():
            if not self._lifecycle.open:
                await asyncio.to_thread(self._site.prepare)
                self._packer = Packer(use=self._dictionaries)
                self._connections = Connections(self._site, self._packer)
                await self._connections.open()
                try:
                    await self._begin()
                except BaseException:
                    await asyncio.shield(self._connections.close())
                    raise
            return await self._scanning.run("reading", operations.latest)

    async def _begin(self) -> None:
        connections, packer = self._connections, self._packer
        self._reading, self._scanning = reading, scanning = connections.reading, connections.scanning
        await scanning.run("reading", operations.latest)  # makes the log, whose identity is looked at next
        self._identity = store_file.FileIdentity(self.path)
        same_file = self._identity.check

        if self._hot_bytes:
            self.cache = HotCache(connections.looking, self._check, self._hot_bytes, self._max_staleness)
        run, post = driver.cursor(connections.writing.connection, packer), connections.writing.post
        self._writer = writer = SQLiteGroupCommit(
            run, post, same_file, power=self._durability == "power", hot=self.cache
        )

        self._evictor: Evictor | None = None
        if limit := self._max_cache_bytes:
            self._evictor = Evictor(limit, partial(operations.size, self.path), scanning, writer)

        await scanning.run("reading", partial(body_io.learn, packer=packer))
        self._dict_table = SQLiteDictionaries(packer, scanning, writer, same_file)
        self.trainer = DictionaryTrainer(packer, self._dict_table, use=self._dictionaries)
        self.trainer.open()

        checks = (self._check, same_file)
        self.index = self._index = SQLiteIndex(reading, scanning, writer, packer, self._vector_bytes, *checks)
        self._index.upkeep.backlog = int(indexer.waits(reading))
        jobs = (self._index.upkeep, self._evictor, self.trainer)
        self._background = IdleScheduler([job for job in jobs if job])
        self._background.start()
        self._lifecycle.opened()

    async def close(self) -> None:
        async with self._lifecycle.exclusive():
            if self._lifecycle.open:
                self._check()
                self.cache = None
                self._background.halt()  # first, or a step would find the store closed
                await self._lifecycle.finish(self._connections.close(self._background.stop, self._writer.drain))

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        self._check()
        results = await self._writer.submit(writes)
        self._background.committed(writes)
        return results

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        self._check()
        hot = self.cache if family is CACHE else None
        if len(keys) > SHORT_PAGE:
            return await self._fetch_many(hot, family, keys)
        try:
            rows = reads.fetch_all(self._reading, family, keys)
        except driver.Error as error:
            raise driver.renamed(error, "reading") from error
        if hot is not None:
            for key, row in zip(keys, rows, strict=True):
                hot.keep(str(key[0]), row)
        return rows

    async def _fetch_many(self, hot: HotCache | None, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        state = hot.state if hot is not None else None
        read = partial(reads.fetch_all, family=family, keys=keys)
        moment = await self._scanning.run("reading", lambda c: reads.as_of(driver.cursor(c, self._packer), read))
        sequence, rows = moment
        if hot is not None:
            hot.keep_all(state, sequence, [str(key[0]) for key in keys], rows)
        return rows

    async def scan(self, page: Page) -> list[Row]:
        return await self._page(reads.scan, page)

    async def keys(self, page: Page) -> list[Key]:
        return await self._page(reads.keys, page)

    async def bodies(self, page: Page) -> list[bytes]:
        self._check()
        short = page.limit is not None and page.limit <= SHORT_PAGE
        # A branch is nearly always a conversation: read it here, without the hop, unless it turns out to be large.
        if page.prefix and (short or page.limit is None):
            read, run = reads.bodies if short else reads.few_bodies, self._reading
            with driver.renaming("reading"):
                found = read(run, page) if self.cache is None else self.cache.through(run, read, page)
            if found is not None:
                return found
        return await self._page(reads.bodies, page)

    async def stream(self, page: Page, size: int = PORTION) -> AsyncIterator[list[Row]]:
        while rows := await self._page(partial(reads.portion, size=size), page):
            page = following(page, rows[-1])
            yield rows
            del rows  # or it is held while the next one is read

    def snapshot(self) -> SQLiteSnapshot:
        """The store as it stands now, to be entered with `async with` and read while others write."""
        self._check()
        self._identity.check()
        return SQLiteSnapshot(self._site, self._packer)

    async def _page(self, read: Callable[[driver.Cursor, Page], list[T]], page: Page) -> list[T]:
        self._check()
        if page.limit is None or page.limit > SHORT_PAGE:
            return await self._scanning.run("reading", lambda c: read(driver.cursor(c, self._packer), page))
        try:
            return read(self._reading, page)
        except driver.Error as error:
            raise driver.renamed(error, "reading") from error

    async def sweep(self, now: int, limit: int) -> int:
        self._check()
        self._identity.check()
        return await self._writer.chore(lambda c: operations.sweep(c, now, limit), "sweeping")

    async def vitals(self, now: int) -> Vitals:
        self._check()
        counts, details = await self._scanning.run("counting", lambda c: (_counts(c, now), operations.details(c)))
        whole, partial = ({f.name: pair[i] for f, pair in counts.items()} for i in (0, 1))
        return Vitals(whole, partial, operations.size(self.path), {"path": str(self.path), **details})

    async def probe(self) -> dict[str, Any]:
        await self.apply([])
        self._identity.check()
        warnings = [*operations.warnings(self.path), *self.trainer.problems]
        return {"warnings": warnings, **await self._scanning.run("reading", operations.details)}

    async def verify(self) -> list[str]:
        self._check()
        self._identity.check()
        return await self._scanning.run("verifying", lambda c: operations.verify(c, self._packer))

    async def backup(self, path: str) -> None:
        self._check()
        self._identity.check()
        await asyncio.to_thread(operations.backup, self._site, Path(path))

    async def compact(self) -> dict[str, int]:
        self._check()
        self._identity.check()
        before = operations.size(self.path)
        trained = await self.trainer.train()
        sealed = await compaction.walk(self._writer, self._packer, self._identity.check)
        packed = await self._dict_table.repack() if self._dictionaries else 0
        await self._index.settle()
        await self._connections.writing.run("compacting", operations.compact)
        after = operations.size(self.path)
        done = {"dictionaries": trained, "sealed": sealed, "packed": packed}
        return {"bytes_before": before, "bytes_after": after, **done}

    async def query(self, statement: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of one reading SQL statement; InvalidInputError for anything else."""
        self._check()
        async with self._lifecycle.exclusive():
            console = await self._connections.console()
        return await console.query(statement, parameters)


def _counts(connection: driver.Connection, now: int) -> dict[Family, tuple[int, int]]:
    found = {f: connection.execute(statements.count(f), (now,) if f.expires else ()).fetchone() for f in FAMILIES}
    return {family: (whole, partial) for family, (whole, partial) in found.items()}
