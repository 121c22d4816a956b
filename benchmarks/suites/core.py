"""The engine against its own driver: point reads, a long conversation, acknowledged appends."""

from __future__ import annotations

import asyncio
import itertools
import random
from pathlib import Path
from typing import Any

import aiosqlite
import orjson

import lodestore
from lodestore.backends.sqlite.engine import driver
from lodestore.store.store import Store

from ..runner import Result, compare

_fresh = itertools.count()  # rewriting identical bytes is free in SQLite: every value written is new
WORDS = [
    "agent",
    "asks",
    "tool",
    "answers",
    "order",
    "flight",
    "seat",
    "refund",
    "policy",
    "search",
    "result",
    "memory",
    "note",
    "plan",
    "step",
    "retry",
]


def text(size: int) -> str:
    """Words up to about `size` characters, never twice the same."""
    return f"{next(_fresh)} " + " ".join(random.choices(WORDS, k=size // 7))


def message(size: int) -> dict[str, Any]:
    """A chat message of about `size` bytes."""
    return {"role": "assistant", "content": text(size), "ts": "2026-11-20T09:30:00Z"}


def fresh(path: Path) -> Any:
    """A bare connection of our own driver to a new file."""
    path.touch()
    return driver.connect(str(path), None, 5)


def message_sizes(count: int) -> list[int]:
    """Sizes like those of real agents: 56 % below 256 bytes, a few of several kB."""
    return random.choices([120, 400, 1500, 6000], [56, 39, 4, 1], k=count)


async def point_read(folder: Path, rounds: int) -> Result:
    """`load_system_state` of 1 kB against `execute().fetchone()` on the same driver and file."""
    async with lodestore.open(f"sqlite:////{folder}/read.db") as store:
        names = [f"state-{number}" for number in range(200)]
        for name in names:
            await store.store_system_state(name, {"text": text(1000)})
        reader = driver.tune(driver.connect(str(folder / "read.db"), None, 5), writer=False)
        statement = "SELECT body FROM state WHERE state_key = ?"

        async def ours() -> int:
            for name in names:
                await store.load_system_state(name)
            return len(names)

        async def theirs() -> int:
            for name in names:
                reader.execute(statement, (name,)).fetchone()
            return len(names)

        result = await compare("point read, 1 kB", ours, theirs, limit=2.5, rounds=rounds)
        reader.close()
        return result


async def conversation(folder: Path, rounds: int) -> Result:
    """A conversation of 1000 messages against one SELECT of plain JSON, one join, one `orjson.loads`."""
    messages = [message(size) for size in message_sizes(1000)]
    plain = fresh(folder / "plain.db")
    plain.execute("PRAGMA journal_mode = WAL").fetchall()
    plain.execute("CREATE TABLE m (c TEXT, n INTEGER, body BLOB, PRIMARY KEY (c, n))")
    plain.executemany("INSERT INTO m VALUES ('c', ?, ?)", [(n, orjson.dumps(m)) for n, m in enumerate(messages)])
    async with lodestore.open(f"sqlite:////{folder}/load.db") as store:
        await store.append_raw_messages("c", messages)

        async def ours() -> int:
            assert len(await store.load_raw_messages("c")) == 1000
            return 1

        async def theirs() -> int:
            rows = plain.execute("SELECT body FROM m WHERE c = ? ORDER BY n", ("c",)).fetchall()
            assert len(orjson.loads(b"[" + b",".join([row[0] for row in rows]) + b"]")) == 1000
            return 1

        result = await compare("load 1000 messages", ours, theirs, limit=1.5, rounds=rounds * 4)
    plain.close()
    return result


async def appends(folder: Path, rounds: int, durability: str, limit: float) -> Result:
    """100 tasks append one message each, against aiosqlite's execute + commit at the same durability."""
    synchronous = "FULL" if durability == "power" else "NORMAL"
    peer = aiosqlite.Connection(lambda: fresh(folder / f"peer-{durability}.db"), 64)
    await peer
    for statement in (
        "PRAGMA journal_mode = WAL",
        f"PRAGMA synchronous = {synchronous}",
        "CREATE TABLE m (c TEXT, n INTEGER, body TEXT, PRIMARY KEY (c, n))",
    ):
        await peer.execute(statement)
    async with lodestore.open(f"sqlite:////{folder}/append-{durability}.db", durability=durability) as store:
        result = await _appends(store, peer, f"append, 100 tasks, {durability}", limit, rounds)
    await peer.close()
    return result


async def _appends(store: Store, peer: aiosqlite.Connection, name: str, limit: float, rounds: int) -> Result:
    turn = itertools.count()
    one_at_a_time = asyncio.Lock()  # or tasks would commit each other's half-done work
    waiting: list[list[dict[str, Any]]] = []

    def prepare() -> None:
        waiting.append([message(size) for size in message_sizes(100)])

    async def ours() -> int:
        writes = [store.append_raw_messages(f"c{n % 20}", [m]) for n, m in enumerate(waiting.pop())]
        await asyncio.gather(*writes)
        return 100

    async def theirs() -> int:
        batch = next(turn)

        async def one(n: int, m: dict[str, Any]) -> None:
            async with one_at_a_time:
                await peer.execute("INSERT INTO m VALUES (?, ?, ?)", (f"c{batch}", n, orjson.dumps(m)))
                await peer.commit()

        await asyncio.gather(*(one(n, m) for n, m in enumerate(waiting.pop())))
        return 100

    return await compare(name, ours, theirs, limit=limit, rounds=rounds, prepare=prepare)


async def run(folder: Path, rounds: int) -> list[Result]:
    """All comparisons of the engine's core."""
    return [
        await point_read(folder, rounds),
        await conversation(folder, rounds),
        await appends(folder, rounds, "process", 1 / 4),
        await appends(folder, rounds, "power", 1 / 10),
    ]
