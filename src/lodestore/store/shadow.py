"""The tables of an index in the process: what the records of a store look like from a search, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import orjson

from ..backends.sqlite.engine import driver
from ..backends.sqlite.search import rowid_ranges
from ..backends.sqlite.vectors.types import VectorEntry
from ..core.families import CATALOGUE, Family
from ..core.records import BODY, KEY, PLACE, RecordId, Row
from ..core.searchable import IndexQuery, Leg, VectorSpace
from ..encoding import json_codec, vector_codec
from ..encoding.vector_codec import content_digest
from ..search import vectors
from ..search.text import part_of, text_of
from ..search.tokenizers import indexed
from ..sql import sqlite_fts as sql, sqlite_numbers, sqlite_vectors

_CACHE_KIB = 16 * 1024
_TABLES = (
    "CREATE TEMP TABLE owner (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TEMP TABLE unindexed (first INTEGER PRIMARY KEY, last INTEGER NOT NULL)",  # stays empty
    "CREATE TEMP TABLE held (id INTEGER PRIMARY KEY, print BLOB NOT NULL, name TEXT, part TEXT, round INTEGER)",
    "CREATE INDEX temp.held_name ON held (name) WHERE name IS NOT NULL",
    "CREATE TEMP TABLE vector (id INTEGER PRIMARY KEY, print BLOB NOT NULL, round INTEGER, numbers BLOB NOT NULL)",
)
_OWN = "INSERT INTO owner (name) VALUES (?1) ON CONFLICT DO NOTHING"
_OWNER = "SELECT id FROM owner WHERE name = ?1"
_OWNER_NAME = "SELECT name FROM owner WHERE id = ?1"
_STANDS = "UPDATE held SET round = ?3 WHERE id = ?1 AND print = ?2 AND name IS ?4"
_REMAINS = "UPDATE vector SET round = ?3 WHERE id = ?1 AND print = ?2"
_HOLD = "INSERT OR REPLACE INTO held (id, print, name, part, round) VALUES (?1, ?2, ?3, ?4, ?5)"
_HELD = "SELECT name, print FROM held WHERE id = ?1"
_NUMBER = "SELECT id FROM held WHERE name = ?1 AND id BETWEEN ?2 AND ?3 AND round = ?4"
_SEEN = "SELECT part, print FROM held WHERE id = ?1 AND round = ?2"
_KEEP = "INSERT OR REPLACE INTO vector (id, print, round, numbers) VALUES (?1, ?2, ?3, ?4)"
_NUMBERS = "SELECT v.id, v.numbers FROM json_each(?1) AS j CROSS JOIN vector AS v ON v.id = j.value"
_GONE = "DELETE FROM posting WHERE rowid IN (SELECT id FROM held WHERE round < ?1)"

Found = tuple[RecordId, float, bytes]  # with the print of the body it was found by


class Shadow:
    """One index, taken through rounds: `begin`, all records, all vectors, `finish`. What was not seen is gone then."""

    def __init__(self, tokenizer: str) -> None:
        self.tokenizer = tokenizer
        self._connection = _database()
        self._round = 0
        self._spaces: dict[str, VectorSpace] = {}

    def close(self) -> None:
        """Give back what it takes."""
        self._connection.close()

    # -- a round

    def begin(self, spaces: Sequence[Row]) -> None:
        """Begin a round; `spaces` are the records of collections."""
        self._spaces = dict(map(_space, (row for row in spaces if row[BODY])))
        self._round += 1
        self._connection.execute("BEGIN")

    def take(self, family: Family, rows: Sequence[Row]) -> None:
        """Take in the text of records."""
        run = self._connection.cursor()
        for row in rows:
            number, mark = self._number(family, row), content_digest(row[BODY])
            name = None if family.log else row[-1]
            if not run.execute(_STANDS, (number, mark, self._round, name)).rowcount:
                part = part_of(family, row[BODY])
                run.execute(_HOLD, (number, mark, name, part, self._round))
                run.execute(sql.UNPOST, (number, number))
                run.execute(
                    sql.POST, (number, indexed(text_of(family, row[BODY]), self.tokenizer), sql.namespace(part))
                )

    def take_vectors(self, family: Family, rows: Sequence[Row]) -> None:
        """Take in vectors of records that were taken in before."""
        vectors.load_numpy()
        from ..backends.sqlite.vectors import index_writer

        base = CATALOGUE[family.of]
        together: dict[tuple[VectorSpace, str, sqlite_numbers.Span], list[VectorEntry]] = {}
        for row in rows:
            number = self._number_of(base, row)
            seen = self._connection.execute(_SEEN, (number, self._round)).fetchone()
            if number is None or seen is None:
                continue
            part, mark = seen[0] or "", content_digest(row[BODY] + (seen[0] or "").encode() + seen[1])
            if not self._connection.execute(_REMAINS, (number, mark, self._round)).rowcount:
                span = sqlite_numbers.span_of(number)
                index_writer.remove(self._connection.cursor(), span, number, number)
                for space, entry in self._entry(number, row[BODY], seen[1]):
                    self._connection.execute(_KEEP, (number, mark, self._round, entry.vector))
                    together.setdefault((space, part, span), []).append(entry)
        for (space, part, span), entries in together.items():
            entries.sort()
            index_writer.add(self._connection.cursor(), space, span, part, entries)

    def _entry(self, number: int, body: bytes, mark: bytes) -> Iterator[tuple[VectorSpace, VectorEntry]]:
        """The vector in a body, if it is of its space and of the record with a print."""
        try:
            vector = vector_codec.decode_vector(body)
        except ValueError:  # reading it tells, and `verify`
            return
        space = self._spaces.get(vector.space)
        if vector.of == mark and space and len(vector.numbers) == 4 * space.dimension:
            yield space, VectorEntry(number, number, vector.numbers)

    def finish(self) -> None:
        """Let go of what was not seen in this round."""
        run = self._connection.cursor()
        gone = run.execute("SELECT id FROM vector WHERE round < ?1", (self._round,)).fetchall()
        for (number,) in gone:
            from ..backends.sqlite.vectors import index_writer

            index_writer.remove(run, sqlite_numbers.span_of(number), number, number)
        run.execute(_GONE, (self._round,))
        for table in ("held", "vector"):
            run.execute(f"DELETE FROM {table} WHERE round < ?1", (self._round,))
        run.execute("COMMIT")

    def _number(self, family: Family, row: Row) -> int:
        owner = 0
        if family.owner:
            self._connection.execute(_OWN, (row[KEY],))
            owner = self._owner(row[KEY]) or 0
        return sqlite_numbers.number(family, owner, row[PLACE])

    def _number_of(self, base: Family, row: Row) -> int | None:
        """The number of the record that a vector belongs to; None where none can have been taken in."""
        owner = self._owner(row[KEY]) if base.owner else None
        if base.owner and owner is None:
            return None
        if not base.log:
            found = self._connection.execute(
                _NUMBER, (row[-1], *sqlite_numbers.span(base, owner), self._round)
            ).fetchone()
            return int(found[0]) if found else None
        return sqlite_numbers.number(base, owner or 0, int(row[-1])) if row[-1].isdecimal() else None

    def _owner(self, name: str) -> int | None:
        found = self._connection.execute(_OWNER, (name,)).fetchone()
        return None if found is None else int(found[0])

    # -- searching

    def matches(self, wanted: IndexQuery) -> list[Found]:
        """A page of what text finds."""
        named = ((self._identity(number), number, score) for number, score in self._found(wanted))
        return [(identity, score, self._held(number)[1]) for identity, number, score in named]

    def legs(self, wanted: IndexQuery) -> tuple[Leg, Leg]:
        """A page of what is near, and of what text finds."""
        end = None if wanted.limit is None else wanted.offset + wanted.limit
        run = self._connection.cursor()
        near = rowid_ranges.near(run, wanted, self._spans(wanted), (), lambda family: self._floats)
        page = islice(near, wanted.offset, end)
        return self._named(page), self._named(self._found(wanted))

    def _named(self, found: Iterable[tuple[int, float]]) -> Leg:
        return [(self._identity(number), score) for number, score in found]

    def _spans(self, wanted: IndexQuery) -> list[sqlite_numbers.Span]:
        return rowid_ranges.spans(wanted, lambda family: self._owner(str(wanted.prefix[0])))

    def _found(self, wanted: IndexQuery) -> list[tuple[int, float]]:
        return rowid_ranges.found(self._connection.cursor(), wanted, self._spans(wanted), self.tokenizer)

    def _floats(self, rows: Sequence[int]) -> list[bytes | None]:
        found = dict(self._connection.execute(_NUMBERS, (orjson.dumps(rows).decode(),)).fetchall())
        return [found.get(row) for row in rows]

    def _held(self, number: int) -> tuple[str | None, bytes]:
        name, mark = self._connection.execute(_HELD, (number,)).fetchone()
        return name, mark

    def _identity(self, number: int) -> RecordId:
        family = sqlite_numbers.family_of(number)
        owner, place = sqlite_numbers.place_of(family, number)
        outer = self._connection.execute(_OWNER_NAME, (owner,)).fetchone() if family.owner else ()
        return family, (*outer, place if family.log else self._held(number)[0])


def _space(row: Row) -> tuple[str, VectorSpace]:
    document = json_codec.loads(row[BODY])
    return row[KEY], VectorSpace(row[KEY], document["dimension"], document["metric"])


def _database() -> driver.Connection:
    connection = driver.private()
    for pragma in ("temp_store = FILE", f"temp.cache_size = -{_CACHE_KIB}"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    tables = (*_TABLES, sql.TABLE.replace("posting", "temp.posting", 1), *sqlite_vectors.tables("temp."))
    for text in tables:
        connection.execute(text)
    return connection
