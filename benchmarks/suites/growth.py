"""What a read costs as the store grows: ten thousand rows, and ten times more, and more."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..bench import Bench
from ..interleave import percentile
from ..peers.ours import OurCache
from ..standin import text
from ..workload import key

SUITE = "growth"
READS = 5000
TOGETHER = 100_000  # entries written in one transaction


async def run(bench: Bench) -> None:
    """One store that grows; the hot tier is off, or it would be measured instead."""
    peer = OurCache(hot=False)
    await peer.open(bench.folder / "growth")
    rng, before, first = random.Random(7), 0, 0.0
    for rows in _sizes(bench.rows):
        await _fill(peer, rng, before, rows)
        p50, p99 = await _read(peer, rng, rows)
        first, before = first or p50, rows
        await peer.close()  # which empties the log
        _note(bench, rows, p50, p99, p50 / first, peer.bytes_on_disk())
        await peer._open()
    await peer.close()


def _sizes(largest: int) -> Iterator[int]:
    rows = 10_000
    while rows <= largest:
        yield rows
        rows *= 10


async def _fill(peer: OurCache, rng: random.Random, low: int, high: int) -> None:
    """Many at a time and in the order of their keys, so that each page is visited once: twice as fast at a million."""
    feed = _small(rng, low, high)
    while batch := sorted(islice(feed, TOGETHER), key=lambda item: item[0]):
        await peer.store.store_cache_entries(dict(batch))


def _small(rng: random.Random, low: int, high: int) -> Iterator[tuple[str, dict[str, Any]]]:
    words = [text(rng, 200) for _ in range(1000)]
    return ((key(number), {"n": number, "text": rng.choice(words)}) for number in range(low, high))


async def _read(peer: OurCache, rng: random.Random, rows: int) -> tuple[float, float]:
    taken, get, clock = [], peer.get, time.perf_counter
    for turn in range(2):  # the first warms the caches of SQLite and of the system
        for name in [key(rng.randrange(rows)) for _ in range(READS)]:
            begun = clock()
            found = await get(name)
            taken.append((clock() - begun) * 1e6)
            assert found is not None
        if turn == 0:
            taken.clear()
    return percentile(taken, 0.5), percentile(taken, 0.99)


def _note(bench: Bench, rows: int, p50: float, p99: float, ratio: float, size: int) -> None:
    name = f"{rows:,} rows"
    bench.note(SUITE, f"get p50, {name}", "lodestore", p50, "us")
    bench.note(SUITE, f"get p99, {name}", "lodestore", p99, "us")
    bench.note(SUITE, f"get p50 over 10,000 rows, {name}", "lodestore", ratio, "times")
    bench.note(SUITE, f"size, {name}", "lodestore", size / 1e6, "MB")
    bench.told(f"growth: {name}")
