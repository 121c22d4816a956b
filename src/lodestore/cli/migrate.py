"""The command that moves a store to another backend."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..backends.memory import MemoryBackend
from ..config import registry
from ..core.backend import Backend
from ..core.clock import system_clock
from ..errors import InvalidInputError
from ..transfer import MigrationReport, migrate as transfer
from . import NO, output
from .progress import progress
from .targets import existing, is_there, path_of, require

SHOWN = 20  # conflicts printed before the rest is only counted
SOON = 0.3  # seconds in which a write under way may end without a word
TARGET = "LODESTORE_TARGET_"  # before the names of the target's secrets


async def migrate(arguments: Namespace) -> int:
    """Everything in one store, copied into another and compared."""
    if arguments.discard_foreign_writes and not arguments.resume:
        raise InvalidInputError("--discard-foreign-writes: only with --resume")
    require(arguments.source)
    _check(arguments.source, arguments.target)
    async with existing(arguments.source, **_lean(arguments.source)) as source, _target(arguments) as target:
        with progress("migrating", of="rated") as told:
            moving = transfer(
                source.backend,
                target,
                families=None if arguments.families is None else [n.strip() for n in arguments.families.split(",")],
                merge=arguments.merge,
                dry_run=arguments.dry_run,
                verify=not arguments.no_verify,
                resume=arguments.resume,
                discard_foreign_writes=arguments.discard_foreign_writes,
                now=system_clock(),
                progress=told,
                origin=_origin(arguments.source),
            )
            report = await _patiently(moving)
    if arguments.json:
        output.emit(report.as_dict())
    else:
        _tell(report)
    return 0 if report.ok else NO


async def _patiently(moving: Coroutine[Any, Any, MigrationReport]) -> MigrationReport:
    """Its report; whoever interrupts it is told where it takes a while."""
    task = asyncio.ensure_future(moving)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        asyncio.get_running_loop().call_later(SOON, _say_why_it_lasts)  # here, or while the target is closed
        task.cancel()
        await asyncio.wait({task})
        raise


def _say_why_it_lasts() -> None:
    print("lodestore: finishing the write under way", file=sys.stderr, flush=True)


def _check(source: str, target: str) -> None:
    if registry.split(source)[0] == "memory":
        raise InvalidInputError("a memory: store starts empty: there is nothing to migrate")
    registry.backend(target, **_secrets(source, target))  # a wrong setting is told before anything is opened
    if registry.whereabouts(source) and registry.whereabouts(source) == registry.whereabouts(target):
        raise InvalidInputError("source and target are the same store")
    (_, one), (_, other) = path_of(source), path_of(target)
    if one is None or other is None:
        return
    inner, outer = Path(os.path.realpath(one)), Path(os.path.realpath(other))
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise InvalidInputError("source and target are the same store, or one lies inside the other")
    if one.exists() and other.exists() and one.samefile(other):  # by two hard links, say
        raise InvalidInputError("source and target are the same store, by two names")


def _origin(url: str) -> str:
    """What tells a source from another, and nobody what it is."""
    scheme, path = path_of(url)
    real = f"{scheme} {os.path.realpath(path)}" if path else registry.whereabouts(url) or scheme
    return sha256(real.encode(errors="surrogateescape")).hexdigest()[:32]


def _secrets(source: str, target: str) -> dict[str, Any]:
    """The target's: its own, which may be empty for none, else those of the source; but for a password.

    One server's password is not for another to see. That of the only server may go by either name.
    """
    if registry.whereabouts(source):
        return {**registry.secrets(target, TARGET), **_keys(target)}
    return registry.secrets(target, TARGET, registry.PREFIX)


def _keys(target: str) -> dict[str, Any]:
    found = registry.secrets(target, TARGET, registry.PREFIX)
    return {name: value for name, value in found.items() if name != "password"}


def _lean(url: str) -> dict[str, Any]:
    """Settings for a store that is gone through once, where the URL says nothing else.

    Pages are not asked for again, and the steps of a migration are no history worth keeping.
    """
    scheme, _, asked = registry.split(url)
    lean: dict[str, dict[str, Any]] = {"sqlite": {"cache": 2}, "file": {"backups": False}}
    return {name: value for name, value in lean.get(scheme, {}).items() if name not in asked}


@asynccontextmanager
async def _target(arguments: Namespace) -> AsyncIterator[Backend]:
    scheme, path = path_of(arguments.target)
    secrets = _secrets(arguments.source, arguments.target)
    backend = registry.backend(arguments.target, **secrets, **_lean(arguments.target))
    if arguments.dry_run and not (is_there(scheme, path) and await backend.exists()):
        backend = MemoryBackend()  # stands in for the store there would be
    await backend.open()
    try:
        yield backend
    finally:
        await backend.close()


def _tell(report: MigrationReport) -> None:
    rate = f"{report.total('copied'):,} in {report.seconds:.2f} s" + _per_second(report)
    sums = {"records": report.total("records"), "bytes": output.size(report.total("bytes"))}
    late = {"caught up": report.caught_up} if report.caught_up else {}
    output.pairs({**sums, **({} if report.dry_run else {"copied": rate, "passes": report.passes, **late})})
    for name, family in report.families.items():
        if any(asdict(family)[count] for count in ("records", "copied", "dropped")):
            hashed = f"  {family.source_hash[:16]}" if family.source_hash == family.target_hash else "  differs"
            line = f"  {name:<16}{family.records:>12,}  {output.size(family.bytes):>12}"
            print(line + (hashed if family.source_hash else ""))
    _tell_conflicts(report)
    print(output.one_line(report.note or _verdict(report)))


def _per_second(report: MigrationReport) -> str:
    return f" ({report.total('copied') / max(report.seconds, 0.001):,.0f} records/s)"


def _tell_conflicts(report: MigrationReport) -> None:
    if not report.conflicts:
        return
    count = len(report.conflicts) + report.omitted
    print(f"conflicts  {count:,}")
    print(
        "\n".join(
            f"  {output.one_line(name)}: the target holds a different record" for name in report.conflicts[:SHOWN]
        )
    )
    if count > SHOWN:
        print(f"  ... and {count - SHOWN:,} more")


def _verdict(report: MigrationReport) -> str:
    if report.dry_run:
        return "dry run: nothing was written"
    if report.agreed is None:
        return "nothing was written" if report.conflicts else "copied, not verified"
    return "verified: both sides hold the same" + (", but for the conflicts" if report.conflicts else "")
