"""The cache path, each way of it in turns: the tier, the tier off, a bare dictionary, plain aiosqlite.

    python -m benchmarks.experiments.hot [ROUNDS]

Prints the median microseconds of one operation and the median ratios of neighbouring blocks. 5,000 entries of about
1 kB, all of which the tier holds, keys drawn by a Zipf law; every value written is new.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiosqlite
import orjson

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.store.store import Store

ENTRIES, BLOCK, TASKS = 5_000, 400, 100
_TEXT = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz     ", k=100_000))
_number = count()


def document() -> dict[str, Any]:
    """About 1 kB, never the same."""
    number = next(_number)
    start = number * 37 % 99_000
    return {"model": "small", "tokens": number, "answer": _TEXT[start : start + 950]}


class Ours:
    """A store, with or without the tier."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, key: str) -> Any:
        return await self._store.load_cache_entry(key)

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        await self._store.store_cache_entry(key, value, ttl)


class Plain:
    """aiosqlite as people use it: one table, WAL, JSON, a commit for each write."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection, self._lock = connection, asyncio.Lock()

    async def get(self, key: str) -> Any:
        async with self._connection.execute("SELECT body, ends FROM cache WHERE key = ?", (key,)) as cursor:
            row = await cursor.fetchone()
        return orjson.loads(row[0]) if row and (row[1] is None or row[1] > time.time()) else None

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        ends = None if ttl is None else time.time() + ttl
        async with self._lock:
            await self._connection.execute(
                "INSERT INTO cache VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body, "
                "ends = excluded.ends",
                (key, orjson.dumps(value), ends),
            )
            await self._connection.commit()


class Bare:
    """A dictionary of tuples behind the same coroutines."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[Any, float | None]] = {}

    async def get(self, key: str) -> Any:
        found = self._held.get(key)
        return found[0] if found and (found[1] is None or found[1] > time.time()) else None

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        self._held[key] = (value, None if ttl is None else time.time() + ttl)


def entries_of() -> list[str]:
    """Every key that is there."""
    return [f"{prefix}k{n}" for n in range(1, ENTRIES + 1) for prefix in ("", "ttl ")]


Case = Callable[[Any, list[str]], Awaitable[None]]


async def hit(way: Any, keys: list[str]) -> None:
    for key in keys:
        await way.get(key)


async def miss(way: Any, keys: list[str]) -> None:
    for key in keys:
        await way.get(f"{key} {next(_number)}")


async def absent(way: Any, keys: list[str]) -> None:
    for key in keys:
        await way.get(f"absent {key}")


async def store(way: Any, keys: list[str]) -> None:
    for key in keys:
        await way.set(key, document())


async def store_ttl(way: Any, keys: list[str]) -> None:
    for key in keys:
        await way.set(f"t {key}", document(), 3600)


async def hit_ttl(way: Any, keys: list[str]) -> None:
    for key in keys:
        await way.get(f"ttl {key}")


async def mixed(way: Any, keys: list[str]) -> None:
    for number, key in enumerate(keys):
        await (way.set(key, document()) if number % 10 == 0 else way.get(key))


def by_tasks(case: Case) -> Case:
    """The same work cut up between TASKS tasks at once."""

    async def work(way: Any, keys: list[str]) -> None:
        part = len(keys) // TASKS
        await asyncio.gather(*(case(way, keys[n * part : (n + 1) * part]) for n in range(TASKS)))

    return work


CASES: dict[str, Case] = {
    "hit": hit,
    "hit, with a time to live": hit_ttl,
    "hit, 100 tasks": by_tasks(hit),
    "miss, a new key each": miss,
    "miss, keys asked before": absent,
    "set": store,
    "set with a time to live": store_ttl,
    "set, 100 tasks": by_tasks(store),
    "90 get / 10 set": mixed,
    "90 get / 10 set, 100 tasks": by_tasks(mixed),
}


async def timed(case: Case, way: Any, keys: list[str]) -> float:
    begun = time.perf_counter()
    await case(way, keys)
    return (time.perf_counter() - begun) / len(keys) * 1e6


async def measure(ways: dict[str, Any], rounds: int) -> None:
    dice, ranks = random.Random(5), range(1, ENTRIES + 1)
    weights = [1 / rank for rank in ranks]
    names = list(ways)
    print("| what | " + " | ".join(f"{name}, us" for name in names) + " | off / tier | aiosqlite / tier |")
    print("|---|" + "---|" * (len(names) + 2))
    for what, case in CASES.items():
        seen: dict[str, list[float]] = {name: [] for name in names}
        for number in range(rounds + 1):
            keys = [f"k{rank}" for rank in dice.choices(ranks, weights, k=BLOCK)]
            for name in dice.sample(names, len(names)):
                took = await timed(case, ways[name], keys)
                if number:  # the first is for warming up
                    seen[name].append(took)
        medians = [f"{statistics.median(seen[name]):.2f}" for name in names]
        ratios = [
            statistics.median(a / b for a, b in zip(seen[name], seen["tier"], strict=True))
            for name in ("off", "aiosqlite")
        ]
        print(f"| {what} | {' | '.join(medians)} | {ratios[0]:.2f} | {ratios[1]:.1f} |", flush=True)


async def main(rounds: int) -> None:
    with TemporaryDirectory(prefix="lodestore-bench-") as folder:
        tier = Store(SQLiteBackend(Path(folder) / "tier.db"))
        off = Store(SQLiteBackend(Path(folder) / "off.db", hot_bytes=0))
        async with tier, off, aiosqlite.connect(Path(folder) / "plain.db") as plain:
            for text in (
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = NORMAL",
                "CREATE TABLE cache (key TEXT PRIMARY KEY, body BLOB, ends REAL)",
            ):
                await plain.execute(text)
            ways = {"tier": Ours(tier), "off": Ours(off), "dict": Bare(), "aiosqlite": Plain(plain)}
            for start in range(0, ENTRIES, 1000):
                entries = {f"k{n}": document() for n in range(start + 1, start + 1001)}
                lasting = {f"ttl {key}": value for key, value in entries.items()}
                for ours in (tier, off):
                    await ours.store_cache_entries(entries)
                    await ours.store_cache_entries(lasting, 36_000)
                rows = [(k, orjson.dumps(v), None) for k, v in entries.items()]
                rows += [(k, orjson.dumps(v), 1e12) for k, v in lasting.items()]
                await plain.executemany("INSERT INTO cache VALUES (?, ?, ?)", rows)
                for key, value in {**entries, **lasting}.items():
                    await ways["dict"].set(key, value, 36_000 if key in lasting else None)
            await plain.commit()
            await hit(ways["tier"], entries_of())
            await measure(ways, rounds)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
