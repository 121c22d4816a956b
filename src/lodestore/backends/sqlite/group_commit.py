"""One thread that writes, and natural group commit.

Whatever was handed over while the previous transaction was committing becomes the next one: no timer, no wait. A
unit that fails fails alone: the batch is rolled back and done again with a savepoint around each unit, a price only
the failing batch pays. Between BEGIN and COMMIT nothing awaits, so a cancelled task never tears a transaction: its
unit is done or not, as a whole.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from ...core.records import VERSION, Copy, Write
from ...errors import LodestoreError
from .cache.coherence import CoherentCache
from .engine import driver
from .engine.commits import LOST, Commit
from .records.writes import execute

T = TypeVar("T")

BATCH = 4096  # units in one transaction at most


class CommitRequest(NamedTuple):
    """Writes that stand or fall together, and the future that waits for them."""

    writes: Sequence[Write]
    done: asyncio.Future[list[int]]


class GroupCommit:
    """Owns the writing connection, by a cursor with a packer; `post` runs a function in its thread.

    `hot` is told of every commit.
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
        self._connection = run.connection
        self._cursor = run
        self._post = post
        self._power = power  # whether records must survive a power cut
        self._synced = True  # PRAGMA synchronous is FULL now
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[CommitRequest] = deque()  # on the loop, until the end of its turn
        self._queue: deque[CommitRequest] = deque()  # between the loop and the thread
        self._lock = threading.Lock()
        self._draining = False
        self._check = check  # may refuse a batch before it begins
        self._hot = hot
        self._made: list[Commit] = []  # in the thread: commits the loop has not been told of
        self.commits = 0  # transactions committed

    def submit(self, writes: Sequence[Write]) -> asyncio.Future[list[int]]:
        """Hand a unit over; the future resolves when it is committed."""
        done: asyncio.Future[list[int]] = self._loop.create_future()
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(CommitRequest(writes, done))
        if self._hot is not None:
            self._hot.hand_over()
        return done

    async def chore(self, work: Callable[[driver.Connection], tuple[T, Commit | None]], doing: str) -> T:
        """Run `work(connection)`, a transaction of its own, in the thread, and tell the tier of its commit."""
        done: asyncio.Future[T] = self._loop.create_future()
        if self._hot is not None:
            self._hot.hand_over()
        self._post(lambda: self._do(work, doing, done))
        return await done

    def _do(
        self, work: Callable[[driver.Connection], tuple[T, Commit | None]], doing: str, done: asyncio.Future[T]
    ) -> None:
        result, commit, reason = None, None, None
        try:
            result, commit = work(self._connection)
        except BaseException as error:  # as for a batch: nobody may wait for ever
            commit, reason = LOST, driver.renamed(error, doing) if isinstance(error, driver.Error) else error
        made = [commit] if commit else []
        self._loop.call_soon_threadsafe(self._resolve, [(done, result, reason)], made)

    async def drain(self) -> None:
        """Wait until everything handed over has been decided."""
        self._flush()
        done = self._loop.create_future()
        # The thread takes one thing at a time: this one runs when all that stands before it is through.
        self._post(lambda: _tell(self._loop, done))
        await done

    def _flush(self) -> None:
        if not self._waiting:
            return
        with self._lock:
            self._queue.extend(self._waiting)
            self._waiting.clear()
            start, self._draining = not self._draining, True
        if start:
            self._post(self._drain)

    def _drain(self) -> None:
        while True:
            with self._lock:
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                if not batch:
                    self._draining = False
                    return
            try:
                outcomes = self._commit(batch)
            except BaseException as error:  # no caller may wait for ever, whatever went wrong here
                outcomes = [(unit.done, None, error) for unit in batch]
                self._made.append(LOST)
            made, self._made = self._made, []
            self._loop.call_soon_threadsafe(self._resolve, outcomes, made)

    def _resolve(self, outcomes: list[_Outcome], made: list[Commit]) -> None:
        if self._hot is not None:  # before anyone who waited reads again
            self._hot.take_in(len(outcomes), made)
        for outcome in outcomes:
            _settle(*outcome)

    def _commit(self, batch: list[CommitRequest]) -> list[_Outcome]:
        try:
            return self._transact(batch, guarded=False)
        except _Lost as lost:
            if len(batch) == 1:
                return [(batch[0].done, None, lost.reason)]
        try:
            return self._transact(batch, guarded=True)
        except _Lost:
            # A full disk and some I/O errors end a transaction as a whole: each unit gets a last try alone.
            return [outcome for unit in batch for outcome in self._commit([unit])]

    def _transact(self, batch: list[CommitRequest], *, guarded: bool) -> list[_Outcome]:
        run = self._cursor.execute
        if reason := self._begin(batch):
            return [(unit.done, None, reason) for unit in batch]
        try:
            before, latest = run("SELECT commits, latest FROM store").fetchone()
            commits, outcomes = before, []
            for unit in batch:
                outcome = self._guarded(unit, commits + 1) if guarded else self._unit(unit, commits + 1)
                if outcome[2] is None:
                    commits, latest = _advance(unit, commits + 1, latest)
                outcomes.append(outcome)
            run("UPDATE store SET commits = ?, latest = ?", (commits, latest))
        except BaseException as error:
            self._rollback()
            if isinstance(error, driver.Error):
                raise _Lost(driver.renamed(error, "writing")) from error
            if isinstance(error, LodestoreError):
                raise _Lost(error) from error
            raise
        done = [unit.writes for unit, outcome in zip(batch, outcomes, strict=True) if outcome[2] is None]
        return self._end(outcomes, Commit(before, commits, list(chain.from_iterable(done))))

    def _begin(self, batch: list[CommitRequest]) -> LodestoreError | None:
        synced = self._power and any(_lasting(unit) for unit in batch)
        try:
            self._check()
            if synced != self._synced:
                driver.sync_commits(self._cursor, synced)
                self._synced = synced
            self._cursor.execute("BEGIN IMMEDIATE")
        except LodestoreError as reason:
            return reason
        except driver.Error as error:
            return driver.renamed(error, "starting a transaction")
        return None

    def _unit(self, unit: CommitRequest, version: int) -> _Outcome:
        return unit.done, [execute(self._cursor, write, version) for write in unit.writes], None

    def _guarded(self, unit: CommitRequest, version: int) -> _Outcome:
        run = self._cursor.execute
        run("SAVEPOINT unit")
        try:
            outcome = self._unit(unit, version)
        except (LodestoreError, driver.Error) as error:
            if not self._connection.in_transaction:
                raise
            run("ROLLBACK TO unit")
            reason = error if isinstance(error, LodestoreError) else driver.renamed(error, "writing")
            outcome = (unit.done, None, reason)
        run("RELEASE unit")
        return outcome

    def _end(self, outcomes: list[_Outcome], commit: Commit) -> list[_Outcome]:
        try:
            self._cursor.execute("COMMIT")
        except driver.Error as error:
            reason = driver.renamed(error, "committing", committing=True)
            self._made.append(LOST)
            self._rollback()
            return [(done, None, failed or reason) for done, _, failed in outcomes]
        self.commits += 1
        self._made.append(commit)
        return outcomes

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")


_Outcome = tuple["asyncio.Future[Any]", Any, "BaseException | None"]


class _Lost(Exception):
    """The transaction was rolled back as a whole."""

    def __init__(self, reason: LodestoreError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _lasting(unit: CommitRequest) -> bool:
    """Whether a unit holds anything but cache entries; an empty one is a probe of the disk."""
    return not unit.writes or any(not write.family.expires for write in unit.writes)


def _advance(unit: CommitRequest, commits: int, latest: int) -> tuple[int, int]:
    for write in unit.writes:
        if type(write) is Copy:
            commits = max(commits, write.row[VERSION] or 0)
        if write.time > latest:
            latest = write.time
    return commits, latest


def _tell(loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
    loop.call_soon_threadsafe(done.set_result, None)


def _settle(done: asyncio.Future[Any], result: Any, reason: BaseException | None) -> None:
    if done.done():  # its task was cancelled; the unit has been decided all the same
        return
    if reason is not None:
        done.set_exception(reason)
    else:
        done.set_result(result)


def transacted(connection: driver.Connection, work: Callable[[], T]) -> tuple[T, Commit]:
    """For a chore: `work` as one transaction, after which every record reads as before."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        [before] = connection.execute("SELECT commits FROM store").fetchone()
        result = work()
        connection.execute("UPDATE store SET commits = ?", (before + 1,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result, Commit(before, before + 1, ())
