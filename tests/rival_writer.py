"""Another process that writes cache entries, checkpoints, and publishes what it has committed, as shared memory.

    python -m tests.rival_writer STORE BOARD KEYS

Runs until its standard input ends. The board holds one 64-bit number for each key: the newest that was committed.
"""

from __future__ import annotations

import asyncio
import mmap
import random
import sys
from pathlib import Path

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.store import Store


def board(path: Path, keys: int) -> memoryview:
    """The numbers both processes see."""
    with path.open("r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 8 * keys)).cast("q")


async def checkpoint(backend: SQLiteBackend, mode: str) -> None:
    await backend._writer.chore(lambda c: (c.execute(f"PRAGMA wal_checkpoint({mode})").fetchall(), None), "checkpoint")


async def write(path: Path, numbers: memoryview) -> None:
    backend, dice = SQLiteBackend(path, durability="process", hot_bytes=0), random.Random(1)
    ending = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    async with Store(backend) as store:
        number = 0
        while not ending.done():
            number += 1
            key = dice.randrange(len(numbers))
            await store.store_cache_entry(f"theirs {key}", {"n": number}, dice.choice((None, 3600)))
            numbers[key] = number
            if number % 50 == 0:
                await checkpoint(backend, dice.choice(("PASSIVE", "RESTART", "TRUNCATE")))
            await asyncio.sleep(dice.random() * 0.003)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), board(Path(sys.argv[2]), int(sys.argv[3]))))
