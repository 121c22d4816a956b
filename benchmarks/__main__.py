"""`python -m benchmarks`: the engine against its own driver, against its peers, and against what is physically left."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import tempfile
from pathlib import Path

import orjson
from rich.console import Console

from . import runner, switches
from .bench import Bench
from .reports import page, targets, terminal
from .reports.report import Report
from .suites import smoke
from .workload import REPOSITORY, Data

# Modules with `async run(bench)`.
PEERS = ("cache", "messages", "sessions", "replay", "size", "growth", "limit", "where", "search", "cells", "recall")
# Modules with `run(folder, rounds)`: pairs and figures with limits of their own.
OWN = ("core", "servers", "redis_pairs", "process")
PAGE = REPOSITORY / "docs" / "benchmarks.md"


def parser() -> argparse.ArgumentParser:
    """All options."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join((*OWN, *PEERS))}; default: all")
    options.add_argument("--smoke", action="store_true", help="the quick run, with gates, on generated data")
    options.add_argument("--rounds", type=int, default=15, help="blocks of each variant for each comparison")
    options.add_argument("--keys", type=int, default=100_000, help="entries of the cache")
    options.add_argument("--rows", type=int, default=1_000_000, help="the largest store of `growth`")
    options.add_argument("--conversations", type=int, default=600, help="how many `size` weighs")
    options.add_argument("--records", type=int, default=100_000, help="vectors and texts of `search`")
    options.add_argument("--peers", default="", metavar="PACKAGES", help="only these beside ours, as pip knows them")
    options.add_argument("--without", default="", metavar="PARTS", help=f"switch off, of {','.join(switches.NAMES)}")
    options.add_argument("--out", type=Path, help="write results.json there")
    options.add_argument("--json", action="store_true", help="print the results as JSON, no tables")
    options.add_argument("--docs", action="store_true", help="write docs/benchmarks.md and its pictures anew")
    options.add_argument("--draw", type=Path, metavar="RESULTS", help="only `--docs`, from a results.json")
    return options


def main() -> int:
    """Exit 1 when a limit, a target or a gate is missed."""
    options = parser().parse_args()
    chosen = options.suites or [*OWN, *PEERS]
    parts = [part for part in options.without.split(",") if part]
    if wrong := [name for name in chosen if name not in (*OWN, *PEERS)] + [p for p in parts if p not in switches.NAMES]:
        parser().error(f"unknown: {', '.join(wrong)}")
    if options.draw:
        page.write(orjson.loads(options.draw.read_bytes()), PAGE)
        return 0
    console = Console(stderr=True)
    for line in switches.switch_off(parts):
        console.print(f"[yellow]{line}[/yellow]")
    with tempfile.TemporaryDirectory(prefix="lodestore-bench-", ignore_cleanup_errors=True) as folder:
        return _smoke(Path(folder)) if options.smoke else _full(Path(folder), options, chosen, console)


def _smoke(folder: Path) -> int:
    data = Data(standin_only=True)
    bench = Bench(data, Report(data.label), folder, told=lambda _: None, **smoke.SETTINGS)
    gates = asyncio.run(smoke.run(bench))
    terminal.show(bench.report, [])
    Console(width=140).print(smoke.table(gates))
    return 0 if all(gate.met for gate in gates) else 1


def _full(folder: Path, options: argparse.Namespace, chosen: list[str], console: Console) -> int:
    data = Data()
    report = Report(data.label)
    sizes = {name: getattr(options, name) for name in ("rounds", "keys", "rows", "conversations", "records")}
    among = tuple(name for name in options.peers.split(",") if name)
    told = lambda line: console.print(f"[dim]{line}[/dim]")  # noqa: E731
    bench = Bench(data, report, folder, told=told, among=among, **sizes)
    own = [found for name in OWN if name in chosen for found in _own(name, folder, options.rounds)]
    report.pairs = [found for found in own if isinstance(found, runner.Result)]
    report.limits = [found for found in own if isinstance(found, runner.Figure)]
    for name in PEERS:
        if name in chosen:
            asyncio.run(importlib.import_module(f"{__package__}.suites.{name}").run(bench))
    outcomes = targets.judge(report)
    _say(report, outcomes, options)
    return 0 if all(found.met for found in (*report.pairs, *report.limits, *outcomes)) else 1


def _own(name: str, folder: Path, rounds: int) -> list[runner.Result | runner.Figure]:
    found = importlib.import_module(f"{__package__}.suites.{name}").run(folder, rounds)
    return asyncio.run(found) if inspect.iscoroutine(found) else found


def _say(report: Report, outcomes: list[targets.Outcome], options: argparse.Namespace) -> None:
    results = report.as_dict(outcomes)
    text = orjson.dumps(results, option=orjson.OPT_INDENT_2).decode()
    if options.json:
        print(text)
    else:
        terminal.show(report, outcomes)
        print(runner.table(report.pairs, report.limits))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "results.json").write_text(text + "\n", encoding="utf-8")
    if options.docs:
        page.write(results, PAGE)


if __name__ == "__main__":
    raise SystemExit(main())
