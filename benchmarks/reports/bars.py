"""Bars of ratios as SVG, from the figures of results.json; the same figures give the same bytes.

matplotlib writes the date and salts its ids anew each time unless it is told otherwise, and draws letters as curves
of whatever font it found unless they may stay letters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

STYLE = {"svg.hashsalt": "lodestore", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
COLOURS = {"good": "#2a7f62", "bad": "#b5532f", "line": "#444444"}
Bar = tuple[str, float, float, float]  # label, ratio, low, high


def bars_of(results: dict[str, Any], suite: str, ours: str) -> dict[str, list[Bar]]:
    """For each scenario of a suite, the bars of what ours was compared with."""
    groups: dict[str, list[Bar]] = {}
    for scenario in results["scenarios"]:
        bars = [(r["theirs"], r["value"], r["low"], r["high"]) for r in scenario["ratios"] if r["ours"] == ours]
        if scenario["suite"] == suite and bars:
            groups[scenario["name"]] = bars
    return groups


def sizes_of(results: dict[str, Any]) -> dict[str, list[Bar]]:
    """Bytes on disk for a raw byte, smallest first."""
    groups: dict[str, list[Bar]] = {}
    for measure in results["measures"]:
        if measure["suite"] == "size" and measure["name"] in ("fresh", "compacted"):
            value = measure["value"]
            groups.setdefault(measure["name"], []).append((measure["variant"], value, value, value))
    return groups


def draw(groups: dict[str, list[Bar]], title: str, path: Path, *, more_is_better: bool = True) -> None:
    """One row a bar, on a logarithmic scale, the interval as a whisker, a line where both would be equal."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    rows = [(group, bar) for group, bars in groups.items() for bar in [None, *bars]]
    with matplotlib.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(9, 0.22 * len(rows) + 0.9), layout="constrained")
        for place, (_, bar) in enumerate(rows):
            if bar is not None:
                _bar(axes, place, bar, more_is_better)
        _dress(axes, rows, title)
        figure.savefig(path, metadata={"Date": None, "Creator": "lodestore benchmarks"})
        pyplot.close(figure)


def _bar(axes: Any, place: int, bar: Bar, more_is_better: bool) -> None:
    _, ratio, low, high = bar
    colour = COLOURS["good" if (ratio >= 1) == more_is_better else "bad"]
    axes.barh(place, ratio - 1, left=1, height=0.7, color=colour)
    axes.plot([low, high], [place, place], color=COLOURS["line"], linewidth=1)
    axes.annotate(f"{ratio:.3g}", (max(ratio, high, 1), place), (4, 0), textcoords="offset points", va="center")


def _dress(axes: Any, rows: list[tuple[str, Bar | None]], title: str) -> None:
    axes.set_xscale("log")
    axes.axvline(1, color=COLOURS["line"], linewidth=0.8)
    axes.set_yticks(range(len(rows)), [group if bar is None else bar[0] for group, bar in rows])
    for label, (_, bar) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if bar is None else "normal")
    axes.set_ylim(len(rows) - 0.3, -0.7)
    axes.margins(x=0.12)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_title(title, loc="left")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
