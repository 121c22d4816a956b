"""Ordering laws: positions, limits, lists, first stored and last stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ..errors import InvalidInputError
from ..store.store import Store
from .kit import FakeClock, Kit
from .strategies import FAR


def numbered(*numbers: int) -> list[dict[str, Any]]:
    """Documents told from one another by a number."""
    return [{"n": number} for number in numbers]


def listings(store: Store) -> list[Callable[..., Awaitable[list[str]]]]:
    """Every method that lists ids in code point order."""
    return [store.list_conversations, store.list_agents, store.list_cache_keys, store.list_system_states]


class Sequences(Kit):
    """Order is that of arrival; ids order by code point."""

    def test_messages_are_replaced_as_a_whole(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for numbers in ((0, 1, 2), (5,), (), (7, 8)):
                assert await store.store_raw_messages("c", numbered(*numbers)) is True
                assert await store.load_raw_messages("c") == numbered(*numbers)

        self.on_store(work)

    def test_appended_messages_follow_without_a_gap(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            assert await store.append_raw_messages("c", numbered(0, 1)) == [0, 1]
            assert await store.append_raw_messages("other", numbered(9)) == [0]
            assert await store.append_raw_messages("c", []) == []
            assert await store.append_raw_messages("c", numbered(2)) == [2]
            assert await store.load_raw_messages("c") == numbered(0, 1, 2)
            await store.store_raw_messages("c", numbered(3))
            assert await store.append_raw_messages("c", numbered(4)) == [1]
            assert await store.load_raw_messages("c") == numbered(3, 4)

        self.on_store(work)

    def test_a_window_of_messages(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_raw_messages("c", numbered(*range(6)))
            for limit in (None, 0, 1, 3, 6, 7, FAR, 2**70):
                for after in (None, 0, 2, 5, 6, 2**70):
                    for before in (None, 0, 1, 4, 6, 2**70):
                        low, high = -1 if after is None else after, 6 if before is None else before
                        expected = [n for n in range(6) if low < n < high]
                        expected = expected[max(0, len(expected) - limit) :] if limit is not None else expected
                        found = await store.load_raw_messages("c", limit=limit, before=before, after=after)
                        assert found == numbered(*expected), f"limit={limit} before={before} after={after}"

        self.on_store(work)

    def test_a_negative_or_senseless_count_is_a_value_error(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.append_raw_messages("c", numbered(0))
            for wrong in (-1, -(2**70), 1.0, "1", True):
                asked: list[Callable[[Any], Awaitable[Any]]] = [
                    lambda n: store.load_raw_messages("c", limit=n),
                    lambda n: store.load_raw_messages("c", before=n),
                    lambda n: store.load_raw_messages("c", after=n),
                    lambda n: store.load_reasoning_chains("a", limit=n),
                    lambda n: store.list_results(limit=n),
                    lambda n: store.list_results(offset=n),
                    *(lambda n, listing=listing: listing(limit=n) for listing in listings(store)),
                ]
                for ask in asked:
                    with pytest.raises(ValueError, match="expected") as refusal:
                        await ask(wrong)
                    assert isinstance(refusal.value, InvalidInputError)

        self.on_store(work)

    def test_chains_come_oldest_first_the_most_recent_of_them(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for number in range(4):
                assert await store.store_reasoning_chain("a", {"n": number}) is True
            await store.store_reasoning_chain("A", {"n": 9})
            for limit, expected in ((None, range(4)), (0, ()), (1, (3,)), (2, (2, 3)), (9, range(4))):
                assert await store.load_reasoning_chains("a", limit) == numbered(*expected)

        self.on_store(work)

    def test_a_memory_stored_again_keeps_its_place(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for number, name in enumerate(("z", "a", "m", "z", "a")):
                assert await store.store_memory("c", name, {"n": number}) is True
                clock.now -= 10_000
            found = [(memory["memory_id"], memory["n"]) for memory in await store.load_memories("c")]
            assert found == [("z", 3), ("a", 4), ("m", 2)]
            assert await store.load_memory("c", "a") == (await store.load_memories("c"))[1]

        self.on_store(work)

    def test_a_memory_deleted_and_stored_again_comes_last(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for name in ("z", "a", "m"):
                await store.store_memory("c", name, {})
            for name in ("z", "a"):
                await store.delete_memory("c", name)
            await store.store_memory("c", "a", {})
            assert [memory["memory_id"] for memory in await store.load_memories("c")] == ["m", "a"]

        self.on_store(work)

    def test_ids_list_in_code_point_order_by_pages(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            names = ["Z", "a", "b", "\u00e9", "\uffff", "\U0001d11e"]
            for name in reversed(names):
                await store.store_conversation(name, {})
                await store.store_reasoning_chain(name, {})
                await store.store_cache_entry(name, {})
                await store.store_system_state(name, {})
            for listing in listings(store):
                assert await listing() == names
                for limit in (0, 1, 4, 9):
                    assert await listing(limit=limit) == names[:limit]
                    assert await listing(limit=limit, after="a") == names[2:][:limit]
                assert await listing(after="aa") == names[2:]
                assert await listing(after=names[-1]) == []

        self.on_store(work)

    def test_results_come_newest_first(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for name in ("r2", "r3", "r1", "r2"):
                await store.save_result({"name": name}, name)
                clock.now -= 1000
            assert await store.list_results() == ["r1", "r3", "r2"]
            assert await store.list_results(2) == ["r1", "r3"]
            assert await store.list_results(2, 2) == ["r2"]
            assert (await store.list_results(0), await store.list_results(5, 9)) == ([], [])
            assert await store.list_results(None, 1) == ["r3", "r2"]

        self.on_store(work)

    def test_a_result_gets_the_id_it_brings_or_a_new_one(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            assert await store.save_result({"id": "own"}, "given") == "given"
            assert await store.save_result({"id": "own"}) == "own"
            new = {await store.save_result({"n": number}) for number in range(3)}
            assert len(new) == 3
            assert {*await store.list_results()} == {"given", "own", *new}
            assert await store.load_result("own") == {"id": "own"}

        self.on_store(work)
