"""Counter laws: every increment counts once, and each caller learns its own value."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ..core.backend import Backend
from ..errors import InvalidInputError
from ..store.store import Store
from .kit import FakeClock, Kit

TASKS, EACH = 6, 4
MOST = 2**63 - 1


class Counters(Kit):
    """`increment` is atomic between tasks and handles, and keeps the lifetime a counter was made with."""

    def test_increments_of_tasks_and_handles_sum_exactly(self) -> None:
        async def work(*handles: Backend) -> None:
            stores = [Store(handle) for handle in handles]
            for store in stores:
                await store.initialize()

            async def count(number: int) -> list[int]:
                return [await stores[number % 2].increment("n") for _ in range(EACH)]

            given = await asyncio.gather(*map(count, range(TASKS)))
            assert all(values == sorted(values) for values in given), "a counter went back"
            values = sorted(value for values in given for value in values)
            assert values == list(range(1, TASKS * EACH + 1)), "an increment was lost, or a value given twice"
            assert await stores[1].increment("n", 0) == TASKS * EACH

        self.on_handles(work, 2)

    def test_at_once_each_gets_its_own_value(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            amounts = [1, 10, 100, -5, 0]
            assert await asyncio.gather(*(store.increment("n", by) for by in amounts)) == [1, 11, 111, 106, 106]
            assert await store.load_cache_entry("n") == {"value": 106}
            assert await store.load_cache_entries(["n"]) == {"n": {"value": 106}}
            assert await store.list_cache_keys() == ["n"]

        self.on_store(work)

    def test_the_lifetime_is_that_of_the_first_increment(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            first, second = await asyncio.gather(store.increment("n", 1, 2), store.increment("n", 1, 50))
            assert (first, second) == (1, 2)
            clock.now += 1500
            assert await store.increment("n", 1, 10) == 3
            assert await store.increment("n") == 4
            clock.now += 499
            assert await store.load_cache_entry("n") == {"value": 4}
            clock.now += 1
            assert await store.load_cache_entry("n") is None
            assert await store.increment("n", 7) == 7, "an expired counter starts again"
            clock.now += 10**9
            assert await store.increment("n") == 8, "and this time it was made to stay"

        self.on_store(work)

    def test_a_stored_number_is_counted_on(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_cache_entry("n", {"value": 40}, 1)
            assert await store.increment("n", 2, 60) == 42
            clock.now += 1000
            assert await store.load_cache_entry("n") is None
            await store.increment("n")
            assert await store.delete_cache_entry("n") is True
            assert await store.increment("n") == 1

        self.on_store(work)

    def test_what_is_no_counter_stays_as_it_is(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            others: list[dict[str, Any]] = [
                {},
                {"value": "1"},
                {"value": True},
                {"value": 1.0},
                {"value": 1, "more": 2},
            ]
            for number, document in enumerate(others):
                await store.store_cache_entry(f"k{number}", document)
                with pytest.raises(InvalidInputError, match="not a counter"):
                    await store.increment(f"k{number}")
                assert await store.load_cache_entry(f"k{number}") == document

        self.on_store(work)

    def test_a_value_beyond_64_bits_is_refused_and_others_count(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            assert await store.increment("n", MOST - 1) == MOST - 1
            over, one, more = await asyncio.gather(
                *(store.increment("n", by) for by in (2, 1, 1)), return_exceptions=True
            )
            assert (type(over), one, type(more)) == (InvalidInputError, MOST, InvalidInputError)
            assert await store.load_cache_entry("n") == {"value": MOST}
            assert await store.increment("low", -MOST) == -MOST
            assert await store.increment("low", -1) == -(2**63)
            with pytest.raises(InvalidInputError, match="64 bits"):
                await store.increment("low", -1)

        self.on_store(work)

    def test_wrong_arguments_are_refused(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            wrong: list[tuple[Any, ...]] = [("",), ("n", 1.5), ("n", True), ("n", "1"), ("n", 2**63), ("n", 1, 0), (1,)]
            for arguments in wrong:
                with pytest.raises(InvalidInputError):
                    await store.increment(*arguments)
            assert await store.list_cache_keys() == []

        self.on_store(work)

    def test_a_cancelled_caller_takes_nobody_with_it(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            tasks = [asyncio.ensure_future(store.increment("n")) for _ in range(10)]
            await asyncio.sleep(0)
            for task in tasks[::3]:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            values = [value for value in ended if isinstance(value, int)]
            assert len(values) == 6
            assert values == sorted(set(values))
            assert max(values) <= await store.increment("n", 0) <= 10

        self.on_store(work)
