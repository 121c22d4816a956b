"""The quick run of every change: exact gates on counts, generous ones on ratios; two minutes at most.

A count is the same on every machine: its gate is what it is today, and going over it is a change to be made knowingly,
here. A ratio on a busy machine is not: its gate is far below what a quiet machine shows, and still far above what is
left when the part it stands for is off (`--without` proves it). Parts that are not there yet have no gate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.table import Table

from ..bench import Bench
from ..peers.ours import HAS_DICTIONARIES, HAS_HOT
from ..reports import targets
from ..reports.report import Report
from . import cache, counting, growth, messages, size

SUITE = "counts"

COUNTS: dict[str, float] = {
    "statements, one point read": 1,
    **({"statements, 100 cache hits, hot tier on": 5} if HAS_HOT else {}),  # looks at the commit sequence
    "statements, 100 cache hits, hot tier off": 100,
    "commits, 100 cache sets at once": 1,
    "commits with fsync, 100 cache sets at once": 0,
    "statements, 100 cache sets at once": 106,  # among them the switch from synced commits: two settings (decision 14)
    "commits, 100 state sets at once": 1,
    "commits with fsync, 100 state sets at once": 1,
    "statements, 100 state sets at once": 105,
    "statements, 100 appends in turn": 600,  # one of six tells the index of text
    "commits, 100 appends in turn": 100,
    "pages written, 100 appends in turn": 228,
    **({"reads of messages, 100 appends, the conversation loaded after each": 0} if HAS_HOT else {}),
    "statements, 100 appends at once": 284,
    "commits, 100 appends at once": 1,
    "pages written, 100 appends at once": 17,
    "statements, one search among 1000 vectors of 2000": 25,
    "vectors read for the ten nearest of 1000": 32,
    "fsyncs, 100 appends in turn": 100,
    "fsyncs, 100 appends at once": 1,
}
# Bytes on disk for a raw byte. Fresh ones generous, for when a dictionary is ready is a matter of time. Of states:
# compacting trains first, so this is what dictionaries are worth, whenever.
SIZES = {
    ("fresh", "lodestore"): 1.2,
    ("compacted", "lodestore"): 0.65,  # of a small store, a sixth of which are the first pages of its tables
    ("2000 states, backup", targets.STATE): 0.85 if HAS_DICTIONARIES else 1.6,
}
RATIOS = [  # (suite, scenario, the faster, the slower, at least so many times)
    (cache.SUITE, targets.HIT, targets.COLD, "aiosqlite", 3.0),
    (cache.SUITE, "miss, 1 task", targets.COLD, "aiosqlite", 3.0),
    (cache.SUITE, "durable set, 100 tasks", targets.STATE, targets.DISKCACHE, 2.0),
    (messages.SUITE, "append, 100 tasks, power", "lodestore", "JSON files", 4.0),
    *([(cache.SUITE, targets.FLAT, targets.HOT, targets.COLD, 3.0)] if HAS_HOT else []),
]
GROWTH = 4.0  # ten times the rows: what a read may cost more
SETTINGS = {
    "rounds": 7,
    "keys": 2000,
    "rows": 100_000,
    "conversations": 60,
    "light": True,
    "wanted": frozenset((suite, name) for suite, name, *_ in RATIOS),
}


@dataclass
class Gate:
    """One figure and its limit: the most it may be, or with `least` the least."""

    name: str
    value: float | None
    limit: float
    least: bool = False
    met: bool = field(init=False)

    def __post_init__(self) -> None:
        missing = self.value is None
        self.met = not missing and (self.value >= self.limit if self.least else self.value <= self.limit)


async def run(bench: Bench) -> list[Gate]:
    """Everything, and its gates."""
    counts = await counting.count_all(bench.folder)
    for name, value in counts.items():
        bench.note(SUITE, name, "lodestore", value, "")
    for suite in (cache, messages, size, growth):
        await suite.run(bench)
    await size.states(bench)
    return [*count_gates(counts), *size_gates(bench.report), *ratio_gates(bench.report), growth_gate(bench.report)]


def count_gates(counts: dict[str, float]) -> list[Gate]:
    """Exact ones; fsyncs are counted only where strace may, and a missing count fails otherwise."""
    traced = any(name.startswith("fsyncs") for name in counts)
    wanted = {name: limit for name, limit in COUNTS.items() if traced or not name.startswith("fsyncs")}
    return [Gate(name, counts.get(name), limit) for name, limit in wanted.items()]


def size_gates(report: Report) -> list[Gate]:
    """Bytes on disk for a raw byte."""
    found = {(name, variant): report.measure(size.SUITE, name, variant) for name, variant in SIZES}
    return [Gate(f"bytes on disk / raw byte, {key[0]}", m.value if m else None, SIZES[key]) for key, m in found.items()]


def ratio_gates(report: Report) -> list[Gate]:
    """How many times faster."""
    gates = []
    for suite, name, faster, slower, least in RATIOS:
        scenario = report.find(suite, name)
        there = scenario is not None and {faster, slower} <= scenario.timings.keys()
        value = scenario.ratio(faster, slower).value if scenario and there else None
        gates.append(Gate(f"{suite}, {name}: {faster} against {slower}", value, least, least=True))
    return gates


def growth_gate(report: Report) -> Gate:
    """A read among ten times the rows."""
    found = report.measure(growth.SUITE, "get p50 over 10,000 rows, 100,000 rows", "lodestore")
    return Gate("get, 10k -> 100k rows", found.value if found else None, GROWTH)


def table(gates: list[Gate]) -> Table:
    """What the terminal shows."""
    shown = Table("gate", "limit", "measured", "", title="gates", title_justify="left")
    for gate in gates:
        limit = f"{'>=' if gate.least else '<='} {gate.limit:g}"
        value = "not measured" if gate.value is None else f"{gate.value:.4g}"
        shown.add_row(gate.name, limit, value, "[green]ok[/green]" if gate.met else "[red]FAILED[/red]")
    return shown
