"""What was asked of the engine, as figures: each with where it is measured and whether it is met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..suites import cache, growth, messages, recall, search, sessions, size
from .report import Report, Scenario, short

HOT, COLD = "lodestore, hot tier on", "lodestore, hot tier off"
STATE = "lodestore, system state"
DISKCACHE, CASHEWS = "diskcache, direct", "cashews, memory"
REDIS, REDIS_AOF = "redis-py, no persistence", "redis-py, AOF always"
AGENTS, LANGGRAPH = "openai-agents SQLiteSession", "langgraph checkpoint-sqlite"
BEST = "the best peer"


@dataclass
class Outcome:
    """One target: `limit` is a least ratio, or, with `at_most`, the most a figure may be; None where not measured."""

    what: str
    limit: float
    at_most: bool
    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def met(self) -> bool | None:
        """None where there is no figure."""
        if self.value is None:
            return None
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def as_dict(self) -> dict[str, Any]:
        """For results.json."""
        figures = {name: None if (v := getattr(self, name)) is None else short(v) for name in ("value", "low", "high")}
        return {**asdict(self), **figures, "met": self.met}


Judge = Callable[[Report], Outcome]


def times(suite: str, name: str, ours: str, theirs: str, limit: float) -> Judge:
    """At least `limit` times faster than theirs, or than the fastest of the others."""

    def judge(report: Report) -> Outcome:
        outcome = Outcome(f"{name}: {ours} against {theirs}", limit, False, None)
        scenario = report.find(suite, name)
        other = fastest(scenario) if scenario and theirs == BEST else theirs
        if scenario and {ours, other} <= scenario.timings.keys():
            ratio = scenario.ratio(ours, other)
            outcome.value, outcome.low, outcome.high = ratio.value, ratio.low, ratio.high
            outcome.what += f" ({other})" if theirs == BEST else ""
        return outcome

    return judge


def fastest(scenario: Scenario) -> str:
    """The peer with the smallest median."""
    others = {name: timing.median for name, timing in scenario.timings.items() if name not in scenario.ours}
    return min(others, key=lambda name: others[name]) if others else ""


def at_most(suite: str, name: str, variant: str, limit: float, what: str) -> Judge:
    """A figure that must stay small."""

    def judge(report: Report) -> Outcome:
        measure = report.measure(suite, name, variant)
        return Outcome(what, limit, True, measure.value if measure else None)

    return judge


def at_least(suite: str, name: str, variant: str, limit: float) -> Judge:
    """A figure that must stay large."""

    def judge(report: Report) -> Outcome:
        measure = report.measure(suite, name, variant)
        return Outcome(f"{suite}, {name}: {variant}", limit, False, measure.value if measure else None)

    return judge


HIT, FLAT = "hit, popular keys, 1 task", "hit, flat documents, 1 task"
SET, DURABLE = "set, 100 tasks", "durable set, 100 tasks"
REPLAY = "64 sessions, full reload, power"
TARGETS: list[Judge] = [
    times(cache.SUITE, HIT, HOT, DISKCACHE, 10),
    times(cache.SUITE, HIT, HOT, REDIS, 100),
    times(cache.SUITE, HIT, HOT, CASHEWS, 8),
    times(cache.SUITE, FLAT, HOT, DISKCACHE, 10),
    times(cache.SUITE, FLAT, HOT, REDIS, 100),
    times(cache.SUITE, FLAT, HOT, CASHEWS, 8),
    times(cache.SUITE, FLAT, COLD, DISKCACHE, 1.4),
    times(cache.SUITE, FLAT, COLD, REDIS, 10),
    times(cache.SUITE, HIT, COLD, DISKCACHE, 1.4),
    times(cache.SUITE, HIT, COLD, REDIS, 10),
    times(cache.SUITE, SET, COLD, DISKCACHE, 5),
    times(cache.SUITE, SET, COLD, REDIS, 4),
    times(cache.SUITE, DURABLE, STATE, REDIS_AOF, 5),
    times(messages.SUITE, "append, 1 task, power", "lodestore", AGENTS, 1.5),
    times(messages.SUITE, "load 1000, power", "lodestore", AGENTS, 4),
    times(messages.SUITE, "load 1000, power", "lodestore", LANGGRAPH, 1),
    times(messages.SUITE, "last 20, power", "lodestore", AGENTS, 7),
    at_most(size.SUITE, "compacted", "lodestore", 0.25, "bytes on disk / raw byte, compacted"),
    at_most(size.SUITE, "fresh", "lodestore", 0.45, "bytes on disk / raw byte, fresh"),
    times(sessions.SUITE, REPLAY, "lodestore", BEST, 5),
    at_most(growth.SUITE, "get p50 over 10,000 rows, 1,000,000 rows", "lodestore", 2.5, "get, 10k -> 1M rows"),
    at_most(growth.SUITE, "get p50 over 10,000 rows, 10,000,000 rows", "lodestore", 2.5, "get, 10k -> 10M rows"),
    at_least(recall.SUITE, "locomo, @10", "default", 0.71),
    at_least(recall.SUITE, "cosqa, @10", "weights 0.8, 0.2", 0.97),
    at_least(recall.SUITE, "xquad-zh, @5", "text", 0.92),
]


def of_search(ours: str) -> list[Judge]:
    """What search is to be, of one way to keep users apart."""
    near, write = "one user of 100, 100,000 vectors", "durable write, 100,000 vectors"
    both = "hybrid, p50, one user of 100, 100,000 records"
    return [
        times(search.SUITE, near, ours, "pgvector, btree", 3),
        times(search.SUITE, near, ours, "sqlite-vec, partition key", 3),
        times(search.SUITE, near, ours, "lancedb, HNSW", 30),
        times(search.SUITE, near, ours, "lancedb, exact", 30),
        times(search.SUITE, near, ours, "chroma, a collection per user", 1),
        times(search.SUITE, "text, one user of 1,000, 100,000 texts", ours, "FTS5, user as a column", 8),
        times(search.SUITE, write, ours, "chroma, one collection", 10),
        at_most(search.SUITE, both, ours, 3, f"text and vector, ms (p50): {ours}"),
    ]


UNSYNCED = "write without fsync, 100,000 vectors"  # LanceDB's only way, so ours is set to it
IN_CELLS = "no filter, 1,000,000 vectors in one namespace"  # of the suite cells
TARGETS += [
    *of_search("lodestore, namespaces"),
    *of_search("lodestore, conversations"),
    times(search.SUITE, IN_CELLS, "lodestore, one namespace", "sqlite-vec, one partition", 50),
    times(search.SUITE, IN_CELLS, "lodestore, one namespace", "lancedb, HNSW", 1),
    times(search.SUITE, UNSYNCED, "lodestore, namespaces, no fsync", "lancedb, HNSW", 10),
]


def judge(report: Report) -> list[Outcome]:
    """All targets that this run could have measured."""
    return [outcome for target in TARGETS if (outcome := target(report)).value is not None]
