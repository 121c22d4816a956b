"""Copy pass: the source read through once, each record compared with the target's and, if asked, written there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.backend import Backend, RecordReader
from ..core.families import Family
from ..core.records import BODY, KEY, Copy, Drop, Key, Page, Row, alive, name_of
from ..errors import InvalidInputError
from .batching import Apply, Batch, all_keys, differences, is_empty
from .comparison import BodyComparison, ExactComparison, MergeComparison, RecordComparison, Verdict
from .migration_lock import MigrationLock
from .report import MAX_LISTED, FamilyReport, MigrationReport, Progress, Tally

LOOKED_UP = 64  # keys looked for on the other side at once; their bodies come too
_NAMED = 3  # foreign records in a message


@dataclass(frozen=True, slots=True)
class CopyJob:
    """What stays the same over all passes.

    With `bodies_only` a record is the same on both sides if its body is: places, times and versions are the target's.
    """

    source: RecordReader
    target: Backend
    families: Sequence[Family]
    merge: str | None = None
    now: int = 0
    report: MigrationReport = field(default_factory=MigrationReport)
    progress: Progress | None = None
    total: int | None = None
    lock: MigrationLock | None = None
    bodies_only: bool = False

    @property
    def apply(self) -> Apply:
        """How the target is written to: under the lock, where there is one."""
        return self.lock.apply if self.lock else self.target.apply

    def comparison(self) -> RecordComparison:
        """How this job compares records, for one pass."""
        if self.bodies_only:
            return BodyComparison()
        if self.merge is None:
            comparison = ExactComparison()
            comparison.versions = self.report.versions_kept
            return comparison
        return MergeComparison(self.now, overwrite=self.merge == "overwrite")


class CopyPass:
    """A pass over all families. `differences` counts what had to be written or would have to be."""

    def __init__(self, job: CopyJob, label: str, *, write: bool, prove: bool = False) -> None:
        self._job, self._label = job, label
        self._write, self._prove = write, prove
        self._comparison = job.comparison()
        self._batch = Batch(job.apply)
        self._seen = 0
        self.differences = 0

    async def run(self) -> None:
        """Read everything once; the job's report then says what this pass saw."""
        report = self._job.report
        report.passes += 1
        report.conflicts, report.omitted = [], 0
        try:
            for family in self._job.families:
                await self._family(family, report.families.setdefault(family.name, FamilyReport()))
        finally:
            await self._batch.abandon()
        report.versions_kept &= self._batch.versions_kept

    async def _family(self, family: Family, figures: FamilyReport) -> None:
        figures.records = figures.bytes = figures.target_records = 0
        sides = Tally(family), Tally(family)
        new = await is_empty(self._job.target, family)
        async for rows in self._job.source.stream(Page(family, alive_at=self._job.now, partial=True)):
            found = [None] * len(rows) if new else await self._job.target.fetch(family, [row[KEY:] for row in rows])
            for row, there in zip(rows, found, strict=True):
                verdict = self._compared(family, figures, sides, row, there)
                if verdict is Verdict.COPY:
                    await self._copy(family, figures, row)
                elif verdict is Verdict.CONFLICT:
                    await self._conflict(family, figures, row)
            self._tell(family, len(rows))
            del rows, found
        await self._batch.flush()
        if self._job.merge is None and not new:
            await self._settle_rest(family, figures)
        if self._prove:
            figures.source_hash, figures.target_hash = map(str, sides)

    def _compared(
        self, family: Family, figures: FamilyReport, sides: tuple[Tally, Tally], row: Row, there: Row | None
    ) -> Verdict:
        figures.records += 1
        figures.bytes += len(row[BODY])
        verdict = self._comparison.compare(family, row, there)
        figures.target_records += verdict is Verdict.SAME
        if self._prove and verdict in (Verdict.SAME, Verdict.COPY) and (row[BODY] or self._job.merge is None):
            for side, one in zip(sides, (row, there), strict=True):
                if one is not None:
                    side.add(self._comparison.essence(one))
        return verdict

    async def _copy(self, family: Family, figures: FamilyReport, row: Row) -> None:
        self.differences += 1
        if self._write:
            figures.copied += 1
            await self._batch.add(Copy(family, row))

    async def _conflict(self, family: Family, figures: FamilyReport, row: Row) -> None:
        """Settled for the source, with the rest of the target's log; or named."""
        if self._job.merge != "overwrite":
            self._name(family, row[KEY:])
            return
        figures.overwritten += 1
        if family.log and self._write:
            for key in await self._job.target.keys(Page(family, row[KEY:-1], after=(row[-1],))):
                await self._batch.add(Drop(family, key, 0))
        await self._copy(family, figures, row)

    def _name(self, family: Family, key: Key) -> None:
        report = self._job.report
        if len(report.conflicts) < MAX_LISTED:
            report.conflicts.append(name_of(family, key))
        else:
            report.omitted += 1

    async def _settle_rest(self, family: Family, figures: FamilyReport) -> None:
        """What only the target holds was deleted in the source, or has expired: it goes."""
        figures.target_records = await self._count(family)
        if figures.target_records == figures.records:
            return
        async for keys in all_keys(self._job.target, family):
            for start in range(0, len(keys), LOOKED_UP):
                await self._discard_foreign_writes(family, figures, keys[start : start + LOOKED_UP])
        await self._batch.flush()

    async def _count(self, family: Family) -> int:
        """How many records the target holds, with those that have expired."""
        if self._job.bodies_only and not family.expires:  # the target of such a pass counts faster than it lists
            vitals = await self._job.target.vitals(self._job.now)
            return vitals.counts[family.name] + vitals.partial[family.name]
        return sum([len(keys) async for keys in all_keys(self._job.target, family)])

    async def _discard_foreign_writes(self, family: Family, figures: FamilyReport, keys: Sequence[Key]) -> None:
        job = self._job
        found = await job.source.fetch(family, keys)
        gone = [key for key, row in zip(keys, found, strict=True) if row is None or not alive(row, job.now)]
        self.differences += len(gone)
        if not self._write or not gone:
            return
        unknown = [key for key, row in zip(keys, found, strict=True) if row is None]
        refuse(family, [key for key, row in await rows_of(job, family, unknown) if not removable(job, row)])
        figures.dropped += len(gone)
        for key in gone:
            await self._batch.add(Drop(family, key, 0))

    def _tell(self, family: Family, count: int) -> None:
        self._seen += count
        if self._job.progress:
            self._job.progress(self._seen, self._job.total, f"{self._label} {family.name}")


async def check_foreign_writes(job: CopyJob) -> None:
    """InvalidInputError where the target holds what neither the source holds nor this migration can have copied."""
    assert job.lock is not None
    for family in job.families:
        there = all_keys(job.target, family, job.now)
        keys = list((await differences(there, all_keys(job.source, family), both=False))[0])
        for start in range(0, len(keys), LOOKED_UP):
            rows = await rows_of(job, family, keys[start : start + LOOKED_UP])
            refuse(family, sorted(key for key, row in rows if not job.lock.copied(row, job.now)))


async def rows_of(job: CopyJob, family: Family, keys: Sequence[Key]) -> list[tuple[Key, Row]]:
    """What the target holds under these keys."""
    rows = await job.target.fetch(family, keys) if keys else []
    return [(key, row) for key, row in zip(keys, rows, strict=True) if row is not None]


def removable(job: CopyJob, row: Row) -> bool:
    return job.lock is None or job.lock.removable(row, job.now)


def refuse(family: Family, keys: Sequence[Key]) -> None:
    """InvalidInputError, naming the first ones, where there are any."""
    if keys:
        named = ", ".join(name_of(family, key) for key in keys[:_NAMED]) + (", ..." if len(keys) > _NAMED else "")
        raise InvalidInputError(
            f"the target holds records that the source does not and that this migration did not copy: {named}; "
            "save them elsewhere and delete them here, or discard them with --resume --discard-foreign-writes"
        )
