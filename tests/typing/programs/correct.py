"""A user's program through both doors: type checkers have nothing to say, and know every type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, assert_type

import lodestore
from lodestore.embedding import HashingEmbedder
from lodestore.sync import SyncStore, SyncTransaction


async def chat(folder: Path) -> None:
    async with lodestore.open(f"sqlite:///{folder}/agent.db", key=b"k" * 32, durability="process", timeout=5) as store:
        assert_type(store, lodestore.Store)
        assert_type(await store.append_raw_messages("c", [{"role": "user", "content": "hello"}]), list[int])
        assert_type(await store.load_raw_messages("c", limit=10), list[dict[str, Any]])
        assert_type(await store.load_conversation("c"), dict[str, Any] | None)
        assert_type(await store.save_result({"text": "done"}, vector=[0.1, 0.2]), str)
        assert_type(await store.search("hello", where={"role": "user"}, rerank=longest), list[lodestore.Hit])
        assert_type(await store.version_of("raw_message", "c", 0), int)
        async with store.transaction() as tx:
            await tx.store_memory("c", "m", {"text": "likes tea"}, expect=lodestore.ABSENT)
        assert_type(tx.results, list[int])
        assert_type(store.backend.name, str)


async def by_hand() -> None:
    store = await lodestore.open("redis://localhost", namespace="agent", password="secret", db=1)
    await store.initialize()
    await store.shutdown()
    await store.aclose()


def longest(query: str, hits: list[lodestore.Hit]) -> Sequence[float]:
    return [len(hit.snippet) + len(query) for hit in hits]


def chat_without_a_loop(folder: Path) -> None:
    with lodestore.sync.open(f"file:///{folder}", pretty=False, embedder=HashingEmbedder(), purge_interval=0) as store:
        assert_type(store, SyncStore)
        assert_type(store.append_raw_messages("c", [{"n": 1}], vectors=[None]), list[int])
        assert_type(store.load_conversation("c"), dict[str, Any] | None)
        assert_type(store.list_conversations(include_partial=True, limit=3), list[str])
        assert_type(store.load_cache_entries(["a", "b"]), dict[str, dict[str, Any]])
        assert_type(store.increment("n", 2, ttl=60), int)
        assert_type(store.search_vectors("documents", [0.1, 0.9], namespace="n"), list[lodestore.Hit])
        with store.transaction() as tx:
            assert_type(tx, SyncTransaction)
            assert_type(tx.delete_memory("c", "m"), bool)
        assert_type(tx.results, list[int])
        assert_type(store.backend.name, str)
        store.backup(folder / "copy")
        store.close()


async def kept(store: lodestore.Store) -> None:
    @lodestore.memoize(store, ttl=60)
    async def answer(question: str) -> dict[str, int]:
        return {question: 42}

    assert_type(await answer("life"), dict[str, int])
    assert_type(await answer.invalidate("life"), bool)


def kept_without_a_loop(store: SyncStore) -> None:
    @lodestore.memoize(store, key="answer:{question}")
    def answer(question: str) -> int:
        return len(question)

    assert_type(answer("life"), int)
    assert_type(answer.key("life"), str)


def foreign_backend(url: str, options: dict[str, Any]) -> lodestore.sync.SyncStore:
    return lodestore.sync.open(url, options=options)
