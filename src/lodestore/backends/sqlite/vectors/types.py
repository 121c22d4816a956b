"""What vectors are compared in, and what of them the index takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ....core.searchable import Space as Space

Cursor = Any  # of SQLite, with qmark binds
Span = tuple[int, int]  # the first and the last number

# The float32 of so many rows, by their ids, little-endian; None where a row is gone.
Truth = Callable[[Sequence[int]], Sequence[bytes | None]]


class Entry(NamedTuple):
    """The vector of the record with a number, little-endian float32; `row` is the id of the row that holds it."""

    number: int
    row: int
    vector: bytes
