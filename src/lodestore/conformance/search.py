"""Search laws: a search finds what is stored, whoever wrote it; every input is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st

from ..core.backend import Backend
from ..errors import ConflictError, InvalidInputError
from ..search.filters import matches, parse
from ..store.search_request import Hit
from ..store.store import Store
from .kit import FakeClock, Kit

Name = tuple[str, tuple[Any, ...]]

_FILTERS: tuple[dict[str, Any], ...] = (
    *({"n": {"$gte": 140}}, {"n": 7}, {"tags": {"$contains": "odd"}}, {"n": {"$lt": 0}}, {}),
    {"$or": [{"n": {"$in": [3, 77, 149]}}, {"text": {"$exists": True}}]},
)

# Words that stemming leaves alone, so that a search for them can be done by hand.
VOCABULARY = ("bak", "dom", "fug", "hox", "jim", "kot", "lup", "nad", "pog", "rit", "sab", "tov", "wen", "zik")
HOSTILE_QUERIES = (
    *("", " ", "\0", '"', '""', '"""', "'", "*", "-", "--", '-"', "-*", "^", ":", "(", ")", "{a b}: c", "NEAR(a b)"),
    *("AND", "OR NOT", "a AND", "NOT a", "t:a", "posting:a", "a + b", '"a" * ^ "b', "a*b*", "-a", '-"a b"', "a\0b"),
    *(
        "\U0001f600",
        "\U0001f469\u200d\U0001f467",
        "\uff8a\uff9d\uff76\uff78",
        "\u65e5\u672c\u8a9e",
        "\u0e44\u0e17\u0e22",
    ),
    *("e\u0301", "\ufb01", "\u0130", "\ufffd", "\ud800", "\u202e", "%", "_", "; DROP TABLE posting", "?1", "the of"),
    *("a " * 5000, "x" * 100_000, '"' * 999, "(" * 999, "a-" * 999, " ".join(map(str, range(999)))),
)


class Asked(NamedTuple):
    """A search in words of the vocabulary: any of `some`, any of the beginnings, or the phrase; none of `none`."""

    some: list[str]
    begins: list[str]
    phrase: list[str]
    none: list[str]

    def text(self) -> str:
        """As a user writes it."""
        phrase = [f'"{" ".join(self.phrase)}"'] if self.phrase else []
        return " ".join(
            [*self.some, *(f"{word}*" for word in self.begins), *phrase, *(f"-{word}" for word in self.none)]
        )

    def fits(self, text: str) -> bool:
        """Whether it finds a text."""
        words = text.split()
        size = len(self.phrase)
        rows = [words[at : at + size] for at in range(len(words) - size + 1)] if size else []
        found = self.phrase in rows or any(word in self.some or word.startswith(tuple(self.begins)) for word in words)
        return found and not set(words) & set(self.none)


_words = st.sampled_from(VOCABULARY)
_texts = st.lists(_words, max_size=6).map(" ".join)
_some = st.lists(_words, max_size=3)
_asked = st.builds(
    Asked, _some, st.lists(_words.map(lambda word: word[:2]), max_size=1), _some, st.lists(_words, max_size=1)
)
_places = st.sampled_from(["a", "b"])
_steps = st.one_of(
    st.tuples(st.just("say"), _places, st.lists(_texts, min_size=1, max_size=3)),
    st.tuples(st.just("say"), _places, st.lists(_texts, min_size=1, max_size=3)),
    st.tuples(st.just("remember"), _places, st.sampled_from("xy"), _texts),
    st.tuples(st.just("save"), st.sampled_from("pq"), _texts),
    st.tuples(st.just("replace"), _places, st.lists(_texts, max_size=2)),
    st.tuples(st.just("forget"), _places, st.sampled_from("xy")),
    st.tuples(st.just("discard"), st.sampled_from("pq")),
    st.tuples(st.just("delete"), _places),
    st.tuples(st.just("look"), _asked),
    st.tuples(st.just("look"), _asked),
)


def names(hits: Sequence[Hit]) -> list[Name]:
    """Family and key of each hit."""
    return [(hit.family, hit.key) for hit in hits]


class Searches(Kit):
    """What is committed is found, what is not there is not, in every namespace and on every page."""

    def test_a_search_finds_what_is_there_and_nothing_else(self) -> None:
        with self.standing_store() as (store, run):

            def law(steps: list[tuple[Any, ...]]) -> None:
                there: dict[Name, str] = {}
                for step in [("delete", "a"), ("delete", "b"), ("discard", "p"), ("discard", "q"), *steps, *_WHOLE]:
                    run(_do(store, there, *step))

            self.for_all(law, st.lists(_steps, min_size=3, max_size=12))

    def test_what_one_handle_commits_another_finds_at_once(self) -> None:
        async def work(*handles: Backend) -> None:
            one, other = (Store(handle, clock=FakeClock(), purge_interval=0) for handle in handles)
            for number in range(4):
                await one.append_raw_messages("c", [{"content": f"pog {number}"}])
                await one.store_memory("c", "m", {"text": f"pog hox{number}"})
                await one.save_result({"text": "pog"}, f"r{number}")
                for store in (other, one):
                    assert len(await store.search("pog", limit=None)) == 2 * number + 3
                    assert len(await store.search(f"hox{number}")) == 1
                    assert await store.search(f"hox{number - 1}") == [], "an overwritten memory was found"
            await other.delete_conversation("c")
            assert {hit.family for hit in await one.search("pog", limit=None)} == {"result"}

        self.on_handles(work, count=2)

    def test_what_was_never_committed_is_never_found(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            await store.store_memory("c", "m", {"text": "kot"})

            async def fail(**expected: int) -> None:
                async with store.transaction() as tx:
                    await tx.append_raw_messages("c", [{"content": "zik"}])
                    await tx.store_memory("c", "m", {"text": "zik"})
                    await tx.save_result({"text": "zik"}, "r", **expected)
                    assert expected, "the block fails"

            with pytest.raises(AssertionError, match="the block fails"):
                await fail()
            with pytest.raises(ConflictError):
                await fail(expect=7)
            assert await store.search("zik") == []
            assert names(await store.search("kot")) == [("memory", ("c", "m"))]

        self.on_store(work)

    def test_a_namespace_is_a_wall(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            for name in ("a", "A", "a b", "ab", "1", "%", "../a"):
                await store.append_raw_messages(name, [{"content": "lup"}, {"content": "nad"}])
                await store.store_memory(name, "m", {"text": "lup", "of": name})
            await store.save_result({"text": "lup"}, "a")
            for space in ("a", ("a",)):
                hits = await store.search("lup", namespace=space)
                assert sorted(names(hits)) == [("memory", ("a", "m")), ("raw_message", ("a", 0))]
            for families in (["memory"], ["result", "memory"]):
                assert names(await store.search("lup", namespace="a", families=families)) == [("memory", ("a", "m"))]
            assert await store.search("lup", namespace="nowhere") == []
            assert names(await store.search("lup", families=["result"])) == [("result", ("a",))]
            assert await store.search("lup", families=[]) == []
            everywhere = await store.search("lup", limit=None, families=["memory", "result"])
            assert {hit.family for hit in everywhere} == {"memory", "result"}

        self.on_store(work)

    def test_pages_have_no_gaps_and_repeat_nothing(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            for name in ("a", "b"):
                await store.append_raw_messages(name, [{"content": f"sab {'tov ' * (n % 3)}"} for n in range(11)])
                await store.store_memory(name, "m", {"text": "sab"})
            await store.save_result({"text": "sab"}, "r")
            whole = names(await store.search("sab tov", limit=None))
            assert len(whole) == len(set(whole)) == 25
            scores = [hit.score for hit in await store.search("sab tov", limit=None)]
            assert scores == sorted(scores, reverse=True), "the best come first"
            for size in (1, 4, 24, 25, 26):
                pages = [await store.search("sab tov", limit=size, offset=at) for at in range(0, 26, size)]
                assert [name for page in pages for name in names(page)] == whole
                assert all(len(page) == size for page in pages[: 25 // size]), "a page is full where there is more"
            assert await store.search("sab", limit=0) == []
            assert await store.search("sab", offset=25) == []

        self.on_store(work)

    def test_a_filter_chooses_and_changes_no_score(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            said = [
                {"content": f"sab {'tov ' * (n % 3)}", "n": n, "tags": ["odd"] if n % 2 else []} for n in range(150)
            ]
            await store.append_raw_messages("c", said)
            await store.save_result({"text": "sab", "n": 7}, "r")
            whole = await store.search("sab tov", limit=None, explain=True)
            for where in _FILTERS:
                tree = parse(where)
                wanted = [hit for hit in whole if matches(tree, hit.data)]
                found = await store.search("sab tov", where=where, limit=None, explain=True)
                assert found == wanted, "as without a filter, less what it leaves out"
                pages = [await store.search("sab tov", where=where, limit=7, offset=at) for at in range(0, 157, 7)]
                assert [name for page in pages for name in names(page)] == names(wanted)
            assert await store.search("sab", where={}, limit=0) == []
            with pytest.raises(InvalidInputError, match="where"):
                await store.search("sab", where={"n": {"$near": 3}})

        self.on_store(work)

    def test_what_stands_beside_a_match_counts_where_it_is_asked_for(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            said = [{"content": text} for text in ("bak", "dom", "zik", "fug", "hox", "jim")]
            await store.append_raw_messages("c", said)
            await store.append_raw_messages("d", said[:1])
            assert names(await store.search("zik")) == [("raw_message", ("c", 2))]
            hits = await store.search("zik", neighbours=0.5, explain=True)
            assert names(hits) == [("raw_message", ("c", position)) for position in (2, 1, 3, 0, 4)]
            assert [hit.score / hits[0].score for hit in hits] == [pytest.approx(n) for n in (1, 0.5, 0.5, 0.25, 0.25)]
            pages = [await store.search("zik", neighbours=0.5, limit=2, offset=at) for at in (0, 2, 4)]
            assert [name for page in pages for name in names(page)] == names(hits)
            assert names(await store.search("zik", neighbours=0)) == [("raw_message", ("c", 2))]

        self.on_store(work)

    def test_no_text_is_an_error(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            for number, text in enumerate(HOSTILE_QUERIES):
                if text != "\ud800":
                    await store.append_raw_messages("c", [{"content": text}])
                    await store.store_memory("c", f"m{number}", {"text": text, text[:20]: text})
            for text in HOSTILE_QUERIES:
                for hit in await store.search(text, explain=True):
                    assert all(0 <= low < high <= len(hit.snippet) for low, high in hit.marks)
                    assert "\n" not in hit.snippet
            assert (await store.verify())["problems"] == []
            for text in ("\u65e5\u672c", "\u672c\u8a9e"):
                assert ("raw_message", ("c", HOSTILE_QUERIES.index("\u65e5\u672c\u8a9e"))) in names(
                    await store.search(text)
                )

        self.on_store(work)

    def test_wrong_arguments_are_refused(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            wrong: list[dict[str, Any]] = [
                *({"query": query} for query in (None, 1, b"a")),
                *({"limit": limit} for limit in (-1, 1.5, "1", True)),
                *({"offset": offset} for offset in (-1, "1")),
                *({"families": families} for families in ("memory", ["cache"], ["nothing"], [1], 1)),
                *({"namespace": space} for space in ("", (), ("a", "b", "c"), ("a", 1), 1, "\0")),
                *({"mode": mode} for mode in ("vector", "hybrid", None, 1)),
            ]
            for arguments in wrong:
                with pytest.raises(InvalidInputError):
                    await store.search(**{"query": "a", **arguments})

        self.on_store(work)

    def test_a_hit_shows_why_it_was_found(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            message = {
                "role": "user",
                "content": [{"type": "text", "text": "so many words, then\n a Window Seat " + "x " * 200}],
            }
            await store.append_raw_messages("c", [message])
            await store.store_memory("c", "m", {"text": "none"})
            [hit] = await store.search('"window seat"', explain=True)
            assert (hit.family, hit.key, hit.data) == ("raw_message", ("c", 0), message)
            assert [hit.snippet[low:high] for low, high in hit.marks] == ["Window", "Seat"]
            assert hit.legs == {"text": {"rank": 1, "score": hit.score}}
            [hit] = await store.search("none")
            assert hit.legs is None
            assert hit.data == await store.load_memory("c", "m")

        self.on_store(work)

    def test_an_index_built_anew_finds_the_same(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            assert await store.search("wen") == []
            assert await store.reindex() == 0
            for number in range(5):
                await store.append_raw_messages(f"c{number}", [{"content": f"wen {word}"} for word in VOCABULARY])
            before = await store.search("wen rit", limit=None)
            told: list[int] = []
            assert await store.reindex(told.append) == 5 * len(VOCABULARY)
            assert told[-1] == 5 * len(VOCABULARY)
            assert await store.search("wen rit", limit=None) == before
            assert (await store.verify())["problems"] == []

        self.on_store(work)


_WHOLE = [("look", Asked([word], [], [], [])) for word in VOCABULARY[:3]]


async def _do(store: Store, there: dict[Name, str], what: str, *rest: Any) -> None:
    """One step, done to the store and to what should be there."""
    match what, *rest:
        case "say", place, texts:
            at = await store.append_raw_messages(place, [{"role": "user", "content": text} for text in texts])
            there.update({("raw_message", (place, n)): text for n, text in zip(at, texts, strict=True)})
        case "replace", place, texts:
            await store.store_raw_messages(place, [{"content": text} for text in texts])
            _clear(there, "raw_message", place)
            there.update({("raw_message", (place, n)): text for n, text in enumerate(texts)})
        case "remember", place, name, text:
            await store.store_memory(place, name, {"deep": [{"text": text}]})
            there["memory", (place, name)] = text
        case "save", name, text:
            there["result", (await store.save_result({"answer": text}, name),)] = text
        case "forget", place, name:
            assert await store.delete_memory(place, name) is (there.pop(("memory", (place, name)), None) is not None)
        case "discard", name:
            await store.delete_result(name)
            there.pop(("result", (name,)), None)
        case "delete", place:
            await store.delete_conversation(place)
            for family in ("raw_message", "memory"):
                _clear(there, family, place)
        case "look", asked:
            await _look(store, there, asked)


def _clear(there: dict[Name, str], family: str, place: str) -> None:
    for name in [name for name in there if name[0] == family and name[1][0] == place]:
        del there[name]


async def _look(store: Store, there: dict[Name, str], asked: Asked) -> None:
    expected = sorted(name for name, text in there.items() if asked.fits(text))
    assert sorted(names(await store.search(asked.text(), limit=None))) == expected, asked.text()
    inside = [name for name in expected if name[0] != "result" and name[1][0] == "a"]
    assert sorted(names(await store.search(asked.text(), namespace="a", limit=None))) == inside, asked.text()
