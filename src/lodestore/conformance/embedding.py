"""Embedding laws: what is stored is embedded; where the embedder fails it is stored all the same."""

from __future__ import annotations

from typing import Any

import pytest

from ..errors import EmbeddingError, InvalidInputError
from ..store.store import Store
from .kit import FakeClock, Kit
from .search import names
from .vectors import Numbers


class StandIn:
    """An embedder whose vectors can be told beforehand; fails while told to."""

    name = "stand-in"
    dimension = 3

    def __init__(self) -> None:
        self.failing = False
        self.calls: list[list[str]] = []

    async def __call__(self, texts: list[str]) -> list[Numbers]:
        """How often "a" and "b" stand in each text, and that it is one."""
        self.calls.append(texts)
        if self.failing:
            raise RuntimeError("the model is away")
        return [[text.count("a"), text.count("b"), 1.0] for text in texts]


class Embedded(Kit):
    """What is stored is embedded, once for a batch; what the embedder fails on is stored all the same."""

    def on_embedded(self, work: Any) -> None:
        """Run `work` on a new store with an embedder that stands in."""

        async def main(store: Store, clock: FakeClock) -> None:
            embedder = StandIn()
            async with Store(store.backend, clock=clock, embedder=embedder) as embedded:
                await work(embedded, embedder)

        self.on_store(main)

    def test_records_are_embedded_when_they_are_stored(self) -> None:
        async def work(store: Store, embedder: StandIn) -> None:
            await store.append_raw_messages("c", [{"content": "aaaa"}, {"content": "bbbb"}, {"content": " "}])
            assert embedder.calls == [["aaaa", "bbbb"]], "one call for a batch, none for nothing"
            await store.store_memory("c", "m", {"text": "aabb"})
            await store.save_result({"text": "b"}, "r")
            await store.store_memory("c", "n", {"text": "aaaaaa"}, vector=[0, 0, 1])
            assert len(embedder.calls) == 3, "a vector that is given is not made"
            found = names(await store.search("aaaa", mode="vector", limit=None))
            assert found[:2] == [("raw_message", ("c", 0)), ("memory", ("c", "m"))]
            assert len(found) == 5
            assert names(await store.search("aaaa", mode="text")) == [("raw_message", ("c", 0))]
            hits = await store.search("aaaa", explain=True)
            assert {"vector", "text"} <= hits[0].legs.keys() if hits[0].legs else False
            assert names(hits)[0] == ("raw_message", ("c", 0))
            await store.upsert_vectors("docs", ["x"], texts=["bb"])
            item = await store.get_vector("docs", "x")
            assert item is not None
            assert item["vector"] == pytest.approx([0, 2 / 5**0.5, 1 / 5**0.5])

        self.on_embedded(work)

    def test_what_says_the_same_is_not_embedded_again(self) -> None:
        async def work(store: Store, embedder: StandIn) -> None:
            said = [{"content": "aaaa"}, {"content": "bbbb"}]
            await store.append_raw_messages("c", said)
            await store.store_memory("c", "m", {"text": "ab"})
            embedder.calls.clear()
            await store.store_raw_messages("c", [*said, {"content": "abab"}])
            await store.store_memory("c", "m", {"text": "ab"})
            assert embedder.calls == [["abab"]]
            assert len(await store.search("a", mode="vector", limit=None)) == 4
            await store.store_raw_messages("c", [{"content": "bbbb"}])
            assert len(await store.search("a", mode="vector", limit=None)) == 2

        self.on_embedded(work)

    def test_a_failing_embedder_loses_nothing(self) -> None:
        async def work(store: Store, embedder: StandIn) -> None:
            await store.store_memory("c", "k", {"text": "ab"})
            embedder.failing = True
            await store.append_raw_messages("c", [{"content": "aaa wen"}, {"content": "bbb"}])
            await store.store_memory("c", "m", {"text": "a"})
            await store.save_result({"text": "b"}, "r")
            with pytest.raises(EmbeddingError):
                await store.upsert_vectors("docs", ["x"], texts=["bb"])
            assert len(await store.load_raw_messages("c")) == 2
            assert names(await store.search("wen")) == [("raw_message", ("c", 0))], "found by text alone"
            with pytest.raises(EmbeddingError):
                await store.search("wen", mode="hybrid")
            with pytest.raises(EmbeddingError):
                await store.reindex(pending=True)
            embedder.failing = False
            assert names(await store.search("aaa", mode="vector", limit=None)) == [("memory", ("c", "k"))]
            assert await store.reindex(pending=True) == 4
            assert await store.reindex(pending=True) == 0
            assert names(await store.search("aaaaaaa", mode="vector"))[0] == ("raw_message", ("c", 0))
            assert len(await store.search("aaa", mode="vector", limit=None)) == 5
            embedder.failing = True
            await store.store_memory("c", "k", {"text": "bbbbbbb"})
            embedder.failing = False
            found = names(await store.search("ab", mode="vector", limit=None))
            assert ("memory", ("c", "k")) not in found, "its vector is that of a text that is gone"
            assert (await store.verify())["problems"] == []

        self.on_embedded(work)

    def test_a_caller_may_rank_anew(self) -> None:
        async def work(store: Store, _: StandIn) -> None:
            await store.append_raw_messages("c", [{"content": f"ab wen {n}", "n": n} for n in range(9)])

            async def by_number(query: str, hits: list[Any]) -> list[float]:
                assert query == "wen"
                return [float(hit.data["n"]) for hit in hits]

            hits = await store.search("wen", rerank=by_number, limit=3, offset=1)
            assert [(hit.data["n"], hit.score) for hit in hits] == [(7, 7.0), (6, 6.0), (5, 5.0)]
            with pytest.raises(InvalidInputError, match="rerank"):
                await store.search("wen", rerank=lambda query, hits: [1.0])

        self.on_embedded(work)

    def test_the_new_may_count_for_more(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            embedder = StandIn()
            async with Store(store.backend, clock=clock, embedder=embedder) as store:
                await store.store_memory("c", "old", {"text": "wen"})
                clock.now += 3_600_000
                await store.store_memory("c", "new", {"text": "wen aaa and much more"})
                assert [hit.key[1] for hit in await store.search("wen")] == ["old", "new"]
                hits = await store.search("wen", recency=60, explain=True)
                assert [hit.key[1] for hit in hits] == ["new", "old"]
                assert [hit.legs and hit.legs["recency"]["factor"] for hit in hits[1:]] == [pytest.approx(0.5)]

        self.on_store(work)
