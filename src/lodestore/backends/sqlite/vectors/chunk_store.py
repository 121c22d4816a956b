"""Chunk store: chunks of the packed index, inserted, merged and removed.

What is added makes a chunk of its own. When a place has more than a few that are not full, those of like size are
joined, as in a log-structured merge tree: a vector is rewritten a few times until its chunk is full, and a search never
meets many small chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ....sql import sqlite_vectors as sql
from .code_blocks import CodeBlock, blobs, block_of, joined, pieces
from .types import Cursor, Span, VectorSpace

SMALL = 8  # chunks of a place that may stay smaller than a full one
SMALL_IN_CELL = 3  # fewer in a cell, for a search reads many of those
_LIKE = 2  # a chunk is joined with smaller ones when it is at most so many times as large as all of them


class ChunkOwner(NamedTuple):
    """Where chunks belong: the numbers of one owner, a part of them, and there a cell, if it has cells."""

    space: VectorSpace
    span: Span
    part: str
    cell: int | None = None


def put(run: Cursor, home: ChunkOwner, block: CodeBlock, few: int) -> None:
    """Add coded vectors to a place, and join small chunks there when there are more than a few."""
    name, (first, last) = home.space.name, home.span
    small = run.execute(sql.SMALL, (name, home.part, home.cell, first, last)).fetchall()
    near = [pulled(run, home.space, at) for at in _alike(small, len(block.numbers), few)]
    for piece in pieces(joined([block, *near])):
        insert(run, home, piece)


def _alike(small: Sequence[tuple[int, int]], size: int, few: int) -> Iterator[int]:
    """Which of the small chunks, given by size, to join with a new one of a size: none while there are few."""
    left = len(small)
    if left < few:
        return
    for at, other in small:
        if left <= few // 2 and other > _LIKE * size:
            return
        yield at
        left, size = left - 1, size + other


def pulled(run: Cursor, space: VectorSpace, at: int) -> CodeBlock:
    """A chunk, taken out."""
    _, _, _, *chunk = run.execute(sql.CHUNK_AT, (at,)).fetchone()
    run.execute(sql.DELETE, (at,))
    return block_of(space.dimension, *chunk)


def insert(run: Cursor, home: ChunkOwner, block: CodeBlock) -> None:
    """Write a chunk."""
    first, last = int(block.numbers[0]), int(block.numbers[-1])
    place = (last, first, home.space.name, home.part, home.cell, len(block.numbers))
    run.execute(sql.INSERT, (*place, *blobs(block)))
