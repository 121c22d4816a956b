"""Group commit of PostgreSQL: one lane of writes for each handle, and what gathers meanwhile is the next transaction.

All writers of a store, in whatever process, take turns on the one row of `store`: it gives versions, positions without
a gap, and no deadlocks. So more lanes would only queue at the server. A batch that fails is done again request by
request, and only the culprit fails.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from itertools import chain

from ...core.records import Write
from ...encoding.packer import Packer
from ...errors import LodestoreError, OutcomeUnknownError, UnavailableError
from ...sql.dialect import Dialect
from ..futures import fail, succeed
from ..group_commit import CommitQueue, CommitRequest, advance
from . import driver, indexer
from .apply import PendingWrite, apply_writes
from .pgvector import VectorTable
from .pool import Pool
from .single_put import alone, put_alone

BATCH = 512  # requests in one transaction at most
TRIES = 6
PAUSE = 0.01  # seconds, doubled with each try and jittered

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"


class PostgresGroupCommit(CommitQueue):
    """Commits over one connection at a time, as a task of the event loop."""

    def __init__(self, pool: Pool, dialect: Dialect, packer: Packer, vectors: VectorTable) -> None:
        super().__init__(BATCH)
        self._pool = pool
        self._vectors = vectors
        self._d = dialect
        self._packer = packer

    def _begin(self) -> None:
        batch = self._take()
        self._task = asyncio.create_task(self._decide(batch))
        self._task.add_done_callback(partial(self._ended, batch))

    def _ended(self, batch: list[CommitRequest], task: asyncio.Task[None]) -> None:
        if task.cancelled():  # the loop is going down
            for request in [*batch, *self._waiting]:
                request.done.cancel()
            self._waiting.clear()
        elif error := task.exception():  # no caller may wait for ever, whatever went wrong here
            for request in batch:
                fail(request.done, error)
        self._decided()

    async def _decide(self, batch: list[CommitRequest]) -> None:
        try:
            results = await self._commit(batch)
        except LodestoreError as reason:
            if len(batch) == 1 or isinstance(reason, (OutcomeUnknownError, UnavailableError)):
                for request in batch:
                    fail(request.done, reason)
                return
            for request in batch:
                await self._decide([request])
            return
        for request, result in zip(batch, results, strict=True):
            succeed(request.done, result)

    async def _commit(self, batch: list[CommitRequest]) -> list[list[int]]:
        for attempt in range(TRIES):
            try:
                async with self._pool.connection() as connection:
                    return await self._transact(connection, [request.writes for request in batch])
            except _Again as again:
                reason = again.reason
                await asyncio.sleep(PAUSE * 2**attempt * random.random())
        raise reason

    async def _transact(self, run: driver.Connection, units: list[Sequence[Write]]) -> list[list[int]]:
        committing = began = False
        try:
            if len(units) == 1 and len(units[0]) == 1 and alone(units[0][0]):
                committing = True
                return [[await put_alone(run, self._d, self._packer, units[0][0])]]  # type: ignore[arg-type]
            await run.execute(BEGIN)
            began = True
            results = await self._units(run, units)
            committing = True
            await run.execute("COMMIT")
            return results
        except driver.Error as error:
            await self._abandon(run, error, fresh=not began and not committing)
            raise driver.renamed(error, "writing", committing=committing) from error
        except LodestoreError:
            await _roll_back(run)
            raise

    async def _units(self, run: driver.Connection, units: list[Sequence[Write]]) -> list[list[int]]:
        _, latest = advance(chain.from_iterable(units), 0, 0)
        # The first statement takes the row of `store`; those after it see all that was committed before.
        commits, *told = await run.fetchrow(self._advance(), len(units), latest)
        kept = await self._vectors.kept(run, self._packer, *told)
        results, steps, version = [[0] * len(unit) for unit in units], [], commits - len(units)
        for unit, into in zip(units, results, strict=True):
            version += 1
            steps += [PendingWrite(write, version, into, index) for index, write in enumerate(unit)]
            version, _ = advance(unit, version, latest)
        await apply_writes(run, self._d, self._packer, steps, kept)
        if any(indexer.chooses(step.write, told[-1] is not None) for step in steps):
            await indexer.forget_postings(run, self._d)
        if version > commits:
            await run.execute(f"UPDATE {self._d.schema}store SET commits = $1", version)
        return results

    def _advance(self) -> str:
        table = f"{self._d.schema}store"
        changed = "commits = commits + $1, latest = greatest(latest, $2)"
        return f"UPDATE {table} SET {changed} RETURNING commits, {indexer.told(self._d)}"

    async def _abandon(self, run: driver.Connection, error: BaseException, *, fresh: bool) -> None:
        """Leave a failed transaction; _Again where doing it once more is safe and may help."""
        gone = driver.lost(error)
        if gone:
            run.terminate()
            self._pool.forget()
        else:
            await _roll_back(run)
        if getattr(error, "sqlstate", None) in driver.AGAIN or (gone and fresh):
            raise _Again(driver.renamed(error, "writing")) from error


class _Again(Exception):
    """Nothing was written, and the next try may go through."""

    def __init__(self, reason: LodestoreError) -> None:
        super().__init__(str(reason))
        self.reason = reason


async def _roll_back(run: driver.Connection) -> None:
    try:
        if run.is_in_transaction():
            await run.execute("ROLLBACK")
    except driver.Error:  # the server rolls back by itself what loses its connection
        run.terminate()
