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
from typing import NamedTuple

from ...errors import LodestoreError
from ...kernel import VERSION, Copy, Write
from . import driver
from .execute import execute

BATCH = 4096  # units in one transaction at most


class Unit(NamedTuple):
    """Writes that stand or fall together, and the future that waits for them."""

    writes: Sequence[Write]
    done: asyncio.Future[list[int]]


class Writer:
    """Owns the writing connection, by a cursor with a packer; `post` runs a function in its thread."""

    def __init__(
        self,
        run: driver.Cursor,
        post: Callable[[Callable[[], None]], None],
        check: Callable[[], None] = lambda: None,
        *,
        power: bool,
    ) -> None:
        self._connection = run.connection
        self._cursor = run
        self._post = post
        self._power = power  # whether records must survive a power cut
        self._synced = True  # PRAGMA synchronous is FULL now
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Unit] = deque()  # on the loop, until the end of its turn
        self._queue: deque[Unit] = deque()  # between the loop and the thread
        self._lock = threading.Lock()
        self._draining = False
        self._check = check  # may refuse a batch before it begins
        self.commits = 0  # transactions committed

    def submit(self, writes: Sequence[Write]) -> asyncio.Future[list[int]]:
        """Hand a unit over; the future resolves when it is committed."""
        done: asyncio.Future[list[int]] = self._loop.create_future()
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(Unit(writes, done))
        return done

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
            self._loop.call_soon_threadsafe(_resolve, outcomes)

    def _commit(self, batch: list[Unit]) -> list[_Outcome]:
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

    def _transact(self, batch: list[Unit], *, guarded: bool) -> list[_Outcome]:
        run = self._cursor.execute
        if reason := self._begin(batch):
            return [(unit.done, None, reason) for unit in batch]
        try:
            commits, latest = run("SELECT commits, latest FROM store").fetchone()
            outcomes = []
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
        return self._end(outcomes)

    def _begin(self, batch: list[Unit]) -> LodestoreError | None:
        synced = self._power and any(_lasting(unit) for unit in batch)
        try:
            self._check()
            if synced != self._synced:
                self._cursor.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}").fetchall()
                self._synced = synced
            self._cursor.execute("BEGIN IMMEDIATE")
        except LodestoreError as reason:
            return reason
        except driver.Error as error:
            return driver.renamed(error, "starting a transaction")
        return None

    def _unit(self, unit: Unit, version: int) -> _Outcome:
        return unit.done, [execute(self._cursor, write, version) for write in unit.writes], None

    def _guarded(self, unit: Unit, version: int) -> _Outcome:
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

    def _end(self, outcomes: list[_Outcome]) -> list[_Outcome]:
        try:
            self._cursor.execute("COMMIT")
        except driver.Error as error:
            reason = driver.renamed(error, "committing", committing=True)
            self._rollback()
            return [(done, None, failed or reason) for done, _, failed in outcomes]
        self.commits += 1
        return outcomes

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")


_Outcome = tuple["asyncio.Future[list[int]]", "list[int] | None", "BaseException | None"]


class _Lost(Exception):
    """The transaction was rolled back as a whole."""

    def __init__(self, reason: LodestoreError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _lasting(unit: Unit) -> bool:
    """Whether a unit holds anything but cache entries; an empty one is a probe of the disk."""
    return not unit.writes or any(not write.family.expires for write in unit.writes)


def _advance(unit: Unit, commits: int, latest: int) -> tuple[int, int]:
    for write in unit.writes:
        if type(write) is Copy:
            commits = max(commits, write.row[VERSION] or 0)
        if write.time > latest:
            latest = write.time
    return commits, latest


def _tell(loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
    loop.call_soon_threadsafe(done.set_result, None)


def _resolve(outcomes: list[_Outcome]) -> None:
    for done, results, reason in outcomes:
        if done.done():  # its task was cancelled; the unit has been decided all the same
            continue
        if reason is not None:
            done.set_exception(reason)
        else:
            done.set_result(results or [])
