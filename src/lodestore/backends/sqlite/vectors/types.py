"""Vector index types: what vectors are compared in, and what the index takes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ....core.searchable import VectorSpace as VectorSpace
from ....sql.sqlite_numbers import Span as Span
from ..engine.driver import Cursor as Cursor

# The float32 of so many rows, by their ids, little-endian; None where a row is gone.
ReadVectors = Callable[[Sequence[int]], Sequence[bytes | None]]


class VectorEntry(NamedTuple):
    """The vector of the record with a number, little-endian float32; `row` is the id of the row that holds it."""

    number: int
    row: int
    vector: bytes
