"""Vector laws: a k-NN search finds the nearest, in the right order, on every page."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from ..core.backend import Backend
from ..errors import ConflictError, InvalidInputError
from ..search.filters import matches, parse
from ..store.store import Store
from .kit import FakeClock, Kit
from .search import Name, names

Numbers = list[float]

_numbers = st.lists(st.integers(-3, 3), min_size=2, max_size=2).filter(any).map(lambda pair: [float(n) for n in pair])
_maybe = st.one_of(st.none(), _numbers, _numbers)
_places = st.sampled_from(["a", "b"])
_items = st.sampled_from(["x", "y", "z"])
_parts = st.sampled_from([None, "u", "v"])
_steps = st.one_of(
    st.tuples(st.just("say"), _places, st.lists(_maybe, min_size=1, max_size=3)),
    st.tuples(st.just("remember"), _places, _items, _maybe, st.sampled_from("vw")),
    st.tuples(st.just("save"), _items, _maybe, st.sampled_from("vw")),
    st.tuples(st.just("replace"), _places, st.lists(_maybe, max_size=2)),
    st.tuples(st.just("place"), _places, _items, _parts, _numbers),
    st.tuples(st.just("forget"), _places, _items),
    st.tuples(st.just("discard"), _items),
    st.tuples(st.just("take"), _places, _items),
    st.tuples(st.just("delete"), _places),
    st.tuples(st.just("look"), _numbers, st.booleans()),
)


class Standing:
    """What should be there: the vectors of records by name, and of items with their namespace."""

    def __init__(self) -> None:
        self.records: dict[Name, Numbers] = {}
        self.items: dict[Name, tuple[str | None, Numbers]] = {}
        self.made: dict[Name, tuple[str, Numbers]] = {}  # of which text a vector was made, and which

    def write(self, name: Name, vector: Numbers | None, text: str) -> None:
        """A record was written; one that says the same as before keeps its vector."""
        made_of, old = self.made.get(name, ("", None))
        if vector is None and made_of == text:
            vector = old
        elif vector is not None:
            self.made[name] = text, vector
        self.set(name, vector)

    def set(self, name: Name, vector: Numbers | None) -> None:
        """A record was written, with a vector or, for one that is new, without."""
        self.records.pop(name, None)
        if vector is not None:
            self.records[name] = vector

    def drop(self, name: Name) -> None:
        """A record was deleted."""
        self.records.pop(name, None)
        self.made.pop(name, None)

    def clear(self, place: str, *families: str) -> None:
        """The records of a conversation are gone."""
        self.made = {n: m for n, m in self.made.items() if n[0] not in families or n[1][0] != place}
        self.records = {n: v for n, v in self.records.items() if n[0] not in families or n[1][0] != place}


def product(one: Sequence[float], other: Sequence[float]) -> float:
    """The inner product."""
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def away(one: Sequence[float], other: Sequence[float]) -> float:
    """The distance with a minus."""
    return -math.dist(one, other)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """How alike two directions are, 1 at most."""
    return product(one, other) / math.hypot(*one) / math.hypot(*other)


def check(hits: Sequence[Any], expected: dict[Name, float]) -> None:
    """The hits are what is expected, each with its score, the best first."""
    assert sorted(names(hits)) == sorted(expected)
    for hit in hits:
        assert hit.score == pytest.approx(expected[hit.family, hit.key], abs=1e-5)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


class Nearness(Kit):
    """What is committed is found by its vector, whatever happened before, in the order of its distance."""

    def test_what_is_near_is_what_is_there(self) -> None:
        with self.standing_store() as (store, run):

            def law(steps: list[tuple[Any, ...]]) -> None:
                there = Standing()
                begin = [("delete", p) for p in "ab"] + [("discard", i) for i in "xyz"]
                for step in [*begin, ("save", "x", [1.0, 0.0], "v"), *steps, ("look", [1.0, 0.0], False)]:
                    run(_do(store, there, *step))

            self.for_all(law, st.lists(_steps, min_size=3, max_size=12))

    def test_of_two_who_are_first_one_fixes_the_metric(self) -> None:
        async def work(*handles: Backend) -> None:
            one, other = (Store(handle, clock=FakeClock(), purge_interval=0) for handle in handles)

            async def race(name: str, metric: str | None) -> tuple[list[Any], dict[str, float]]:
                answers = await asyncio.gather(
                    one.upsert_vectors(name, ["a"], [[3.0, 4.0]], metric="l2"),
                    other.upsert_vectors(name, ["b"], [[3.0, 4.0]], metric=metric),
                    return_exceptions=True,
                )
                hits = await one.search_vectors(name, [3.0, 4.0])
                return list(answers), {str(hit.key[1]): round(hit.score, 6) for hit in hits}

            for number in range(4):
                answers, found = await race(f"c{number}", "cosine")
                won = answers.index(1)
                assert isinstance(answers[1 - won], InvalidInputError)
                assert found == [{"a": 0.0}, {"b": 1.0}][won]
                answers, found = await race(f"d{number}", None)
                if answers == [1, 1]:
                    assert found == {"a": 0.0, "b": 0.0}
                else:
                    assert isinstance(answers[0], InvalidInputError)
                    assert found == {"b": 1.0}

        self.on_handles(work, count=2)

    def test_each_metric_orders_by_its_own_distance(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            vectors = {f"i{n}": [math.cos(n) * (n + 1), math.sin(n), n - 3.0] for n in range(12)}
            asked = [0.5, -2.0, 1.0]
            measures = {"cosine": cosine, "ip": product, "l2": away}
            for metric, measure in measures.items():
                await store.upsert_vectors(metric, list(vectors), list(vectors.values()), metric=metric)
                expected = {("item", (metric, name)): measure(vector, asked) for name, vector in vectors.items()}
                for exact in (False, True):
                    check(await store.search_vectors(metric, asked, limit=None, exact=exact), expected)
            with pytest.raises(InvalidInputError, match="metric"):
                await store.upsert_vectors("l2", ["a"], [[1, 2, 3]], metric="ip")

        self.on_store(work)

    def test_what_one_handle_stores_another_finds_at_once(self) -> None:
        async def work(*handles: Backend) -> None:
            one, other = (Store(handle, clock=FakeClock(), purge_interval=0) for handle in handles)
            for number in range(4):
                await one.append_raw_messages("c", [{"content": "x"}], vectors=[[1, number]])
                await one.store_memory("c", "m", {"text": "y"}, vector=[number + 1, 0])
                await other.upsert_vectors("docs", ["a"], [[number, 1, 1]])
                for store in (other, one):
                    assert len(await store.search(vector=[1, 0], limit=None)) == number + 2
                    [hit] = await store.search_vectors("docs", [number, 1, 1])
                    assert hit.score == pytest.approx(1)
            await one.delete_collection("docs")
            await one.upsert_vectors("docs", ["a"], [[1, 2]], metric="l2")
            with pytest.raises(InvalidInputError, match="vectors"):
                await other.upsert_vectors("docs", ["b"], [[1, 2, 3]])
            [hit] = await other.search_vectors("docs", [1, 3])
            assert hit.score == pytest.approx(-1)
            await other.delete_memory("c", "m")
            await other.store_memory("c", "n", {"text": "z"})
            assert {hit.family for hit in await one.search(vector=[1, 0], limit=None)} == {"raw_message"}

        self.on_handles(work, count=2)

    def test_what_was_never_committed_is_never_near(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            await store.store_memory("c", "m", {"text": "kot"}, vector=[0, 1])

            async def fail() -> None:
                async with store.transaction() as tx:
                    await tx.append_raw_messages("c", [{"content": "zik"}], vectors=[[1, 0]])
                    await tx.store_memory("c", "m", {"text": "zik"}, vector=[1, 0])
                    await tx.upsert_vectors("docs", ["a"], [[1, 0]])
                    await tx.save_result({"text": "zik"}, "r", vector=[1, 0], expect=7)

            with pytest.raises(ConflictError):
                await fail()
            check(await store.search(vector=[1, 0], limit=None), {("memory", ("c", "m")): 0.0})
            assert await store.search_vectors("docs", [1, 0]) == []
            async with store.transaction() as tx:
                await tx.append_raw_messages("c", [{"content": "zik"}] * 2, vectors=[None, [1, 0]])
                await tx.delete_memory("c", "m")
            assert tx.results == [0, 1]
            check(await store.search(vector=[1, 0], limit=None), {("raw_message", ("c", 1)): 1.0})

        self.on_store(work)

    def test_pages_of_both_fit_together(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            said = [{"content": f"sab {'tov ' * (n % 3)}{'wen' if n % 2 else ''}", "n": n} for n in range(40)]
            await store.append_raw_messages("c", said, vectors=[[n % 7 + 1, n] if n % 5 else None for n in range(40)])
            await store.upsert_vectors("docs", list("abcdefg"), [[n, 1] for n in range(7)], texts=["tov"] * 7)
            for ask in ({"vector": [1, 9]}, {"query": "tov wen", "vector": [1, 9], "pool": 5}):
                whole = await store.search(**ask, limit=None, explain=True)
                assert len(set(names(whole))) == len(whole) >= 32
                assert [hit.score for hit in whole] == sorted((hit.score for hit in whole), reverse=True)
                for size in (1, 3, 7, 39, 60):
                    pages = [
                        await store.search(**ask, limit=size, offset=at, explain=True) for at in range(0, 61, size)
                    ]
                    assert [hit for page in pages for hit in page] == whole
                for where in ({"n": {"$gt": 20}}, {"n": {"$in": [3, 36]}}, {}):
                    tree = parse(where)
                    kept = [h for h in whole if matches(tree, h.data if h.family != "item" else {})]
                    assert await store.search(**ask, where=where, limit=None, explain=True) == kept
                    assert await store.search(**ask, where=where, limit=2, offset=1, explain=True) == kept[1:3]

        self.on_store(work)

    def test_a_collection_keeps_what_belongs_to_its_items(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            about = [{"kind": "a", "n": 1}, None, {"kind": "b", "n": 3}]
            texts = ["sab", None, "tov sab"]
            assert await store.upsert_vectors("docs", ["i", "j", "k"], [[1, 0], [0, 1], [1, 1]], about, "u", texts) == 3
            assert await store.upsert_vectors("docs", ["l"], [[2, 0.0]], namespace="v", texts=["sab"]) == 1
            assert await store.get_vector("docs", "k") == {
                "id": "k",
                "namespace": "u",
                "metadata": about[2],
                "text": "tov sab",
                "vector": [pytest.approx(0.5**0.5)] * 2,
            }
            assert await store.get_vector("docs", "z") is None
            assert await store.list_collections() == ["docs"]
            assert await store.list_vectors("docs", limit=2, after="i") == ["j", "k"]
            near = await store.search_vectors("docs", [1, 0.1], namespace="u", where={"n": {"$gte": 1}})
            assert [hit.data["id"] for hit in near] == ["i", "k"]
            assert [hit.key for hit in await store.search("sab", namespace=("docs", "v"))] == [("docs", "l")]
            assert {hit.key[1] for hit in await store.search("sab", namespace="docs")} == {"i", "k", "l"}
            both = await store.search("sab", namespace=("docs", "u"), vector=[1, 1])
            assert [hit.key[1] for hit in both] == ["i", "k", "j"]
            assert await store.delete_vectors("docs", ["i", "z", "l"]) == 2
            assert [hit.key[1] for hit in await store.search_vectors("docs", [1, 0])] == ["k", "j"]
            await store.upsert_vectors("docs", ["k"], [[-1, 0]], namespace="v")
            assert await store.search_vectors("docs", [1, 0], namespace="u", limit=1) != []
            assert [hit.key[1] for hit in await store.search_vectors("docs", [1, 0], namespace="v")] == ["k"]
            assert await store.search("tov") == [], "the text went with what it stood beside"
            assert await store.delete_collection("docs")
            assert not await store.delete_collection("docs")
            assert await store.search_vectors("docs", [1, 0]) == []
            await store.upsert_vectors("docs", ["i"], [[1, 0, 0]])
            assert (await store.verify())["problems"] == []

        self.on_store(work)

    def test_wrong_vectors_are_refused_and_nothing_is_written(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            await store.store_memory("c", "m", {"text": "a"}, vector=[1, 0])
            await store.upsert_vectors("docs", ["a"], [[1, 0, 0]])
            bad: list[Any] = [[], [0, 0], [math.nan, 1], [math.inf, 1], ["1", "2"], [1], [1, 2, 3], "12", b"abc", 5]
            for vector in bad:
                with pytest.raises(InvalidInputError, match="vector"):
                    await store.store_memory("c", "n", {"text": "b"}, vector=vector)
                with pytest.raises(InvalidInputError, match="vector"):
                    await store.append_raw_messages("c", [{"content": "b"}], vectors=[vector])
                with pytest.raises(InvalidInputError, match="vector"):
                    await store.search(vector=vector)
            for vectors in ([[1, 0, 0]], [[1, 0, 0], [1, 0]], [], "ab", None):
                with pytest.raises(InvalidInputError, match="vectors"):
                    await store.upsert_vectors("docs", ["a", "b"], vectors)
            right: dict[str, Any] = {"collection": "docs", "ids": ["a", "b"], "vectors": [[1, 1, 1]] * 2}
            wrong: list[dict[str, Any]] = [{"ids": ["a", "a"]}, {"ids": "ab"}, {"metadata": [{}]}, {"texts": [1, 2]}]
            for arguments in [*wrong, {"namespace": ""}, {"metric": "near"}]:
                with pytest.raises(InvalidInputError):
                    await store.upsert_vectors(**(right | arguments))
            assert names(await store.search(vector=[1, 0], limit=None)) == [("memory", ("c", "m"))]
            assert await store.list_vectors("docs") == ["a"]
            assert await store.load_raw_messages("c") == []

        self.on_store(work)

    def test_an_index_built_anew_is_as_near(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            for number in range(5):
                await store.append_raw_messages(f"c{number}", [{"content": "wen"}] * 9, vectors=[[number, 1]] * 9)
            await store.upsert_vectors("docs", ["a", "b"], [[1, 2], [3, 4]], namespace="u")
            before = [await store.search(vector=[1, 1], limit=None), await store.search_vectors("docs", [1, 1])]
            await store.reindex()
            assert [await store.search(vector=[1, 1], limit=None), await store.search_vectors("docs", [1, 1])] == before
            assert (await store.verify())["problems"] == []

        self.on_store(work)


async def _do(store: Store, there: Standing, what: str, *rest: Any) -> None:
    """One step, done to the store and to what should be there."""
    match what, *rest:
        case "say", place, vectors:
            at = await store.append_raw_messages(place, [{"content": "x"}] * len(vectors), vectors=vectors)
            for position, vector in zip(at, vectors, strict=True):
                there.set(("raw_message", (place, position)), vector)
        case "replace", place, vectors:
            await store.store_raw_messages(place, [{"content": "y"}] * len(vectors), vectors=vectors)
            there.clear(place, "raw_message")
            for position, vector in enumerate(vectors):
                there.set(("raw_message", (place, position)), vector)
        case "remember", place, name, vector, text:
            await store.store_memory(place, name, {"text": text}, vector=vector)
            there.write(("memory", (place, name)), vector, text)
        case "save", name, vector, text:
            await store.save_result({"text": text}, name, vector=vector)
            there.write(("result", (name,)), vector, text)
        case "place", place, name, part, vector:
            await store.upsert_vectors(place, [name], [vector], namespace=part)
            there.items["item", (place, name)] = part, vector
        case "forget", place, name:
            await store.delete_memory(place, name)
            there.drop(("memory", (place, name)))
        case "discard", name:
            await store.delete_result(name)
            there.drop(("result", (name,)))
        case "take", place, name:
            gone = there.items.pop(("item", (place, name)), None)
            assert await store.delete_vectors(place, [name]) == (gone is not None)
        case "delete", place:
            await store.delete_conversation(place)
            await store.delete_collection(place)
            there.clear(place, "raw_message", "memory")
            there.items = {name: item for name, item in there.items.items() if name[1][0] != place}
        case "look", vector, exact:
            await _look(store, there, vector, exact)


async def _look(store: Store, there: Standing, vector: Numbers, exact: bool) -> None:
    near = {name: cosine(other, vector) for name, other in there.records.items()}
    check(await store.search(vector=vector, limit=None, exact=exact), near)
    families = ["raw_message", "memory"]
    inside = {name: score for name, score in near.items() if name[0] in families and name[1][0] == "a"}
    check(await store.search(vector=vector, namespace="a", families=families, limit=None, exact=exact), inside)
    for part in (None, "u"):
        held = {
            name: cosine(other, vector)
            for name, (of, other) in there.items.items()
            if name[1][0] == "a" and part in (None, of)
        }
        check(await store.search_vectors("a", vector, namespace=part, limit=None, exact=exact), held)
