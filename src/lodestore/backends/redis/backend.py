"""Redis backend: one script call for every batch, and no SCAN anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.backend import Backend, Capabilities, Vitals
from ...core.background import IdleScheduler
from ...core.families import FAMILIES, Family
from ...core.records import Key, Page, Put, Row, Write, alive, conflict
from ...encoding.dictionaries import damaged
from ...encoding.dictionary_training import FIRST, DictionaryTrainer
from ...encoding.packer import Packer
from ...errors import CorruptError, InvalidInputError, UnavailableError, UnsupportedError
from ..lifecycle import Lifecycle
from . import wire_format
from .address import RedisAddress
from .client import Client
from .dictionary_table import RedisDictionaries
from .health import inspect, run_of
from .scripts import APPLY, FETCH, FORMAT, PAGE, STATS

_STEP = 500  # rows verified per question
_SWEEP = 1000  # records one script call removes, so that the server is never long busy with it


class RedisBackend(Backend):
    """Everything under one hash tag, so in one slot of a cluster.

    Expiry stands in the record and in an index, not in the server's own expiry: the clock of the store decides, not
    that of the server, and a sweep can count what it removes. `strict` refuses to open on a server that may forget.
    Without `dictionaries` none is trained, and none used to write.
    """

    name = "redis"
    capabilities = Capabilities(commit_sequence=True, identity=True)

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "lodestore",
        password: str | None = None,
        ca_file: str | Path = "",
        db: int | None = None,
        max_connections: int = 16,
        timeout: float = 10.0,
        strict: bool = False,
        dictionaries: bool = True,
    ) -> None:
        if not namespace or set(namespace) & set("{}"):
            raise InvalidInputError(f"namespace: expected text without braces, not {namespace!r}")
        if max_connections < 1:
            raise InvalidInputError(f"max_connections: expected 1 or more, not {max_connections}")
        self._address = RedisAddress(url, password, ca_file, db, timeout)
        self._connections, self._timeout, self._strict = max_connections, timeout, strict
        self._tag = f"{{{namespace}}}"
        self._dictionaries = dictionaries
        self._client: Client | None = None
        self._lifecycle = Lifecycle()

    async def open(self) -> int:
        async with self._lifecycle.exclusive():
            if self._client is None:
                client = Client(self._address, self._connections, self._timeout)
                try:
                    latest = await self._welcome(client)
                    await self._prepare(client)
                except BaseException:
                    await client.close()
                    raise
                self._client = client
                return latest
            return await self._welcome(self._client)

    async def _welcome(self, client: Client) -> int:
        written, latest, identity = await client.ask("HMGET", f"{self._tag}:meta", "format", "latest", "id")
        if written is not None and written != b"%d" % FORMAT:
            raise UnsupportedError(
                f"the store has format {written.decode(errors='replace')}, this lodestore reads {FORMAT}"
            )
        if self._strict and (warnings := (await inspect(client))["warnings"]):
            raise InvalidInputError(f"strict: {'; '.join(warnings)}")
        client.meet(identity)
        return int(latest or 0)

    async def _prepare(self, client: Client) -> None:
        self._packer = Packer(use=self._dictionaries)
        self._dict_table = RedisDictionaries(client, self._tag, self._packer)
        await self._dict_table.learn()
        self.trainer = DictionaryTrainer(self._packer, self._dict_table, use=self._dictionaries)
        self.trainer.open(FIRST)  # a look costs the server more than a short-lived handle saves
        self._background = IdleScheduler([self.trainer])
        self._background.start()

    async def close(self) -> None:
        async with self._lifecycle.exclusive():
            client, self._client = self._client, None
            if client is not None:
                self._background.halt()
                await self._lifecycle.finish(client.close(self._background.stop))

    async def exists(self) -> bool:
        client = Client(self._address, self._connections, self._timeout)
        try:
            return bool(await client.ask("EXISTS", f"{self._tag}:meta"))
        finally:
            await client.close()

    async def identity(self) -> str:
        # Who may not ask for the server's own name is told by how the server was reached.
        server = await run_of(self._opened()) or str(self._address.seeds)
        return f"{server} {self._address.db} {self._tag}"

    def _opened(self) -> Client:
        if self._client is None:
            raise UnavailableError("the store is not open: await store.initialize() first")
        return self._client

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        client = self._opened()
        done, *told = await client.run(APPLY, self._tag, wire_format.words_of(self._packer, writes), writes=True)
        if not done:
            put = writes[told[0]]
            assert isinstance(put, Put)
            raise conflict(put, told[1])
        client.meet(told[1])
        self._background.committed(writes)
        return wire_format.results_of(told[0])

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        client = self._opened()
        if not keys:
            return []
        split = [wire_format.outer_and_inner(key) for key in keys]
        if len({outer for outer, _ in split}) == 1:
            inner = [inner for _, inner in split]
            stored = await client.ask("HMGET", f"{self._tag}:r:{family.name}:{split[0][0]}", *inner)
        else:
            stored = await client.run(FETCH, self._tag, [family.name, *(part for pair in split for part in pair)])
        there = [(key, row) for key, row in zip(keys, stored, strict=True) if row is not None]
        named, held = [key for key, _ in there], [row for _, row in there]
        found = iter(await self._dict_table.unpacking(lambda: wire_format.rows(self._packer, family, named, held)))
        return [None if row is None else next(found) for row in stored]

    async def scan(self, page: Page) -> list[Row]:
        if len(page.prefix) == len(page.family.key):
            return await _record(self, page)
        answer = await self._ask(page, "rows")
        return await self._dict_table.unpacking(lambda: wire_format.rows_of(self._packer, page, answer))

    async def keys(self, page: Page) -> list[Key]:
        if len(page.prefix) == len(page.family.key):
            return await super().keys(page)
        return wire_format.keys_of(page, await self._ask(page, "keys"))

    async def bodies(self, page: Page) -> list[bytes]:
        if len(page.prefix) == len(page.family.key):
            return await super().bodies(page)
        answer = await self._ask(page, "bodies")
        return await self._dict_table.unpacking(lambda: wire_format.bodies_of(self._packer, page, answer))

    async def sequence(self) -> int:
        return int(await self._opened().ask("HGET", f"{self._tag}:meta", "commits") or 0)

    async def _ask(self, page: Page, what: str) -> list[bytes]:
        answer: list[bytes] = await self._opened().run(PAGE, self._tag, wire_format.question(page, what))
        return answer

    async def sweep(self, now: int, limit: int) -> int:
        client, removed = self._opened(), 0
        while removed < limit:
            asked = min(limit - removed, _SWEEP)
            _, answer, _ = await client.run(APPLY, self._tag, ["0", "S", "", now, asked], writes=True)
            [swept] = wire_format.results_of(answer)
            removed += swept
            if swept < asked:
                break
        return removed

    async def vitals(self, now: int) -> Vitals:
        names = [family.name for family in FAMILIES]
        told = await self._opened().run(STATS, self._tag, [now, *names])
        held = dict(zip(names, zip(*(iter(told),) * 4, strict=True), strict=True))
        counts = {name: n - partial - dead for name, (n, partial, _, dead) in held.items()}
        partial = {name: partial for name, (_, partial, _, _) in held.items()}
        return Vitals(counts, partial, sum(size for _, _, size, _ in held.values()))

    async def probe(self) -> dict[str, Any]:
        await self.apply([])
        found = await inspect(self._opened())
        return {**found, "warnings": [*found["warnings"], *self.trainer.problems]}

    async def compact(self) -> dict[str, int]:
        self._opened()
        trained = await self.trainer.train()
        return {"dictionaries": trained, "packed": await self._dict_table.repack() if self._dictionaries else 0}

    async def verify(self) -> list[str]:
        self._opened()
        problems = damaged(await self._dict_table.kept(0))
        for family in FAMILIES:
            page: Page | None = Page(family, partial=True, limit=_STEP)
            while page is not None:
                try:
                    page = await _look_at(self, page, problems)
                except CorruptError as problem:
                    problems.append(str(problem))
                    page = None
        return problems


async def _record(store: RedisBackend, page: Page) -> list[Row]:
    """A page whose prefix is a whole key: nothing is left for bounds to compare."""
    row = (await store.fetch(page.family, [page.prefix]))[0]
    bounded = page.after is not None or page.before is not None or page.limit == 0
    if row is None or bounded or not alive(row, page.alive_at) or not (row[0] or page.partial):
        return []
    return [row]


async def _look_at(store: RedisBackend, page: Page, problems: list[str]) -> Page | None:
    """Add what is wrong with the rows of a page; the page after it."""
    keys, stored = wire_format.split(page, await store._ask(page, "rows"))
    await store._dict_table.learn()
    for key, row in zip(keys, stored, strict=True):
        try:
            wire_format.rows(store._packer, page.family, [key], [row])
        except CorruptError as problem:
            problems.append(str(problem))
    return page._replace(after=await _order(store._opened(), store._tag, page.family, keys[-1])) if keys else None


async def _order(client: Client, tag: str, family: Family, key: Key) -> Key:
    """Where a row stands, also when it is broken."""
    if not family.placed:
        return key
    outer, inner = wire_format.outer_and_inner(key)
    return (*key[:-1], int(await client.ask("ZSCORE", f"{tag}:o:{family.name}:{outer}", inner)))
