"""Redis against its own driver: point reads and writes, a hundred writers at once, a whole store copied."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median
from struct import Struct
from typing import Any

import orjson
from redis.asyncio import BlockingConnectionPool, Redis

import lodestore
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.core.clock import system_clock
from lodestore.core.families import FAMILIES
from lodestore.core.records import Page
from lodestore.encoding.packer import Packer
from lodestore.store.store import Store
from lodestore.transfer import migrate
from tests.support import servers

from ..runner import Block, Figure, compare
from .core import message, message_sizes, text

CONNECTIONS = 16
RECORDS, PIPELINE = 20_000, 1_000
_HEAD = Struct("<5q")


async def _ratio(name: str, ours: Block, theirs: Block, limit: float, rounds: int) -> Figure:
    return Figure(name, (await compare(name, ours, theirs, rounds=rounds)).ratio, "x redis-py", limit)


def _states(count: int) -> dict[str, dict[str, Any]]:
    return {f"state-{number}": {"text": text(1000)} for number in range(count)}


async def point_get(store: Store, client: Redis, rounds: int) -> Figure:
    """`load_system_state` of 1 kB against HGET and `orjson.loads`."""
    states = _states(200)
    for name, state in states.items():
        await store.store_system_state(name, state)
        await client.hset("peer", name, orjson.dumps(state))

    async def ours() -> int:
        for name in states:
            await store.load_system_state(name)
        return len(states)

    async def theirs() -> int:
        for name in states:
            orjson.loads(await client.hget("peer", name))
        return len(states)

    return await _ratio("Redis: point get, 1 kB", ours, theirs, 1.3, rounds)


async def point_put(store: Store, client: Redis, rounds: int) -> Figure:
    """`store_system_state` of 1 kB against `orjson.dumps` and HSET."""

    async def ours() -> int:
        for name, state in _states(100).items():
            await store.store_system_state(name, state)
        return 100

    async def theirs() -> int:
        for name, state in _states(100).items():
            await client.hset("peer", name, orjson.dumps(state))
        return 100

    return await _ratio("Redis: point put, 1 kB", ours, theirs, 1.5, rounds)


async def many_puts(store: Store, client: Redis, rounds: int) -> Figure:
    """A hundred tasks that store 1 kB each, over as many connections on both sides."""

    async def ours() -> int:
        await asyncio.gather(*(store.store_system_state(name, state) for name, state in _states(100).items()))
        return 100

    async def theirs() -> int:
        await asyncio.gather(*(client.hset("peer", name, orjson.dumps(state)) for name, state in _states(100).items()))
        return 100

    return await _ratio("Redis: 100 puts at once, 1 kB", ours, theirs, 1.5, rounds)


async def _fill(path: Path) -> SQLiteBackend:
    backend = SQLiteBackend(path)
    async with Store(backend) as store:
        for number in range(RECORDS // 20):
            await store.store_raw_messages(f"c{number}", [message(size) for size in message_sizes(20)])
    await backend.open()
    return backend


async def _load_bare(source: SQLiteBackend, client: Redis) -> None:
    """The same records by hand: HSET of the record and ZADD of its place, a thousand of them in a pipeline."""
    packer = Packer(use=False)
    for family in FAMILIES:
        rows = await source.scan(Page(family, partial=True))
        for start in range(0, len(rows), PIPELINE):
            pipeline = client.pipeline(transaction=False)
            for row in rows[start : start + PIPELINE]:
                body, version, created, written, ends, place, *key = row
                outer = key[0] if len(key) == 2 else ""
                head = _HEAD.pack(
                    version, created, written, -1 if ends is None else ends, -1 if place is None else place
                )
                pipeline.hset(f"r:{family.name}:{outer}", str(key[-1]), head + packer.pack(family, body))
                pipeline.zadd(f"o:{family.name}:{outer}", {str(key[-1]): place or 0})
            await pipeline.execute()


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


async def loading(folder: Path, url: str, client: Redis, rounds: int) -> list[Figure]:
    """SQLite to Redis by `migrate`, with and without its proof, against the pipelined loader."""
    source = await _fill(folder / "source.db")
    ratios: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(max(3, rounds // 3)):
        for verify, found in ratios.items():
            await client.flushall()
            bare = await _seconds(lambda: _load_bare(source, client))
            await client.flushall()
            async with lodestore.open(url) as store:
                copying = partial(migrate, source, store.backend, verify=verify, now=system_clock())
                found.append(await _seconds(copying) / bare)
    await source.close()
    name = "Redis: migrate from SQLite, in the time of a pipelined loader"
    return [
        Figure(f"{name}, copying", median(ratios[False]), "x", 1 / 0.6),
        Figure(f"{name}, and verified", median(ratios[True]), "x", 1 / 0.6),
    ]


async def run(folder: Path, rounds: int) -> list[Figure]:
    """All figures of Redis, on a server of its own without persistence: the disk is not what is compared."""
    with servers.redis_server(next(iter(servers.redis_binaries().values())), "--appendonly", "no") as server:
        client = Redis(
            connection_pool=BlockingConnectionPool.from_url(server.url, max_connections=CONNECTIONS, protocol=3)
        )
        async with lodestore.open(server.url, max_connections=CONNECTIONS) as store:
            figures = [await measure(store, client, rounds) for measure in (point_get, point_put, many_puts)]
        figures += await loading(folder, server.url, client, rounds)
        await client.aclose()
    return figures
