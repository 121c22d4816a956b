"""Transactions: the one way in which a SQLite store is changed.

BEGIN IMMEDIATE, the row of `store`, the work, the row again, COMMIT; or ROLLBACK. The row counts the commits of every
handle and process, which is how their caches learn of one another, and keeps the newest time a write has carried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from ....core.records import Write
from ....errors import LodestoreError
from .driver import Cursor, Error, renamed

T = TypeVar("T")

StoreRow = tuple[int, int]  # of the table `store`: the number of the last commit, the newest time a write has carried


class Commit(NamedTuple):
    """What caches are told of a commit: the numbers before and after it, and what it wrote.

    `writes` of None: nobody knows.
    """

    before: int
    after: int
    writes: Sequence[Write] | None


LOST = Commit(-1, -1, None)  # a commit of which nobody knows whether it happened


class TransactionError(Exception):
    """A transaction could not begin or, where `committing`, not end; the cause is the driver's error."""

    def __init__(self, reason: LodestoreError, *, committing: bool = False) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.committing = committing


def run_transaction(run: Cursor, work: Callable[[int, int], StoreRow]) -> tuple[int, int]:
    """Do `work`, which is given the row of `store` and returns the next, as one transaction; the numbers around it.

    Raises:
        TransactionError: BEGIN or COMMIT failed.
        Exception: what `work` raised, after a rollback.
    """
    try:
        run.execute("BEGIN IMMEDIATE")
    except Error as error:
        raise TransactionError(renamed(error, "starting a transaction")) from error
    try:
        before, latest = run.execute("SELECT commits, latest FROM store").fetchone()
        row = work(before, latest)
        run.execute("UPDATE store SET commits = ?, latest = ?", row)
    except BaseException:
        _roll_back(run)
        raise
    commit(run)
    return before, row[0]


def transact(run: Cursor, work: Callable[[], T], now: int = 0) -> tuple[T, Commit]:
    """Do `work`, after which every record reads as before, as one commit. For maintenance, in the writer's thread."""
    results: list[T] = []

    def step(commits: int, latest: int) -> StoreRow:
        results.append(work())
        return commits + 1, max(latest, now)

    try:
        before, after = run_transaction(run, step)
    except TransactionError as error:
        raise error.__cause__ or error from None  # the driver's own, which whoever asked for the work renames
    return results[0], Commit(before, after, ())


def commit(run: Cursor) -> None:
    """COMMIT."""
    try:
        run.execute("COMMIT")
    except Error as error:
        _roll_back(run)
        raise TransactionError(renamed(error, "committing", committing=True), committing=True) from error


def _roll_back(run: Cursor) -> None:
    if run.connection.in_transaction:
        run.execute("ROLLBACK")
