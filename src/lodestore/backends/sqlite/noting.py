"""What a write leaves for the index of text, in its own transaction: the numbers of the records it touched.

See `indexing` for who takes them out of the queue again.
"""

from __future__ import annotations

from ...catalogue import OWNED, Family
from ...kernel import Key
from ...sql import search as sql
from .driver import Cursor


def note(run: Cursor, first: int, last: int) -> None:
    """Queue the numbers of a log."""
    run.execute(sql.NOTE, (first, last))


def note_record(run: Cursor, family: Family, key: Key) -> None:
    """Queue one record, which is there, of a family that is no log."""
    run.execute(sql.note_record(family), key)


def note_drop(run: Cursor, family: Family, prefix: Key) -> None:
    """Queue what a drop is about to remove from a family and, where foreign keys do that, from those it owns."""
    for gone in (family, *(owned for owned in OWNED[family] if not owned.log)):
        if gone.text and not prefix:
            run.execute(sql.note_all(gone))
        elif gone.text and len(prefix) == len(gone.key):
            note_record(run, gone, prefix)
        elif gone.text:
            run.execute(sql.note_branch(gone), prefix)
