"""What docs/decisions/0014 chose between: `python -m benchmarks.experiments.checkpoints [RUNS] [CASES]`.

In each run every variant is a new store. Short blocks of all variants take turns in an order drawn anew until each has
done all its writes, and what counts of a run is the whole time: a checkpoint is rare and long, so a median over blocks
would not see those of the variant that makes few. Quoted are medians over the runs of the ratio to the first variant,
with an interval that holds the true median in 95 of 100 cases, or the smallest and the largest of few runs.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import lodestore
from lodestore.backends.sqlite.engine import driver
from lodestore.store.store import Store

from ..bench import settle
from ..interleave import paired, percentile

RUNS, BLOCKS = 9, 20
AHEAD = 64  # pages by which the log is lengthened
ZEROES = "INSERT INTO dictionary (family, covered, body) VALUES ('', 0, zeroblob(?))"


class Variant(NamedTuple):
    """After how many pages the log starts over, and whether it is lengthened before commits need it."""

    name: str
    pages: int
    ahead: bool = False


FIRST = Variant("4000 pages", 4000)
FEWER = [FIRST, Variant("1000 pages", 1000), Variant("500 pages", 500)]
ALL = [*FEWER, Variant("4000, lengthened", 4000, True), Variant("1000, lengthened", 1000, True)]


class Case(NamedTuple):
    """`writes` calls of `call(store, number)` by `tasks`, on a store that holds `rows` records before."""

    name: str
    call: Callable[[Store, int], Any]
    writes: int
    tasks: int = 1
    rows: int = 0
    durability: str = "power"
    variants: list[Variant] = ALL
    key: bytes | None = None


class Subject:
    """A variant with its store, and what it took."""

    def __init__(self, variant: Variant, store: Store, log: Path) -> None:
        self.variant, self.store, self._log = variant, store, log
        self.total = 0.0  # seconds
        self.single: list[float] = []  # microseconds, of each write
        self.spilling: list[float] = []  # microseconds, of each step by which the log was lengthened
        self._length = 0

    async def block(self, case: Case, numbers: range) -> None:
        """Some of the writes."""
        driver.SYNCED_PAGES = driver.UNSYNCED_PAGES = self.variant.pages  # the writer may switch at any batch
        feed, begun = iter(numbers), time.perf_counter()
        await asyncio.gather(*(self._work(case, feed) for _ in range(case.tasks)))
        await self.store.backend._writer.drain()
        self.total += time.perf_counter() - begun

    async def _work(self, case: Case, feed: Any) -> None:
        for number in feed:
            begun = time.perf_counter()
            await case.call(self.store, number)
            self.single.append((time.perf_counter() - begun) * 1e6)
            if self.variant.ahead:
                self._lengthen()

    def _lengthen(self) -> None:
        length = os.stat(self._log).st_size
        if length > self._length and length < self.variant.pages * 4120:
            writing = self.store.backend._connections.writing
            writing.post(lambda: self.spilling.append(spill(writing.connection)))
            length += AHEAD * 4120
        self._length = max(length, self._length)


def spill(connection: driver.Connection) -> float:
    """Write pages of zeroes into the log and take them back, so that the file keeps its length; the microseconds."""
    begun = time.perf_counter()
    connection.execute("PRAGMA cache_size = 1").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(ZEROES, (AHEAD * 4096,))
    connection.execute("ROLLBACK")
    connection.execute(f"PRAGMA cache_size = -{driver.CACHE_MIB * 1024}").fetchall()
    return (time.perf_counter() - begun) * 1e6


def document(number: int, size: int = 300) -> dict[str, Any]:
    """About `size` bytes that do not compress well, never twice the same."""
    return {"role": "user", "n": number, "content": random.randbytes(size // 2).hex()}


async def append(store: Store, number: int) -> None:
    """A message to one of 20 conversations."""
    await store.append_raw_messages(f"c{number % 20}", [document(number)])


def any_key() -> str:
    """One of the keys of the larger cases."""
    return f"k{random.randrange(30_000)}"


async def state(store: Store, number: int) -> None:
    """A system state of 1 kB."""
    await store.store_system_state(any_key(), document(number, 1000))


async def cache(store: Store, number: int) -> None:
    """A cache entry of 1 kB."""
    await store.store_cache_entry(any_key(), document(number, 1000))


async def mixed(store: Store, number: int) -> None:
    """Every fifth write is a message, the others are cache entries."""
    await (append if number % 5 == 0 else cache)(store, number)


CASES = [
    Case("append, 1 task, the first 400", append, 400),
    Case("append, 1 task, 1200", append, 1200),
    Case("append, 1 task, 4000", append, 4000, variants=FEWER),
    Case("encrypted: append, 1 task, 1200", append, 1200, key=bytes(range(32))),
    Case("append, 100 tasks", append, 20_000, tasks=100, variants=FEWER),
    Case("state of 30,000, 1 task", state, 1500, rows=30_000, variants=FEWER),
    Case("state of 30,000, 100 tasks", state, 20_000, tasks=100, rows=30_000, variants=FEWER),
    Case("1 append, 4 cache sets of 30,000", mixed, 6000, rows=30_000, variants=FEWER),
    Case("process: append, 1 task", append, 6000, durability="process", variants=FEWER),
    Case("process: cache set of 30,000, 100 tasks", cache, 30_000, 100, 30_000, "process", FEWER),
]


async def fill(store: Store, case: Case) -> None:
    """The records that are there before, in the database and not in its log."""
    for first in range(0, case.rows, 1000):
        documents = {f"k{n}": document(n, 1000) for n in range(first, first + 1000)}
        await store.store_cache_entries(documents)
        async with store.transaction() as together:
            for name, found in documents.items():
                await together.store_system_state(name, found)
    await store.backend._connections.writing.run(
        "emptying the log", lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    )


async def run(case: Case, folder: Path) -> list[Subject]:
    """Every variant once."""
    subjects = []
    for number, variant in enumerate(case.variants):
        path = folder / f"{number}.db"
        driver.SYNCED_PAGES = driver.UNSYNCED_PAGES = variant.pages
        settings = {"durability": case.durability, "dictionaries": False, **({"key": case.key} if case.key else {})}
        store = await lodestore.open(f"sqlite:///{path}", **settings)
        await fill(store, case)
        subjects.append(Subject(variant, store, Path(f"{path}-wal")))
    settle()
    size = case.writes // BLOCKS
    for block in range(BLOCKS):
        for subject in random.sample(subjects, len(subjects)):
            await subject.block(case, range(block * size, (block + 1) * size))
    for subject in subjects:
        await subject.store.shutdown()
    return subjects


def compare(case: Case, runs: int) -> None:
    """Print a line for each variant."""
    found: dict[str, list[Subject]] = {variant.name: [] for variant in case.variants}
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="lodestore-bench-") as folder:
            for subject in asyncio.run(run(case, Path(folder))):
                found[subject.variant.name].append(subject)
    first = [subject.total for subject in found[FIRST.name]]
    for name, subjects in found.items():
        ratio = paired(first, [subject.total for subject in subjects])
        took = statistics.median(subject.total / case.writes * 1e6 for subject in subjects)
        p50, p99 = (statistics.median(percentile(s.single, share) for s in subjects) for share in (0.5, 0.99))
        span = f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
        spilling = [taken for subject in subjects for taken in subject.spilling]
        steps = f"{statistics.median(spilling):.0f} us" if spilling else ""
        print(f"| {case.name} | {name} | {took:.0f} us | {span} | {p50:.0f} us | {p99:.0f} us | {steps} |", flush=True)


def main() -> None:
    """Compare what is named, or all."""
    runs = int(sys.argv[1]) if sys.argv[1:] else RUNS
    print("| writes | the log | each | whole time / the first | p50 | p99 | a step of lengthening |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        if all(word in case.name for word in sys.argv[2:]):
            compare(case, runs)


if __name__ == "__main__":
    main()
