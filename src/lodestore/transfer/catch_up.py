"""Catch-up: what was written and deleted in the source since the copied snapshot, done to the target in rounds.

A round costs what has changed: the target is asked for these records alone, and never for all of its keys.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from ..core.backend import Backend, Snapshot
from ..core.families import STATE, Family
from ..core.records import KEY, PLACE, VERSION, Copy, Drop, Key, Row, alive
from .batching import Batch, all_keys, differences
from .comparison import Verdict
from .copy_pass import LOOKED_UP, CopyJob
from .report import FamilyReport

MOST_ROUNDS = 10
_TRIES = 3  # of a round after which the target is other than it was made


class SnapshotChain:
    """The snapshots of a source that are held, oldest first."""

    def __init__(self, source: Backend) -> None:
        self._source = source
        self._held: list[AbstractAsyncContextManager[Snapshot]] = []

    async def __aenter__(self) -> SnapshotChain:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._held:
            await self.forget()

    async def next(self) -> Snapshot:
        """The store as it stands now; only of a source with snapshots."""
        held = self._source.snapshot()
        snapshot = await held.__aenter__()
        self._held.append(held)
        return snapshot

    async def forget(self) -> None:
        """Let go of the oldest."""
        await self._held.pop(0).__aexit__(None, None, None)


async def catch_up(job: CopyJob, chain: SnapshotChain, old: Snapshot) -> None:
    """Until nothing was written in between, or for so many rounds: then the target is the source as of a commit.

    Commits that write no record come from the upkeep of a store, such as indexing.
    """
    report, before = job.report, _written(job)
    for _ in range(MOST_ROUNDS):
        new = await chain.next()
        if new.sequence == old.sequence:
            break
        work = await _arrived(job, old, new)
        if work is None:
            report.agreed = False
            report.note = "the target does not keep what it is given, or something else writes to it: verify it"
            break
        await chain.forget()
        old = new
        if not work.needed:
            break
    else:
        report.note = (
            f"verified: the target holds the source as of commit {old.sequence}; the source is still written to, "
            "and what was written later is not in the target"
        )
    report.as_of = old.sequence
    report.caught_up = _written(job) - before
    if report.caught_up and report.agreed:
        await _count(job)


def _written(job: CopyJob) -> int:
    return job.report.total("copied") + job.report.total("dropped")


async def _arrived(job: CopyJob, old: Snapshot, new: Snapshot) -> CatchUpRound | None:
    """One round, done again where the target differs after it; None where it goes on differing."""
    for _ in range(_TRIES):
        work = CatchUpRound(job, old, new)
        await work.run()
        if not await work.differs():
            return work
    return None


async def _count(job: CopyJob) -> None:
    """How many records the target holds after all; another number than in the source shows a third hand."""
    vitals = await job.target.vitals(job.now)
    for family in job.families:
        figures = job.report.families[family.name]
        figures.target_records = vitals.counts[family.name] + vitals.partial[family.name] - (family is STATE)
        if figures.target_records != figures.records and not family.expires:
            job.report.agreed = False
            job.report.note = f"the target holds {family.name} records of its own: something else writes to it"


class CatchUpRound:
    """The target, which equals `old`, made equal to `new`."""

    def __init__(self, job: CopyJob, old: Snapshot, new: Snapshot) -> None:
        self._job, self._old, self._new = job, old, new
        self._batch = Batch(job.apply)
        self._gone: dict[Family, list[Key]] = {}
        self.needed = False  # something was written or deleted between the two

    async def run(self) -> None:
        """Write what has to be written."""
        try:
            for family in self._job.families:
                await self._family(family, self._job.report.families[family.name])
            await self._batch.flush()
        finally:
            await self._batch.abandon()
        self._job.report.versions_kept &= self._batch.versions_kept

    async def differs(self) -> bool:
        """Whether the target holds something else of what this round was about."""
        comparison = self._job.comparison()
        for family in self._job.families:
            async for rows in self._changed(family):
                there = await self._job.target.fetch(family, [row[KEY:] for row in rows])
                pairs = zip(rows, there, strict=True)
                if any(comparison.compare(family, row, found) is not Verdict.SAME for row, found in pairs):
                    return True
            for keys in _portions(self._gone[family]):
                if any(await self._job.target.fetch(family, keys)):
                    return True
        return False

    async def _family(self, family: Family, figures: FamilyReport) -> None:
        """Drops come first: what goes or moves may hold the place of what comes."""
        now = self._job.now
        added, changed = await self._make_way(family)
        before, after = await self._old.count(family, now), await self._new.count(family, now)
        gone, come = await self._differences(family) if before + added != after else (set(), set())
        self._gone[family] = sorted(gone)
        self.needed |= bool(changed or gone or come)
        for key in self._gone[family]:
            await self._batch.add(Drop(family, key, 0))
        figures.dropped += len(gone)
        if changed:
            async for rows in self._changed(family):
                await self._copy(family, figures, rows)
        for keys in _portions(sorted(come)):
            rows = [row for row in await self._new.fetch(family, keys) if row is not None]
            await self._copy(family, figures, [row for row in rows if row[VERSION] <= self._old.sequence])
        figures.records = after
        if self._job.progress:
            self._job.progress(self._job.total or 0, self._job.total, f"catching up with {family.name}")

    async def _make_way(self, family: Family) -> tuple[int, int]:
        """How many of the records written since are new, and how many there are; those that moved leave their place."""
        added = changed = 0
        async for rows in self._changed(family):
            keys = [row[KEY:] for row in rows]
            changed += len(rows)
            added += sum(not _held(row, self._job.now) for row in await self._old.fetch(family, keys))
            if family.arrival:
                there = await self._job.target.fetch(family, keys)
                for row, found in zip(rows, there, strict=True):
                    if found is not None and found[PLACE] != row[PLACE]:
                        await self._batch.add(Drop(family, row[KEY:], 0))
        return added, changed

    async def _differences(self, family: Family) -> tuple[set[Key], set[Key]]:
        now = self._job.now
        return await differences(all_keys(self._old, family, now), all_keys(self._new, family, now))

    async def _changed(self, family: Family) -> AsyncIterator[list[Row]]:
        async for rows in self._new.changed(family, self._old.sequence):
            if living := [row for row in rows if alive(row, self._job.now)]:
                yield living
            del rows, living

    async def _copy(self, family: Family, figures: FamilyReport, rows: Sequence[Row]) -> None:
        figures.copied += len(rows)
        for row in rows:
            await self._batch.add(Copy(family, row))


def _held(row: Row | None, now: int) -> bool:
    return row is not None and alive(row, now)


def _portions(keys: Sequence[Key]) -> list[Sequence[Key]]:
    return [keys[start : start + LOOKED_UP] for start in range(0, len(keys), LOOKED_UP)]
