"""Search queue: the record numbers a write leaves for the indexer, in its own transaction.

See `indexing` for who takes them out of the queue again.
"""

from __future__ import annotations

from ....core.families import CATALOGUE, OWNED, Family
from ....core.records import Key
from ....search import tokenizers
from ....sql import sqlite_fts as sql, sqlite_numbers, statements
from ..engine.driver import Cursor


def note(run: Cursor, first: int, last: int) -> None:
    """Queue a range of numbers."""
    run.execute(sql.NOTE, (first, last))


def enqueue_rows(run: Cursor, family: Family, first: int, last: int) -> None:
    """Queue records of one log, by the ids of their rows."""
    if family.text:
        number = sqlite_numbers.number_of_row
        run.execute(sql.NOTE, (number(family, first), number(family, last)))


def enqueue_put(run: Cursor, family: Family, key: Key) -> None:
    """Queue a record that was written, no matter of which family; for a vector its record, if there is one.

    The choice of a tokenizer queues everything: the index is to be made anew.
    """
    if family.of:
        family, key = record_of(family, key)
    if family.text:
        run.execute(sql.note_record(family), key)
    elif tokenizers.is_choice(family, key):
        note(run, sqlite_numbers.FIRST, sqlite_numbers.END)


def record_of(family: Family, key: Key) -> tuple[Family, Key]:
    """The family and the key of the records that vectors belong to; a shorter key names a branch in both."""
    base = CATALOGUE[family.of]
    if not base.log or len(key) < len(base.key):
        return base, key
    position, last = str(key[-1]), sqlite_numbers.last_place(base)
    return base, (*key[:-1], int(position) if position.isdecimal() and int(position) <= last else -1)


def enqueue_drop(run: Cursor, family: Family, prefix: Key) -> None:
    """Queue what a drop is about to remove from a family and, where foreign keys do that, from those it owns."""
    if tokenizers.is_choice(family, prefix) and run.execute(statements.fetch(family), tokenizers.KEY).fetchone():
        note(run, sqlite_numbers.FIRST, sqlite_numbers.END)
    for gone in (family, *(owned for owned in OWNED[family] if not owned.log)):
        if gone.text and not prefix:
            run.execute(sql.note_all(gone))
        elif gone.text and len(prefix) == len(gone.key):
            run.execute(sql.note_record(gone), prefix)
        elif gone.text:
            run.execute(sql.note_branch(gone), prefix)
