"""Transaction laws: all or nothing, isolated, in spite of errors, conflicts and cancellation."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ..errors import ConflictError, InvalidInputError
from ..store.store import Store
from .kit import FakeClock, Kit, folder

Call = Callable[[Any, Any], Awaitable[Any]]  # on a store or a transaction, with a number

# Every method that writes one record, and where `version_of` finds it.
VERSIONED: dict[tuple[str, ...], Any] = {
    ("conversation", "c"): lambda s, d, e: s.store_conversation("c", d, expect=e),
    ("memory", "c", "m"): lambda s, d, e: s.store_memory("c", "m", d, expect=e),
    ("chunk_info", "c"): lambda s, d, e: s.store_chunk_info("c", d, expect=e),
    ("cache", "k"): lambda s, d, e: s.store_cache_entry("k", d, expect=e),
    ("state", "k"): lambda s, d, e: s.store_system_state("k", d, expect=e),
    ("result", "r"): lambda s, d, e: s.save_result(d, "r", expect=e),
}
CHANGES: list[Call] = [
    lambda s, n: s.store_conversation("c", {"n": n}),
    lambda s, n: s.store_raw_messages("c", [{"n": n}, {"n": n}]),
    lambda s, n: s.append_raw_messages("c", [{"n": n}]),
    lambda s, n: s.store_memory("c", "m", {"n": n}),
    lambda s, n: s.store_chunk_info("c", {"n": n}),
    lambda s, n: s.store_reasoning_chain("a", {"n": n}),
    lambda s, n: s.store_cache_entry("k", {"n": n}, 60),
    lambda s, n: s.store_cache_entries({"k2": {"n": n}}),
    lambda s, n: s.store_system_state("k", {"n": n}),
    lambda s, n: s.save_result({"n": n}, "r"),
    lambda s, n: s.delete_memory("c", "gone"),
]


async def everything(store: Store) -> list[Any]:
    """What the methods of reading show."""
    return [
        await store.load_conversation("c"),
        await store.load_raw_messages("c"),
        await store.load_memories("c"),
        await store.load_chunk_info("c"),
        await store.load_reasoning_chains("a"),
        await store.load_cache_entries(["k", "k2"]),
        await store.load_system_state("k"),
        await store.load_result("r"),
        await store.list_conversations(include_partial=True),
    ]


async def together(store: Store, *changes: Call) -> None:
    """Make the changes as one transaction."""
    async with store.transaction() as tx:
        for change in changes:
            await change(tx, 1)


class Transactions(Kit):
    """Several writes are one, and one write is whole."""

    def test_a_block_is_seen_when_it_ends(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_memory("c", "gone", {})
            before = await everything(store)
            async with store.transaction() as tx:
                for change in CHANGES:
                    await change(tx, 1)
                    assert await everything(store) == before, "a write was seen before the block ended"
            conversation, messages, memories, *rest = await everything(store)
            assert (conversation, messages) == ({"n": 1}, [{"n": 1}] * 3)
            assert [(memory["memory_id"], memory["n"]) for memory in memories] == [("m", 1)]
            assert rest == [{"n": 1}, [{"n": 1}], {"k": {"n": 1}, "k2": {"n": 1}}, {"n": 1}, {"n": 1}, ["c"]]

        self.on_store(work)

    def test_an_exception_in_the_block_undoes_it(self) -> None:
        async def refused(tx: Any, number: int) -> None:
            await tx.store_raw_messages("c", [{"n": number}, {"n": math.nan}])

        async def cancelled(tx: Any, number: int) -> None:
            raise asyncio.CancelledError

        async def broken(tx: Any, number: int) -> None:
            raise KeyError("mine")

        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_memory("c", "gone", {})
            before = await everything(store)
            for last, error in ((refused, InvalidInputError), (cancelled, asyncio.CancelledError), (broken, KeyError)):
                with pytest.raises(error):
                    await together(store, *CHANGES, last)
                assert await everything(store) == before

        self.on_store(work)

    def test_a_conflict_undoes_the_block(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_system_state("here", {"n": 0})
            await store.store_memory("c", "gone", {})
            old = await store.version_of("state", "here")
            await store.store_system_state("here", {"n": 1})
            before = await everything(store)
            for key, expect in (("here", old), ("here", 0), ("absent", old)):

                async def stale(tx: Any, number: int, key: str = key, expect: int = expect) -> None:
                    await tx.store_system_state(key, {"n": number}, expect=expect)

                with pytest.raises(ConflictError):
                    await together(store, *CHANGES, stale, *CHANGES)
                assert await everything(store) == before
            assert await store.list_system_states() == ["here"]

        self.on_store(work)

    def test_a_write_that_expects_meets_what_it_expects_or_a_conflict(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for (family, *key), write in VERSIONED.items():
                assert await store.version_of(family, *key) == 0
                seen = []
                for number in range(3):
                    await write(store, {"n": number}, await store.version_of(family, *key))
                    seen.append(await store.version_of(family, *key))
                assert len({0, *seen}) == 4, f"the versions of {family} do not change with each write: {seen}"
                for stale in (0, *seen[:-1]):
                    with pytest.raises(ConflictError):
                        await write(store, {"n": "stale"}, stale)
                assert await store.version_of(family, *key) == seen[-1], "a Conflict wrote something"

        self.on_store(work)

    def test_a_version_asks_for_a_known_family_and_a_whole_key(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for wrong in (("no_such_family", "k"), ("memory", "c"), ("state",), ("state", "k", "k")):
                with pytest.raises(InvalidInputError):
                    await store.version_of(*wrong)

        self.on_store(work)

    def test_tasks_at_once_lose_nothing(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            numbers = range(50)
            await asyncio.gather(
                *(store.store_memory("c", f"m{n}", {"n": n}) for n in numbers),
                *(store.store_reasoning_chain("a", {"n": n}) for n in numbers),
                *(store.append_raw_messages("c", [{"n": n}, {"n": n}]) for n in numbers),
            )
            assert sorted(memory["n"] for memory in await store.load_memories("c")) == [*numbers]
            assert sorted(chain["n"] for chain in await store.load_reasoning_chains("a")) == [*numbers]
            messages = [message["n"] for message in await store.load_raw_messages("c")]
            assert messages[::2] == messages[1::2], "messages appended together came apart"
            assert sorted(messages[::2]) == [*numbers]

        self.on_store(work)

    def test_replacing_messages_shows_the_old_list_or_the_new(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_raw_messages("c", [{"n": 0}] * 20)

            async def watch() -> None:
                for _ in range(30):
                    messages = await store.load_raw_messages("c")
                    assert len(messages) == 20, f"{len(messages)} of 20 messages seen"
                    assert messages == [messages[0]] * 20, "two lists were seen mixed"
                    await asyncio.sleep(0)

            await asyncio.gather(watch(), *(store.store_raw_messages("c", [{"n": n}] * 20) for n in range(15)))

        self.on_store(work)

    def test_cancelled_tasks_leave_no_half_transaction(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            async def write(number: int) -> None:
                async with store.transaction() as tx:
                    await tx.store_memory("c", f"m{number}", {"n": number})
                    await tx.append_raw_messages("c", [{"n": number}, {"n": number}])
                    await tx.store_system_state(f"s{number}", {"n": number})
                done.append(number)

            done: list[int] = []
            dice = random.Random(5)
            for start in range(0, 40, 4):
                tasks = [asyncio.create_task(write(number)) for number in range(start, start + 4)]
                await asyncio.sleep(dice.choice((0, 0, 0.0003, 0.001, 0.003)))
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            await write(40)
            memories = {memory["n"] for memory in await store.load_memories("c")}
            messages = [message["n"] for message in await store.load_raw_messages("c")]
            states = {int(key[1:]) for key in await store.list_system_states()}
            assert memories == states == set(messages), "a cancelled transaction is torn"
            assert messages[::2] == messages[1::2]
            assert set(done) <= memories, "a transaction that was acknowledged is gone"

        self.on_store(work)

    def test_two_stores_on_one_place_see_each_other(self) -> None:
        async def main() -> None:
            clock = FakeClock()
            async with Store(self.backend(path), clock=clock) as one, Store(self.backend(path), clock=clock) as other:
                for number in range(10):
                    for writer, reader in ((one, other), (other, one)):
                        await writer.store_cache_entry("k", {"n": number}, 60)
                        await writer.append_raw_messages("c", [{"n": number}])
                        assert await reader.load_cache_entry("k") == {"n": number}
                        assert await reader.load_raw_messages("c", limit=1) == [{"n": number}]
                        await writer.delete_cache_entry("k")
                        assert await reader.load_cache_entry("k") is None
                assert len(await one.load_raw_messages("c")) == 20

        with folder() as path:
            asyncio.run(main())
