"""SQLite driver: the one library, the one place that connects, the one place that translates its errors.

Everything lodestore does to a file goes through this driver, Alembic included: two SQLite libraries on one file in
one process drop each other's locks and lose acknowledged data. For the same reason nothing here or elsewhere ever
opens a live database file itself; `os.stat` and `os.chmod` on its path are harmless.
"""

from __future__ import annotations

import os
import sqlite3 as codes  # the constants only: this library never connects to anything
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import sqlcipher3.dbapi2 as sqlcipher

from ....encoding.packer import Packer
from ....errors import (
    CorruptError,
    InvalidInputError,
    LodestoreError,
    OutcomeUnknownError,
    StorageFullError,
    UnavailableError,
    UnsupportedError,
)

Connection = Any  # sqlcipher3 ships no types
Cursor = Any  # one with a packer, from `cursor`
Error = sqlcipher.Error
IntegrityError = sqlcipher.IntegrityError
Warning = sqlcipher.Warning  # what the driver raises for two statements at once
VERSION: str = sqlcipher.sqlite_version

# Before 3.51.3 two connections that write and checkpoint at the same instant can corrupt a WAL database
# (https://sqlite.org/wal.html#walresetbug).
OLDEST_SAFE = (3, 51, 3)
CACHE_MIB = 16
# Pages in the log after which a commit checkpoints it, so that the next one begins at its front again. A commit that is
# synced costs less where it overwrites a part of the log than where it makes the file longer: decision 14.
SYNCED_PAGES = 1000
UNSYNCED_PAGES = 4000
MAPPED_BYTES = 1 << 30  # of the file at most

_CLASSES: dict[int, type[LodestoreError]] = {
    codes.SQLITE_CORRUPT: CorruptError,
    codes.SQLITE_NOTADB: CorruptError,
    codes.SQLITE_FULL: StorageFullError,
    codes.SQLITE_TOOBIG: InvalidInputError,
}


def connect(path: str, key: str | bytes | None, timeout: float) -> Connection:
    """A connection to a file that is there, in autocommit mode, for any thread; `key` unlocks it."""
    if sqlcipher.sqlite_version_info < OLDEST_SAFE:
        found, wanted = sqlcipher.sqlite_version, ".".join(map(str, OLDEST_SAFE))
        raise UnsupportedError(
            f"SQLite {found} can corrupt a database in WAL mode: install sqlcipher3 with {wanted} or newer"
        )
    with renaming(f"opening {path}"):
        # mode=rw never creates: a store that is gone must not come back empty.
        connection = sqlcipher.connect(
            f"{_address(path)}?mode=rw",
            uri=True,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    if key is not None:
        connection.execute("PRAGMA cipher_log_level = NONE").fetchall()  # else a wrong key chats on stderr
        connection.execute(f"PRAGMA key = {_key_literal(key)}").fetchall()
    return connection


def _address(path: str) -> str:
    """The URI of a file. On Windows the drive, or the server and its share, stand behind the empty host."""
    whole = os.path.abspath(path).replace(os.sep, "/")
    return f"file://{'' if whole.startswith('/') else '/'}{quote(whole, safe='/:')}"


class _Cursor(sqlcipher.Cursor):  # type: ignore[misc]
    packer: Packer


def cursor(connection: Connection, packer: Packer) -> Cursor:
    """A cursor that carries the packer of its store along."""
    made = connection.cursor(_Cursor)
    made.packer = packer
    return made


def _key_literal(key: str | bytes) -> str:
    # PRAGMA takes no parameters. A raw key of 32 bytes skips the key derivation, which takes a tenth of a second.
    if isinstance(key, bytes):
        return f"\"x'{key.hex()}'\""
    escaped = key.replace("'", "''")
    return f"'{escaped}'"


def tune(connection: Connection, *, writer: bool, cache: int = CACHE_MIB) -> Connection:
    """Settings of a session: only the writer may write or checkpoint; `cache` is in MiB."""
    pragmas = ["foreign_keys = ON", f"cache_size = -{cache * 1024}", "secure_delete = OFF"]
    if not writer:
        pragmas += ["wal_autocheckpoint = 0", "query_only = ON"]
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    if writer:
        sync_commits(connection, True)
    return connection


def sync_commits(run: Connection | Cursor, synced: bool) -> None:
    """Whether the commits from now on reach the disk before they return; the log is kept accordingly long."""
    pages, level = (SYNCED_PAGES, "FULL") if synced else (UNSYNCED_PAGES, "NORMAL")
    # The promise last: where the first fails, commits keep to what the writer believes it has set.
    for pragma in (f"wal_autocheckpoint = {pages}", f"synchronous = {level}"):
        run.execute(f"PRAGMA {pragma}").fetchall()


def mapped(connection: Connection) -> Connection:
    """Let a reader of single records see the file without copying: a quarter faster, but its pages become ours."""
    connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}").fetchall()
    return connection


def renamed(error: Exception, doing: str, *, committing: bool = False) -> LodestoreError:
    """The lodestore error for one of the driver; `doing` says what was under way."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    text = f"{doing}: {error} ({name})"
    primary = code & 0xFF
    if primary == codes.SQLITE_IOERR and committing:
        return OutcomeUnknownError(f"{text}: the commit may or may not have reached the disk; run the same write again")
    if primary == codes.SQLITE_ERROR:
        return CorruptError(f"{text}: the tables are not those lodestore made")
    if primary in (codes.SQLITE_BUSY, codes.SQLITE_LOCKED):
        return UnavailableError(f"{text}: another process holds the write lock; try again, or increase `timeout`")
    return _CLASSES.get(primary, UnavailableError)(text)


@contextmanager
def renaming(doing: str) -> Iterator[None]:
    """Rename whatever the driver raises inside the block."""
    try:
        yield
    except Error as error:
        raise renamed(error, doing) from error
