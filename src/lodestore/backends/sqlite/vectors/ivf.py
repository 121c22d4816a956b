"""IVF (inverted file): each vector of a very large namespace lies in the cell whose centroid is nearest.

A search then reads the cells nearest to its query first, and the others when it is asked for more (an inverted file).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ....sql import sqlite_vectors as sql
from .code_blocks import CodeBlock, matrix_of, taken
from .quantization import Codes, Doubles, Floats, quantize, table
from .types import Cursor, Span, VectorSpace

ChunkQuery: TypeAlias = tuple[str, tuple[Any, ...]]  # a statement that reads chunks, and what it binds

LEAST_PROBED, PROBED = 48, 0.05  # cells that a search reads first, and as a share of all
_ROWS = 1024  # vectors placed at a time


class IVFCells(NamedTuple):
    """The cells of one namespace, numbered from `first`; the factors are those of `codes.quantised`."""

    first: int
    part: str
    factors: Floats
    codes: Codes


def cells_of(run: Cursor, space: VectorSpace, spans: Sequence[Span], part: str | None) -> list[IVFCells]:
    """What cells there are in some ranges of numbers; `part` None: of all parts."""
    rows = {row[0]: row for span in spans for row in run.execute(sql.CELLS, (space.name, *span, part))}
    return [
        IVFCells(first, name, np.frombuffer(head, "<f4").reshape(3, size), matrix_of(space.dimension, size, codes))
        for first, name, size, head, codes in rows.values()
    ]


def sources(
    run: Cursor, space: VectorSpace, spans: Sequence[Span], part: str | None, flat: str, in_cells: str, whole: str
) -> list[ChunkQuery]:
    """What reads all chunks of whole owners: without cells and in cells, or, with one statement, those of all parts."""
    if part is None:
        return [(whole, (space.name, *span)) for span in spans]
    cells = cells_of(run, space, spans, part)
    ranges = [(each.first, each.first + len(each.codes) - 1) for each in cells]
    return [
        *((flat, (space.name, part, *span)) for span in spans),
        *((in_cells, (space.name, part, *span)) for span in ranges),
    ]


def parted(cells: IVFCells, block: CodeBlock) -> Iterator[tuple[int, CodeBlock]]:
    """The vectors of a block by the number of their cell."""
    found = np.concatenate(
        [_nearest(cells, taken(block, slice(at, at + _ROWS))) for at in range(0, len(block.numbers), _ROWS)]
    )
    order = np.argsort(found, kind="stable")  # so that numbers still ascend
    cuts = np.flatnonzero(np.diff(found[order])) + 1
    for which in np.split(order, cuts):
        yield cells.first + int(found[which[0]]), taken(block, which)


def _nearest(cells: IVFCells, block: CodeBlock) -> npt.NDArray[np.intp]:
    products = table(block.codes, cells.codes)
    products *= 2 * block.factors[0][:, None]
    products *= cells.factors[0]
    products -= np.square(cells.factors[2])
    found: npt.NDArray[np.intp] = products.argmax(axis=1)
    return found


def probes(space: VectorSpace, query: Floats, cells: Sequence[IVFCells]) -> Iterator[list[ChunkQuery]]:
    """Statements that read all cells, with what they bind, in rounds: those nearest to a query in the first."""
    scores = [_likeness(space, query, each) for each in cells]
    order = np.argsort(-np.concatenate(scores)) if scores else np.empty(0, np.intp)
    owners = np.repeat(np.arange(len(cells)), [len(some) for some in scores])
    numbers = np.concatenate([np.arange(len(some)) + each.first for some, each in zip(scores, cells, strict=True)])
    at, size = 0, max(LEAST_PROBED, int(PROBED * len(order)))
    while at < len(order):
        near = order[at : at + size]
        yield [
            (sql.CODES_OF_CELLS, (space.name, each.part, json.dumps(numbers[near[owners[near] == owner]].tolist())))
            for owner, each in enumerate(cells)
        ]
        at, size = at + size, 2 * size


def _likeness(space: VectorSpace, query: Floats, cells: IVFCells) -> Doubles:
    """How good what lies in each cell is likely to be."""
    codes, factors = quantize(query[None])
    products: Doubles = table(cells.codes, codes)[:, 0].astype(np.float64) * cells.factors[0] * factors[0]
    if space.metric != "ip":
        products = 2 * products - np.square(cells.factors[2], dtype=np.float64)
    return products
