"""Another process that writes cache entries and messages, checkpoints, and publishes what it has committed.

    python -m tests.rival_writer STORE BOARD KEYS

Runs until its standard input ends. The board, memory that is shared, holds one 64-bit number for each key and one for
the conversation: the newest that was committed.
"""

from __future__ import annotations

import asyncio
import mmap
import random
import sys
from pathlib import Path

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.store.store import Store


def board(path: Path, keys: int) -> memoryview:
    """The numbers both processes see."""
    with path.open("r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 8 * keys)).cast("q")


async def add_message(store: Store, conversation: str, number: int) -> None:
    """Append a message; every so often it stands in place of all that were there."""
    add = store.append_raw_messages if number % 40 else store.store_raw_messages
    await add(conversation, [{"n": number}])


async def checkpoint(backend: SQLiteBackend, mode: str) -> None:
    await backend._writer.chore(lambda c: (c.execute(f"PRAGMA wal_checkpoint({mode})").fetchall(), None), "checkpoint")


async def write(path: Path, numbers: memoryview) -> None:
    backend, dice = SQLiteBackend(path, durability="process", hot_bytes=0), random.Random(1)
    ending = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    async with Store(backend) as store:
        number = 0
        while not ending.done():
            number += 1
            key = dice.randrange(len(numbers) - 1)
            await store.store_cache_entry(f"theirs {key}", {"n": number}, dice.choice((None, 3600)))
            numbers[key] = number
            if number % 3 == 0:
                await add_message(store, "theirs", number // 3)
                numbers[-1] = number // 3
            if number % 50 == 0:
                await checkpoint(backend, dice.choice(("PASSIVE", "RESTART", "TRUNCATE")))
            await asyncio.sleep(dice.random() * 0.003)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), board(Path(sys.argv[2]), int(sys.argv[3]) + 1)))
