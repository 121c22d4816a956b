"""Records that have no vector of what they say: stored before there was an embedder, or while it failed.

That a record has none is all the mark there is, so none can be lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.backend import Backend
from ..core.families import ITEM, VECTORS, Family
from ..core.records import BODY, KEY, WRITTEN_AT, Page, Put, Row
from ..core.searchable import OnCount
from ..encoding.vector_codec import vector_of_content
from ..errors import EmbeddingError, InvalidInputError
from .vector_spaces import VectorSpaces

BATCH = 64  # records embedded in one call, and written in one transaction


async def embed_pending(backend: Backend, spaces: VectorSpaces, tell: OnCount) -> int:
    """Give every message, memory and result without a vector one; how many got it.

    EmbeddingError, at the end, where the embedder failed on some; at once where it fails on all of a batch.
    """
    if not spaces.embeds:
        raise InvalidInputError("the store has no embedder: open it with embedder=...")
    count, failures = 0, 0
    for family in (family for family in VECTORS if family is not ITEM):  # items have vectors of their caller's
        async for rows in backend.stream(Page(family)):
            for start in range(0, len(rows), BATCH):
                bare = await _bare(backend, family, rows[start : start + BATCH])
                done = await _embed(backend, spaces, family, bare)
                count, failures = count + done[0], failures + done[1]
                tell(count)
    if failures:
        raise EmbeddingError(f"{count} records were embedded, {failures} failed")
    return count


async def _bare(backend: Backend, family: Family, rows: Sequence[Row]) -> list[Row]:
    """Those without a vector of what they say."""
    there = await backend.fetch(VECTORS[family], [_key(row) for row in rows])
    return [
        row
        for row, vector in zip(rows, there, strict=True)
        if not (vector and vector_of_content(vector[BODY], row[BODY]))
    ]


async def _embed(backend: Backend, spaces: VectorSpaces, family: Family, rows: Sequence[Row]) -> tuple[int, int]:
    """How many were embedded, and on how many the embedder failed."""
    try:
        return await _together(backend, spaces, family, rows), 0
    except EmbeddingError:
        if len(rows) < 2:
            raise
    done, failed = 0, 0
    for row in rows:  # one that cannot be embedded is no reason to leave the others
        try:
            done += await _together(backend, spaces, family, [row])
        except EmbeddingError:
            failed += 1
            if failed == len(rows):
                raise
    return done, failed


async def _together(backend: Backend, spaces: VectorSpaces, family: Family, rows: Sequence[Row]) -> int:
    bodies = await spaces.embedded(family, [row[BODY] for row in rows])
    pairs = [(row, body) for row, body in zip(rows, bodies, strict=True) if body]
    # Where a record was overwritten meanwhile its vector counts for nothing.
    await backend.apply([Put(VECTORS[family], _key(row), body, row[WRITTEN_AT]) for row, body in pairs])
    return len(pairs)


def _key(row: Row) -> tuple[str, ...]:
    return tuple(map(str, row[KEY:]))
