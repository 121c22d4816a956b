"""Commands that move records into a store and out of it."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import registry
from ..core.clock import system_clock
from ..errors import InvalidInputError
from . import NO, output
from .progress import progress
from .targets import created, existing, path_of, secrets

SHOWN = 20  # problems printed before the rest is only counted


async def bring_in(arguments: Namespace) -> int:
    """Files into a store, which is created where there is none."""
    from ..transfer.importers import FORMATS, import_files

    registry.backend(arguments.into, **secrets(arguments.into))
    if arguments.format not in FORMATS:
        raise InvalidInputError(f"--format: {arguments.format!r} is not a format; choose from {', '.join(FORMATS)}")
    _check_files(arguments.files)  # before a store is made for nothing
    began = time.perf_counter()
    async with created(arguments.into) as store:
        with progress("importing") as told:
            report = await import_files(
                store.backend,
                arguments.files,
                format=arguments.format,
                now=system_clock(),
                on_conflict=arguments.on_conflict,
                progress=told,
            )
    seconds = time.perf_counter() - began
    counts = {name: getattr(report, name) for name in ("added", "updated", "unchanged", "expired", "records", "bytes")}
    found = {**counts, "families": dict(report.families), "seconds": round(seconds, 3)}
    problems = {"conflicts": report.conflicts, "broken": report.broken, "omitted": report.omitted}
    if arguments.json:
        output.emit({**found, **problems})
    else:
        _tell_import(found, problems)
    return 0 if report.ok else NO


def _check_files(names: Sequence[str]) -> None:
    for name in names:
        if name != "-" and not os.path.exists(name):
            raise InvalidInputError(f"{name}: no such file")


def _tell_import(found: dict[str, Any], problems: dict[str, Any]) -> None:
    names = ["added", "updated", "unchanged", *(["expired"] if found["expired"] else [])]
    output.pairs({**{name: found[name] for name in names}, "records": _rate(found), **_by_family(found)})
    for kind in ("broken", "conflicts"):
        if lines := problems[kind]:
            print(f"{kind}  {len(lines):,}")
            print("\n".join(f"  {output.one_line(line)}" for line in lines[:SHOWN]))
            if len(lines) > SHOWN:
                print(f"  ... and {len(lines) - SHOWN + problems['omitted']:,} more")


def _by_family(found: Mapping[str, Any]) -> dict[str, int]:
    return {f"  {name}": count for name, count in found["families"].items()}


def _rate(found: Mapping[str, Any]) -> str:
    seconds = max(found["seconds"], 0.001)
    return f"{found['records']:,} in {seconds:.2f} s ({found['records'] / seconds:,.0f} records/s)"


async def bring_out(arguments: Namespace) -> int:
    """A store as JSON lines, to a file or to standard output."""
    from ..transfer.export import export, open_output

    families = _families(arguments)
    out = arguments.out or "-"
    if out == "-" and arguments.json:
        raise InvalidInputError("--json: needs --out FILE, because the export itself goes to standard output")
    _check_outside(out, arguments.url)
    began = time.perf_counter()
    async with existing(arguments.url) as store:
        with open_output(out) as file, progress("exporting", hidden=out == "-" and sys.stdout.isatty()) as told:
            report = await export(
                store.backend, file, families=families, now=system_clock(), format=arguments.format, progress=told
            )
    seconds = round(time.perf_counter() - began, 3)
    found = {"out": out, "records": report.records, "families": dict(report.families), "bytes": report.bytes}
    if out != "-":
        _tell_export({**found, "seconds": seconds}, arguments.json)
    return 0


def _families(arguments: Namespace) -> list[str] | None:
    if arguments.families is None:
        return None
    if arguments.format != "lodestore":
        raise InvalidInputError(f"--families: {arguments.format} holds conversations and their messages only")
    return [name.strip() for name in arguments.families.split(",")]


def _tell_export(found: dict[str, Any], as_json: bool) -> None:
    found["file_bytes"] = os.path.getsize(found["out"])
    if as_json:
        output.emit(found)
        return
    sizes = f"{output.size(found['file_bytes'])} ({output.size(found['bytes'])} of text)"
    output.pairs({"written": found["out"], "size": sizes, "records": _rate(found), **_by_family(found)})


def _check_outside(out: str, url: str) -> None:
    """An export that took the store's own name would be the end of the store."""
    where = path_of(url)[1]
    if out == "-" or where is None:
        return
    target, store = Path(os.path.realpath(out)), Path(os.path.realpath(where))
    own = {store, *(store.with_name(f"{store.name}{tail}") for tail in ("-wal", "-shm", "-journal"))}
    if target in own or (store in target.parents and store.is_dir()):
        raise InvalidInputError(f"--out: {out} is part of the store itself")


async def back_up(arguments: Namespace) -> int:
    """A copy of a store in use, verified before it gets its name."""
    began = time.perf_counter()
    async with existing(arguments.url) as store:
        with progress("copying", of="nothing"):
            await store.backup(arguments.path)
    _tell_backup(Path(arguments.path), round(time.perf_counter() - began, 3), arguments.json)
    return 0


def _tell_backup(path: Path, seconds: float, as_json: bool) -> None:
    weight, path = _weight(path), path.absolute()
    if as_json:
        output.emit({"path": str(path), "bytes": weight, "verified": True, "seconds": seconds})
    else:
        print(f"{path}: {output.size(weight)}, verified, in {seconds:.2f} s")


def _weight(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
