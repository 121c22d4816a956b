"""Index writer: adds vectors to the packed index and removes ranges of record numbers.

Everything happens in the transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ....sql import sqlite_vectors as sql
from .chunk_store import SMALL, SMALL_IN_CELL, ChunkOwner, insert, put
from .code_blocks import block_of, coded, taken
from .ivf import cells_of, parted, sources
from .types import Cursor, Span, VectorEntry, VectorSpace


def add(run: Cursor, space: VectorSpace, span: Span, part: str, entries: Sequence[VectorEntry]) -> None:
    """Take in vectors of one owner, whose numbers are `span`, and one part of it.

    Numbers ascend, and the index has none of them: `remove` them first. InvalidInputError where a vector is not of the
    space.
    """
    if not entries:
        return
    home, block = ChunkOwner(space, span, part), coded(space, entries)
    cells = cells_of(run, space, [span], part)
    if not cells:
        put(run, home, block, SMALL)
    for cells_here in cells:
        for cell, some in parted(cells_here, block):
            put(run, home._replace(cell=cell), some, SMALL_IN_CELL)


def remove(run: Cursor, span: Span, first: int, last: int) -> None:
    """Forget every vector whose number lies between two, of whatever space and part.

    `span` ends where the numbers of the owner do that has `last`.
    """
    run.execute(sql.DELETE_WITHIN, (first, last))
    run.execute(sql.DROP_CELLS_WITHIN, (first, last))
    across = run.execute(sql.ACROSS, (first, last, span[1]))
    for at, low, high in list(_cuts(across, first, last)):
        _cut(run, span, at, low, high)


def _cuts(across: Cursor, first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Chunks with numbers between two, and which of theirs these are."""
    for at, blob in across:
        numbers = np.frombuffer(blob, "<i8")
        low, high = numbers.searchsorted(first), numbers.searchsorted(last, side="right")
        if low < high:
            yield at, int(low), int(high)


def _cut(run: Cursor, span: Span, at: int, low: int, high: int) -> None:
    name, part, cell, size, *parts = run.execute(sql.CHUNK_AT, (at,)).fetchone()
    space = VectorSpace(name, len(parts[2]) // size, "ip")  # a chunk is cut alike whatever it is compared by
    run.execute(sql.DELETE, (at,))
    which = np.delete(np.arange(size), slice(low, high))
    if len(which):
        insert(run, ChunkOwner(space, span, part, cell), taken(block_of(space.dimension, size, *parts), which))


def count(run: Cursor, space: VectorSpace, spans: Sequence[Span], part: str | None) -> int:
    """How many vectors the index has there; `part` None: of all parts."""
    texts = sql.COUNT_FLAT, sql.COUNT_IN_CELLS, sql.COUNT_ALL
    return sum(run.execute(*source).fetchone()[0] for source in sources(run, space, spans, part, *texts))
