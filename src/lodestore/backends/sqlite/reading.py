"""What a search reads, as of one moment: matches of text as rows, or what text and vectors find as names of records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import orjson

from ...catalogue import SEARCHABLE, Family
from ...kernel import Identity, Leg, Match, Wanted
from ...search import ranges
from ...sql import search as sql
from . import indexing, nearness
from .driver import Cursor

FEW, FEW_WANTED = 5_000, 64  # vectors that are looked through on the event loop, and given out


def matches(run: Cursor, wanted: Wanted) -> list[Match]:
    """The best matches of text, with their rows."""
    rows = ((number, score, indexing.found(run, number)) for number, score in _found(run, wanted))
    return [Match(sql.family_of(number), score, row) for number, score, row in rows if row is not None]


def few(run: Cursor, wanted: Wanted) -> Leg | None:
    """A page of what is near among few vectors; None where there are more than can be read without giving way."""
    end = wanted.offset + (wanted.limit or FEW)
    counts = [(nearness.count(run, wanted, span), span) for span in _spans(run, wanted)]
    where = [span for count, span in counts if count]
    if end > FEW_WANTED or sum(count for count, _ in counts) > FEW:
        return None
    return _named(run, list(islice(nearness.nearest(run, wanted, where), wanted.offset, end)))


def legs(run: Cursor, wanted: Wanted) -> tuple[Leg, Leg]:
    """A page of what is near, and of what text finds."""
    end = None if wanted.limit is None else wanted.offset + wanted.limit
    near = islice(nearness.nearest(run, wanted, _spans(run, wanted)), wanted.offset, end) if wanted.near else ()
    return _named(run, list(near)), _named(run, _found(run, wanted))


def _found(run: Cursor, wanted: Wanted) -> list[tuple[int, float]]:
    if not wanted.query.wanted:
        return []
    where = _spans(run, wanted)
    if not wanted.prefix and len(where) == len(SEARCHABLE):
        where = [(sql.FIRST, sql.END)]
    return ranges.found(run, wanted, where, indexing.tokenizer(run))


def _spans(run: Cursor, wanted: Wanted) -> list[sql.Span]:
    def owner(family: Family) -> int | None:
        row = run.execute(sql.owner(family), wanted.prefix).fetchone()
        return None if row is None else int(row[0])

    return ranges.spans(wanted, owner)


def _named(run: Cursor, found: list[tuple[int, float]]) -> Leg:
    """The names of records by their numbers; what is gone falls out."""
    together: dict[tuple[Family, int], list[int]] = {}
    for number, _ in found:
        family = sql.family_of(number)
        owner, place = sql.place_of(family, number)
        together.setdefault((family, owner), []).append(place)
    names: dict[int, Identity] = {}
    for (family, owner), places in together.items():
        names |= _names(run, family, owner, places)
    return [(names[number], score) for number, score in found if number in names]


def _names(run: Cursor, family: Family, owner: int, places: list[int]) -> Iterator[tuple[int, Identity]]:
    """Number and name of what stands at places of one owner."""
    outer = run.execute(sql.owner_name(family), (owner,)).fetchone() if family.owner else ()
    if outer is None:
        return
    inner: Iterable[tuple[int, str | int]] = ((place, place) for place in places)
    if not family.log:
        inner = run.execute(sql.names_at(family), (orjson.dumps(places).decode(), *outer)).fetchall()
    for place, name in inner:
        yield sql.number(family, owner, place), (family, (*outer, name))
