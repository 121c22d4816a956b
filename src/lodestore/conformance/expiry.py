"""Expiry laws: what has expired is gone, whatever the clock does afterwards."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from ..errors import ConflictError, InvalidInputError
from ..store.store import Store
from .kit import START, FakeClock, Kit, folder

NO_TTLS: list[Any] = [0, -1, -0.001, math.nan, math.inf, -math.inf, True, False, "60", b"1", [1]]


async def is_gone(store: Store, key: str) -> None:
    """Nothing in the interface shows the entry."""
    assert await store.load_cache_entry(key) is None
    assert await store.load_cache_entries([key]) == {}
    assert key not in await store.list_cache_keys()
    assert await store.version_of("cache", key) == 0


class Lifetimes(Kit):
    """An entry with a time to live is there until now >= expires_at, and never again."""

    def test_a_senseless_ttl_is_refused(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_cache_entry("k", {"kept": True})
            for wrong in NO_TTLS:
                with pytest.raises(InvalidInputError, match="ttl"):
                    await store.store_cache_entry("k", {}, wrong)
                with pytest.raises(InvalidInputError, match="ttl"):
                    await store.store_cache_entries({"k": {}}, wrong)
            assert await store.load_cache_entry("k") == {"kept": True}

        self.on_store(work)

    def test_an_entry_ends_on_the_millisecond(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for key, ttl, lasts in (("a", 1, 1000), ("b", 0.25, 250), ("c", 0.0001, 1), ("d", 3600, 3_600_000)):
                await store.store_cache_entry(key, {"key": key}, ttl)
                clock.now += lasts - 1
                assert await store.load_cache_entry(key) == {"key": key}
                assert await store.load_cache_entries([key, "x"]) == {key: {"key": key}}
                assert key in await store.list_cache_keys()
                clock.now += 1
                await is_gone(store, key)

        self.on_store(work)

    def test_without_a_ttl_it_stays(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_cache_entry("k", {}, None)
            await store.store_cache_entry("far", {}, 1e18)
            clock.now += 10**14
            assert await store.list_cache_keys() == ["far", "k"]
            assert await store.purge_expired() == 0

        self.on_store(work)

    def test_overwriting_starts_the_time_anew(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for key, second in (("longer", 10), ("ever", None), ("shorter", 0.1)):
                await store.store_cache_entry(key, {"n": 1}, 1)
                await store.store_cache_entry(key, {"n": 2}, second)
            clock.now += 500
            assert await store.list_cache_keys() == ["ever", "longer"]
            clock.now += 500
            assert await store.load_cache_entries(["ever", "longer"]) == {"ever": {"n": 2}, "longer": {"n": 2}}
            clock.now += 10_000
            assert await store.list_cache_keys() == ["ever"]

        self.on_store(work)

    def test_what_has_expired_is_absent_for_every_method(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_cache_entries({"a": {"n": 1}, "b": {"n": 1}, "c": {"n": 1}}, 1)
            version = await store.version_of("cache", "a")
            clock.now += 1000
            assert (await store.get_storage_stats())["cache_count"] == 0
            assert await store.delete_cache_entry("b") is False
            with pytest.raises(ConflictError):
                await store.store_cache_entry("a", {"n": 2}, expect=version)
            await store.store_cache_entry("a", {"n": 3}, expect=0)
            assert await store.load_cache_entry("a") == {"n": 3}
            assert (await store.get_storage_stats())["cache_count"] == 1

        self.on_store(work)

    def test_purging_tells_how_many_went(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_cache_entries({f"short {n}": {"n": n} for n in range(25)}, 1)
            await store.store_cache_entries({f"long {n}": {"n": n} for n in range(5)}, 2)
            assert await store.purge_expired() == 0
            clock.now += 1000
            assert (await store.purge_expired(), await store.purge_expired()) == (25, 0)
            assert len(await store.list_cache_keys()) == 5

        self.on_store(work)

    def test_a_clock_that_steps_back_revives_nothing(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_cache_entry("k", {}, 1)
            clock.now += 1000
            await is_gone(store, "k")
            clock.now -= 900
            await is_gone(store, "k")
            assert (await store.get_storage_stats())["cache_count"] == 0
            await store.store_cache_entry("new", {}, 1)
            clock.now += 1899
            assert await store.list_cache_keys() == ["new"]
            clock.now += 1
            await is_gone(store, "new")

        self.on_store(work)

    def test_reopening_after_the_clock_stepped_back_revives_nothing(self) -> None:
        async def main() -> None:
            clock = FakeClock()
            async with Store(self.backend(path), clock=clock) as store:
                await store.store_cache_entry("k", {}, 1)
                clock.now += 1000
                await store.store_system_state("later", {})
                await store.delete_system_state("later")
            clock.now = START
            async with Store(self.backend(path), clock=clock) as store:
                await is_gone(store, "k")
                assert await store.purge_expired() == 1

        with folder() as path:
            asyncio.run(main())

    def test_many_entries_are_one_write(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            assert await store.store_cache_entries({}) is True
            entries = {f"k{n}": {"n": n} for n in range(30)}
            assert await store.store_cache_entries(entries, 5) is True
            assert await store.load_cache_entries([*entries, "absent", "k1"]) == entries
            assert await store.load_cache_entries(key for key in ("k2", "none")) == {"k2": {"n": 2}}
            assert await store.delete_cache_entry("k0") is True
            clock.now += 5000
            assert await store.load_cache_entries(entries) == {}

        self.on_store(work)
