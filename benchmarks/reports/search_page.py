"""The figures of search as tables for docs/benchmarks.md: an engine a row, a kind of work a column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SUITE = "search"
# The scenarios of a column: who fsyncs stands in one, who does not in another.
COLUMNS = (
    ("one user of 100",),
    ("a filter that leaves 1 of 10",),
    ("no filter",),
    ("durable write", "write without fsync"),
    ("durable write and found", "write without fsync and found"),
)
FIGURES = ("stored and indexed", "disk")
HEAD = (
    "| | one user of 100, ms | of the processor | 1 of 10, ms | no filter, ms | write, ms | and found, ms "
    "| rows/s | bytes a vector |"
)


def tables(results: dict[str, Any]) -> Iterator[str]:
    """One for each number of vectors, then text and hybrid search."""
    times = {s["name"]: s for s in results["scenarios"] if s["suite"] == SUITE}
    figures = {(m["name"], m["variant"]): m["value"] for m in results["measures"] if m["suite"] == SUITE}
    sizes = dict.fromkeys(name.partition(f"{COLUMNS[0][0]}, ")[2] for name in times if name.endswith(" vectors"))
    for size in sizes:
        if size:
            yield f"**{size}**"
            yield "\n".join([HEAD, "|---|" + "---|" * 8, *_rows(times, figures, size)])
    if others := [scenario for name, scenario in times.items() if name.startswith(("text, ", "hybrid, ", "vector, "))]:
        yield "\n".join(["| | | median, ms | p50 | p95 |", "|---|---|---|---|---|", *_texts(others)])
    parts = [(name, engine, value) for (name, engine), value in figures.items() if name.startswith("hybrid, ")]
    if parts:
        rows = [f"| {name.rsplit(', one user', 1)[0]} | {engine} | {value:.3g} |" for name, engine, value in parts]
        yield "\n".join(["| a search by text and vector | | ms |", "|---|---|---|", *rows])


def _rows(times: dict[str, Any], figures: dict[tuple[str, str], float], size: str) -> Iterator[str]:
    columns = [
        {engine: median for what in some for engine, median in _medians(times.get(f"{what}, {size}")).items()}
        for some in COLUMNS
    ]
    for engine in dict.fromkeys(engine for column in columns for engine in column):
        cells = []
        for some, column in zip(COLUMNS, columns, strict=True):
            found = figures.get((f"recall@10, {some[0]}, {size}", engine))
            cells.append(_cell(column.get(engine), found))
        cells.insert(1, _cell(figures.get((f"processor, {COLUMNS[0][0]}, {size}", engine)), None))
        rest = [_figure(figures.get((f"{what}, {size}", engine))) for what in FIGURES]
        yield f"| {engine} | {' | '.join([*cells, *rest])} |"


def _medians(scenario: dict[str, Any] | None) -> dict[str, float]:
    return {v["name"]: v["median"] for v in scenario["variants"]} if scenario else {}


def _cell(median: float | None, found: float | None) -> str:
    """Milliseconds, and the recall where it is not whole."""
    if median is None:
        return ""
    return f"{median / 1e3:.3g}" + (f" ({found:.3f})" if found is not None and found < 1 else "")


def _figure(value: float | None) -> str:
    return "" if not value else f"{value:,.0f}"


def _texts(scenarios: list[dict[str, Any]]) -> Iterator[str]:
    for scenario in scenarios:
        for v in scenario["variants"]:
            shown = " | ".join("" if v[name] is None else f"{v[name] / 1e3:.3g}" for name in ("median", "p50", "p95"))
            yield f"| {scenario['name']} | {v['name']} | {shown} |"
