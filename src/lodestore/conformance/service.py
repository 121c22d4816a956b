"""Store laws: opening and closing, deleting, owners, health, statistics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from ..core.families import FAMILIES
from ..errors import UnavailableError
from ..store.store import Store
from .documents import KINDS
from .kit import FakeClock, Kit, folder

HEALTH = {"status", "backend", "timestamp", "writable", "latency_ms", "warnings", "error", "details"}
STATS = {"backend", "storage_type", "timestamp", "total_bytes", "tokenizer", "partial_conversation_count"}
STATS |= {f"{family.name}_count" for family in FAMILIES}


async def fill(store: Store) -> None:
    """One record of each kind, two of those that come in numbers."""
    await store.store_conversation("c", {"n": 1})
    await store.store_raw_messages("c", [{"n": 1}, {"n": 2}])
    await store.store_memory("c", "m1", {"n": 1})
    await store.store_memory("c", "m2", {"n": 2})
    await store.store_chunk_info("c", {"n": 1})
    await store.store_reasoning_chain("a", {"n": 1})
    await store.store_reasoning_chain("a", {"n": 2})
    await store.store_cache_entry("k", {"n": 1}, 60)
    await store.store_system_state("k", {"n": 1})
    await store.save_result({"n": 1}, "r")


def counts(stats: dict[str, Any]) -> dict[str, int]:
    """The counts that are not 0."""
    return {name[: -len("_count")]: n for name, n in stats.items() if name.endswith("_count") and n}


def check_health(health: dict[str, Any], store: Store) -> None:
    """The keys and types every backend answers with."""
    assert set(health) == HEALTH
    assert health["status"] in {"healthy", "degraded", "unhealthy"}
    assert health["backend"] == store.backend.name
    assert datetime.fromisoformat(health["timestamp"]).utcoffset() is not None
    assert health["writable"] is (health["status"] != "unhealthy")
    assert (health["error"] is None) is health["writable"]
    assert isinstance(health["latency_ms"], (int, float))
    assert isinstance(health["warnings"], list)
    assert isinstance(health["details"], dict)


class Service(Kit):
    """A store opens, works, tells how it is, and closes."""

    def test_opening_and_closing_twice_is_fine(self) -> None:
        async def main() -> None:
            store = Store(self.backend(path))
            assert (await store.initialize(), await store.initialize()) == (True, True)
            await store.store_system_state("k", {"n": 1})
            assert (await store.shutdown(), await store.shutdown()) == (True, True)
            async with Store(self.backend(path)) as again:
                assert await again.load_system_state("k") == {"n": 1}

        with folder() as path:
            asyncio.run(main())

    def test_a_closed_store_is_unavailable_and_says_so(self) -> None:
        async def refuse(store: Store) -> None:
            asked: list[Callable[[], Awaitable[Any]]] = [
                *(lambda write=write: write(store, {"n": 1}) for write, _ in KINDS.values()),
                *(lambda read=read: read(store) for _, read in KINDS.values()),
                lambda: store.load_memories("c"),
                lambda: store.delete_conversation("c"),
                lambda: store.list_results(),
                lambda: store.version_of("state", "k"),
                *(store.list_conversations, store.list_agents, store.list_cache_keys, store.list_system_states),
                *(store.purge_expired, store.get_storage_stats, store.verify),
            ]
            for ask in asked:
                with pytest.raises(UnavailableError):
                    await ask()
            health = await store.health_check()
            check_health(health, store)
            assert health["status"] == "unhealthy"

        async def main() -> None:
            store = Store(self.backend(path))
            await refuse(store)
            async with store:
                await fill(store)
            await refuse(store)

        with folder() as path:
            asyncio.run(main())

    def test_everything_is_there_after_reopening(self) -> None:
        async def main() -> None:
            async with Store(self.backend(path)) as store:
                await fill(store)
                for write, _ in KINDS.values():
                    await write(store, {"last": 1})
                stats = await store.get_storage_stats()
            async with Store(self.backend(path)) as store:
                assert [await read(store) for _, read in KINDS.values()] == [{"last": 1}] * len(KINDS)
                assert [memory["n"] for memory in await store.load_memories("c")] == [1, 2]
                assert counts(await store.get_storage_stats()) == counts(stats)
                assert (await store.verify())["problems"] == []

        with folder() as path:
            asyncio.run(main())

    def test_deleting_tells_whether_there_was_something(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await fill(store)
            deletions: list[Callable[[], Awaitable[bool]]] = [
                lambda: store.delete_memory("c", "m1"),
                lambda: store.delete_raw_messages("c"),
                lambda: store.delete_chunk_info("c"),
                lambda: store.delete_reasoning_chains("a"),
                lambda: store.delete_cache_entry("k"),
                lambda: store.delete_system_state("k"),
                lambda: store.delete_result("r"),
            ]
            for delete in deletions:
                assert (await delete(), await delete()) == (True, False)
            assert [memory["memory_id"] for memory in await store.load_memories("c")] == ["m2"]
            assert counts(await store.get_storage_stats()) == {"conversation": 1, "memory": 1}
            assert (await store.delete_conversation("c"), await store.delete_conversation("c")) == (True, False)
            assert (await store.list_agents(), counts(await store.get_storage_stats())) == ([], {})

        self.on_store(work)

    def test_a_conversation_goes_with_all_that_is_in_it(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await fill(store)
            await store.store_memory("C", "m", {"other": True})
            await store.store_raw_messages("c/1", [{"other": True}])
            assert await store.delete_conversation("c") is True
            assert (await store.load_conversation("c"), await store.load_chunk_info("c")) == (None, None)
            assert (await store.load_raw_messages("c"), await store.load_memories("c")) == ([], [])
            assert await store.load_memory("c", "m1") is None
            assert await store.load_reasoning_chains("a") == [{"n": 1}, {"n": 2}], "chains belong to agents"
            assert len(await store.load_memories("C")) == len(await store.load_raw_messages("c/1")) == 1
            await store.store_conversation("c", {"n": 2})
            assert (await store.load_raw_messages("c"), await store.load_memories("c")) == ([], [])
            assert await store.append_raw_messages("c", [{"n": 0}]) == [0]

        self.on_store(work)

    def test_children_may_come_before_the_conversation(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_raw_messages("messages", [{"n": 1}])
            await store.store_memory("memory", "m", {"n": 1})
            await store.store_chunk_info("chunks", {"n": 1})
            names = ["chunks", "memory", "messages"]
            assert [await store.load_conversation(name) for name in names] == [None] * 3
            assert await store.list_conversations() == []
            assert await store.list_conversations(include_partial=True) == names
            assert [await store.version_of("conversation", name) for name in names] == [0] * 3
            stats = await store.get_storage_stats()
            assert (stats["conversation_count"], stats["partial_conversation_count"]) == (0, 3)
            await store.store_conversation("memory", {"title": "later"}, expect=0)
            assert await store.list_conversations() == ["memory"]
            assert await store.list_conversations(include_partial=True, limit=2, after="chunks") == names[1:]
            assert [memory["n"] for memory in await store.load_memories("memory")] == [1]
            assert await store.delete_conversation("messages") is True
            assert await store.load_raw_messages("messages") == []

        self.on_store(work)

    def test_health_has_the_same_keys_everywhere(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            before = await store.get_storage_stats()
            health = await store.health_check()
            check_health(health, store)
            assert health["status"] in {"healthy", "degraded"}
            assert counts(await store.get_storage_stats()) == counts(before) == {}, "the check left something behind"

        self.on_store(work)

    def test_stats_have_the_same_keys_everywhere(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await fill(store)
            await store.store_memory("partial", "m", {"n": 1})
            stats = await store.get_storage_stats()
            assert set(stats) == STATS
            assert stats["backend"] == stats["storage_type"] == store.backend.name
            assert datetime.fromisoformat(stats["timestamp"]).utcoffset() is not None
            assert stats["total_bytes"] > 0
            ones = dict.fromkeys(
                ("conversation", "partial_conversation", "chunk_info", "agent", "cache", "state", "result"), 1
            )
            assert counts(stats) == {**ones, "raw_message": 2, "memory": 3, "reasoning_chain": 2}

        self.on_store(work)

    def test_a_healthy_store_verifies(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for _ in range(2):
                verdict = await store.verify()
                assert (verdict["ok"], verdict["problems"]) == (True, [])
                await fill(store)

        self.on_store(work)
