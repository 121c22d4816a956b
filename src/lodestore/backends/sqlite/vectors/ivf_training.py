"""IVF training: the k-means cells of a large namespace, trained beside its use and swapped in at once."""

from __future__ import annotations

from math import isqrt

import numpy as np
import numpy.typing as npt

from ....sql import sqlite_vectors as sql
from .chunk_store import ChunkOwner, pulled, put
from .code_blocks import CodeBlock, factors_of, joined, matrix_of
from .index_writer import count
from .ivf import ChunkQuery, IVFCells, parted, sources
from .quantization import Floats, quantize
from .types import Cursor, Span, VectorSpace

LARGE = 100_000  # vectors of a namespace from which on it gets cells
GROWN = 4  # times the vectors there were at the last training, at which it is trained anew
PER_CELL = 40  # vectors of a sample for each cell
ROUNDS = 8  # of k-means
_AT_ONCE = 256  # chunks that are placed at a time: 50 MB with 384 dimensions
_ROWS = 4096  # vectors compared with all centres at a time


def wants_training(run: Cursor, space: VectorSpace, span: Span, part: str) -> bool:
    """Whether a namespace is large, and has no cells or many times the vectors it had when they were made."""
    row = run.execute(sql.TRAINED, (space.name, part, span[0])).fetchone()
    return count(run, space, [span], part) >= (LARGE if row is None else max(LARGE, GROWN * row[0]))


def sample(run: Cursor, space: VectorSpace, span: Span, part: str) -> tuple[Floats, int]:
    """Vectors from all over a namespace, as their codes have them, and how many cells it should get."""
    everything = count(run, space, [span], part)
    cells = max(1, isqrt(everything))
    every = max(1, everything // (cells * PER_CELL))
    some = []
    for source in sources(run, space, [span], part, sql.CODES_FLAT, sql.CODES_IN_CELLS, sql.CODES_FLAT_ALL):
        for size, _, heads, codes in run.execute(*source):
            scale = factors_of(size, heads)[0, ::every, None]
            some.append(matrix_of(space.dimension, size, codes)[::every] * scale)
    return (np.concatenate(some) if some else np.empty((0, space.dimension), np.float32)), cells


def train(vectors: Floats, cells: int) -> Floats:
    """The centres of so many cells of a sample (k-means); takes seconds, and no transaction."""
    chosen = np.random.default_rng(0).permutation(len(vectors))[:cells]
    centres = vectors[np.sort(chosen)]
    for _ in range(ROUNDS):
        nearest = _nearest(vectors, centres)
        order = np.argsort(nearest, kind="stable")
        lived, starts = np.unique(nearest[order], return_index=True)  # a cell without vectors keeps its centre
        sums = np.add.reduceat(vectors[order], starts)
        centres[lived] = sums / np.diff(starts, append=len(vectors))[:, None]
    return centres


def _nearest(vectors: Floats, centres: Floats) -> npt.NDArray[np.intp]:
    half, turned = np.vecdot(centres, centres) / 2, np.ascontiguousarray(centres.T)
    pieces = [(vectors[at : at + _ROWS] @ turned - half).argmax(axis=1) for at in range(0, len(vectors), _ROWS)]
    return np.concatenate(pieces)


def swap(run: Cursor, space: VectorSpace, span: Span, part: str, centres: Floats) -> None:
    """Place all vectors of a namespace in cells with these centres, instead of those it has; from their codes alone.

    In the transaction of the caller, which it keeps for some seconds with a million vectors.
    """
    trained, first = count(run, space, [span], part), run.execute(sql.NEXT_CELL).fetchone()[0]
    before = sources(run, space, [span], part, sql.LASTS_FLAT, sql.LASTS_IN_CELLS, "")
    run.execute(sql.DROP_CELLS, (space.name, part, span[0]))
    codes, factors = quantize(centres)
    place = (first, *span, space.name, part, len(centres), trained)
    run.execute(sql.ADD_CELLS, (*place, factors.tobytes(), codes.tobytes()))
    home, cells = ChunkOwner(space, span, part), IVFCells(first, part, factors, codes)
    for source in before:
        while (block := _taken(run, space, source)) is not None:
            for cell, some in parted(cells, block):
                put(run, home._replace(cell=cell), some, 1)


def _taken(run: Cursor, space: VectorSpace, source: ChunkQuery) -> CodeBlock | None:
    """Some of what lies somewhere, taken out."""
    text, binds = source
    chunks = run.execute(text, (*binds, _AT_ONCE)).fetchall()
    return joined([pulled(run, space, at) for (at,) in chunks]) if chunks else None
