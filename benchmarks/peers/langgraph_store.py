"""The store of langgraph over SQLite, which searches with sqlite-vec."""

from __future__ import annotations

from typing import Any

from langgraph.store.base import PutOp
from langgraph.store.sqlite import SqliteStore

from ..vectors import DIMENSION, Records, Scope
from .nearest import Nearest, Record
from .vec0 import connected

PLACE = "bench"
ASKED = "asked"  # the text that stands for the vector of a search


class LangGraphStore(Nearest):
    """Each user a namespace. It takes texts, so the vector of each text is handed to it by a function.

    Where Python's own sqlite3 loads no extensions its store does not start; here it is given a connection that does.
    """

    name = "langgraph SqliteStore"

    async def _open(self) -> None:
        self._vectors: dict[str, Any] = {}
        self._db = connected(self.folder / "store.db")
        index: Any = {"dims": DIMENSION, "embed": self._embed, "text_fields": ["text"]}
        self._store = SqliteStore(self._db, index=index)
        self._store.setup()

    def _embed(self, texts: Any) -> list[list[float]]:
        return [self._vectors[text].tolist() for text in texts]

    async def close(self) -> None:
        self._db.close()

    async def setting(self) -> str:
        return "journal_mode=wal, synchronous=FULL"

    async def fill(self, records: Records) -> None:
        for portion in records.portions(1000):
            self._vectors = {f"{number}": records.vectors[number] for number in portion}
            self._store.batch(
                PutOp((PLACE, f"{records.users[n]}"), f"{n}", {"text": f"{n}", "group": records.groups[n]})
                for n in portion
            )

    async def near(self, vector: Any, scope: Scope) -> list[int]:
        self._vectors = {ASKED: vector}
        place = (PLACE,) if scope.user is None else (PLACE, f"{scope.user}")
        wanted = None if scope.group is None else {"group": scope.group}
        return [int(item.key) for item in self._store.search(place, query=ASKED, filter=wanted, limit=10)]

    async def write(self, record: Record) -> Any:
        self._vectors = {record.text: record.vector}
        value = {"text": record.text, "group": record.group}
        self._store.put((PLACE, f"{record.user}"), f"{record.number}", value)


def store() -> LangGraphStore:
    """On one file."""
    return LangGraphStore()
