"""How long the log gets: short where commits are synced, for they cost less where they overwrite a part of it.

Page for page, not by the clock: a commit has lengthened the log when its file was shorter before.
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lodestore.backends.sqlite.engine import driver
from lodestore.errors import UnavailableError
from lodestore.store.store import Store
from tests.backends.sqlite.test_group_commit import Faulty
from tests.support.sqlite_tools import backend, run

FRAME, HEADER = 4096 + 24, 32  # bytes a page takes in the log, and what stands before the first
LARGE = 40_000  # bytes of a record when it is packed: some ten pages, so that few commits fill the log

Write = Callable[[Store, int], Awaitable[Any]]


def document(number: int) -> dict[str, Any]:
    """Too random to be packed."""
    return {"n": number, "text": random.Random(number).randbytes(LARGE).hex()}


async def state(store: Store, number: int) -> None:
    await store.store_system_state(f"k{number % 7}", document(number))


async def entry(store: Store, number: int) -> None:
    await store.store_cache_entry(f"k{number % 7}", document(number))


def length(path: Path) -> int:
    """Pages the file of the log has room for; never opened, for closing it would drop SQLite's locks."""
    return max(0, os.stat(f"{path}-wal").st_size - HEADER) // FRAME


async def lengths(store: Store, path: Path, write: Write, writes: int) -> list[int]:
    """How long the log was after each write."""
    found = []
    for number in range(writes):
        await write(store, number)
        await backend(store)._writer.drain()
        found.append(length(path))
    return found


def settings(store: Store) -> tuple[int, int]:
    """Of the writing connection: after how many pages it checkpoints, and whether its commits are synced (2) or not."""
    ask = backend(store)._writer._connection.execute
    return ask("PRAGMA wal_autocheckpoint").fetchone()[0], ask("PRAGMA synchronous").fetchone()[0]


SYNCED, UNSYNCED = (driver.SYNCED_PAGES, 2), (driver.UNSYNCED_PAGES, 1)


def test_synced_commits_stop_lengthening_the_log_after_a_thousand_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    async def work(store: Store) -> None:
        seen = await lengths(store, path, state, 300)
        full = next(n for n, pages in enumerate(seen) if pages >= driver.SYNCED_PAGES)
        assert full < 120, "the law is about what comes after"
        assert seen[-1] < driver.SYNCED_PAGES + 40, "no more than the commit that made it full"
        # A commit that fills it may be a page or two larger than the one that did so before.
        assert sum(after > before for before, after in zip(seen[full:], seen[full + 1 :], strict=False)) <= 3
        assert await store.load_system_state("k5") == document(299 - (299 - 5) % 7)
        assert (await store.verify())["ok"]

    run(work, path, dictionaries=False)


@pytest.mark.parametrize(("write", "durability"), [(state, "process"), (entry, "power")])
def test_commits_without_sync_keep_the_long_log(tmp_path: Path, write: Write, durability: str) -> None:
    path = tmp_path / "a.db"

    async def work(store: Store) -> None:
        seen = await lengths(store, path, write, 500)
        assert driver.UNSYNCED_PAGES <= seen[-1] < driver.UNSYNCED_PAGES + 40

    run(work, path, durability=durability, dictionaries=False)


def test_what_the_cache_left_in_the_log_is_checkpointed_by_the_next_record(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    async def work(store: Store) -> None:
        before = (await lengths(store, path, entry, 200))[-1]
        assert before > driver.SYNCED_PAGES
        seen = await lengths(store, path, state, 50)
        # The first one still stands behind the entries; it empties the log.
        assert seen[0] > before
        assert set(seen) == {seen[0]}, "all others overwrite"

    run(work, path, dictionaries=False)


def test_the_length_follows_the_promise(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        assert settings(store) == SYNCED, "from the start"
        await store.store_cache_entry("k", {})
        assert settings(store) == UNSYNCED
        await store.store_system_state("k", {})
        assert settings(store) == SYNCED

    run(work, tmp_path / "a.db")


@pytest.mark.parametrize("at", [1, 2])
def test_a_switch_that_fails_half_way_leaves_no_record_without_its_sync(tmp_path: Path, at: int) -> None:
    async def work(store: Store) -> None:
        writer = backend(store)._writer
        real, writer._cursor = writer._cursor, Faulty(writer._cursor, at, "SQLITE_IOERR")
        with pytest.raises(UnavailableError):
            await store.store_cache_entry("k", {})
        writer._cursor = real
        await store.store_system_state("k", {})
        assert settings(store)[1] == 2
        await store.store_cache_entry("k", {})
        assert settings(store) == UNSYNCED
        writer._cursor = Faulty(real, at, "SQLITE_IOERR")
        with pytest.raises(UnavailableError):
            await store.store_system_state("k", {"v": 1})
        writer._cursor = real
        await store.store_system_state("k", {"v": 2})
        assert settings(store) == SYNCED

    run(work, tmp_path / "a.db")


def test_beside_a_reader_that_holds_the_log_it_grows_and_is_emptied_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    async def work(store: Store) -> None:
        reader = driver.tune(driver.connect(str(path), None, 1), writer=False)
        reader.execute("BEGIN")
        reader.execute("SELECT commits FROM store").fetchall()
        grown = (await lengths(store, path, state, 150))[-1]
        assert grown > driver.SYNCED_PAGES + 100, "what the reader may still read is kept"
        reader.close()
        seen = await lengths(store, path, state, 60)
        assert seen[0] < grown + 40
        assert set(seen) == {seen[0]}, "all others overwrite"
        assert (await store.verify())["ok"]

    run(work, path, dictionaries=False)
