"""Many variants in turns, and what may be said of two of them.

Each round runs one short block of every variant, in an order drawn anew, so that a slow second of the machine falls
on all of them alike. Two variants are compared round by round: the ratio of the two blocks of one round, then the
median over the rounds, with an exact interval for that median (order statistics, no assumption on the distribution).
The garbage collector runs between rounds and never inside a block; single operations are clocked in a pass of their
own, for two readings of the clock cost as much as a hit in memory.
"""

from __future__ import annotations

import asyncio
import gc
import math
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

CONFIDENCE = 0.95
SINGLES, SINGLE_BLOCKS = 100, 5  # operations to clock one by one, and how many blocks that may take

Items = Sequence[tuple[Any, ...]]
Call = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Variant:
    """One way to do the work: `call(*item)` for each item that `prepare` made for the block, outside the clock."""

    name: str
    call: Call
    prepare: Callable[[], Items]


@dataclass
class Timing:
    """What a variant took: microseconds an operation, one figure a round; and of single operations p50, p95 and p99."""

    name: str
    rounds: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Of the rounds, in microseconds an operation."""
        return statistics.median(self.rounds)

    def percentile(self, share: float) -> float:
        """Of the operations that were clocked one by one, in microseconds; nan where none was."""
        return percentile(self.single, share) if self.single else math.nan


@dataclass(frozen=True)
class Ratio:
    """How many times longer theirs takes than ours; `low` and `high` enclose the true median with `coverage`."""

    value: float
    low: float
    high: float
    coverage: float


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Low, high and coverage of the narrowest pair of order statistics that holds the median with `confidence`.

    With too few values for it: the smallest and the largest, and what those two cover.
    """
    ordered, count = sorted(values), len(values)
    outside, rank = 2.0 ** (1 - count), 0  # chance that the median lies outside of the values of `rank`
    while True:
        wider = outside + math.comb(count, rank + 1) * 2.0 ** (1 - count)
        if wider > 1 - confidence or 2 * (rank + 1) >= count:
            return ordered[rank], ordered[-1 - rank], 1 - outside
        outside, rank = wider, rank + 1


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """The ratio of blocks that ran in the same rounds."""
    ratios = [other / mine for mine, other in zip(ours, theirs, strict=True)]
    low, high, coverage = interval(ratios)
    return Ratio(statistics.median(ratios), low, high, coverage)


async def interleave(variants: Sequence[Variant], rounds: int, *, tasks: int = 1, seed: int = 1) -> dict[str, Timing]:
    """One warm-up block each, `rounds` rounds of blocks, then single operations, at most five blocks of them."""
    timings = {variant.name: Timing(variant.name) for variant in variants}
    order, rng = list(variants), random.Random(seed)
    for variant in order:
        await _block(variant, tasks)
    for _ in range(rounds):
        rng.shuffle(order)
        gc.collect()
        for variant in order:
            timings[variant.name].rounds.append(await _block(variant, tasks))
    for _ in range(SINGLE_BLOCKS):
        for variant in order:
            if len(timings[variant.name].single) < SINGLES:
                await _clocked(variant, tasks, timings[variant.name].single)
    return timings


async def _block(variant: Variant, tasks: int) -> float:
    items = variant.prepare()
    with _no_collection():
        begun = time.perf_counter()
        await perform(variant.call, items, tasks)
        return (time.perf_counter() - begun) / len(items) * 1e6


async def perform(call: Call, items: Iterable[tuple[Any, ...]], tasks: int) -> None:
    """The call for each item, by so many tasks at once; each takes the next item when it is done with one."""
    if tasks == 1:
        for item in items:
            await call(*item)
        return
    feed = iter(items)

    async def worker() -> None:
        for item in feed:
            await call(*item)

    await asyncio.gather(*(worker() for _ in range(tasks)))


async def _clocked(variant: Variant, tasks: int, into: list[float]) -> None:
    clock, call = time.perf_counter, variant.call

    async def clocked(*item: Any) -> None:
        begun = clock()
        await call(*item)
        into.append((clock() - begun) * 1e6)

    items = variant.prepare()
    with _no_collection():
        await perform(clocked, items, tasks)


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
