"""`--without`: parts of the engine switched off in this process, to show that the gates would notice."""

from __future__ import annotations

from lodestore.backends.sqlite import group_commit

from .peers import ours

NAMES = ("hot", "group", "dictionaries")
off: set[str] = set()  # what is switched off now


def switch_off(names: list[str]) -> list[str]:
    """Switch parts off for this process; a line for each."""
    off.update(names)
    return [_SWITCHES[name]() for name in names]


def _hot() -> str:
    ours.forced.update(ours.HOT_OFF)
    return "without the hot tier"


def _group() -> str:
    group_commit.BATCH = 1  # units in one transaction
    return "without group commit"


def _dictionaries() -> str:
    ours.forced.update(ours.DICTIONARIES_OFF)
    return "without trained dictionaries"


_SWITCHES = {"hot": _hot, "group": _group, "dictionaries": _dictionaries}
