"""Log compaction: messages become chunks, in short transactions between other writes.

A walk goes once over a log family in the order of its rows. Messages that follow one another without a gap are
gathered into chunks; a chunk that is not full takes in the rows right after it. A walk that is cut off leaves whole
chunks and whole rows, and done again it finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ....core.families import FAMILIES, Family
from ....encoding.packer import Packer
from ....sql import sqlite_logs as sql
from ..engine import driver
from ..engine.driver import Connection, Cursor
from ..engine.transaction import Commit, transact
from ..group_commit import SQLiteGroupCommit
from ..records import chunk_format
from ..records.body_io import readable

MESSAGES = 50  # in a chunk at most
BYTES = 64 * 1024  # of packed bodies that go into one chunk, about; larger ones compress well enough alone
ROWS = 1000  # looked at in one transaction


class LogRow(NamedTuple):
    """A row as it is stored: one message, or a chunk of `sealed` that ends there."""

    number: int
    sealed: int | None
    size: int


async def walk(writer: SQLiteGroupCommit, packer: Packer, check: Callable[[], None]) -> int:
    """Seal what can be, step by step in the writer's thread; how many messages were. `check` may end it."""
    count = 0
    for family in (family for family in FAMILIES if family.log):
        after: int | None = 0
        while after is not None:
            check()
            sealed, after = await writer.chore(_step(packer, family, after), "sealing")
            count += sealed
    return count


def _step(
    packer: Packer, family: Family, after: int
) -> Callable[[Connection], tuple[tuple[int, int | None], Commit | None]]:
    def work(connection: Connection) -> tuple[tuple[int, int | None], Commit | None]:
        run = driver.cursor(connection, packer)
        return transact(run, lambda: step(run, family, after))

    return work


def step(run: Cursor, family: Family, after: int) -> tuple[int, int | None]:
    """Look at some rows after an id and seal what can be: how many messages were, and the id to go on after."""
    pieces = [LogRow(*row) for row in run.execute(sql.outline(family), (after, ROWS)).fetchall()]
    groups = list(_groups(pieces))
    left = None
    if len(pieces) == ROWS:
        left = groups.pop()[0].number - 1  # it may go on in rows that are not in sight
    return sum(_seal(run, family, group) for group in groups if len(group) > 1), left


def _groups(pieces: list[LogRow]) -> Iterator[list[LogRow]]:
    """Pieces that may become one chunk; a group of one stays as it is."""
    group: list[LogRow] = []
    count = size = 0
    for piece in pieces:
        if group and not (_follows(group[-1], piece) and count < MESSAGES and size + piece.size <= BYTES):
            yield group
            group, count, size = [], 0, 0
        group.append(piece)
        count += piece.sealed or 1
        size += piece.size * (chunk_format.DENSITY if piece.sealed else 1)
    if group:
        yield group


def _follows(last: LogRow, piece: LogRow) -> bool:
    """Whether a piece is the message right after another one, in the same log."""
    return piece.sealed is None and piece.number == last.number + 1 and piece.number % sql.SPAN != 0


def _seal(run: Cursor, family: Family, group: list[LogRow]) -> int:
    """Put a chunk in the place of some rows; how many messages went into it that were in none."""
    first, last = group[0].number, group[-1].number
    messages: list[chunk_format.Message] = []
    for number, sealed, packed, *rest in run.execute(sql.stretch(family), (first, last)).fetchall():
        body = readable(run, packed)
        if body is None:
            return 0
        messages += chunk_format.messages(body, sealed, f"{family.name} row {number}") if sealed else [(body, *rest)]
    if not all(chunk_format.fits(message[0]) for message in messages):
        return 0
    run.execute(sql.erase(family), (first, last))
    chunk, newest = (
        run.packer.pack_densely(family, chunk_format.seal(messages)),
        max(message[1] for message in messages),
    )
    run.execute(sql.seal(family), (last, chunk, newest, messages[0][2], len(messages)))
    return sum(piece.sealed is None for piece in group)
