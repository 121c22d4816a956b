"""Vector search in PostgreSQL: a table of pgvector's type, created once the extension is there.

A row is named as the record the vector belongs to, and carries the version of the vector's own record. What does not
fit (a damaged body, too many numbers) has a row without numbers, so that nothing is ever missing. `space` is the number
of the space and of how many numbers its vectors have. Whether the table is kept up says `store.embeddings`, in the
manner of `postings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import blake2b

from ..core.families import VECTORS, Family
from ..core.searchable import VectorSpace
from .dialect import Dialect
from .postgres_fts import key_columns, lacking, left_over, remove

MOST = 16_000  # numbers that a vector of pgvector may have
MOST_INDEXED = 2_000  # and in an index
REACH = 100  # candidates that a search through an HNSW index holds at once

_KEY = "family, outer_key, inner_key"


def number_of(space: str, dimension: int) -> int:
    """The number of a space."""
    return int.from_bytes(blake2b(f"{dimension} {space}".encode(), digest_size=8).digest(), "big", signed=True)


def tables(schema: str, d: Dialect) -> list[str]:
    """The table, made or completed; `schema` is where pgvector lives, quoted."""
    keys = ", ".join(f'{name} TEXT COLLATE "C" NOT NULL' for name in _KEY.split(", "))
    return [
        f"CREATE TABLE IF NOT EXISTS {d.schema}embedding ({keys}, version BIGINT NOT NULL, space BIGINT,"
        f" made_of BYTEA, numbers {schema}.vector, CONSTRAINT pk_embedding PRIMARY KEY ({_KEY}))",
        f"ALTER TABLE {d.schema}embedding ADD COLUMN IF NOT EXISTS numbers {schema}.vector",
    ]


@cache
def embed(schema: str, d: Dialect) -> str:
    """Rows in place of those there are; binds arrays: family, both keys, version, space, print, numbers as text."""
    kinds = ("text", "text", "text", "bigint", "bigint", "bytea", "text")
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(kinds, 1))
    names = f"{_KEY}, version, space, made_of, numbers"
    updates = ", ".join(f"{name} = excluded.{name}" for name in ("version", "space", "made_of", "numbers"))
    return (
        f"INSERT INTO {d.schema}embedding ({names}) SELECT {_KEY}, version, space, made_of, numbers::{schema}.vector"
        f" FROM unnest({arrays}) AS w({names}) ON CONFLICT ({_KEY}) DO UPDATE SET {updates}"
    )


@cache
def near(metric: str, schema: str, outer: bool, part: bool, d: Dialect) -> str:
    """The nearest vectors, all compared: family, outer and inner key, distance, whether their record says the same.

    Binds the vector, families, limit, number of the space (and the outer key, the part).
    """
    return _near(_distance(metric, "e.numbers", schema), "$4", "$5" if outer else "", "$6" if part else "", d)


@cache
def near_through(space: VectorSpace, schema: str, outer: bool, d: Dialect) -> str:
    """`near`, by the HNSW index of the space where there is one. Binds the vector, families, limit (and the outer key).

    The number of the space is written into the text, or no plan could know that the index is of this space.
    """
    numbers = f"(e.numbers::{schema}.vector({space.dimension}))"
    number = str(number_of(space.name, space.dimension))
    return _near(_distance(space.metric, numbers, schema), number, "$4" if outer else "", "", d)


def _distance(metric: str, numbers: str, schema: str) -> str:
    return f"{numbers} OPERATOR({schema}.{'<->' if metric == 'l2' else '<#>'}) $1::text::{schema}.vector"


def _near(distance: str, space: str, outer: str, part: str, d: Dialect) -> str:
    same = "p.family = e.family AND p.outer_key = e.outer_key AND p.inner_key = e.inner_key"
    where = [f"e.space = {space}", "e.family = ANY($2::text[])"] + ([f"e.outer_key = {outer}"] if outer else [])
    joined = f" JOIN {d.schema}posting AS p ON {same} AND p.part = {part}" if part else ""
    found = (
        f"SELECT e.family, e.outer_key, e.inner_key, e.made_of, {distance} AS distance"
        f" FROM {d.schema}embedding AS e{joined} WHERE {' AND '.join(where)}"
        " ORDER BY distance, e.family, e.outer_key, e.inner_key LIMIT $3"
    )
    there = f"EXISTS (SELECT 1 FROM {d.schema}posting AS p WHERE {same} AND p.print = e.made_of)"
    return f"SELECT {_KEY}, distance, {there} AS there FROM ({found}) AS e ORDER BY distance, {_KEY}"


@cache
def scan(family: Family, outer: bool, part: bool, d: Dialect) -> str:
    """The vectors of a family as they are stored: outer and inner key, body, the print of the record.

    Binds the outer key, the part.
    """
    columns = key_columns(family, "r")
    where = [f"r.{family.key[0]} = $1"] * outer + ["p.part = $2"] * part
    return (
        f"SELECT p.outer_key, p.inner_key, r.body, p.print FROM {d.table(family)} AS r JOIN {d.schema}posting AS p"
        f" ON p.family = '{family.of}' AND p.outer_key = {columns[0]} AND p.inner_key = {columns[1]}"
        + (f" WHERE {' AND '.join(where)}" if where else "")
    )


def index_name(space: VectorSpace) -> str:
    """The name of the HNSW index of a space."""
    metric = "l2" if space.metric == "l2" else "ip"
    return f"ix_embedding_{metric}_{number_of(space.name, space.dimension) % 2**64:016x}"


def index(space: VectorSpace, schema: str, d: Dialect) -> str:
    """An HNSW index of a space, made while others write."""
    kind = "vector_l2_ops" if space.metric == "l2" else "vector_ip_ops"
    return (
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index_name(space)} ON {d.schema}embedding"
        f" USING hnsw ((numbers::{schema}.vector({space.dimension})) {schema}.{kind})"
        f" WHERE space = {number_of(space.name, space.dimension)}"
    )


def sizes(d: Dialect) -> str:
    """The number of each space with more vectors than a bound."""
    return f"SELECT space FROM {d.schema}embedding WHERE space IS NOT NULL GROUP BY space HAVING count(*) > $1"


def statements(d: Dialect) -> Iterator[tuple[str, str]]:
    """Every statement with a name, for a space of three numbers."""
    some, schema = VectorSpace("default", 3), '"public"'
    yield from ((f"table of vectors {n}", text) for n, text in enumerate(tables(schema, d), 1))
    yield "embed", embed(schema, d)
    yield from ((f"remove vectors depth={depth}", remove("embedding", depth, d)) for depth in range(3))
    for base, family in VECTORS.items():
        yield f"without numbers {family.name}", lacking(family, "embedding", d)
        yield f"numbers but gone {family.name}", left_over(family, "embedding", d)
        yield f"scan {family.name}", scan(family, False, False, d)
        if family.owner:
            yield f"scan {family.name} in one namespace", scan(family, True, False, d)
        if base.has_namespaces:
            yield f"scan {family.name} in a part", scan(family, True, True, d)
    yield "near", near("cosine", schema, False, False, d)
    yield "near in one namespace", near("cosine", schema, True, False, d)
    yield "near in a part of a collection", near("cosine", schema, True, True, d)
    yield "near by distance", near("l2", schema, False, False, d)
    yield "near through an index", near_through(some, schema, False, d)
    yield "near through an index in one namespace", near_through(some, schema, True, d)
    yield "index of vectors", index(some, schema, d)
    yield "sizes of spaces", sizes(d)
