"""A migration from beginning to end: what is refused, the mark of one under way, the passes.

The position of a migration is what the target holds: a pass compares and writes what is missing, so one that was
killed goes on by being run again. A record in the target (the mark) says that the rest of it comes from this
migration; it is the first thing written and the last one removed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

from ..catalogue import CATALOGUE, FAMILIES, STATE, Family
from ..codec import encode
from ..errors import Refused
from ..kernel import BODY, Backend, Drop, Put, Sequenced, Source
from .report import MigrationReport
from .streaming import MARK, is_empty
from .walking import Job, Progress, Walk

Merge = Literal["skip", "overwrite", "fail"]
MERGES = ("skip", "overwrite", "fail")
MOST_PASSES = 10
MOST_ROUNDS = 20


async def migrate(
    source: Backend,
    target: Backend,
    *,
    families: Sequence[str] | None = None,
    merge: Merge | None = None,
    dry_run: bool = False,
    verify: bool = True,
    resume: bool = False,
    now: int,
    progress: Progress | None = None,
    origin: str = "",
) -> MigrationReport:
    """Copy what has not expired by `now` (milliseconds) into `target`; both are open.

    Without `merge` the target becomes what the source is, so it must be empty, or hold an unfinished migration of
    the same families and `origin` (any name of the source) that `resume` finishes. With `merge` it keeps what it has;
    for records it holds otherwise "skip" and "overwrite" settle it, "fail" writes nothing at all if there is one.

    A source that is `Sequenced` (SQLite) is read as it stood at the beginning, so it need not be quiet; with `verify`
    what was written and deleted since is copied too, until nothing is left. Of other sources `verify` compares both
    sides and copies what has been written or deleted meanwhile, until they agree or there have been ten passes;
    without it, and with `merge`, such a source must be quiet.
    `progress` is told the records of a pass seen, those there are, and what is being done.
    """
    began = time.perf_counter()
    _check(source, target, merge)
    if await source.identity() is not None and await source.identity() == await target.identity():
        raise Refused("source and target are one store, by two names")
    report = MigrationReport(dry_run=dry_run)
    total = await _total(source, families, now) if progress else None
    async with _at_rest(source) as (moment, sequence):
        job = Job(moment, target, _chosen(families), merge, now, report, progress, total)
        if await _mark(moment):
            raise Refused("the source holds an unfinished migration itself: finish that first")
        await _migrate(job, dry_run=dry_run, verify=verify, resume=resume, origin=origin)
    if merge is None and not dry_run:
        if isinstance(source, Sequenced) and sequence is not None and verify and report.agreed:
            await _catch_up(job, source, sequence)
        if report.agreed is not False:
            await target.apply([Drop(STATE, MARK, 0)])
    report.seconds = time.perf_counter() - began
    return report


@asynccontextmanager
async def _at_rest(source: Backend) -> AsyncIterator[tuple[Source, int | None]]:
    """The source as of one moment and the number of its last commit then, where it can tell; else as it is."""
    if not isinstance(source, Sequenced):
        yield source, None
        return
    async with source.snapshot() as moment:
        yield moment, moment.sequence


def _check(source: Backend, target: Backend, merge: str | None) -> None:
    if merge not in (None, *MERGES):
        raise Refused(f"merge: {merge!r} is none of {', '.join(MERGES)}")
    if source is target:
        raise Refused("source and target are one store")


def _chosen(names: Sequence[str] | None) -> tuple[Family, ...]:
    if names is None:
        return FAMILIES
    if unknown := [name for name in names if name not in CATALOGUE]:
        raise Refused(f"families: {unknown[0]!r} is none of {', '.join(CATALOGUE)}")
    return tuple(family for family in FAMILIES if family.name in names)


async def _total(source: Backend, families: Sequence[str] | None, now: int) -> int:
    vitals = await source.vitals(now)
    return sum(vitals.counts[f.name] + vitals.partial[f.name] for f in _chosen(families))


async def _mark(backend: Source) -> bytes | None:
    [row] = await backend.fetch(STATE, [MARK])
    return row[BODY] if row else None


async def _migrate(job: Job, *, dry_run: bool, verify: bool, resume: bool, origin: str) -> None:
    mark = encode({"families": [family.name for family in job.families], "origin": origin})
    begun = await _begun(job, mark, resume)
    if dry_run or job.merge == "fail":
        await Walk(job, "comparing", write=False).run()
        if dry_run or job.report.conflicts:
            return
    if begun is None and not await _finished_before(job):
        raise Refused("the target is not empty, and no migration into it is under way; merge it, or take another")
    if job.merge is None and not begun:
        await job.target.apply([Put(STATE, MARK, mark, 0)])  # at time 0: it leaves no trace in the newest time either
    await _copy(job, verify)


async def _begun(job: Job, mark: bytes, resume: bool) -> bool | None:
    """Whether the target holds a beginning of this migration; None where it holds something, but no mark of one."""
    there = await _mark(job.target)
    if there is not None:
        if job.merge or not resume:
            raise Refused("the target holds an unfinished migration: resume it, or take another target")
        if there != mark:
            raise Refused("the unfinished migration in the target is of another source, or of other families")
        return True
    if job.merge or await _nothing_in(job):
        return False
    if not resume:
        raise Refused("the target is not empty: merge into it (skip, overwrite or fail), or take another")
    return None


async def _nothing_in(job: Job) -> bool:
    for family in FAMILIES:
        if not await is_empty(job.target, family, job.now):
            return False
    return True


async def _finished_before(job: Job) -> bool:
    """Whether a migration that is to be resumed came to its end the last time."""
    walk = Walk(job, "comparing", write=False)
    await walk.run()
    return not walk.differences


async def _copy(job: Job, verify: bool) -> None:
    """The pass that copies, and those that verify until one finds nothing left to do."""
    report = job.report
    await Walk(job, "copying", write=True).run()
    while verify and not report.agreed and report.passes < MOST_PASSES:
        walk = Walk(job, "verifying", write=True, prove=True)
        await walk.run()
        report.agreed = not walk.differences and _equal(report)
    if report.agreed is False:
        report.note = (
            f"after {report.passes} passes both sides still differ: stop what writes to the source, then resume"
        )


async def _catch_up(job: Job, source: Sequenced, since: int) -> None:
    """What was written and deleted since a commit, as often as there is something; each round has less to do.

    A round copies the records with newer versions, compares them again, and compares the keys of both sides.
    """
    report = job.report
    for _ in range(MOST_ROUNDS):
        async with source.snapshot() as moment:
            if moment.sequence == since:
                return
            rest = replace(job, source=moment)
            before = report.total("copied") + report.total("dropped")
            await Walk(rest, "catching up with", write=True, since=since).run()
            report.caught_up += report.total("copied") + report.total("dropped") - before
            again = Walk(rest, "verifying", write=True, since=since)
            await again.run()
            if again.differences:
                report.agreed = False
                report.note = "the target does not keep what it is given: verify it"
                return
            since = moment.sequence
    report.agreed = False
    report.note = (
        f"the target holds the source as it stood after commit {since}, and that is still written to: "
        "stop what writes to the source, then resume"
    )


def _equal(report: MigrationReport) -> bool:
    return all(family.source_hash == family.target_hash for family in report.families.values())
