"""Futures: settle one whose caller may have been cancelled meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any


def succeed(future: asyncio.Future[Any], result: Any) -> None:
    """Give a result to whoever still waits."""
    if not future.done():
        future.set_result(result)


def fail(future: asyncio.Future[Any], error: BaseException) -> None:
    """Give an error to whoever still waits."""
    if not future.done():
        future.set_exception(error)
