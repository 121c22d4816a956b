"""Waiting for a condition, however long a busy machine takes; what never comes ends with the test's own timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], pause: float = 0.005) -> None:
    """Return once `condition()` holds; everything else on the loop goes on meanwhile."""
    while not condition():  # noqa: ASYNC110  it is not of this loop
        await asyncio.sleep(pause)
