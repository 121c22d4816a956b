"""The interleaved runner.

Two variants take turns in short blocks of random order, so that a noisy machine slows both. What is quoted is the
median of the ratios of neighbouring blocks, with the quartiles as a measure of noise.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

Block = Callable[[], Awaitable[int]]  # does some work, returns how many operations that was


@dataclass(frozen=True)
class Result:
    """One comparison. `ratio` is ours / theirs in time per operation; `limit` is what the ratio may be at most."""

    name: str
    ours_us: float
    theirs_us: float
    ratio: float
    low: float
    high: float
    limit: float | None
    rounds: int

    @property
    def met(self) -> bool:
        """Whether the ratio keeps its limit."""
        return self.limit is None or self.ratio <= self.limit

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True)
class Figure:
    """One figure that has a limit of its own."""

    name: str
    value: float
    unit: str
    limit: float

    @property
    def met(self) -> bool:
        """Whether the figure keeps its limit."""
        return self.value <= self.limit

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "met": self.met}


async def _timed(block: Block, prepare: Callable[[], None]) -> float:
    prepare()
    begun = time.perf_counter()
    operations = await block()
    return (time.perf_counter() - begun) / operations * 1e6


async def compare(
    name: str,
    ours: Block,
    theirs: Block,
    *,
    limit: float | None = None,
    rounds: int = 15,
    prepare: Callable[[], None] = lambda: None,
) -> Result:
    """Run both in turns, one warm-up each, and compare; `prepare` runs before each block, outside the clock."""
    await _timed(ours, prepare)
    await _timed(theirs, prepare)
    pairs: list[tuple[float, float]] = []
    for _ in range(rounds):
        if random.random() < 0.5:
            first = await _timed(ours, prepare)
            pairs.append((first, await _timed(theirs, prepare)))
        else:
            second = await _timed(theirs, prepare)
            pairs.append((await _timed(ours, prepare), second))
    ratios = sorted(mine / other for mine, other in pairs)
    low, _, high = statistics.quantiles(ratios, n=4)
    medians = [statistics.median(side) for side in zip(*pairs, strict=True)]
    return Result(name, *medians, statistics.median(ratios), low, high, limit, rounds)


def table(results: list[Result], figures: list[Figure]) -> str:
    """Everything as Markdown."""
    lines = ["| what | ours, us | other, us | ratio (quartiles) | at most | |", "|---|---|---|---|---|---|"]
    for r in results:
        limit = "" if r.limit is None else f"{r.limit:.3g}"
        span = f"**{r.ratio:.3g}** ({r.low:.3g} to {r.high:.3g})"
        lines.append(f"| {r.name} | {r.ours_us:.1f} | {r.theirs_us:.1f} | {span} | {limit} | {_verdict(r.met)} |")
    lines += ["", "| what | figure | at most | |", "|---|---|---|---|"]
    for f in figures:
        lines.append(f"| {f.name} | {f.value:.1f} {f.unit} | {f.limit:g} {f.unit} | {_verdict(f.met)} |")
    return "\n".join(lines)


def _verdict(met: bool) -> str:
    return "ok" if met else "MISSED"
