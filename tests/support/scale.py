"""How much a run does: a little of everything, or with LODESTORE_FULL, which `./dev test --full` sets, all of it."""

from __future__ import annotations

import os

FULL = bool(os.environ.get("LODESTORE_FULL"))


def scaled(full: int, quick: int) -> int:
    """The one or the other: of examples, of kills, of rounds."""
    return full if FULL else quick
