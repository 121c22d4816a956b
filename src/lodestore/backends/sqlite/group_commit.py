"""Group commit of SQLite: one thread that writes, and what gathers while it commits is its next transaction.

A request that fails, fails alone: the batch is rolled back and done again with a savepoint around each request, a price
only the failing batch pays. Between BEGIN and COMMIT nothing awaits, so a cancelled task never tears a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from ...errors import LodestoreError
from ..futures import fail, succeed
from ..group_commit import CommitQueue, CommitRequest, advance
from ..worker_thread import reply
from .cache.coherence import CoherentCache
from .engine import driver
from .engine.transaction import LOST, Commit, StoreRow, TransactionError, run_transaction
from .records.writes import execute

T = TypeVar("T")

BATCH = 4096  # requests in one transaction at most

_Outcome = tuple["asyncio.Future[Any]", Any, "BaseException | None"]


class SQLiteGroupCommit(CommitQueue):
    """Owns the writing connection, by a cursor with a packer; `post` runs a function in its thread.

    `check` may refuse a batch before it begins; `hot` is told of every commit.
    """

    def __init__(
        self,
        run: driver.Cursor,
        post: Callable[[Callable[[], None]], None],
        check: Callable[[], None] = lambda: None,
        *,
        power: bool,
        hot: CoherentCache | None = None,
    ) -> None:
        super().__init__(BATCH)
        self._connection = run.connection
        self._cursor = run
        self._post = post
        self._check = check
        self._power = power  # whether records must survive a power cut
        self._synced = True  # PRAGMA synchronous is FULL now
        self._hot = hot
        self.commits = 0  # transactions committed

    async def chore(self, work: Callable[[driver.Connection], tuple[T, Commit | None]], doing: str) -> T:
        """Run `work(connection)`, a transaction of its own, in the thread, and tell the cache of its commit."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._post(partial(self._do, work, doing, done))
        if self._hot is not None:
            self._hot.hand_over()
        return await done

    # -- in the thread

    def _do(
        self, work: Callable[[driver.Connection], tuple[T, Commit | None]], doing: str, done: asyncio.Future[T]
    ) -> None:
        result, commit, reason = None, None, None
        try:
            result, commit = work(self._connection)
        except BaseException as error:  # as for a batch: nobody may wait for ever
            commit, reason = LOST, driver.renamed(error, doing) if isinstance(error, driver.Error) else error
        reply(self._loop, self._settle, [(done, result, reason)], [commit] if commit else [])

    def _begin(self) -> None:
        self._post(self._write)
        if self._hot is not None:
            self._hot.hand_over()

    def _write(self) -> None:
        batch = self._take()
        made: list[Commit] = []
        try:
            outcomes = self._commit(batch, made)
        except BaseException as error:  # no caller may wait for ever, whatever went wrong here
            outcomes = [(request.done, None, error) for request in batch]
            made.append(LOST)
        reply(self._loop, self._end, outcomes, made)

    def _commit(self, batch: list[CommitRequest], made: list[Commit]) -> list[_Outcome]:
        """Commit what can be; `made` takes the commits that this needed."""
        try:
            return self._transact(batch, made, guarded=False)
        except _RolledBackError as error:
            if len(batch) == 1:
                return [(batch[0].done, None, error.reason)]
        try:
            return self._transact(batch, made, guarded=True)
        except _RolledBackError:
            # A full disk and some I/O errors end a transaction as a whole: each request gets a last try alone.
            return [outcome for request in batch for outcome in self._commit([request], made)]

    def _transact(self, batch: list[CommitRequest], made: list[Commit], *, guarded: bool) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        try:
            self._prepare(batch)
            before, after = run_transaction(self._cursor, lambda *row: self._requests(batch, outcomes, guarded, *row))
        except TransactionError as error:
            if error.committing:
                made.append(LOST)
            failed = [reason for _, _, reason in outcomes] or [None] * len(batch)
            return [(request.done, None, reason or error.reason) for request, reason in zip(batch, failed, strict=True)]
        except driver.Error as error:
            raise _RolledBackError(driver.renamed(error, "writing")) from error
        except LodestoreError as error:
            raise _RolledBackError(error) from error
        self.commits += 1
        done = (request.writes for request, outcome in zip(batch, outcomes, strict=True) if outcome[2] is None)
        made.append(Commit(before, after, list(chain.from_iterable(done))))
        return outcomes

    def _prepare(self, batch: list[CommitRequest]) -> None:
        """Make the commit reach the disk before it returns, where anything in the batch must survive a power cut."""
        synced = self._power and any(map(_lasting, batch))
        try:
            self._check()
            if synced != self._synced:
                driver.sync_commits(self._cursor, synced)
                self._synced = synced
        except LodestoreError as error:
            raise TransactionError(error) from error
        except driver.Error as error:
            raise TransactionError(driver.renamed(error, "starting a transaction")) from error

    def _requests(
        self, batch: list[CommitRequest], outcomes: list[_Outcome], guarded: bool, version: int, latest: int
    ) -> StoreRow:
        decide = self._guarded if guarded else self._request
        for request in batch:
            outcome = decide(request, version + 1)
            outcomes.append(outcome)
            if outcome[2] is None:
                version, latest = advance(request.writes, version + 1, latest)
        return version, latest

    def _request(self, request: CommitRequest, version: int) -> _Outcome:
        return request.done, [execute(self._cursor, write, version) for write in request.writes], None

    def _guarded(self, request: CommitRequest, version: int) -> _Outcome:
        run = self._cursor.execute
        run("SAVEPOINT request")
        try:
            outcome = self._request(request, version)
        except (LodestoreError, driver.Error) as error:
            if not self._connection.in_transaction:
                raise
            run("ROLLBACK TO request")
            reason = error if isinstance(error, LodestoreError) else driver.renamed(error, "writing")
            outcome = (request.done, None, reason)
        run("RELEASE request")
        return outcome

    # -- on the event loop

    def _end(self, outcomes: list[_Outcome], made: list[Commit]) -> None:
        self._settle(outcomes, made)
        self._decided()

    def _settle(self, outcomes: list[_Outcome], made: list[Commit]) -> None:
        if self._hot is not None:  # before anyone who waited reads again
            self._hot.take_in(made)
        for done, result, reason in outcomes:
            if reason is None:
                succeed(done, result)
            else:
                fail(done, reason)


class _RolledBackError(Exception):
    """The transaction was rolled back as a whole."""

    def __init__(self, reason: LodestoreError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _lasting(request: CommitRequest) -> bool:
    """Whether a request holds anything but cache entries; an empty one is a probe of the disk."""
    return not request.writes or any(not write.family.expires for write in request.writes)
