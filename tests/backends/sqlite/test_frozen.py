"""Stores as former schemas wrote them: each opens, is upgraded in place, and holds what it held.

`frozen/store-NNNN.db` was written by the lodestore of schema NNNN; the `.jsonl` beside it are its rows, with versions,
as that lodestore read them. Neither is ever written again.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

import lodestore
from lodestore.core.backend import Backend
from lodestore.core.families import FAMILIES
from lodestore.core.records import BODY, KEY, Page

FROZEN = sorted((Path(__file__).parents[2] / "frozen").glob("store-*.db"))


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
