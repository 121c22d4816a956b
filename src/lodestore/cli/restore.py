"""A backup into its place: verified, copied row by row into a draft, compared, and only then given its name.

Until the last step whatever stood there before is untouched; then it is moved aside, never deleted.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from argparse import Namespace
from pathlib import Path

from ..config import registry
from ..core.backend import Backend, Vitals
from ..core.families import FAMILIES
from ..core.os_support import remove, sync_folder
from ..core.records import Copy, Page
from ..errors import CorruptError, InvalidInputError, UnavailableError
from . import NO, Negative, output
from .progress import OnProgress, progress
from .targets import is_there, made, path_of, secrets as keys

_SIDES = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a file, and would apply to a new one of its name


async def restore(arguments: Namespace) -> int:
    """A store made from a backup."""
    began = time.perf_counter()
    scheme, target = _destination(arguments, Path(arguments.path))
    backup = _source(Path(arguments.path))
    await backup.open()
    try:
        with progress("verifying", of="nothing"):
            problems = await backup.verify()
        if problems:
            return _refuse(arguments, problems)
        records, aside = await _publish(arguments, backup, scheme, target)
    finally:
        await backup.close()
    found = {"path": str(target), "records": records, "moved_aside": aside and str(aside)}
    _tell(arguments, {**found, "seconds": round(time.perf_counter() - began, 3)})
    return 0


def _source(path: Path) -> Backend:
    kind = "file" if path.is_dir() else "sqlite"
    if not is_there(kind, path):
        raise Negative(f"no backup at {path}")
    return made(kind, path)


def _destination(arguments: Namespace, source: Path) -> tuple[str, Path]:
    registry.backend(arguments.url, **keys(arguments.url))
    scheme, target = path_of(arguments.url)
    if target is None:
        raise InvalidInputError(
            f"{registry.describe(arguments.url)}: restore writes a file or a folder; then use `migrate`"
        )
    inner, outer = Path(os.path.realpath(source)), Path(os.path.realpath(target))
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise InvalidInputError(f"{target}: the backup and the store must not lie inside each other")
    if not arguments.force and (taken := _taken(target)):
        raise InvalidInputError(f"{taken[0]} exists already; --force renames it out of the way")
    return scheme, target


def _taken(target: Path) -> list[Path]:
    """What stands in the way at a destination."""
    names = [target.with_name(target.name + tail) for tail in ("", *_SIDES)]
    return [name for name in names if os.path.lexists(name) and not _is_empty(name)]


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _refuse(arguments: Namespace, problems: list[str]) -> int:
    if arguments.json:
        output.emit({"restored": False, "problems": problems})
    else:
        print("\n".join(map(output.one_line, problems)))
    return NO


async def _publish(arguments: Namespace, backup: Backend, scheme: str, target: Path) -> tuple[int, Path | None]:
    """Copy into a draft and give it the name; the records copied, and where the old store went."""
    draft = target.with_name(f"{target.name}.new-{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        settings = registry.split(arguments.url)[2]
        if scheme == "file":
            settings["backups"] = "false"  # the steps of a restore are no history worth keeping
        records = await _copied(backup, made(scheme, draft, settings))
        aside = _move_aside(target)
        _name(draft, target)
        sync_folder(target.parent)
    except OSError as error:
        raise UnavailableError(f"cannot restore to {target}: {error.strerror or error}") from error
    finally:
        _remove(draft)
    return records, aside


async def _copied(backup: Backend, draft: Backend) -> int:
    before = await backup.vitals(0)  # at time 0 nothing has expired yet: everything is copied and counted
    await draft.open()
    try:
        with progress("restoring", of="records") as told:
            await _copy(backup, draft, told, _total(before))
        after, problems = await draft.vitals(0), await draft.verify()
    finally:
        await draft.close()
    if problems or (after.counts, after.partial) != (before.counts, before.partial):
        raise CorruptError(
            f"the copy differs from the backup and was not kept: {(problems or ['the counts differ'])[0]}"
        )
    return sum(before.counts.values())


def _total(vitals: Vitals) -> int:
    return sum(vitals.counts.values()) + sum(vitals.partial.values())


async def _copy(backup: Backend, draft: Backend, told: OnProgress | None, total: int) -> None:
    done = 0
    for family in FAMILIES:
        async for rows in backup.stream(Page(family, partial=True)):
            await draft.apply([Copy(family, row) for row in rows])
            done += len(rows)
            if told:
                told(done, total, family.name)


def _move_aside(target: Path) -> Path | None:
    """Give what is there a free name; a file's log goes with it, under the name SQLite will look for."""
    taken = _taken(target)
    if not taken:
        return None
    number = 1
    while _taken(aside := target.with_name(f"{target.name}.old-{number}")):
        number += 1
    for path in reversed(taken):  # the log before the file: a crash in between leaves nothing that looks whole
        os.rename(path, aside.with_name(aside.name + path.name.removeprefix(target.name)))
    return aside


def _name(draft: Path, target: Path) -> None:
    """Give the draft its name, in a way that fails where somebody else has taken it meanwhile."""
    if _is_empty(target):
        target.rmdir()
    if draft.is_dir():
        os.rename(draft, target)
        return
    try:
        os.link(draft, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the check and the rename are two steps there
        if target.exists():
            raise
        os.rename(draft, target)


def _remove(draft: Path) -> None:
    if draft.is_dir():
        shutil.rmtree(draft)
    for tail in ("", *_SIDES):
        remove(draft.with_name(draft.name + tail))


def _tell(arguments: Namespace, found: dict[str, object]) -> None:
    if arguments.json:
        output.emit({"restored": True, **found})
        return
    print(f"{found['path']}: {output.plural(int(str(found['records'])), 'record')} restored in {found['seconds']} s")
    if found["moved_aside"]:
        print(f"the old store was renamed to {found['moved_aside']}")
