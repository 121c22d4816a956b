"""Verification of the packed index: whether it holds what it should, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ....errors import CorruptError
from ....sql import sqlite_vectors as sql
from .candidates import Candidates, ExcludedRanges
from .code_blocks import CodeBlock, block_of, matrix
from .quantization import Integers, quantize
from .types import Cursor, ReadVectors, Span, VectorSpace

SAMPLE = 8  # vectors of a chunk whose codes are compared with the floats
_READ = 10_000  # expected pairs at a time


class _Chunk(NamedTuple):
    last: int
    first: int
    space: str
    part: str
    cell: int | None
    size: int
    numbers: bytes
    head: bytes
    codes: bytes


def problems(
    run: Cursor,
    spaces: Mapping[str, VectorSpace],
    span: Span,
    expected: Iterable[tuple[int, int]],
    floats: ReadVectors,
    skip: Sequence[Span] = (),
) -> Iterator[str]:
    """One line for everything wrong between two numbers, against the numbers and rows expected there, ascending.

    `spaces` by name; what the index has of ranges to `skip` is left out. Of each chunk a few codes are compared with
    the floats, where those are there.
    """
    numbers, rows, left = [np.empty(0, np.int64)], [np.empty(0, np.int64)], ExcludedRanges(skip)
    for row in _each(run, span):
        chunk = _Chunk(*row)
        if any(low <= chunk.first and chunk.last <= high for low, high in skip):
            continue
        try:
            block = _read(chunk, spaces)
        except CorruptError as problem:
            yield f"chunk {chunk.last} of the index of vectors: {problem}"
            continue
        numbers.append(block.numbers)
        rows.append(block.rows)
        yield from (f"chunk {chunk.last} of the index of vectors: {line}" for line in _faults(chunk, block))
        named = (*chunk[2:4], chunk.first, chunk.cell)
        if chunk.cell is not None and run.execute(sql.HAS_CELL, named).fetchone() is None:
            yield f"chunk {chunk.last} of the index of vectors: there is no cell {chunk.cell}"
        yield from _untrue(spaces[chunk.space], block, floats, left)
    whole = Candidates(np.concatenate(numbers), np.concatenate(rows), np.zeros(sum(map(len, numbers))))
    yield from _differences(*left.out(whole)[:2], expected)


def _each(run: Cursor, span: Span) -> Iterator[tuple[Any, ...]]:
    """Every chunk, by a statement of its own, for what is read in between has the same cursor."""
    low, high = span
    while (row := run.execute(sql.NEXT, (low, high)).fetchone()) is not None:
        yield row
        low = row[0] + 1


def _read(chunk: _Chunk, spaces: Mapping[str, VectorSpace]) -> CodeBlock:
    if chunk.space not in spaces:
        raise CorruptError(f"the vector space {chunk.space!r} is missing")
    return block_of(spaces[chunk.space].dimension, *chunk[-4:])


def _faults(chunk: _Chunk, block: CodeBlock) -> Iterator[str]:
    numbers = block.numbers
    if not 0 < len(numbers) <= sql.CHUNK:
        yield f"it has {len(numbers)} vectors"
    elif (numbers[0], numbers[-1]) != (chunk.first, chunk.last):
        yield "it has other numbers than it says"
    if (np.diff(numbers) <= 0).any():
        yield "its numbers do not ascend"


def _untrue(space: VectorSpace, block: CodeBlock, floats: ReadVectors, left: ExcludedRanges) -> Iterator[str]:
    there = left.out(Candidates(block.numbers, np.arange(len(block.numbers)), block.factors[0])).rows
    sample = there[np.unique(np.linspace(0, len(there) - 1, SAMPLE).astype(np.intp))] if len(there) else there
    for at, vector in zip(sample.tolist(), floats(block.rows[sample].tolist()), strict=True):
        if vector is not None and not _true(space, block, at, vector):
            yield f"number {block.numbers[at]}: its codes in the index are not those of its vector"


def _true(space: VectorSpace, block: CodeBlock, at: int, vector: bytes) -> bool:
    if len(vector) != 4 * space.dimension:
        return False
    codes, factors = quantize(matrix(space, [vector]))
    return np.array_equal(codes[0], block.codes[at]) and np.allclose(factors[:, 0], block.factors[:, at], rtol=1e-5)


def _differences(numbers: Integers, rows: Integers, expected: Iterable[tuple[int, int]]) -> Iterator[str]:
    order = np.argsort(numbers, kind="stable")
    numbers, rows = numbers[order], rows[order]
    twice = numbers[1:][numbers[1:] == numbers[:-1]]
    yield from (f"number {number}: the index of vectors has it twice" for number in np.unique(twice).tolist())
    seen, pairs = np.zeros(len(numbers), bool), iter(expected)
    while portion := list(islice(pairs, _READ)):
        yield from _lacking(numbers, rows, seen, portion)
    left = np.unique(numbers[~seen]).tolist()
    yield from (f"number {number}: the index of vectors has it, the store does not" for number in left)


def _lacking(numbers: Integers, rows: Integers, seen: Any, portion: Sequence[tuple[int, int]]) -> Iterator[str]:
    for number, row in portion:
        low, high = numbers.searchsorted(number), numbers.searchsorted(number, side="right")
        seen[low:high] = True
        if low == high:
            yield f"number {number}: it is missing from the index of vectors"
        elif row not in rows[low:high]:
            yield f"number {number}: the index of vectors has it of another row"
