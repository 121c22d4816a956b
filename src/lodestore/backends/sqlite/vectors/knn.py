"""k-NN: the nearest vectors in exact order, by the threshold algorithm over bounds from the codes.

Every vector has a bound that its score cannot exceed (`bounds`). The vectors are scored by their floats in the order of
their bounds, a few at a time; what scores above the bound of the last of them is better than all that follow. So the
order is that of a scan of all floats, though few are read, and a page is the same whatever is read after it.

A scan keeps no more than some hundred candidates: memory that is new to a process costs more than reading codes.
Whoever asks for more pays for another scan, which keeps many times as many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from ....sql import sqlite_vectors as sql
from .candidates import EMPTY, Candidates, ExcludedRanges, TopCandidates, descending, together
from .code_blocks import CodeBlock, matrix, names
from .code_cache import CodeCache, read
from .ivf import ChunkQuery, cells_of, probes, sources
from .quantization import Floats
from .score_bounds import ScoreBounds, scores
from .types import Cursor, ReadVectors, Span, VectorSpace

Nearest: TypeAlias = list[tuple[int, int, float]]  # number, row, score
Reader: TypeAlias = Callable[[Cursor, VectorSpace, ChunkQuery], Iterator[CodeBlock]]

FIRST_SCORED, MOST_SCORED = 32, 4096  # vectors whose floats are read at once, doubling
FIRST_KEPT, GROWTH = 7 * FIRST_SCORED, 16  # candidates that a scan keeps, and how many times as many the next one


def nearest(
    run: Cursor,
    space: VectorSpace,
    query: bytes,
    spans: Sequence[Span],
    part: str | None,
    floats: ReadVectors,
    skip: Sequence[Span] = (),
    *,
    exact: bool = False,
    hot: CodeCache | None = None,
    likely: int = 0,
) -> Iterator[Nearest]:
    """All vectors of whole owners, `spans` of numbers, in growing portions; what ties is ordered by number.

    `part` None: of all parts; `skip`: numbers to leave out. What `floats` no longer has is left out too. All of it is
    read in one transaction of the caller.

    Of vectors in cells, those in the nearest cells come first, in order, then those in the next, in order again;
    `exact` has one order for all, and reads all floats for it. `hot` keeps what is read; `likely` is
    how many will be asked for.
    """
    wanted, left = matrix(space, [query])[0], ExcludedRanges(skip)
    bounds = ScoreBounds(space, wanted)
    if exact or not bounds.known:
        every = sources(run, space, spans, part, sql.HEADS_FLAT, sql.HEADS_IN_CELLS, sql.HEADS_ALL)
        yield from _threshold(space, wanted, bounds, iter([_everything(run, every, left)]), floats)
        return
    for some in _rounds(run, space, wanted, spans, part):
        blocks = partial(_blocks, run, space, some, hot.read if hot else read)
        yield from _threshold(space, wanted, bounds, _scans(blocks, bounds, left, max(FIRST_KEPT, 2 * likely)), floats)


def _rounds(
    run: Cursor, space: VectorSpace, query: Floats, spans: Sequence[Span], part: str | None
) -> Iterator[Sequence[ChunkQuery]]:
    """Where to search, in turn: first in all that lies in no cell, and the nearest cells."""
    text, more = (sql.CODES_FLAT_ALL, ()) if part is None else (sql.CODES_FLAT, (part,))
    flat: list[ChunkQuery] = [(text, (space.name, *more, *span)) for span in spans]
    cells = cells_of(run, space, spans, part)
    for near in probes(space, query, cells) if cells else [()]:
        yield [*flat, *near]
        flat = []


def _blocks(run: Cursor, space: VectorSpace, some: Sequence[ChunkQuery], reader: Reader) -> Iterator[CodeBlock]:
    for source in some:
        yield from reader(run, space, source)


def _scans(
    blocks: Callable[[], Iterator[CodeBlock]], bounds: ScoreBounds, left: ExcludedRanges, most: int
) -> Iterator[Candidates]:
    """All that the blocks have, by their bounds, in portions that each cost a scan."""
    last = None
    while True:
        found = _scan(blocks(), bounds, left, TopCandidates(most, last))
        yield found
        if len(found.numbers) < most:
            break
        most, last = most * GROWTH, (float(found.values[-1]), int(found.numbers[-1]))


def _scan(blocks: Iterator[CodeBlock], bounds: ScoreBounds, left: ExcludedRanges, best: TopCandidates) -> Candidates:
    """The best of the blocks."""
    with np.errstate(over="ignore", invalid="ignore"):
        for block in blocks:
            found = _promising(bounds, best.least, block)
            if len(found.numbers):
                best.offer(left.out(found))
    return best.taken()


def _promising(bounds: ScoreBounds, least: float, block: CodeBlock) -> Candidates:
    above = bounds.above(block.factors, block.codes)
    found = Candidates(block.numbers, block.rows, above)
    if least == -np.inf:
        return found
    (which,) = (above >= least).nonzero()
    return found.some(which) if len(which) else EMPTY


def _everything(run: Cursor, every: Sequence[ChunkQuery], left: ExcludedRanges) -> Candidates:
    """All that there is, as if nothing were known of how near it is."""
    chunks = (chunk for text, binds in every for chunk in run.execute(text, binds))
    pairs = (names(size, numbers, heads) for size, numbers, heads, _ in chunks)
    return descending(together([left.out(Candidates(*pair, np.full(len(pair[0]), np.inf))) for pair in pairs]))


def _threshold(
    space: VectorSpace, query: Floats, bounds: ScoreBounds, scans: Iterator[Candidates], floats: ReadVectors
) -> Iterator[Nearest]:
    """What the scans find, by score."""
    waiting, size = EMPTY, FIRST_SCORED
    for found in scans:
        at = 0
        while at < len(found.numbers):
            some = found.some(slice(at, at + size))
            waiting = descending(together([waiting, _scored(space, query, floats, some)]))
            sure = _above(waiting, bounds.key(float(some.values[-1])))
            if sure:
                yield waiting.some(slice(0, sure)).listed()
                waiting = waiting.some(slice(sure, None))
            at, size = at + size, min(2 * size, MOST_SCORED)
    if len(waiting.numbers):
        yield waiting.listed()


def _above(found: Candidates, bound: float) -> int:
    """How many score more, of some in order."""
    return int((-found.values).searchsorted(-bound))


def _scored(space: VectorSpace, query: Floats, floats: ReadVectors, found: Candidates) -> Candidates:
    """With their scores, those that are there."""
    vectors = floats(found.rows.tolist())
    if None in vectors:
        found = found.some(np.array([vector is not None for vector in vectors]))
    exact = matrix(space, [vector for vector in vectors if vector is not None])
    return found._replace(values=scores(space, query, exact))
