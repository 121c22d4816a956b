"""Indexer: takes what writes left in the queue into the index.

A write says in its own transaction which numbers it touched (`sql/sqlite_fts.py`), a statement of a few microseconds;
an FTS5 insert there would cost more than the message. A step, later, takes some of the queue in one transaction: what
was posted in those ranges goes, what stands there now is posted. So it does not matter how often a record was written,
deleted, sealed or repacked meanwhile, nor where a step was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from ....core.families import SEARCHABLE, Family
from ....core.records import BODY, PLACE, Key, Page, Row
from ....core.searchable import Query, Term
from ....errors import CorruptError
from ....search import tokenizers
from ....search.query import expression
from ....search.text import namespace_in, text_of
from ....search.tokenizer_setting import tokenizer_in
from ....sql import sqlite_fts as sql, sqlite_numbers
from ..engine.driver import Cursor
from ..records import reads
from ..records.body_io import another
from ..records.search_queue import note
from . import vector_records

ENTRIES = 1000  # of the queue read at once
STEP_BYTES = 256 * 1024  # of bodies posted in one transaction, about
MOST_GONE = 4000  # postings removed for one stretch at most
_COSTS = 300  # bytes that a record costs beside its body, so that many short ones end a step too
_ASCII = re.compile("[A-Za-z0-9]+")
_SAMPLE = 100  # newest records of each family whose words `problems` looks for


class QueuedRange(NamedTuple):
    """Numbers of one family between which something was written; `begun` is the last entry of the queue in it."""

    first: int
    last: int
    begun: int


def sleeps(run: Cursor) -> bool:
    """Whether nobody has searched the store yet, so that there is no index to keep up."""
    return bool(run.execute(sql.SLEEPS).fetchone()[0])


def waits(run: Cursor) -> bool:
    """Whether anything is queued."""
    return run.execute(sql.WAITS).fetchone() is not None


def tokenizer(run: Cursor) -> str:
    """What the index is made of, once nothing waits."""
    return tokenizer_in(reads.fetch(run, tokenizers.FAMILY, tokenizers.KEY))


def step(run: Cursor, after: int) -> tuple[int, int | None]:
    """Take some of the queue from a number on; how many records were posted, and where to go on (None: at the end).

    A walk from the first number to the end takes in all that was queued before it began.
    """
    entries = run.execute(sql.WAITING, (after, ENTRIES)).fetchall()
    posted, room, reached = 0, STEP_BYTES, after
    kind = tokenizer(run)
    for stretch in _stretches(entries):
        reached = stretch.first
        while room > 0 and reached <= stretch.last:
            count, used, reached = _post(run, reached, stretch.last, room, kind)
            posted, room = posted + count, room - used
        run.execute(sql.TAKEN, (after, stretch.begun))
        if reached <= stretch.last:
            note(run, reached, stretch.last)
        if room <= 0:
            return posted, min(reached, sqlite_numbers.END)
    return posted, min(reached, sqlite_numbers.END) if len(entries) == ENTRIES else None


def _stretches(entries: Sequence[tuple[int, int]]) -> Iterator[QueuedRange]:
    """Ranges of the queue, in order, those that meet as one."""
    first, last, begun = sqlite_numbers.FIRST, sqlite_numbers.FIRST - 2, sqlite_numbers.FIRST
    for start, end in entries:
        if start > last + 1:
            if last >= first:
                yield QueuedRange(first, last, begun)
            first, last = start, end
        last, begun = max(last, end), start
    if last >= first:
        yield QueuedRange(first, last, begun)


def _post(run: Cursor, first: int, last: int, room: int, kind: str) -> tuple[int, int, int]:
    """Post what stands from one number on: how many records, how much room they took, and the number to go on from."""
    family = sqlite_numbers.family_of(first)
    last = min(last, sqlite_numbers.span(family)[1])
    owner, outer, last = _place(run, family, first, last)
    rows = _rows(run, family, owner, outer, first, last, room) if outer is not None else []
    used = sum(len(row[BODY]) + _COSTS for row in rows)
    if rows and (used > room or len(rows) >= reads.MANY):
        last = sqlite_numbers.number(family, owner, rows[-1][PLACE])
    beyond = run.execute(sql.POSTED, (first, last, MOST_GONE)).fetchone()
    if beyond is not None:
        last = beyond[0] - 1
    run.execute(sql.UNPOST, (first, last))
    numbered = [(sqlite_numbers.number(family, owner, row[PLACE]), row) for row in rows]
    there = [(number, row) for number, row in numbered if number <= last]
    run.executemany(sql.POST, [(number, *_posting(family, row[BODY], kind)) for number, row in there])
    used += vector_records.take(run, family, owner, (first, last), there)
    return len(there), used + _COSTS, last + 1


def _posting(family: Family, body: bytes, kind: str) -> tuple[str, str]:
    return tokenizers.indexed(text_of(family, body), kind), sql.namespace(namespace_in(family, body))


def _place(run: Cursor, family: Family, first: int, last: int) -> tuple[int, Key | None, int]:
    """The next owner with numbers in a range, its key, and where its numbers end; with no key: nobody has any."""
    if not family.owner:
        return 0, (), last
    lowest, highest = sqlite_numbers.place_of(family, first)[0], sqlite_numbers.place_of(family, last)[0]
    found = run.execute(sql.owners(family), (lowest, highest)).fetchone()
    if found is None:
        return 0, None, last
    return found[0], (found[1],), min(last, sqlite_numbers.span(family, found[0])[1])


def _rows(run: Cursor, family: Family, owner: int, outer: Key, first: int, last: int, room: int) -> list[Row]:
    low = sqlite_numbers.place_of(family, first)[1] if first >= sqlite_numbers.number(family, owner, 0) else 0
    page = Page(family, outer, after=(low - 1,), before=(sqlite_numbers.place_of(family, last)[1] + 1,))
    try:
        return reads.portion(run, page, room)
    except CorruptError:
        return [_readable(run, family, key, place) for key, place in _keys(run, page)]


def _keys(run: Cursor, page: Page) -> list[tuple[Key, int]]:
    """Keys and places of the first records of a page."""
    keys = reads.keys(run, page._replace(limit=reads.MANY))
    numbers = ((key, _number(run, page.family, key)) for key in keys)
    return [(key, sqlite_numbers.place_of(page.family, number)[1]) for key, number in numbers if number is not None]


def _number(run: Cursor, family: Family, key: Key) -> int | None:
    """The number of a record; None where there is none, or its owner is missing."""
    row = run.execute(sql.number_of(family), key).fetchone()
    return None if row is None else int(row[0])


def _readable(run: Cursor, family: Family, key: Key, place: int) -> Row:
    """The record, without a body where that is broken, which reading it tells and `verify`."""
    try:
        row = reads.fetch(run, family, key)
    except CorruptError:
        row = None
    return (row[BODY] if row else b"", *(0,) * (PLACE - 1), place, *key)


def problems(run: Cursor) -> list[str]:
    """One line for each record without a posting, posting without a record, and record its words do not find.

    What is queued is left out, and of the last only a sample is looked at; the structure of the index is a part of
    SQLite's own check.
    """
    queued = run.execute(sql.WAITING, (sqlite_numbers.FIRST, -1)).fetchall()
    there, posted = another(run), another(run)
    in_order = sorted(SEARCHABLE, key=sqlite_numbers.span)
    numbers = chain.from_iterable(_numbers(there.execute(sql.numbers(family))) for family in in_order)
    lost, left = _difference(numbers, (row[0] for row in posted.execute(sql.ALL_POSTED)))
    lines = [f"{_named(n)}: it is missing from the index of text" for n in lost if not _within(queued, n)]
    lines += [f"{_named(n)}: the index of text has it, the store does not" for n in left if not _within(queued, n)]
    passed = [*queued, *((n, n) for n in lost)]
    lines += [line for family in SEARCHABLE for line in _unfound(run, family, passed)]
    return [*lines, *vector_records.problems(run, queued)]


def _numbers(rows: Iterator[tuple[int, int | None]]) -> Iterator[int]:
    last = sqlite_numbers.FIRST - 1
    for number, sealed in rows:
        yield from range(max(last, number - (sealed or 1)) + 1, number + 1)  # chunks that overlap are found elsewhere
        last = number


def _difference(left: Iterator[int], right: Iterator[int]) -> tuple[list[int], list[int]]:
    """What only one of two ascending sequences has."""
    only: tuple[list[int], list[int]] = ([], [])
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one < other):
            only[0].append(one)  # type: ignore[arg-type]
            one = next(left, None)
        elif one is None or other < one:
            only[1].append(other)
            other = next(right, None)
        else:
            one, other = next(left, None), next(right, None)
    return only


def _within(ranges: Sequence[tuple[int, int]], number: int) -> bool:
    return any(first <= number <= last for first, last in ranges)


def _named(number: int) -> str:
    family = sqlite_numbers.family_of(number)
    owner, place = sqlite_numbers.place_of(family, number)
    return f"{family.name} at place {place}" + (f" of {family.owner} number {owner}" if owner else "")


def _unfound(run: Cursor, family: Family, passed: Sequence[tuple[int, int]]) -> Iterator[str]:
    kind = tokenizer(run)
    for key in reads.keys(run, Page(family, newest=True, limit=_SAMPLE)):
        number = _number(run, family, key)
        if number is None or _within(passed, number):
            continue
        words = _first_words(_readable(run, family, key, 0), family, kind)
        if words and run.execute(sql.FIND, (words, number)).fetchone() is None:
            yield f"{_named(number)}: the index of text does not find it by its own words"


def _first_words(row: Row, family: Family, kind: str) -> str:
    """An expression that finds a record by its first words; none where they are not ASCII, read one way by all."""
    text = text_of(family, row[BODY])
    words = _ASCII.findall(text)[:8] if text.isascii() else []
    terms = tuple(Term((word,), quoted=True) for word in words)
    return expression(tokenizers.query_terms(Query(terms), kind))
