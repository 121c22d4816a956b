"""The bound on the stored cache: held within a tenth, the right ones go first, rare counts, nobody harmed."""

from __future__ import annotations

import asyncio
import logging
import random
import string
from pathlib import Path
from typing import Any

import pytest

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.maintenance import eviction
from lodestore.backends.sqlite.maintenance.eviction import Evictor
from lodestore.errors import UnavailableError
from lodestore.store.store import Store
from tests.support.sqlite_tools import backend, run, trace

LETTERS = string.ascii_letters + string.digits + "!#$%&()*+,-./:;<=>?@[]^_{|}~"
FIT = 200  # entries


def entry(n: int) -> dict[str, Any]:
    """A document of its own that no packing makes much smaller, but for a dictionary that has seen it before."""
    return {"n": n, "text": "".join(random.Random(n).choices(LETTERS, k=1000))}


@pytest.fixture(scope="module")
def limit(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Room for FIT entries, as they are stored."""

    async def work(store: Store) -> int:
        await store.store_cache_entries({f"k{n:07}": entry(n) for n in range(FIT)})
        return await stored(store)

    found: int = run(work, tmp_path_factory.mktemp("unit") / "a.db")
    return found


async def stored(store: Store) -> int:
    [row] = await store.sql("SELECT coalesce(sum(length(body) + length(cache_key)), 0) AS n FROM cache")
    return int(row["n"])


def bound(store: Store) -> Evictor:
    found = backend(store)._evictor
    assert found is not None
    return found


async def settled(store: Store) -> int:
    """Bytes of the stored cache when nothing is under way."""
    task = backend(store)._background.running(bound(store))
    if task is not None:
        await asyncio.wait([task])
    return await stored(store)


class TestBound:
    def test_it_is_kept_within_a_tenth(self, tmp_path: Path, limit: int) -> None:
        async def work(store: Store) -> None:
            await store.store_system_state(
                "large", {"text": [f"{n:x}" for n in range(60_000)]}
            )  # a file beyond the limit
            most = 0
            for n in range(1500):
                await store.store_cache_entry(f"k{n}", entry(n))
                if n % 4 == 0:
                    most = max(most, await settled(store))
            assert limit * 0.8 < most <= limit * 1.1
            assert bound(store).counts <= 1500 * 1050 / (limit / 10) + 1, "no more counts than tenths were written"
            assert await store.load_cache_entry("k1499") == entry(1499)
            assert await store.load_cache_entry("k0") is None
            assert await store.load_system_state("large") is not None

        run(work, tmp_path / "a.db", max_cache_bytes=limit, durability="process", dictionaries=False)

    def test_many_at_once_go_in_bounded_steps(
        self, tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(eviction, "CHOSEN", 300)
        monkeypatch.setattr(eviction, "STEP", 100)

        async def work(store: Store) -> None:
            seen = trace(store)
            await store.store_cache_entries({f"k{n}": entry(n) for n in range(2000)})
            assert limit * 0.85 < await settled(store) <= limit * 0.9
            dropped = "\n".join(text.split()[0] for text in seen).split("BEGIN")[2:]
            counts = [part.count("DELETE") for part in dropped]
            assert max(counts) == 100
            assert sum(counts) > 1500

        run(work, tmp_path / "a.db", max_cache_bytes=limit, dictionaries=False)

    def test_expired_then_nearest_expiry_then_oldest(self, tmp_path: Path, limit: int) -> None:
        async def main() -> None:
            now = [10**6]
            kernel = SQLiteBackend(tmp_path / "a.db", max_cache_bytes=limit, dictionaries=False)
            async with Store(kernel, clock=lambda: now[0]) as store:
                for n in range(60):  # in an order of their own
                    now[0] += 1
                    await store.store_cache_entry(f"stays {n * 7 % 60:02}", entry(n))
                await store.store_cache_entries({f"dead {n:02}": entry(n) for n in range(40)}, 0.5)
                for n in range(40):
                    await store.store_cache_entry(f"ends {n:02}", entry(n), 100 - n)
                await store.store_cache_entry("stays 00", entry(0))
                now[0] += 600
                assert await settled(store) < limit
                left = []
                for n, many in enumerate((65, 35, 35)):
                    await store.store_cache_entries({f"new {n} {m}": entry(m) for m in range(many)}, 500)
                    await settled(store)
                    left.append(await store.list_cache_keys())
            ends = [[key for key in keys if key.startswith("ends")] for keys in left]
            assert len(ends[0]) == 40, "what has expired makes room"
            assert 0 < len(ends[1]) < 40
            assert ends[1] == [f"ends {n:02}" for n in range(len(ends[1]))], "those that end last are left"
            assert ends[2] == []
            assert all(sum(key.startswith("stays") for key in keys) == 60 for keys in left)

        asyncio.run(main())

    def test_of_those_that_stay_the_oldest_written_go(self, tmp_path: Path, limit: int) -> None:
        async def main() -> None:
            now = [10**6]
            kernel = SQLiteBackend(tmp_path / "a.db", max_cache_bytes=limit, dictionaries=False)
            async with Store(kernel, clock=lambda: now[0]) as store:
                for n in range(180):
                    now[0] += 1
                    await store.store_cache_entry(f"k{n}", entry(n))
                await settled(store)
                for n in range(20):
                    now[0] += 1
                    await store.store_cache_entry(f"k{n}", entry(n + 1))
                await store.store_cache_entries({f"new {n}": entry(n) for n in range(60)})
                await settled(store)
                left = set(await store.list_cache_keys())
            gone = {n for n in range(180) if f"k{n}" not in left}
            assert gone == set(range(20, 20 + len(gone)))
            assert len(gone) > 30

        asyncio.run(main())

    def test_without_a_bound_nothing_is_counted(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            assert backend(store)._evictor is None
            await store.store_cache_entries({f"k{n}": entry(n) for n in range(300)})
            assert len(await store.list_cache_keys()) == 300

        run(work, tmp_path / "a.db")


class TestBeside:
    def test_the_tier_forgets_what_goes_and_keeps_what_stays(self, tmp_path: Path, limit: int) -> None:
        async def work(store: Store) -> None:
            hot = backend(store).cache
            assert hot is not None
            for n in range(400):
                await store.store_cache_entry(f"k{n}", entry(n))
                await store.load_cache_entry(f"k{n}")
            await settled(store)
            assert len(list(hot._recent)) > 100
            left = set(await store.list_cache_keys())
            for n in range(400):
                found = await store.load_cache_entry(f"k{n}")
                assert (found == entry(n)) if f"k{n}" in left else found is None

        run(work, tmp_path / "a.db", max_cache_bytes=limit, dictionaries=False)

    def test_what_was_written_anew_does_not_go(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entries({"a": entry(1), "b": entry(1)})
            connection = backend(store)._writer._connection
            victims = eviction.choose(connection, 10**6)
            await store.store_cache_entry("a", entry(2))
            assert await backend(store)._writer.chore(lambda c: eviction.drop(c, victims), "dropping") == 1
            assert await store.list_cache_keys() == ["a"]
            assert await store.load_cache_entries(["a", "b"]) == {"a": entry(2)}

        run(work, tmp_path / "a.db")

    def test_a_failure_is_told_to_the_log_alone(
        self, tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise UnavailableError("gone fishing")

        async def work(store: Store) -> None:
            with monkeypatch.context() as patch:
                patch.setattr(eviction, "drop", fail)
                await store.store_cache_entries({f"k{n}": entry(n) for n in range(300)})
                assert await settled(store) > limit
            await store.store_cache_entries({f"more {n}": entry(n) for n in range(30)})
            assert await settled(store) <= limit

        with caplog.at_level(logging.WARNING):
            run(work, tmp_path / "a.db", max_cache_bytes=limit, dictionaries=False)
        assert "gone fishing" in caplog.text

    def test_closing_in_the_midst_of_it(self, tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(eviction, "STEP", 10)

        async def work(store: Store) -> None:
            await store.store_cache_entries({f"k{n}": entry(n) for n in range(500)})
            await asyncio.sleep(0.005)

        run(work, tmp_path / "a.db", max_cache_bytes=limit, durability="process", dictionaries=False)

        async def check(store: Store) -> None:
            assert (await store.verify())["ok"]

        run(check, tmp_path / "a.db")
