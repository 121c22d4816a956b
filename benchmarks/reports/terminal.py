"""The tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from .report import Measure, Report, Scenario
from .targets import Outcome


def show(report: Report, outcomes: list[Outcome]) -> None:
    """Everything, in the order it was measured."""
    console = Console(width=None if Console().is_terminal else 140)
    console.print(f"[bold]{report.data}[/bold]")
    for line in report.left_out:
        console.print(f"[yellow]{line}[/yellow]")
    for scenario in report.scenarios:
        console.print(scenario_table(scenario))
    if report.measures:
        console.print(measure_table(report.measures))
    if outcomes:
        console.print(target_table(outcomes))


def scenario_table(scenario: Scenario) -> Table:
    """One row a variant; how many times longer it takes than each of ours."""
    table = Table(title=f"{scenario.suite}: {scenario.name} ({scenario.unit})", title_justify="left")
    for name in ("variant", "median", "p50", "p95", "p99", *(f"times {mine}" for mine in scenario.ours), "durability"):
        table.add_column(name, justify="left" if name in ("variant", "durability") else "right")
    for name, timing in scenario.timings.items():
        ratios = ["" if name in scenario.ours else _ratio(scenario, mine, name) for mine in scenario.ours]
        figures = [f"{value:.4g}" for value in (timing.median, *map(timing.percentile, (0.5, 0.95, 0.99)))]
        table.add_row(name, *figures, *ratios, scenario.guarantees.get(name, ""))
    return table


def _ratio(scenario: Scenario, mine: str, other: str) -> str:
    ratio = scenario.ratio(mine, other)
    return f"{ratio.value:.3g} ({ratio.low:.3g} to {ratio.high:.3g})"


def measure_table(measures: Iterable[Measure]) -> Table:
    """Figures that are no times."""
    table = Table("suite", "what", "variant", "figure", "unit", title="figures", title_justify="left")
    for m in measures:
        table.add_row(m.suite, m.name, m.variant, f"{m.value:.4g}", f"{m.unit} {m.note}".strip())
    return table


def target_table(outcomes: Iterable[Outcome]) -> Table:
    """What was asked for, and what is there."""
    table = Table("target", "asked", "measured", "95 % interval", "", title="targets", title_justify="left")
    for o in outcomes:
        span = "" if o.low is None else f"{o.low:.3g} to {o.high:.3g}"
        asked = f"{'<=' if o.at_most else '>='} {o.limit:g}"
        table.add_row(o.what, asked, f"{o.value:.3g}", span, "[green]met[/green]" if o.met else "[red]missed[/red]")
    return table
