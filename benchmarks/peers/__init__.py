"""Those we measure against, each in a module of its own that alone imports it.

A peer that is not installed is left out, with a line that says so.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """Where a peer is: `make(**options)` is a function of the module."""

    module: str
    needs: str  # what `pip install` calls it
    make: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """The peers that can be made, and a line for each that cannot."""

    peers: list[Any]
    missing: list[str]


def entry(module: str, make: str, needs: str = "", **options: Any) -> Entry:
    """`make` of `benchmarks.peers.<module>`; `needs` is for the line when it is not there."""
    return Entry(module, needs or module, make, options)


def find(entries: Sequence[Entry], load: Callable[[str], Any] = importlib.import_module) -> Found:
    """Import what is there."""
    found = Found([], [])
    for wanted in entries:
        try:
            module = load(f"{__name__}.{wanted.module}")
        except ImportError as error:
            found.missing.append(f"{wanted.needs} is not installed, left out ({error}): group `bench`")
        else:
            found.peers.append(getattr(module, wanted.make)(**wanted.options))
    return found
