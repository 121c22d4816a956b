"""Result reader: the matches of a search in one snapshot, as rows or as record ids."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import orjson

from ....core.families import SEARCHABLE, Family
from ....core.records import KEY, PLACE, Key, RecordId, Row
from ....core.searchable import IndexQuery, Leg, Match
from ....sql import sqlite_fts as sql, sqlite_numbers
from ..engine.driver import Cursor
from ..records import reads
from ..records.body_io import unpack_named
from . import indexer, rowid_ranges, vector_records

FEW, FEW_WANTED = 5_000, 128  # vectors that are looked through on the event loop, and given out

ScoredNumbers = list[tuple[int, float]]  # numbers and scores, the best first


def matches(run: Cursor, wanted: IndexQuery, hot: rowid_ranges.CachedCodes) -> list[Match]:
    """The best matches with their rows: of text, or without any of what is near."""
    return _matched(run, _found(run, wanted) if wanted.query.wanted else _near(run, wanted, hot))


def are_few(run: Cursor, wanted: IndexQuery) -> bool:
    """Whether what is near is looked for among so few vectors that others need not be given way meanwhile."""
    return _few_spans(run, wanted) is not None


def few(run: Cursor, wanted: IndexQuery, hot: rowid_ranges.CachedCodes) -> list[Match] | None:
    """What is near among few vectors, as rows; None where there are more."""
    found = _few(run, wanted, hot)
    return None if found is None else _matched(run, found)


def few_near(run: Cursor, wanted: IndexQuery, hot: rowid_ranges.CachedCodes) -> Leg | None:
    """The same as names."""
    found = _few(run, wanted, hot)
    return None if found is None else _leg(_names(run, [number for number, _ in found]), found)


def _few(run: Cursor, wanted: IndexQuery, hot: rowid_ranges.CachedCodes) -> ScoredNumbers | None:
    where = _few_spans(run, wanted)
    if where is None:
        return None
    return list(islice(vector_records.nearest(run, wanted, where, hot), wanted.offset, _end(wanted)))


def _few_spans(run: Cursor, wanted: IndexQuery) -> list[sqlite_numbers.Span] | None:
    """Where there are any vectors, if they are few."""
    counts = [(vector_records.count(run, wanted, span), span) for span in _spans(run, wanted)]
    few = _end(wanted) <= FEW_WANTED and sum(count for count, _ in counts) <= FEW
    return [span for count, span in counts if count] if few else None


def _end(wanted: IndexQuery) -> int:
    return wanted.offset + (wanted.limit or FEW)


def by_text(run: Cursor, wanted: IndexQuery) -> Leg:
    """A page of what text finds, as names."""
    found = _found(run, wanted)
    return _leg(_names(run, [number for number, _ in found]), found)


def legs(run: Cursor, wanted: IndexQuery, hot: rowid_ranges.CachedCodes) -> tuple[Leg, Leg]:
    """A page of what is near, and of what text finds."""
    near, found = _near(run, wanted, hot), _found(run, wanted)
    names = _names(run, {number for number, _ in near + found})
    return _leg(names, near), _leg(names, found)


def _leg(names: dict[int, RecordId], found: ScoredNumbers) -> Leg:
    return [(names[number], score) for number, score in found if number in names]


def _near(run: Cursor, wanted: IndexQuery, hot: rowid_ranges.CachedCodes) -> ScoredNumbers:
    if wanted.near is None:
        return []
    end = None if wanted.limit is None else wanted.offset + wanted.limit
    return list(islice(vector_records.nearest(run, wanted, _spans(run, wanted), hot), wanted.offset, end))


def _found(run: Cursor, wanted: IndexQuery) -> ScoredNumbers:
    if not wanted.query.wanted:
        return []
    where = _spans(run, wanted)
    if not wanted.prefix and len(where) == len(SEARCHABLE):
        where = [(sqlite_numbers.FIRST, sqlite_numbers.END)]
    return rowid_ranges.found(run, wanted, where, indexer.tokenizer(run))


def _spans(run: Cursor, wanted: IndexQuery) -> list[sqlite_numbers.Span]:
    def owner(family: Family) -> int | None:
        row = run.execute(sql.owner(family), wanted.prefix).fetchone()
        return None if row is None else int(row[0])

    return rowid_ranges.spans(wanted, owner)


# -- what stands at numbers; what is gone falls out


class OwnerRange(NamedTuple):
    """Some numbers in one family below one outer key, and the number of its place 0."""

    family: Family
    outer: Key
    first: int
    numbers: list[int]


def _branches(run: Cursor, numbers: Collection[int]) -> Iterator[OwnerRange]:
    left = sorted(numbers)
    while left:
        first, last = sqlite_numbers.span_of(left[0])
        end = bisect_right(left, last)
        family = sqlite_numbers.family_of(first)
        owner, _ = sqlite_numbers.place_of(family, first)
        outer = run.execute(sql.owner_name(family), (owner,)).fetchone() if family.owner else ()
        if outer is not None:
            yield OwnerRange(family, tuple(outer), first, left[:end])
        left = left[end:]


def _names(run: Cursor, numbers: Collection[int]) -> dict[int, RecordId]:
    """The names of records by their numbers."""
    names: dict[int, RecordId] = {}
    for family, outer, first, some in _branches(run, numbers):
        if family.log:
            names |= {number: (family, (*outer, number - first)) for number in some}
        else:
            places = orjson.dumps([number - first for number in some]).decode()
            inner = run.execute(sql.names_at(family), (places, *outer))
            names |= {first + place: (family, (*outer, name)) for place, name in inner}
    return names


def _matched(run: Cursor, found: ScoredNumbers) -> list[Match]:
    rows: dict[int, tuple[Family, Row]] = {}
    for branch in _branches(run, [number for number, _ in found]):
        rows |= {branch.first + int(row[PLACE]): (branch.family, row) for row in _rows(run, branch)}
    return [Match(rows[number][0], score, rows[number][1]) for number, score in found if number in rows]


def _rows(run: Cursor, branch: OwnerRange) -> Iterable[Row]:
    """The records of a branch."""
    family, outer, first, numbers = branch
    places = [number - first for number in numbers]
    if family.log:
        rows = reads.fetch_all(run, family, [(*outer, place) for place in places])
        return [row for row in rows if row is not None]
    stored = run.execute(sql.rows_at(family), (orjson.dumps(places).decode(), *outer)).fetchall()
    return [(unpack_named(run, row[0], family, row[KEY:]), *row[1:]) for row in stored]
