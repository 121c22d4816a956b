"""Vector index tables in SQLite: the codes of up to 512 vectors in one row, ordered by record number.

The number of a record says where it is (see `search`), and the numbers of one owner are one range, so a namespace is a
range of `packed`; where a collection has parts, or its vectors lie in cells, the index leads to them. A row is named
by its last number, not its first: what is new comes last, so whether it is there already is asked of the end of a
range, and no index is needed for that. A `stamp` is a number drawn for each row that is written, so who has read a row
knows whether it still stands.

`cells` has one row for each namespace so large that its vectors lie in cells: their centres, packed like a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ..core.families import VECTORS, Family

CHUNK = 512  # vectors in a row of `packed` at most

_TABLES = (
    "CREATE TABLE {schema}packed ("
    "last INTEGER NOT NULL PRIMARY KEY, first INTEGER NOT NULL, space TEXT NOT NULL, part TEXT NOT NULL, cell INTEGER,"
    " size INTEGER NOT NULL, stamp INTEGER NOT NULL, numbers BLOB NOT NULL, head BLOB NOT NULL, codes BLOB NOT NULL)"
    " STRICT",
    "CREATE INDEX {schema}ix_packed_space_part_cell_last_size_stamp ON packed (space, part, cell, last, size, stamp)",
    "CREATE TABLE {schema}cells ("
    "first INTEGER NOT NULL PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL, space TEXT NOT NULL,"
    " part TEXT NOT NULL, size INTEGER NOT NULL, trained INTEGER NOT NULL, head BLOB NOT NULL, codes BLOB NOT NULL)"
    " STRICT",
)

_CODES = "size, numbers, head, codes"
_HEADS = "size, numbers, head, NULL"
_COUNT = "coalesce(sum(size), 0)"
# Of an owner what has no cell; what lies in some cells; what an owner has in all parts. The index is of no use to the
# last, for its first column alone leads to the whole space.
_FLAT = "FROM packed WHERE space = ?1 AND part = ?2 AND cell IS NULL AND last BETWEEN ?3 AND ?4"
_IN_CELLS = "FROM packed WHERE space = ?1 AND part = ?2 AND cell BETWEEN ?3 AND ?4"
_ALL = "FROM packed WHERE +space = ?1 AND last BETWEEN ?2 AND ?3"

INSERT = (
    "INSERT INTO packed (last, first, space, part, cell, size, stamp, numbers, head, codes)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, random(), ?7, ?8, ?9)"
)
DELETE = "DELETE FROM packed WHERE last = ?1"
DELETE_WITHIN = "DELETE FROM packed WHERE last BETWEEN ?1 AND ?2 AND first >= ?1"
ACROSS = "SELECT last, numbers FROM packed WHERE last BETWEEN ?1 AND ?3 AND first <= ?2"
CHUNK_AT = f"SELECT space, part, cell, {_CODES} FROM packed WHERE last = ?1"
SMALL = (
    "SELECT last, size FROM packed WHERE space = ?1 AND part = ?2 AND cell IS ?3 AND last BETWEEN ?4 AND ?5"
    f" AND size < {CHUNK} ORDER BY size, last"
)
STAMPS_FLAT = f"SELECT last, size, stamp {_FLAT}"
STAMPS_FLAT_ALL = f"SELECT last, size, stamp {_ALL} AND cell IS NULL"
CODES_FLAT = f"SELECT {_CODES} {_FLAT}"
CODES_FLAT_ALL = f"SELECT {_CODES} {_ALL} AND cell IS NULL"
CODES_IN_CELLS = f"SELECT {_CODES} {_IN_CELLS}"
CODES_OF_CELLS = (
    "SELECT p.size, p.numbers, p.head, p.codes FROM json_each(?3) AS j CROSS JOIN packed AS p"
    " ON p.space = ?1 AND p.part = ?2 AND p.cell = j.value"
)
HEADS_FLAT = f"SELECT {_HEADS} {_FLAT}"
HEADS_IN_CELLS = f"SELECT {_HEADS} {_IN_CELLS}"
HEADS_ALL = f"SELECT {_HEADS} {_ALL}"
COUNT_FLAT = f"SELECT {_COUNT} {_FLAT}"
COUNT_IN_CELLS = f"SELECT {_COUNT} {_IN_CELLS}"
COUNT_ALL = f"SELECT {_COUNT} {_ALL}"
LASTS_FLAT = f"SELECT last {_FLAT} LIMIT ?5"
LASTS_IN_CELLS = f"SELECT last {_IN_CELLS} LIMIT ?5"
NEXT = (
    "SELECT last, first, space, part, cell, size, numbers, head, codes FROM packed"
    " WHERE last BETWEEN ?1 AND ?2 ORDER BY last LIMIT 1"
)
CELLS = (
    "SELECT first, part, size, head, codes FROM cells"
    " WHERE space = ?1 AND low <= ?3 AND high >= ?2 AND (?4 IS NULL OR part = ?4)"
)
TRAINED = "SELECT trained FROM cells WHERE space = ?1 AND part = ?2 AND low = ?3"
NEXT_CELL = "SELECT coalesce(max(first + size), 1) FROM cells"
ADD_CELLS = (
    "INSERT INTO cells (first, low, high, space, part, size, trained, head, codes)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
)
DROP_CELLS = "DELETE FROM cells WHERE space = ?1 AND part = ?2 AND low = ?3"
DROP_CELLS_WITHIN = "DELETE FROM cells WHERE low >= ?1 AND high <= ?2"
HAS_CELL = (
    "SELECT 1 FROM cells WHERE space = ?1 AND part = ?2 AND ?3 BETWEEN low AND high"
    " AND ?4 BETWEEN first AND first + size - 1"
)


def tables(schema: str = "") -> tuple[str, ...]:
    """CREATE statements, in the schema of a connection: "temp." for tables that end with it."""
    return tuple(text.format(schema=schema) for text in _TABLES)


# Large namespaces: an owner's numbers share all bits but the last 26, and what has more of them may come several times.
# Binds how many vectors make one large.
LARGEST = "SELECT space, part, min(last) FROM packed GROUP BY space, part, last >> 26 HAVING sum(size) >= ?1"
EMPTY = ("DELETE FROM packed", "DELETE FROM cells")
ANY = "SELECT 1 FROM packed LIMIT 1"


@cache
def any_of(family: Family) -> str:
    """One row where there is any record of a family of vectors."""
    return f"SELECT 1 FROM {family.name} LIMIT 1"


@cache
def of_record(family: Family) -> str:
    """The row and the stored body of the vector of a record; binds its key."""
    same = " AND ".join(f"{name} = ?{number}" for number, name in enumerate(family.key, 1))
    return f"SELECT id, body FROM {family.name} WHERE {same}"


@cache
def bodies(family: Family) -> str:
    """The stored bodies of rows; binds their ids as a JSON array."""
    return f"SELECT v.id, v.body FROM json_each(?1) AS j CROSS JOIN {family.name} AS v ON v.id = j.value"


@cache
def every(family: Family) -> str:
    """The row, the stored body and the key of every vector of a family."""
    return f"SELECT id, body, {', '.join(family.key)} FROM {family.name} ORDER BY id"


def statements() -> Iterator[tuple[str, str]]:
    """Every statement with a name."""
    yield from (
        ("pack", INSERT),
        ("unpack", DELETE),
        ("unpack within", DELETE_WITHIN),
        ("packed across", ACROSS),
        ("packed at", CHUNK_AT),
        ("small packed", SMALL),
        ("next packed", NEXT),
    )
    for name, flat, in_cells, whole in (
        ("codes", CODES_FLAT, CODES_IN_CELLS, CODES_FLAT_ALL),
        ("heads", HEADS_FLAT, HEADS_IN_CELLS, HEADS_ALL),
        ("count", COUNT_FLAT, COUNT_IN_CELLS, COUNT_ALL),
    ):
        yield from ((f"{name} flat", flat), (f"{name} in cells", in_cells), (f"{name} of all parts", whole))
    yield from (
        ("codes of cells", CODES_OF_CELLS),
        ("stamps flat", STAMPS_FLAT),
        ("stamps flat of all parts", STAMPS_FLAT_ALL),
        ("lasts flat", LASTS_FLAT),
        ("lasts in cells", LASTS_IN_CELLS),
        ("cells", CELLS),
        ("trained", TRAINED),
        ("next cell", NEXT_CELL),
        ("add cells", ADD_CELLS),
        ("drop cells", DROP_CELLS),
        ("drop cells within", DROP_CELLS_WITHIN),
        ("has cell", HAS_CELL),
    )


def upkeep() -> Iterator[tuple[str, str]]:
    """Those on the whole index, and on the records of vectors."""
    yield "anything packed", ANY
    yield "large namespaces", LARGEST
    yield from zip(("empty packed", "empty cells"), EMPTY, strict=True)
    for family in VECTORS.values():
        yield f"any {family.name}", any_of(family)
        yield f"{family.name} of a record", of_record(family)
        yield f"bodies {family.name}", bodies(family)
        yield f"every {family.name}", every(family)
