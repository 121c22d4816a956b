"""k-NN in PostgreSQL: by pgvector, exactly or through an HNSW index; without it, read and compared here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ...core.families import CATALOGUE, VECTORS, Family
from ...core.searchable import IndexQuery, Leg, VectorQuery, VectorSpace
from ...encoding.packer import Packer
from ...errors import CorruptError
from ...search.vectors import load_numpy
from ...sql import postgres_vectors as sql
from ...sql.dialect import Dialect
from ...sql.postgres_fts import key_of
from .driver import Connection
from .indexer import text_of_numbers
from .pgvector import Extension

PREFETCH = 500  # vectors that a scan holds at once

_REACH = "SELECT set_config('hnsw.ef_search', $1, true)"
_ITERATE = "SELECT set_config('hnsw.iterative_scan', 'strict_order', true)"


async def nearest(
    run: Connection,
    d: Dialect,
    packer: Packer,
    extension: Extension | None,
    wanted: IndexQuery,
    families: Sequence[Family],
) -> Leg:
    """A page of the nearest, as of the transaction that `run` is in."""
    if wanted.near is None or not families:
        return []
    end = None if wanted.limit is None else wanted.offset + wanted.limit
    if extension is None:
        found = await _scanned(run, d, packer, wanted, families)
    else:
        found = await _compared(run, d, extension, wanted, families, end)
    return found[wanted.offset : end]


async def _compared(
    run: Connection, d: Dialect, extension: Extension, wanted: IndexQuery, families: Sequence[Family], end: int | None
) -> Leg:
    """The nearest up to `end`, by pgvector.

    Where there is an index they begin with the best that come out of it; what follows are all others, exactly. So what
    is read deeper begins the same, and nothing is missing or comes twice, though an index may overlook a near one.
    """
    near = wanted.near
    assert near is not None, "asked for only where there is a vector"
    space, numbers = near.space, text_of_numbers(near.vector)
    names = [family.name for family in families]
    found: list[Any] = []
    if _whole(near, wanted) and await _indexed(run, d, extension, space):
        text = sql.near_through(space, extension.schema, bool(wanted.prefix), d)
        best = sql.REACH if end is None else min(end, sql.REACH)
        found = await _standing(lambda limit: run.fetch(text, numbers, names, limit, *wanted.prefix), best)
        if end is not None and len(found) >= end:
            return _leg(found)
    namespace = () if wanted.namespace is None else (wanted.namespace,)
    text = sql.near(space.metric, extension.schema, bool(wanted.prefix), bool(namespace), d)
    binds = (sql.number_of(space.name, space.dimension), *wanted.prefix, *namespace)
    others = await _standing(lambda limit: run.fetch(text, numbers, names, limit, *binds), end)
    known = {tuple(row[:3]) for row in found}
    return _leg([*found, *(row for row in others if tuple(row[:3]) not in known)])


def _whole(near: VectorQuery, wanted: IndexQuery) -> bool:
    """Whether a search is of a whole space, so that an index of the space leaves out none of what it finds."""
    return not near.exact and wanted.namespace is None and (not wanted.prefix or wanted.prefix[0] == near.space.name)


async def _indexed(run: Connection, d: Dialect, extension: Extension, space: VectorSpace) -> bool:
    """Whether the space has an HNSW index; the transaction is set to search it then."""
    if not await run.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{d.schema}{sql.index_name(space)}"):
        return False
    await run.fetchval(_REACH, str(sql.REACH))
    if extension.iterates:
        await run.fetchval(_ITERATE)
    return True


async def _standing(read: Callable[[int | None], Awaitable[list[Any]]], end: int | None) -> list[Any]:
    """Rows whose record is there, up to `end`; fewer where no more are to be had."""
    limit = end
    while True:
        rows = await read(limit)
        found = [row for row in rows if row["there"]]
        if limit is None or end is None or len(found) >= end or len(rows) < limit:
            return found
        limit *= 2


def _leg(rows: Sequence[Any]) -> Leg:
    named = ((CATALOGUE[row[0]], row) for row in rows)
    return [((family, key_of(family, row[1], row[2])), -row[3]) for family, row in named]


async def _scanned(run: Connection, d: Dialect, packer: Packer, wanted: IndexQuery, families: Sequence[Family]) -> Leg:
    """All that is near, the nearest first."""
    near = wanted.near
    assert near is not None, "asked for only where there is a vector"
    found: list[tuple[float, str, str, str]] = []
    binds = (*wanted.prefix, *(() if wanted.namespace is None else (wanted.namespace,)))
    for family in families:
        text = sql.scan(VECTORS[family], bool(wanted.prefix), wanted.namespace is not None, d)
        rows: list[Any] = []
        async for row in run.cursor(text, *binds, prefetch=PREFETCH):
            rows.append(row)
            if len(rows) == PREFETCH:
                found += _scored(packer, family, near, rows)
                rows = []
        found += _scored(packer, family, near, rows)
    found.sort(key=lambda each: (-each[0], *each[1:]))
    named = ((CATALOGUE[name], outer, inner, score) for score, name, outer, inner in found)
    return [((family, key_of(family, outer, inner)), score) for family, outer, inner, score in named]


def _scored(
    packer: Packer, family: Family, near: VectorQuery, rows: Sequence[Any]
) -> list[tuple[float, str, str, str]]:
    numpy = load_numpy()
    some = [(row, vector) for row in rows if (vector := _vector(packer, near, row[2], row[3])) is not None]
    if not some:
        return []
    matrix = numpy.frombuffer(b"".join(vector for _, vector in some), "<f4").reshape(len(some), -1).astype("f8")
    asked = numpy.frombuffer(near.vector, "<f4").astype("f8")
    scores = -numpy.linalg.norm(matrix - asked, axis=1) if near.space.metric == "l2" else matrix @ asked
    return [(score, family.name, row[0], row[1]) for score, (row, _) in zip(scores.tolist(), some, strict=True)]


def _vector(packer: Packer, near: VectorQuery, packed: bytes, print: bytes) -> bytes | None:
    """The numbers in a stored body, where they are of the space and of what the record says."""
    try:
        vector = packer.vector(packed)
    except CorruptError:  # reading it tells, and `verify`
        return None
    counts = vector.space == near.space.name and vector.of == print
    return vector.numbers if counts and len(vector.numbers) == 4 * near.space.dimension else None
