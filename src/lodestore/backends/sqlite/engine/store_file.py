"""Store file: creating and opening one. A file appears whole or not at all, and no other file is taken for one.

A new store is built under a temporary name, synced, and linked to its own name in one step that fails if the name is
taken. So a power cut leaves no half-made store, and of several processes that create at once exactly one wins while
the others open what it made.
"""

from __future__ import annotations

import glob
import os
import secrets
from contextlib import closing
from pathlib import Path

from ....core.os_support import is_running, remove, sync_file, sync_folder
from ....errors import CorruptError, InvalidInputError, LodestoreError, UnavailableError, UnsupportedError
from ....sql import APPLICATION_ID, REVISION, revision_name
from ....sql.resources import schema
from . import driver

EncryptionKey = str | bytes | None


def create(path: Path, key: EncryptionKey) -> None:
    """Create an empty store at `path`; does nothing when another process was quicker."""
    try:
        _make_folder(path.parent)
        draft = path.with_name(f"{path.name}.new-{os.getpid()}-{secrets.token_hex(4)}")
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _build(draft, key)
            sync_file(draft)
            publish(draft, path)
        finally:
            _sweep(draft)
        sync_folder(path.parent)
        _sweep_the_dead(path)
    except OSError as error:
        raise UnavailableError(f"cannot create a store at {path}: {error.strerror or error}") from error


def _make_folder(folder: Path) -> None:
    # Level by level, each synced into the one above: a power cut may not take a folder with an acknowledged store.
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def _sweep(draft: Path) -> None:
    for name in (draft, f"{draft}-wal", f"{draft}-shm", f"{draft}-journal"):
        remove(name)


def _sweep_the_dead(path: Path) -> None:
    """Remove the drafts of processes that were killed while they made this store."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.new-*"):
        if not _alive(left.name.removeprefix(f"{path.name}.new-").split("-")[0]):
            remove(left)


def _alive(process: str) -> bool:
    return not process.isdecimal() or is_running(int(process))  # a name that is none of ours stays


def _build(draft: Path, key: EncryptionKey) -> None:
    with driver.renaming(f"creating {draft}"):
        connection = driver.connect(str(draft), key, timeout=5)
        try:
            for pragma in ("auto_vacuum = INCREMENTAL", "journal_mode = WAL", "synchronous = FULL"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            connection.executescript("BEGIN IMMEDIATE;\n" + schema_text() + "COMMIT;")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()


def schema_text() -> str:
    """The SQL of an empty store, as committed in `schema/sqlite.sql`."""
    return schema("sqlite.sql")


def publish(draft: Path, path: Path) -> None:
    """Give a finished file its name, unless the name is taken."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links: the check and the rename are two steps there
        if not path.exists():
            draft.rename(path)


def inspect(connection: driver.Connection, path: Path, key: EncryptionKey) -> int:
    """The schema number of an opened store; an error that says what the file is where it is none of ours."""
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        number = connection.execute("PRAGMA user_version").fetchone()[0]
    except driver.Error as error:
        raise _unreadable(error, path, key) from None
    if application != APPLICATION_ID:
        raise InvalidInputError(
            f"{path} is a SQLite database but not a lodestore store; if Connectome made it, "
            f"`lodestore import {path} --into URL` reads it"
        )
    if number > REVISION:
        raise UnsupportedError(
            f"{path} has schema {revision_name(number)}, newer than {revision_name()}: upgrade lodestore"
        )
    return int(number)


def _unreadable(error: Exception, path: Path, key: EncryptionKey) -> LodestoreError:
    renamed = driver.renamed(error, f"opening {path}")
    if getattr(error, "sqlite_errorname", "") != "SQLITE_NOTADB":
        return renamed
    hint = (
        "the key is wrong, or the store is not encrypted, or it is no SQLite file"
        if key is not None
        else "it is encrypted (pass key=, or set LODESTORE_KEY for the command line) or no SQLite file"
    )
    return InvalidInputError(f"{path} cannot be read: {hint}")


def check_file(path: Path) -> bool:
    """Whether a store is there. An empty file is refused: a truncated store looks like a new one."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UnavailableError(f"cannot reach {path}: {error.strerror or error}") from error
    if path.is_dir():
        raise InvalidInputError(
            f"{path} is a directory; a SQLite store is a file (for a folder of JSON use file:///...)"
        )
    if found.st_size == 0:
        raise CorruptError(
            f"{path} exists but is empty, as a truncated store would be: delete it to create a new one there"
        )
    return True


class StoreFile:
    """Where a store is and how to connect to it."""

    def __init__(self, path: Path, key: EncryptionKey, timeout: float, cache: int = driver.CACHE_MIB) -> None:
        self.path = path
        self._key = key
        self._timeout = timeout
        self._cache = cache

    def prepare(self) -> None:
        """Create the store where there is none, upgrade an old one; an error that says why where it cannot be used."""
        if not check_file(self.path):
            create(self.path, self._key)
        with closing(self.connect()) as connection:
            number = inspect(connection, self.path, self._key)
            if number == REVISION:
                with driver.renaming(f"opening {self.path}"):  # a copy made by VACUUM INTO has lost its mode
                    connection.execute("PRAGMA journal_mode = WAL").fetchall()
        if number < REVISION:
            from ....sql.upgrade import upgrade

            upgrade(self.path, self.connect)
            self.prepare()

    def connect(self) -> driver.Connection:
        """A bare connection."""
        return driver.connect(str(self.path), self._key, self._timeout)

    def writer(self) -> driver.Connection:
        """The one connection that writes and checkpoints."""
        return driver.tune(self.connect(), writer=True, cache=self._cache)

    def reader(self) -> driver.Connection:
        """A connection that only reads."""
        return driver.tune(self.connect(), writer=False, cache=self._cache)

    def looker(self) -> driver.Connection:
        """A connection that reads single records."""
        return self.reader() if self._key is not None else driver.mapped(self.reader())

    def copy_at(self, path: Path) -> StoreFile:
        """The same store at another path."""
        return StoreFile(path, self._key, self._timeout, self._cache)


class FileIdentity:
    """Which file a path led to when the store was opened, to notice that it was replaced under us.

    SQLite gives no error when its file is deleted or swapped: commits keep succeeding into a file without a name.
    """

    def __init__(self, path: Path) -> None:
        self._paths = [str(path), f"{path}-wal"]
        self._seen = [self._identify(name) for name in self._paths]

    @staticmethod
    def _identify(name: str) -> tuple[int, int] | None:
        try:
            found = os.stat(name)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def check(self) -> None:
        """UnavailableError when the database or its log is no longer the file that was opened."""
        for name, seen in zip(self._paths, self._seen, strict=True):
            if self._identify(name) != seen:
                raise UnavailableError(
                    f"{name} was deleted or replaced while the store was open: nothing was written; reopen it"
                )
