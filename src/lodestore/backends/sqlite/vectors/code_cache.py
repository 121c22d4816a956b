"""Code cache: chunks that searches lately read, decoded, for as long as they stand.

A search among some thousand vectors is mostly reading and taking apart a few chunks. Each row has a stamp that no other
row ever had, so which of them still stand is told in the transaction of the search, whoever wrote since, and only what
is new is read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from ....core.backend import MISS
from ....sql import sqlite_vectors as sql
from ..cache.lru import LRUCache
from .code_blocks import CodeBlock, block_of, concatenated, taken
from .ivf import ChunkQuery
from .types import Cursor, VectorSpace

FEW = 5_000  # vectors that are put together: for fewer calls of numpy it is worth to copy them when one is new

_STAMPS = {sql.CODES_FLAT: sql.STAMPS_FLAT, sql.CODES_FLAT_ALL: sql.STAMPS_FLAT_ALL}
_BESIDE = 28  # bytes that a vector takes beside its codes

Stamp: TypeAlias = tuple[int, int]  # the name of a row, and what no other of that name ever bore


class CachedSource(NamedTuple):
    """The chunks of a source, and the blocks that a search goes through."""

    chunks: dict[Stamp, CodeBlock]
    blocks: list[CodeBlock]


def _size(_source: ChunkQuery, held: CachedSource) -> int:
    return sum(part.nbytes for block in held.blocks for part in block)


class CodeCache:
    """The sources lately read, at most `limit` bytes; up to `few` vectors of one are put together.

    Threads may share it: what it holds is never changed.
    """

    def __init__(self, limit: int, few: int = FEW) -> None:
        self._few = few
        self._most = limit // 2  # what the cache keeps of one
        self._recent = LRUCache(limit, _size)
        self._lock = threading.Lock()

    def read(self, run: Cursor, space: VectorSpace, source: ChunkQuery) -> Iterator[CodeBlock]:
        """The vectors that a statement reads, in a few blocks."""
        sizes = self._stamped(run, space, source)
        if sizes is None:
            return read(run, space, source)
        with self._lock:
            held = self._recent.get(source)
        if held is MISS or held.chunks.keys() != sizes.keys():
            known = {} if held is MISS else held.chunks
            chunks = {stamp: known.get(stamp) or _chunk(run, space, stamp) for stamp in sizes}
            held = (
                _put_together(chunks)
                if sum(sizes.values()) <= self._few
                else CachedSource(chunks, list(chunks.values()))
            )
            with self._lock:
                self._recent.put(source, held)
        return iter(held.blocks)

    def _stamped(self, run: Cursor, space: VectorSpace, source: ChunkQuery) -> dict[Stamp, int] | None:
        """The stamps of the chunks, with their sizes; None where they are not held, or too many to be."""
        text, binds = source
        if text not in _STAMPS:
            return None
        sizes: dict[Stamp, int] = {}
        room = self._most // (space.dimension + _BESIDE)
        for last, size, stamp in run.execute(_STAMPS[text], binds):
            sizes[last, stamp] = size
            room -= size
            if room < 0:
                return None
        return sizes


def _chunk(run: Cursor, space: VectorSpace, stamp: Stamp) -> CodeBlock:
    _, _, _, *chunk = run.execute(sql.CHUNK_AT, (stamp[0],)).fetchone()
    return block_of(space.dimension, *chunk)


def _put_together(chunks: dict[Stamp, CodeBlock]) -> CachedSource:
    """One block of all, of which the chunks are parts."""
    if not chunks:
        return CachedSource({}, [])
    block, at, parts = concatenated(list(chunks.values())), 0, {}
    for stamp, chunk in chunks.items():
        parts[stamp] = taken(block, slice(at, at + len(chunk.numbers)))
        at += len(chunk.numbers)
    return CachedSource(parts, [block])


def read(run: Cursor, space: VectorSpace, source: ChunkQuery) -> Iterator[CodeBlock]:
    """The vectors that a statement reads, a block for each chunk."""
    text, binds = source
    return (block_of(space.dimension, *chunk) for chunk in run.execute(text, binds))
