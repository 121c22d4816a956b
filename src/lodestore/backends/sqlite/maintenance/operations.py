"""Maintenance operations: expiry, verification, backup, giving space back."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ....core.families import FAMILIES
from ....core.os_support import remove, sync_file, sync_folder
from ....core.records import Page
from ....encoding.packer import Packer
from ....errors import CorruptError, InvalidInputError, UnavailableError
from ....sql import sqlite_fts, statements
from ..engine import driver
from ..engine.store_file import StoreFile, publish
from ..engine.transaction import Commit, transact
from ..records import reads
from ..search import indexer
from . import dictionary_table

PAGES_A_STEP = 500
LITTLE_SPACE = 64 * 1024 * 1024  # free bytes below which a write may soon fail


def sweep(connection: driver.Connection, now: int, limit: int) -> tuple[int, Commit | None]:
    """Delete at most `limit` expired rows in one transaction; the count. Runs in the writer's thread.

    The hot cache need not be told which: it gives nothing out that has expired.
    """
    expiring = [family for family in FAMILIES if family.expires]
    if not any(connection.execute(statements.sweepable(family), (now,)).fetchone() for family in expiring):
        return 0, None

    def delete() -> int:
        left = limit
        for family in expiring:
            left -= connection.execute(statements.sweep(family), (now, left)).rowcount
        return limit - left

    return transact(connection.cursor(), delete, now)


def latest(connection: driver.Connection) -> int:
    """The newest time any write has carried."""
    row = connection.execute("SELECT latest FROM store").fetchone()
    if row is None:
        raise CorruptError("the table `store` is empty: restore a backup")
    return int(row[0])


def size(path: Path) -> int:
    """Bytes on disk: the database and its log."""
    return sum(os.stat(name).st_size for name in (path, f"{path}-wal") if os.path.exists(name))


def details(connection: driver.Connection) -> dict[str, Any]:
    """Figures for health and stats."""
    names = ("journal_mode", "page_count", "page_size", "freelist_count", "user_version")
    found: dict[str, Any] = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    found = {name: value if name == "journal_mode" else int(value) for name, value in found.items()}
    found["schema"] = found.pop("user_version")
    found["encrypted"] = bool(connection.execute("PRAGMA cipher_version").fetchone()) and _has_key(connection)
    found["sqlite_version"] = driver.VERSION
    return found


def _has_key(connection: driver.Connection) -> bool:
    row = connection.execute("PRAGMA cipher_status").fetchone()
    return bool(row) and str(row[0]) == "1"


def warnings(path: Path) -> list[str]:
    """What an operator should know before it hurts."""
    free = shutil.disk_usage(path.parent).free
    return [f"only {free:,} bytes are free"] if free < LITTLE_SPACE else []


def verify(connection: driver.Connection, packer: Packer) -> list[str]:
    """Pages, indexes, foreign keys, dictionaries, every body's checksum and the search index; one line a problem.

    As of one moment, and not before the index was read in it: FTS5 checks itself by the list of parts that its
    connection read last, and parts that were merged since look like damage.
    """
    run = driver.cursor(connection, packer)
    return reads.as_of(run, _problems)[1]


def _problems(run: driver.Cursor) -> list[str]:
    with suppress(driver.Error):  # where it cannot be read the check says more
        run.execute(sqlite_fts.ANY_POSTED).fetchone()
    problems = [row[0] for row in run.execute("PRAGMA integrity_check").fetchall() if row[0] != "ok"]
    for table, rowid, parent, _ in run.execute("PRAGMA foreign_key_check").fetchall():
        problems.append(f"{table} row {rowid}: its {parent} is missing")
    problems += dictionary_table.problems(run.connection)
    for family in FAMILIES:
        problems += reads.broken(run, Page(family, partial=True))
    try:
        problems += indexer.problems(run)
    except driver.Error as error:
        problems.append(f"the index of text cannot be read ({error}): `lodestore reindex` builds it anew")
    return problems


def backup(site: StoreFile, path: Path) -> None:
    """A compact copy as of now, beside running writes, verified before it gets its name."""
    draft = path.with_name(f"{path.name}.new-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        if path.exists():
            raise InvalidInputError(f"{path} exists already: a backup never overwrites")
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with driver.renaming(f"copying to {path}"), closing(site.connect()) as connection:
            connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
            connection.execute("VACUUM INTO ?", (str(draft),))
        _check_copy(site.copy_at(draft))
        sync_file(draft)
        publish(draft, path)
        sync_folder(path.parent)
    except OSError as error:
        raise UnavailableError(f"cannot write a backup to {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # such as a name too long to be anybody's
            remove(draft)


def _check_copy(copied: StoreFile) -> None:
    with driver.renaming(f"reading {copied.path}"), closing(copied.reader()) as copy:
        problems = verify(copy, Packer())
    if problems:
        raise CorruptError(f"the backup failed verification and was deleted: {problems[0]}")


def compact(connection: driver.Connection) -> None:
    """Move free pages out of the file in steps, then empty the log into it."""
    while before := connection.execute("PRAGMA freelist_count").fetchone()[0]:
        # Through execute() this pragma frees one page a call, whatever it is told.
        connection.executescript(f"PRAGMA incremental_vacuum({PAGES_A_STEP})")
        if connection.execute("PRAGMA freelist_count").fetchone()[0] >= before:
            break
    connection.execute("PRAGMA optimize").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
