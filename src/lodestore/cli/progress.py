"""A bar or a spinner on stderr, where somebody is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

OnProgress = Callable[[int, "int | None", str], None]


@contextmanager
def progress(doing: str, *, of: str = "bytes", hidden: bool = False) -> Iterator[OnProgress | None]:
    """Yields what is to be told (done, in all, a label), or None where stderr is no terminal.

    `of` is what is counted: "bytes", "records", or "rated" for records with their rate and the time left; with
    "nothing" there is only a spinner. `hidden` keeps it off a terminal in other use.
    """
    if hidden or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    figures = _figures(of)
    text = TextColumn("{task.description}", markup=False)
    with Progress(SpinnerColumn(), text, *figures, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)

        def tell(done: int, total: int | None, label: str) -> None:
            bar.update(task, completed=done, total=total, description=f"{doing} {label}".rstrip())

        yield tell


def _figures(of: str) -> list[ProgressColumn]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:,.0f}/s")

    counted: list[ProgressColumn] = [BarColumn(), MofNCompleteColumn()]
    kinds: dict[str, list[ProgressColumn]] = {
        "bytes": [BarColumn(), DownloadColumn()],
        "records": counted,
        "nothing": [],
    }
    kinds["rated"] = [*counted, Rate(), TimeRemainingColumn()]
    return kinds[of]
