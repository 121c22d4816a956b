"""Commits: what the writer tells of one, for caches and counters that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ....core.records import Write


class Commit(NamedTuple):
    """What the writer tells of one commit: the sequence around it, and what was written.

    `writes` of None: nobody knows.
    """

    before: int
    after: int
    writes: Sequence[Write] | None


LOST = Commit(-1, -1, None)  # a commit of which nobody knows whether it happened
