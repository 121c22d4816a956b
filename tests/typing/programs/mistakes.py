"""A user's program full of mistakes: type checkers report each line that ends in `wrong`, and no other."""

from __future__ import annotations

import lodestore
from lodestore.sync import SyncStore


async def chat(store: lodestore.Store) -> None:
    await store.lod_conversation("x")  # wrong
    await store.load_conversation(5)  # wrong
    await store.load_raw_messages("x", last=3)  # wrong
    await store.append_raw_messages("x", {"role": "user"})  # wrong
    number: int = await store.save_result({"text": "done"})  # wrong
    hit = (await store.search("hello"))[0]
    print(number, hit.text)  # wrong
    async with store.transaction() as tx:
        await tx.load_conversation("x")  # wrong
        await tx.store_memory("x", {"text": "no id"})  # wrong


def chat_without_a_loop(store: SyncStore) -> None:
    store.lod_conversation("x")  # wrong
    store.load_conversation(5)  # wrong
    store.load_raw_messages("x", last=3)  # wrong
    store.append_raw_messages("x", {"role": "user"})  # wrong
    number: int = store.save_result({"text": "done"})  # wrong
    print(number, store.search("hello")[0].text)  # wrong
    with store.transaction() as tx:
        tx.load_conversation("x")  # wrong
        tx.store_memory("x", {"text": "no id"})  # wrong


def settings() -> None:
    lodestore.open("sqlite:///a.db", durability="maybe")  # wrong
    lodestore.open("sqlite:///a.db", durabilty="power")  # wrong
    lodestore.open("sqlite:///a.db", timeout="soon")  # wrong
    lodestore.open("sqlite:///a.db", key=7)  # wrong
    lodestore.open("sqlite:///a.db").append_raw_messages("x", [])  # wrong
    lodestore.sync.open("redis://localhost", pool_size="many")  # wrong
    lodestore.sync.open("redis://localhost", pool=3)  # wrong
    lodestore.sync.open("redis://localhost", namespace=None)  # wrong
    lodestore.sync.open("x:", options=["a"])  # wrong


def kept(store: SyncStore) -> None:
    @lodestore.memoize(store, ttl=60)
    def answer(question: str) -> int:
        return len(question)

    answer(5)  # wrong
    lodestore.memoize(store, ttl="soon")  # wrong
