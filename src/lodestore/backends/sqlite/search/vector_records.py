"""Vector records: which vectors of the records the packed index holds, and k-NN over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import orjson

from ....core.families import COLLECTION, VECTORS, Family
from ....core.records import BODY, KEY, Page, Row
from ....core.searchable import IndexQuery, VectorSpace
from ....encoding import json_codec
from ....encoding.packer import vector_at
from ....encoding.vector_codec import content_digest
from ....errors import CorruptError
from ....search.text import namespace_in
from ....search.vectors import load_numpy
from ....sql import sqlite_fts as sql, sqlite_numbers, sqlite_vectors
from ..engine.driver import Cursor
from ..records import reads
from ..records.body_io import another
from ..records.search_queue import record_of
from ..vectors.types import ReadVectors, VectorEntry
from . import rowid_ranges

SpacesByName = dict[str, "VectorSpace | None"]


def take(run: Cursor, family: Family, owner: int, stretch: sqlite_numbers.Span, rows: Sequence[tuple[int, Row]]) -> int:
    """Bring the index in line with the records that stand in a stretch of numbers; bytes of vectors that were read."""
    some = bool(rows) and run.execute(sqlite_vectors.any_of(VECTORS[family])).fetchone() is not None
    if not some and run.execute(sqlite_vectors.ANY).fetchone() is None:
        return 0
    load_numpy()
    from ..vectors import index_writer

    span = sqlite_numbers.span(family, owner or None)
    index_writer.remove(run, span, *stretch)
    spaces: SpacesByName = {}
    together: dict[tuple[VectorSpace, str], list[VectorEntry]] = {}
    for number, row in rows if some else ():
        for space, entry in _entry(run, family, number, row, spaces):
            together.setdefault((space, namespace_in(family, row[BODY]) or ""), []).append(entry)
    for (space, part), entries in together.items():
        index_writer.add(run, space, span, part, entries)
    return sum(len(entry.vector) for entries in together.values() for entry in entries)


def _entry(
    run: Cursor, family: Family, number: int, row: Row, spaces: SpacesByName
) -> Iterator[tuple[VectorSpace, VectorEntry]]:
    """The vector of a record, where it has one that fits its space and what the record says."""
    found = run.execute(sqlite_vectors.of_record(VECTORS[family]), tuple(map(str, row[KEY:]))).fetchone()
    if found is None:
        return
    try:
        vector = run.packer.vector(found[1])
    except CorruptError:  # reading it tells, and `verify`
        return
    if vector.space not in spaces:
        spaces[vector.space] = space_of(run, vector.space)
    space = spaces[vector.space]
    if space and len(vector.numbers) == 4 * space.dimension and vector.of == content_digest(row[BODY]):
        yield space, VectorEntry(number, found[0], vector.numbers)


def space_of(run: Cursor, name: str) -> VectorSpace | None:
    """A space of the store."""
    row = reads.fetch(run, COLLECTION, (name,))
    document = json_codec.loads(row[BODY]) if row and row[BODY] else {}
    return VectorSpace(name, document["dimension"], document["metric"]) if "dimension" in document else None


def nearest(
    run: Cursor, wanted: IndexQuery, spans: Sequence[sqlite_numbers.Span], hot: rowid_ranges.CachedCodes
) -> Iterator[tuple[int, float]]:
    """Numbers and scores of what is near, the nearest first, to the very end; without what waits in the queue."""
    near = wanted.near
    assert near is not None, "asked for only where a vector is given"
    queued = run.execute(sql.WAITING, (sqlite_numbers.FIRST, -1)).fetchall()
    space = near.space
    return rowid_ranges.near(run, wanted, spans, queued, lambda family: _floats(run, family, space), hot)


def count(run: Cursor, wanted: IndexQuery, span: sqlite_numbers.Span) -> int:
    """How many vectors a search would look through."""
    if wanted.near is None or run.execute(sqlite_vectors.ANY).fetchone() is None:
        return 0
    from ..vectors import index_writer

    return index_writer.count(run, wanted.near.space, [span], wanted.namespace)


def _floats(run: Cursor, family: Family, space: VectorSpace) -> ReadVectors:
    """What reads the numbers of the vectors of a family, by their rows."""
    at, size = vector_at(space.name), 4 * space.dimension

    def floats(rows: Sequence[int]) -> list[bytes | None]:
        found = {row: body[at:-4] for row, body in _bodies(run, family, rows)}
        return [vector if (vector := found.get(row)) and len(vector) == size else None for row in rows]

    return floats


def _bodies(run: Cursor, family: Family, rows: Sequence[int]) -> list[tuple[int, bytes]]:
    """Row and stored body of each vector of a family that stands in one of the rows."""
    binds = (orjson.dumps(rows).decode(),)
    found: list[tuple[int, bytes]] = run.execute(sqlite_vectors.bodies(VECTORS[family]), binds).fetchall()
    return found


def problems(run: Cursor, queued: Sequence[sqlite_numbers.Span]) -> Iterator[str]:
    """One line for each vector that the index lacks, has wrong or should not have; what is queued is left out."""
    held = run.execute(sqlite_vectors.ANY).fetchone()
    families = [
        base for base, family in VECTORS.items() if held or run.execute(sqlite_vectors.any_of(family)).fetchone()
    ]
    if not families or (sqlite_numbers.FIRST, sqlite_numbers.END) in queued:
        return
    load_numpy()
    from ..vectors import verify

    names = [str(key[0]) for key in reads.keys(run, Page(COLLECTION))]
    spaces = {name: space for name in names if (space := space_of(run, name))}
    for base in families:
        expected = sorted(_expected(run, base, spaces, queued))
        yield from verify.problems(run, spaces, sqlite_numbers.span(base), expected, _truth(run, base), queued)


def _expected(
    run: Cursor, base: Family, spaces: Mapping[str, VectorSpace], queued: Sequence[sqlite_numbers.Span]
) -> Iterator[tuple[int, int]]:
    """Number and row of each vector that counts."""
    for row, body, *key in another(run).execute(sqlite_vectors.every(VECTORS[base])):
        _, whole = record_of(VECTORS[base], tuple(key))
        with suppress(CorruptError):  # reading it tells
            vector, record = run.packer.vector(body), reads.fetch(run, base, whole)
            space = spaces.get(vector.space)
            if not record or not space or len(vector.numbers) != 4 * space.dimension:
                continue
            [number] = run.execute(sql.number_of(base), whole).fetchone()
            if vector.of == content_digest(record[BODY]) and not any(first <= number <= last for first, last in queued):
                yield number, row


def _truth(run: Cursor, family: Family) -> ReadVectors:
    """What reads the numbers of vectors of any space."""

    def floats(rows: Sequence[int]) -> list[bytes | None]:
        found = dict(_bodies(run, family, rows))
        return [run.packer.vector(found[row]).numbers if row in found else None for row in rows]

    return floats
