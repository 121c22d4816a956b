"""Whole processes: what an import costs, what opening costs, what importing a large file holds in memory."""

from __future__ import annotations

from pathlib import Path

from .runner import Result


async def run(folder: Path, rounds: int) -> list[Result]:
    """All comparisons of whole processes."""
    return []
