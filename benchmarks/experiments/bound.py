"""What the bound on the stored cache costs a set: the same new keys into a store with it and one without, in turns.

    python -m benchmarks.experiments.bound [ROUNDS]

The bound is 16 MB, entries take about 1 kB, both stores are full before the clock starts, so every tenth of the bound
that is written is a count and 1,600 entries dropped.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.store.store import Store

from .hot import document

LIMIT, BLOCK, SETTLE = 16_000_000, 4_000, 0.05
_key = count()


async def write(store: Store, tasks: int) -> float:
    """Microseconds for one of BLOCK sets of new keys, what they set off included."""

    async def some() -> None:
        for _ in range(BLOCK // tasks):
            await store.store_cache_entry(f"k{next(_key)}", document(), 3600)

    begun = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(tasks)))
    bound = store.backend._evictor  # type: ignore[attr-defined]
    task = store.backend._background.running(bound)  # type: ignore[attr-defined]
    if task is not None:
        await asyncio.wait([task])
    return (time.perf_counter() - begun) / BLOCK * 1e6


async def main(rounds: int) -> None:
    with TemporaryDirectory(prefix="lodestore-bench-") as folder:
        free = Store(SQLiteBackend(Path(folder) / "free.db"))
        bound = Store(SQLiteBackend(Path(folder) / "bound.db", max_cache_bytes=LIMIT))
        async with free, bound:
            for store in (free, bound):
                for _ in range(20):
                    await store.store_cache_entries({f"k{next(_key)}": document() for _ in range(1000)}, 3000)
            for tasks in (1, 100):
                took: dict[Store, list[float]] = {free: [], bound: []}
                for _ in range(rounds):
                    for store in random.sample([free, bound], 2):
                        await asyncio.sleep(SETTLE)
                        took[store].append(await write(store, tasks))
                ratio = statistics.median(b / a for a, b in zip(took[free], took[bound], strict=True))
                medians = [statistics.median(took[store]) for store in (free, bound)]
                print(f"set, {tasks} tasks: {medians[0]:.1f} us free, {medians[1]:.1f} us bound, ratio {ratio:.2f}")
            counts = bound.backend._evictor.counts  # type: ignore[attr-defined]
            print(f"{counts} counts of the table")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9))
