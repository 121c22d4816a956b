"""Sweeping, verifying, copying, giving space back."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.engine import driver
from lodestore.errors import InvalidInputError, UnavailableError
from lodestore.store.store import Store
from tests.support.sqlite_tools import backend, run, trace


class TestPurge:
    def test_it_goes_in_bounded_steps(self, tmp_path: Path) -> None:
        now = [1_000_000]

        async def work() -> None:
            async with Store(SQLiteBackend(tmp_path / "a.db"), clock=lambda: now[0]) as store:
                await store.store_cache_entries({f"k{n}": {"n": n} for n in range(2500)}, ttl=1)
                await store.store_cache_entries({"stays": {}, "later": {}}, ttl=100)
                now[0] += 1000
                seen = trace(store)
                assert await store.purge_expired() == 2500
                assert len([text for text in seen if text.startswith("DELETE FROM cache")]) == 3
                assert await store.list_cache_keys() == ["later", "stays"]
                assert await store.purge_expired() == 0

        asyncio.run(work())


class TestCompact:
    def test_it_gives_space_back(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", [{"text": os.urandom(1500).hex()} for _ in range(1000)])
            await store.delete_raw_messages("c")
            found = await store.compact()
            assert found["bytes_after"] < found["bytes_before"] / 5
            assert backend(store)._writer._connection.execute("PRAGMA freelist_count").fetchone()[0] == 0
            assert (await store.verify())["ok"]

        run(work, tmp_path / "a.db")


class TestBackup:
    def test_it_is_consistent_while_writing_goes_on(self, tmp_path: Path) -> None:
        async def pair(store: Store, n: int) -> None:
            async with store.transaction() as tx:
                await tx.store_system_state(f"a{n}", {"n": n})
                await tx.store_system_state(f"b{n}", {"n": n})

        async def work(store: Store) -> None:
            for n in range(50):
                await pair(store, n)
            copying = asyncio.create_task(store.backup(str(tmp_path / "copy.db")))
            n = 50
            while not copying.done():
                await pair(store, n)
                n += 1
            await copying

        run(work, tmp_path / "a.db")

        async def check(store: Store) -> None:
            states = await store.list_system_states()
            assert {s[1:] for s in states if s[0] == "a"} == {s[1:] for s in states if s[0] == "b"}
            assert len(states) >= 100
            assert (await store.verify())["ok"]
            assert (await store.health_check())["details"]["journal_mode"] == "wal", "a copy is a store like any other"

        run(check, tmp_path / "copy.db")
        assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
        assert {p.name for p in tmp_path.iterdir()} == {"a.db", "copy.db"}

    def test_it_never_overwrites(self, tmp_path: Path) -> None:
        (tmp_path / "copy.db").write_text("precious")

        async def work(store: Store) -> None:
            with pytest.raises(InvalidInputError, match="never overwrites"):
                await store.backup(str(tmp_path / "copy.db"))
            with pytest.raises(UnavailableError, match="cannot write"):
                await store.backup(str(tmp_path / "no" / "such" / "folder.db"))

        run(work, tmp_path / "a.db")
        assert (tmp_path / "copy.db").read_text() == "precious"


class TestVerify:
    def test_a_missing_owner_is_found(self, tmp_path: Path) -> None:
        async def fill(store: Store) -> None:
            await store.store_memory("c", "m", {})

        run(fill, tmp_path / "a.db")
        connection = driver.connect(str(tmp_path / "a.db"), None, timeout=1)
        connection.execute("DELETE FROM conversation")  # foreign keys are off on a bare connection
        connection.close()

        async def verify(store: Store) -> None:
            found = await store.verify()
            assert found["problems"] == ["memory row 1: its conversation is missing"]

        run(verify, tmp_path / "a.db")

    def test_a_broken_index_is_found(self, tmp_path: Path) -> None:
        async def fill(store: Store) -> None:
            await store.store_cache_entry("k", {}, ttl=1000)

        run(fill, tmp_path / "a.db")
        connection = driver.connect(str(tmp_path / "a.db"), None, timeout=1)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'ix_cache_expires_at'")
        connection.close()
        connection = driver.connect(str(tmp_path / "a.db"), None, timeout=1)
        connection.execute("UPDATE cache SET expires_at = 5")
        connection.close()

        async def verify(store: Store) -> None:
            assert not (await store.verify())["ok"]

        run(verify, tmp_path / "a.db")


def test_health_tells_of_journal_and_encryption(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        health = await store.health_check()
        assert health["status"] == "healthy"
        assert health["details"]["journal_mode"] == "wal"
        assert health["details"]["encrypted"] is encrypted

    for encrypted in (False, True):
        run(work, tmp_path / f"{encrypted}.db", key=b"k" * 32 if encrypted else None)
