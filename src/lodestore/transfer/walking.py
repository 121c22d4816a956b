"""One pass: the source read through once, each record compared with the target's and, if asked, written there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from ..catalogue import Family
from ..kernel import BODY, KEY, Backend, Copy, Drop, Key, Page, Row, Source, alive, name_of
from .judging import Exact, Judge, Merging, Verdict
from .report import MAX_LISTED, FamilyReport, MigrationReport, Tally
from .streaming import Batch, all_keys, count, is_empty

Progress = Callable[[int, "int | None", str], None]
_LOOKED_UP = 64  # keys of the target looked for in the source at once; their bodies come too


@dataclass(frozen=True, slots=True)
class Job:
    """What stays the same over all passes."""

    source: Source
    target: Backend
    families: Sequence[Family]
    merge: str | None
    now: int
    report: MigrationReport
    progress: Progress | None
    total: int | None

    def judge(self) -> Judge:
        """How this job compares records; a judge serves one pass."""
        if self.merge is None:
            judge = Exact()
            judge.versions = self.report.versions_kept
            return judge
        return Merging(self.now, overwrite=self.merge == "overwrite")


class Walk:
    """A pass over all families. `differences` counts what had to be written or would have to be.

    With `since` it goes over what was written or deleted after that commit of the source only.
    """

    def __init__(self, job: Job, label: str, *, write: bool, prove: bool = False, since: int | None = None) -> None:
        self._job, self._label, self._since = job, label, since
        self._write, self._prove = write, prove
        self._judge = job.judge()
        self._batch = Batch(job.target)
        self._seen = 0
        self.differences = 0

    async def run(self) -> None:
        """Read everything once; the job's report then says what this pass saw."""
        report = self._job.report
        report.passes += self._since is None
        report.conflicts, report.omitted = [], 0
        try:
            for family in self._job.families:
                await self._family(family, report.families.setdefault(family.name, FamilyReport()))
        finally:
            await self._batch.abandon()
        report.versions_kept &= self._batch.versions_kept

    async def _family(self, family: Family, figures: FamilyReport) -> None:
        if self._since is None:
            figures.records = figures.bytes = figures.target_records = 0
        sides = Tally(family), Tally(family)
        new = await is_empty(self._job.target, family)
        async for rows in self._rows(family):
            found = [None] * len(rows) if new else await self._job.target.fetch(family, [row[KEY:] for row in rows])
            for row, there in zip(rows, found, strict=True):
                await self._record(family, figures, sides, row, there)
            self._tell(family, len(rows))
            del rows, found
        await self._batch.flush()
        if self._since is not None:
            figures.records = await count(self._job.source, family, self._job.now)
        if self._job.merge is None and not new:
            await self._settle_rest(family, figures)
        if self._prove:
            figures.source_hash, figures.target_hash = map(str, sides)

    async def _rows(self, family: Family) -> AsyncIterator[list[Row]]:
        """What this pass is about, in portions."""
        source, now = self._job.source, self._job.now
        if self._since is None:
            async for rows in source.stream(Page(family, alive_at=now, partial=True)):
                yield rows
                del rows
            return
        assert hasattr(source, "changed")
        async for rows in source.changed(family, self._since):
            yield [row for row in rows if alive(row, now)]
            del rows

    async def _record(
        self, family: Family, figures: FamilyReport, sides: tuple[Tally, Tally], row: Row, there: Row | None
    ) -> None:
        figures.records += 1
        figures.bytes += len(row[BODY])
        verdict = self._judge.judge(family, row, there)
        if verdict is Verdict.SAME:
            figures.target_records += 1
        elif verdict is Verdict.CONFLICT:
            await self._conflict(family, figures, row)
        elif verdict is Verdict.COPY:
            await self._copy(family, figures, row)
        if self._prove and verdict in (Verdict.SAME, Verdict.COPY) and (row[BODY] or self._job.merge is None):
            for side, one in zip(sides, (row, there), strict=True):
                if one is not None:
                    side.add(self._judge.essence(one))

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
        there = 0
        async for keys in all_keys(self._job.target, family):
            there += len(keys)
        figures.target_records = there
        if there == figures.records:
            return
        async for keys in all_keys(self._job.target, family):
            for start in range(0, len(keys), _LOOKED_UP):
                await self._drop_strangers(family, figures, keys[start : start + _LOOKED_UP])
        await self._batch.flush()

    async def _drop_strangers(self, family: Family, figures: FamilyReport, keys: Sequence[Key]) -> None:
        found = await self._job.source.fetch(family, keys)
        for key, row in zip(keys, found, strict=True):
            if row is None or not alive(row, self._job.now):
                self.differences += 1
                figures.dropped += self._write
                if self._write:
                    await self._batch.add(Drop(family, key, 0))

    def _tell(self, family: Family, count: int) -> None:
        self._seen += count
        if self._job.progress:
            self._job.progress(self._seen, self._job.total, f"{self._label} {family.name}")
