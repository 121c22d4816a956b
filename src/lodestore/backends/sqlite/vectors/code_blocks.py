"""Code blocks: quantized vectors in memory, and the three blobs that a chunk of them is on disk.

    numbers   int64 each, ascending
    head      the ids of the rows, int64 each, then scale, residual and length, float32 each (see `codes`)
    codes     int8, `dimension` each

All little-endian.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ....errors import CorruptError, InvalidInputError
from ....sql.sqlite_vectors import CHUNK
from .quantization import Codes, Floats, Integers, quantize
from .types import VectorEntry, VectorSpace

_FACTORS = 3

# Chunks are read into blocks of some hundred kilobytes, one after another. By default glibc asks the system for each
# and gives it back, and every page of it is new again, which costs ten times as much as reading it. Once a larger block
# has been freed, it keeps such for the next, up to 8 MB with this one, which is never touched.
np.empty(4 << 20, np.int8)


class CodeBlock(NamedTuple):
    """Coded vectors, with the factors of `codes.quantised` in three rows."""

    numbers: Integers
    rows: Integers
    factors: Floats
    codes: Codes


def coded(space: VectorSpace, entries: Sequence[VectorEntry]) -> CodeBlock:
    """The codes of vectors; InvalidInputError where one has not the dimension of the space."""
    numbers = np.array([entry.number for entry in entries], "<i8")
    rows = np.array([entry.row for entry in entries], "<i8")
    pieces = [
        quantize(matrix(space, [entry.vector for entry in entries[start : start + CHUNK]]))
        for start in range(0, len(entries), CHUNK)
    ]
    if len(pieces) == 1:
        return CodeBlock(numbers, rows, pieces[0][1], pieces[0][0])
    factors = np.concatenate([factors for _, factors in pieces], axis=1)
    return CodeBlock(numbers, rows, factors, np.concatenate([codes for codes, _ in pieces]))


def matrix(space: VectorSpace, vectors: Sequence[bytes]) -> Floats:
    """Vectors as the rows of a matrix; InvalidInputError where one has not the dimension of the space."""
    size = 4 * space.dimension
    if wrong := {*map(len, vectors)} - {size}:
        raise InvalidInputError(
            f"vector: {min(wrong)} bytes, where {space.name!r} has {space.dimension} dimensions of 4 bytes"
        )
    return np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), space.dimension)


def taken(block: CodeBlock, which: slice | Integers) -> CodeBlock:
    """Some of the vectors, in the order asked for."""
    return CodeBlock(block.numbers[which], block.rows[which], block.factors[:, which], block.codes[which])


def joined(blocks: Sequence[CodeBlock]) -> CodeBlock:
    """The vectors of several blocks, by number."""
    if len(blocks) == 1:
        return blocks[0]
    whole = concatenated(blocks)
    return taken(whole, np.argsort(whole.numbers))


def concatenated(blocks: Sequence[CodeBlock]) -> CodeBlock:
    """The vectors of several blocks, one after another."""
    return CodeBlock(
        np.concatenate([block.numbers for block in blocks]),
        np.concatenate([block.rows for block in blocks]),
        np.concatenate([block.factors for block in blocks], axis=1),
        np.concatenate([block.codes for block in blocks]),
    )


def pieces(block: CodeBlock) -> Iterator[CodeBlock]:
    """The vectors in blocks that a chunk has room for."""
    for start in range(0, len(block.numbers), CHUNK):
        yield taken(block, slice(start, start + CHUNK))


def blobs(block: CodeBlock) -> tuple[bytes, bytes, bytes]:
    """Numbers, head and codes, as they are stored."""
    return block.numbers.tobytes(), block.rows.tobytes() + block.factors.tobytes(), block.codes.tobytes()


def names(size: int, numbers: bytes, head: bytes) -> tuple[Integers, Integers]:
    """Numbers and rows of a chunk; CorruptError where they are not of one size."""
    _fit(len(numbers), 8 * size)
    return np.frombuffer(numbers, "<i8"), np.frombuffer(head, "<i8", size)


def factors_of(size: int, head: bytes) -> Floats:
    """The factors of a chunk; CorruptError where they are not of its size."""
    _fit(len(head), (8 + 4 * _FACTORS) * size)
    return np.frombuffer(head, "<f4", offset=8 * size).reshape(_FACTORS, size)


def matrix_of(dimension: int, size: int, codes: bytes) -> Codes:
    """The codes of a chunk; CorruptError where they are not of its size."""
    _fit(len(codes), size * dimension)
    return np.frombuffer(codes, np.int8).reshape(size, dimension)


def block_of(dimension: int, size: int, numbers: bytes, head: bytes, codes: bytes) -> CodeBlock:
    """The whole of a chunk; CorruptError where its parts do not fit."""
    factors = factors_of(size, head)
    return CodeBlock(*names(size, numbers, head), factors, matrix_of(dimension, size, codes))


def _fit(found: int, wanted: int) -> None:
    if found != wanted:
        raise CorruptError("the vector index is damaged: rebuild it with `lodestore reindex`")
