"""sqlite-vec's table, over a SQLite that loads extensions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlite_vec
from sqlcipher3 import dbapi2

from ..vectors import DIMENSION, Records, Scope
from .base import describe
from .nearest import Nearest, Record

INSERT = "INSERT INTO items (rowid, user, grp, embedding, text) VALUES (?, ?, ?, ?, ?)"
NEAR = "SELECT rowid FROM items WHERE embedding MATCH ? AND k = 10"


class Vec0(Nearest):
    """One table `vec0`, the user as its partition key or as a column; synchronous=FULL, called without a thread."""

    def __init__(self, partition: bool) -> None:
        self.name = f"sqlite-vec, {'partition key' if partition else 'one partition'}"
        self._user = "user INTEGER PARTITION KEY" if partition else "user INTEGER"

    async def _open(self) -> None:
        self._db = connected(self.folder / "vec.db")
        self._db.execute(
            f"CREATE VIRTUAL TABLE items USING vec0({self._user}, grp INTEGER, "
            f"embedding FLOAT[{DIMENSION}] distance_metric=cosine, +text TEXT)"
        )

    async def close(self) -> None:
        self._db.close()

    async def setting(self) -> str:
        names = ("journal_mode", "synchronous")
        return describe(*[self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in names])

    async def fill(self, records: Records) -> None:
        def rows(portion: range) -> Iterator[tuple[Any, ...]]:
            for n in portion:
                yield n, records.users[n], records.groups[n], records.vectors[n].tobytes(), records.text(n) or ""

        for portion in records.portions(10_000):
            self._db.execute("BEGIN")
            self._db.executemany(INSERT, rows(portion))
            self._db.execute("COMMIT")

    async def near(self, vector: Any, scope: Scope) -> list[int]:
        bound = vector.tobytes()
        if scope.user is not None:
            rows = self._db.execute(f"{NEAR} AND user = ?", (bound, scope.user)).fetchall()
        elif scope.group is not None:
            rows = self._db.execute(f"{NEAR} AND grp = ?", (bound, scope.group)).fetchall()
        else:
            rows = self._db.execute(NEAR, (bound,)).fetchall()
        return [row[0] for row in rows]

    async def write(self, record: Record) -> Any:
        self._db.execute(INSERT, (record.number, record.user, record.group, record.vector.tobytes(), record.text))


def connected(path: Any) -> Any:
    """A connection that commits by itself, with the extension, the log synced at every commit."""
    db = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
    db.enable_load_extension(True)
    sqlite_vec.load(db)
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.execute("PRAGMA synchronous = FULL")
    return db


def table(partition: bool = True) -> Vec0:
    """With the user as partition key, or without."""
    return Vec0(partition)
