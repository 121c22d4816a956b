"""The command that runs the demo."""

from __future__ import annotations

from argparse import Namespace

from . import NO, output
from .demo import run


def demo(arguments: Namespace) -> int:
    """The story, told as it happens; the figures at the end for programs."""
    figures = run(arguments.at, (lambda line: None) if arguments.json else output_line)
    if arguments.json:
        output.emit(figures)
    return 0 if figures["ok"] else NO


def output_line(line: str = "") -> None:
    """One line, at once."""
    print(line, flush=True)
