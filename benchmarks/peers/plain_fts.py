"""FTS5 as one would set it up: texts in it, the user a column that is not indexed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lodestore.backends.sqlite.engine import driver
from lodestore.search.query import expression, parse

from ..vectors import Records
from .base import Peer, describe

TABLE = "CREATE VIRTUAL TABLE docs USING fts5(body, user UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2')"
FIND = "SELECT rowid, body FROM docs WHERE docs MATCH ? AND user = ? ORDER BY rank LIMIT 10"


class PlainFts(Peer):
    """On our own driver, called without a thread; asked in the words that lodestore makes of a question."""

    name, durability = "FTS5, user as a column", "power"

    async def _open(self) -> None:
        path = Path(self.folder) / "fts.db"
        path.touch()
        self._db = driver.connect(str(path), None, 5)
        self._db.execute("PRAGMA journal_mode = WAL").fetchall()
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(TABLE)

    async def close(self) -> None:
        self._db.close()

    async def guarantee(self) -> str:
        names = ("journal_mode", "synchronous")
        return describe(*[self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in names])

    async def fill(self, records: Records) -> None:
        """Store the texts, and merge the index into one part."""
        self._db.execute("BEGIN")
        rows = ((n, records.text(n), records.users[n]) for n in range(len(records)))
        self._db.executemany("INSERT INTO docs (rowid, body, user) VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")
        self._db.execute("INSERT INTO docs (docs) VALUES ('optimize')")

    async def match(self, text: str, user: int) -> list[Any]:
        """The ten best of a user."""
        return self._db.execute(FIND, (expression(parse(text)), user)).fetchall()  # type: ignore[no-any-return]


def table() -> PlainFts:
    """On one file."""
    return PlainFts()
