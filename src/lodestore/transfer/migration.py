"""Migration: a copy from beginning to end, with what is refused, the lock and the passes.

The position of a migration is what the target holds: a pass compares and writes what is missing, so one that was
killed goes on by being run again. A record in the target (the lock) says that the rest of it comes from this
migration; it is the first thing written and the last one removed, and who does not hold it writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from ..core.backend import Backend
from ..core.families import CATALOGUE, FAMILIES, Family
from ..errors import InvalidInputError
from .batching import is_empty
from .catch_up import SnapshotChain, catch_up
from .copy_pass import CopyJob, CopyPass, check_foreign_writes
from .migration_lock import MigrationLock, migration_record
from .report import MigrationReport, Progress

Merge = Literal["skip", "overwrite", "fail"]
MERGES = ("skip", "overwrite", "fail")
MOST_PASSES = 10


async def migrate(
    source: Backend,
    target: Backend,
    *,
    families: Sequence[str] | None = None,
    merge: Merge | None = None,
    dry_run: bool = False,
    verify: bool = True,
    resume: bool = False,
    discard_foreign_writes: bool = False,
    now: int,
    progress: Progress | None = None,
    origin: str = "",
) -> MigrationReport:
    """Copy what has not expired by `now` (milliseconds) into `target`; both are open.

    Without `merge` the target becomes what the source is, so it must be empty, or hold an unfinished migration of
    the same families and `origin` (any name of the source) that `resume` finishes. InvalidInputError where others have
    written records to it that the source does not hold, unless `discard_foreign_writes` says that they go. With `merge`
    it keeps what it has; for records it holds otherwise "skip" and "overwrite" settle it, "fail" writes nothing at all
    if there is one.

    A source with snapshots (SQLite) is read as it stood at the beginning, so it need not be quiet; with `verify` what
    was written and deleted since is copied too, until nothing is left or there have been ten rounds: the target
    is the source as of one commit. Of other sources `verify` compares both sides and copies what has been written or
    deleted meanwhile, until they agree or there have been ten passes; without it, and with `merge`, such a source must
    be quiet.
    `progress` is told the records of a pass seen, those there are, and what is being done.
    """
    began = time.perf_counter()
    await _check(source, target, merge)
    chosen = _chosen(families)
    report = MigrationReport(dry_run=dry_run, merge=merge)
    total = await _total(source, families, now) if progress else None
    async with SnapshotChain(source) as chain:
        snapshot = await chain.next() if source.capabilities.snapshots else None
        report.as_of = snapshot.sequence if snapshot else None
        about = {"families": [family.name for family in chosen], "origin": origin}
        held = MigrationLock(target, about, report.as_of, strangers=discard_foreign_writes)
        lock = held if merge is None and not dry_run else None
        job = CopyJob(snapshot or source, target, chosen, merge, now, report, progress, total, lock)
        if await _ready(job, resume=resume, discard_foreign_writes=discard_foreign_writes):
            await _copy(job, verify)
            if lock and snapshot and verify and report.agreed:
                await catch_up(job, chain, snapshot)
            if lock and report.agreed is not False:
                await lock.finish()
    report.seconds = time.perf_counter() - began
    return report


async def _check(source: Backend, target: Backend, merge: str | None) -> None:
    if merge not in (None, *MERGES):
        raise InvalidInputError(f"merge: expected one of {', '.join(MERGES)}, not {merge!r}")
    if source is target:
        raise InvalidInputError("source and target are the same store")
    both = source.capabilities.identity and target.capabilities.identity
    if both and await source.identity() == await target.identity():
        raise InvalidInputError("source and target are the same store, by two names")


def _chosen(names: Sequence[str] | None) -> tuple[Family, ...]:
    if names is None:
        return tuple(FAMILIES)
    if unknown := [name for name in names if name not in CATALOGUE]:
        raise InvalidInputError(f"families: {unknown[0]!r} is not a family; choose from {', '.join(CATALOGUE)}")
    return tuple(family for family in FAMILIES if family.name in names)


async def _total(source: Backend, families: Sequence[str] | None, now: int) -> int:
    vitals = await source.vitals(now)
    return sum(vitals.counts[f.name] + vitals.partial[f.name] for f in _chosen(families))


async def _ready(job: CopyJob, *, resume: bool, discard_foreign_writes: bool) -> bool:
    """Whether there is something to copy, into a target that is ours."""
    if await migration_record(job.source):
        raise InvalidInputError("the source is the target of an unfinished migration: finish that first")
    there = await migration_record(job.target)
    if there and (job.merge or not resume):
        raise InvalidInputError("the target holds an unfinished migration: resume it, or choose another target")
    empty = not there and await _nothing_in(job)
    if not (there or empty or job.merge or resume):
        raise InvalidInputError(
            "the target is not empty: merge into it (skip, overwrite or fail), or choose another target"
        )
    if job.report.dry_run or job.merge == "fail":
        await CopyPass(job, "comparing", write=False).run()
        return not job.report.dry_run and not job.report.conflicts
    if job.lock is None:
        return True
    if not there and not empty:
        return not await _finished_before(job)
    if there is None:
        await _begin(job, job.lock)
        return True
    await job.lock.take_over(there)
    if not discard_foreign_writes:
        await check_foreign_writes(job)
    job.lock.advance()
    return True


async def _begin(job: CopyJob, lock: MigrationLock) -> None:
    await lock.begin()
    if not await _nothing_in(job):  # another migration came and went, or somebody wrote, while we looked
        await lock.finish()
        raise InvalidInputError("somebody else has just written to the target: look at it first")


async def _nothing_in(job: CopyJob) -> bool:
    for family in FAMILIES:
        if not await is_empty(job.target, family, job.now):
            return False
    return True


async def _finished_before(job: CopyJob) -> bool:
    """Whether a migration that is to be resumed came to its end the last time; the report says so."""
    verifying = CopyPass(job, "verifying", write=False, prove=True)
    await verifying.run()
    job.report.agreed = not verifying.differences and _equal(job.report)
    if not job.report.agreed:
        raise InvalidInputError(
            "the target is not empty and holds no unfinished migration: merge into it, or choose another target"
        )
    return True


async def _copy(job: CopyJob, verify: bool) -> None:
    """The pass that copies, and those that verify until one finds nothing left to do."""
    report = job.report
    await CopyPass(job, "copying", write=True).run()
    while verify and not report.agreed and report.passes < MOST_PASSES:
        verifying = CopyPass(job, "verifying", write=True, prove=True)
        await verifying.run()
        report.agreed = not verifying.differences and _equal(report)
    if report.agreed is False:
        reason = "stop what writes to the " + ("source" if report.as_of is None else "target")
        report.note = f"after {report.passes} passes both sides still differ: {reason}, then resume"


def _equal(report: MigrationReport) -> bool:
    return all(family.source_hash == family.target_hash for family in report.families.values())
