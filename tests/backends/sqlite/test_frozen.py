"""Stores as former schemas wrote them: each opens, is upgraded in place, and holds what it held.

`frozen/store-NNNN.db` was written by the lodestore of schema NNNN; the `.jsonl` beside it are its rows, with versions,
as that lodestore read them. Neither is ever written again.
"""

from __future__ import annotations

import asyncio
import runpy
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.util import CommandError
from sqlalchemy import create_engine

import lodestore
from lodestore.backends.sqlite.engine import driver
from lodestore.core.backend import Backend
from lodestore.core.families import FAMILIES
from lodestore.core.records import BODY, KEY, Page
from lodestore.sql import upgrade
from lodestore.sql.resources import tree
from lodestore.sql.sqlite_numbers import END, FIRST
from lodestore.store.store import Store

STORES = Path(__file__).parents[2] / "frozen"
FROZEN = sorted(STORES.glob("store-*.db"))
SEARCHED = STORES / "store-0006.db"  # with vectors; one record waits to be taken in


async def lines(backend: Backend) -> AsyncIterator[bytes]:
    """Family, key, version, times, place and body of every row, expired ones included."""
    for family in FAMILIES:
        for row in await backend.scan(Page(family, partial=True)):
            yield orjson.dumps([family.name, row[KEY:], row[1:KEY], row[BODY].decode()]) + b"\n"


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda path: path.stem)
class TestFrozen:
    def test_an_old_store_is_upgraded_and_holds_what_it_held(self, frozen: Path, tmp_path: Path) -> None:
        path = tmp_path / "old.db"
        shutil.copy(frozen, path)

        async def look() -> bytes:
            async with lodestore.open(f"sqlite:///{path}") as store:
                assert (await store.verify())["problems"] == []
                return b"".join([line async for line in lines(store.backend)])

        expected = frozen.with_suffix(".jsonl").read_bytes()
        assert asyncio.run(look()) == expected
        assert asyncio.run(look()) == expected, "opened again"

    def test_it_is_written_to_as_any_other(self, frozen: Path, tmp_path: Path) -> None:
        path = tmp_path / "old.db"
        shutil.copy(frozen, path)

        async def use() -> None:
            async with lodestore.open(f"sqlite:///{path}") as store:
                before = await store.load_raw_messages("Z")
                [position] = await store.append_raw_messages("Z", [{"role": "user", "content": "more"}])
                assert position > len(before), "two messages in the middle were deleted; no position comes again"
                assert await store.load_raw_messages("Z") == [*before, {"role": "user", "content": "more"}]
                assert await store.delete_conversation("Z")
                assert await store.load_raw_messages("Z") == []
                await store.compact()
                assert (await store.verify())["ok"]

        asyncio.run(use())


def test_there_is_one() -> None:
    assert FROZEN


def change(path: Path, *statements: str) -> list[Any]:
    """Run statements on a store that nobody has open; the rows of the last."""
    connection = driver.connect(str(path), None, timeout=5)
    try:
        return [connection.execute(text).fetchall() for text in statements][-1]
    finally:
        connection.close()


class TestTheIndexIsBuiltAnew:
    """Schema 0007 gave other numbers to all but messages."""

    @pytest.fixture
    def old(self, tmp_path: Path) -> Path:
        shutil.copy(SEARCHED, tmp_path / "old.db")
        return tmp_path / "old.db"

    def look(self, path: Path) -> None:
        async def main() -> None:
            async with lodestore.open(f"sqlite:///{path}") as store:
                assert await self.names(store, "oslo") == self.of(0)
                assert await self.names(store, "molde") == [*self.of(3)[:1], ("memory", "a", "m2"), *self.of(3)[1:]]
                for n in range(4):
                    vector = [float(n == at) for at in range(4)]
                    found = [hit for hit in await store.search(vector=vector, limit=None) if hit.score > 0.9]
                    assert sorted((hit.family, *hit.key) for hit in found) == self.of(n, items=False)
                    [item] = await store.search(vector=vector, namespace=("places", "north"), limit=1)
                    assert item.key == ("places", "abcd"[n])
                assert (await store.verify())["problems"] == []

        asyncio.run(main())

    async def names(self, store: Store, word: str) -> list[tuple[Any, ...]]:
        hits = await store.search(word, limit=None)
        return sorted((hit.family, *hit.key) for hit in hits)

    def of(self, n: int, *, items: bool = True) -> list[tuple[Any, ...]]:
        """The names of what says the n-th word."""
        said = [("raw_message", place, n) for place in ("Z", "a") if place == "a" or n in (0, 3)]
        kept = [("memory", place, f"m{n}") for place in ("Z", "a") if n < 2]
        return sorted([*said, *kept, ("result", f"r{n}"), *([("item", "places", "abcd"[n])] if items else [])])

    def test_what_was_searched_finds_the_same(self, old: Path) -> None:
        self.look(old)

    def test_it_waits_where_the_store_was_awake_and_sleeps_where_it_slept(self, old: Path, tmp_path: Path) -> None:
        asleep = tmp_path / "asleep.db"
        shutil.copy(old, asleep)
        change(asleep, "DELETE FROM unindexed", f"INSERT INTO unindexed VALUES ({FIRST}, {END})")
        for path, waiting in ((old, [(FIRST, -1), (0, END)]), (asleep, [(FIRST, END)])):
            upgrade.upgrade(path, lambda path=path: driver.connect(str(path), None, timeout=5))
            assert change(path, "SELECT first, last FROM unindexed ORDER BY first") == waiting
            for table in ("posting", "packed", "cells"):
                assert change(path, f"SELECT count(*) FROM {table}") == [(0,)]
            self.look(path)

    def test_places_too_large_for_a_number_come_nearer(self, old: Path) -> None:
        change(
            old,
            f"UPDATE memory SET position = {2**30} + position WHERE conversation_id = 'a'",
            "UPDATE item SET position = (4 - position) << 28",
        )
        self.look(old)
        assert change(old, "SELECT memory_id, position FROM memory WHERE conversation_id = 'a' ORDER BY position") == [
            (f"m{n}", n) for n in range(3)
        ]
        assert change(old, "SELECT memory_id, position FROM memory WHERE conversation_id = 'Z'") == [
            ("m0", 0),
            ("m1", 1),
        ]
        assert change(old, "SELECT item_id, position FROM item ORDER BY position") == [
            *zip("dcba", range(4), strict=True)
        ]

    def test_what_has_no_room_is_refused(self, old: Path) -> None:
        migration = runpy.run_path(str(tree("migrations") / "versions" / "0007_numbers.py"))
        close_gaps = migration["close_gaps"]
        close_gaps.__globals__["LAST"] = 1
        engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(old))
        with (
            engine.connect() as connection,
            Operations.context(MigrationContext.configure(connection)),
            pytest.raises(CommandError, match="memory: 'a' has more than 2 records"),
        ):
            close_gaps("memory", "conversation_id")
        engine.dispose()
