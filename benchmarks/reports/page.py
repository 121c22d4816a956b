"""docs/benchmarks.md: the part between two marks is written from results.json; its bars and all figures beside it.

A run of `search` alone writes a part of its own, with files of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from . import bars, search_page

BEGIN, END = "<!-- suite: begin -->", "<!-- suite: end -->"
SEARCH = ("<!-- search: begin -->", "<!-- search: end -->", "search.md", "search.json")
SUITES = (BEGIN, END, "figures.md", "results.json")
TITLES = {
    "cache": "How many times longer a peer takes than lodestore: cache",
    "messages": "How many times longer a peer takes than lodestore: messages",
    "sessions": "How many times longer a peer takes than lodestore: recorded sessions",
    "search": "How many times longer a peer takes than lodestore: search",
}


def write(results: dict[str, Any], page: Path) -> None:
    """The page and its pictures, in a folder of the page's name."""
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    pictures = [*draw_all(results, folder)]
    begin, end, figures, kept = SEARCH if _suites(results) == {"search"} else SUITES
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    body = "\n\n".join(_parts(results, pictures, f"{folder.name}/{figures}", f"{folder.name}/{kept}"))
    page.write_text(f"{before}{begin}\n\n{body}\n\n{end}{after}", encoding="utf-8")
    all_of_it = "\n\n".join(["# All figures", *_origin(results), *_figures(results)])
    (folder / figures).write_text(f"{all_of_it}\n", encoding="utf-8")
    (folder / kept).write_bytes(orjson.dumps(results) + b"\n")


def _suites(results: dict[str, Any]) -> set[str]:
    return {scenario["suite"] for scenario in results["scenarios"]}


def draw_all(results: dict[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    """Title and file of each picture there are figures for."""
    names = dict.fromkeys(r["ours"] for s in results["scenarios"] for r in s["ratios"])
    for suite, title in TITLES.items():
        for ours in names:
            if groups := bars.bars_of(results, suite, ours):
                path = folder / f"{suite}{_ending(ours)}.svg"
                bars.draw(groups, f"{title}{_which(ours)}", path)
                yield f"{title}{_which(ours)}", path.name
    if groups := bars.sizes_of(results):
        bars.draw(groups, "Bytes on disk for a byte of messages", folder / "size.svg", more_is_better=False)
        yield "Bytes on disk for a byte of messages", "size.svg"


def _which(ours: str) -> str:
    return ours.removeprefix("lodestore")


def _ending(ours: str) -> str:
    return "".join(f"-{word}" for word in _which(ours).replace(",", "").split())


def _parts(results: dict[str, Any], pictures: list[tuple[str, str]], figures: str, kept: str) -> Iterator[str]:
    yield from _origin(results)
    if results["targets"]:
        yield _targets(results["targets"])
    yield from search_page.tables(results)
    yield f"All figures: [{Path(figures).name}]({figures}), and with every round [{Path(kept).name}]({kept})."
    yield from (f"![{title}]({Path(figures).parent}/{name})" for title, name in pictures)


def _origin(results: dict[str, Any]) -> Iterator[str]:
    machine, versions = results["machine"], results["versions"]
    yield f"`{results['command']}` on {results['data']}."
    cpu = f"{machine['processor']}, {machine['cores']} cores (load {machine['load']} at the end), {machine['system']}"
    yield f"{cpu}, Python {machine['python']}; " + ", ".join(f"{name} {version}" for name, version in versions.items())
    yield from (f"Left out: {line}." for line in results["left_out"])


def _figures(results: dict[str, Any]) -> Iterator[str]:
    for scenario in results["scenarios"]:
        yield _scenario(scenario)
    if results["measures"]:
        yield _measures(results["measures"])


def _table(header: str, rows: Iterator[str]) -> str:
    return "\n".join([header, "|" + "---|" * (header.count("|") - 1), *rows])


def _targets(targets: list[dict[str, Any]]) -> str:
    def row(t: dict[str, Any]) -> str:
        asked = f"{'at most' if t['at_most'] else 'at least'} {t['limit']:g}"
        span = "" if t["low"] is None else f" ({t['low']:.3g} to {t['high']:.3g})"
        return f"| {t['what']} | {asked} | **{t['value']:.3g}**{span} | {'met' if t['met'] else 'missed'} |"

    return _table("| target | asked | measured (95 % interval) | |", map(row, targets))


def _scenario(scenario: dict[str, Any]) -> str:
    ours = list(dict.fromkeys(r["ours"] for r in scenario["ratios"]))
    ratios = {(r["ours"], r["theirs"]): r for r in scenario["ratios"]}
    columns = [c for c in ("median", "p50", "p95", "p99") if c in scenario["variants"][0]]  # older results lack one

    def cell(mine: str, name: str) -> str:
        found = ratios.get((mine, name))
        return f"{found['value']:.3g} ({found['low']:.3g} to {found['high']:.3g})" if found else ""

    def row(v: dict[str, Any]) -> str:
        figures = " | ".join("" if v[name] is None else f"{v[name]:.4g}" for name in columns)
        cells = " | ".join(cell(mine, v["name"]) for mine in ours)
        return f"| {v['name']} | {figures} | {cells} | {v['guarantee']} |"

    heads = " | ".join(f"times {mine}" for mine in ours)
    title = f"**{scenario['suite']}: {scenario['name']}**, {scenario['unit']}"
    head = f"| | {' | '.join(columns)} | {heads} | durability |"
    return f"{title}\n\n" + _table(head, map(row, scenario["variants"]))


def _measures(measures: list[dict[str, Any]]) -> str:
    rows = (f"| {m['suite']} | {m['name']} | {m['variant']} | {m['value']:.4g} {m['unit']} |" for m in measures)
    return _table("| suite | what | variant | figure |", rows)
