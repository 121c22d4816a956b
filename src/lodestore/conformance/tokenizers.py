"""Tokenizer laws: parts of words are found where that was chosen, and the store keeps the choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from ..core.backend import Backend
from ..core.families import STATE
from ..core.records import Drop
from ..errors import InvalidInputError
from ..search.tokenizers import KEY, TOKENIZERS, TRIGRAM, WORDS
from ..store.search_request import Hit
from ..store.store import Store
from .kit import FakeClock, Kit
from .search import names

# Of letters that no stemmer touches, so that what is found can be told by hand.
_words = st.text("bc", min_size=1, max_size=7)
_texts = st.lists(st.lists(_words, max_size=4).map(" ".join), min_size=1, max_size=5)
_parts = st.lists(st.text("bc", min_size=3, max_size=5), min_size=3, max_size=6)


def _places(hits: Sequence[Hit]) -> set[Any]:
    return {hit.key[1] for hit in hits}


class Tokenized(Kit):
    """What of a word finds it is chosen when a store is new, or its index built anew, and holds for every handle."""

    def test_a_quoted_part_of_a_word_is_found_by_trigrams(self) -> None:
        with self.standing_store() as (store, run):

            def law(by: str, texts: list[str], parts: list[str]) -> None:
                run(store.reindex(tokenizer=by))
                run(store.store_raw_messages("c", [{"content": text} for text in texts]))
                for part in parts:
                    whole = {number for number, text in enumerate(texts) if part in text.split()}
                    inside = {number for number, text in enumerate(texts) if part in text}
                    assert _places(run(store.search(f'"{part}"', limit=None))) == (whole if by == WORDS else inside)
                    left = _places(run(store.search(f"b c {part} -{part}", limit=None)))
                    assert not left & (inside if by == TRIGRAM else whole)

            self.for_all(law, st.sampled_from(TOKENIZERS), _texts, _parts)

    def test_other_forms_and_slips_of_the_pen_are_found_by_trigrams(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            texts = ("R\u00fcckzahlungen folgen", "nichts dergleichen")
            await store.append_raw_messages("c", [{"content": text} for text in texts])
            queries = ("zahlung", '"zahlung"', "R\u00fcckzahlnug", "RUCKZAHLUNG", "zahlung*", "zah*")
            for query in queries:
                assert await store.search(query) == [], f"{query} was found by words"
            for tokenizer in ("trigram", "both"):
                await store.reindex(tokenizer=tokenizer)
                for query in queries:
                    assert names(await store.search(query)) == [("raw_message", ("c", 0))], f"{query} by {tokenizer}"
                [hit] = await store.search("zahlung")
                assert [hit.snippet[low:high] for low, high in hit.marks] == ["zahlung"]
            assert (await store.verify())["problems"] == []

        self.on_store(work)

    def test_a_choice_holds_for_every_handle_from_its_moment_on(self) -> None:
        async def work(*handles: Backend) -> None:
            one, other = (Store(handle, clock=FakeClock(), purge_interval=0) for handle in handles)
            for number, tokenizer in enumerate(("words", "both", "words", "trigram")):
                await one.reindex(tokenizer=tokenizer)
                await other.append_raw_messages("c", [{"content": "unquestionably"}])
                for store in (other, one, other):
                    found = await store.search('"question"', limit=None)
                    assert len(found) == (0 if tokenizer == "words" else number + 1), tokenizer
                    assert (await store.get_storage_stats())["tokenizer"] == tokenizer
            assert len(await one.search("unquestionably", limit=None)) == 4
            await handles[0].apply([Drop(STATE, (), 0)])
            for store in (one, other):
                assert await store.search('"question"') == [], "the choice is gone, but not what it made"
                assert len(await store.search("unquestionably", limit=None)) == 4
            assert (await other.verify())["problems"] == []

        self.on_handles(work, count=2)

    def test_a_store_is_given_its_tokenizer_while_it_is_empty(self) -> None:
        async def work(*handles: Backend) -> None:
            one, again, wrong, plain = (
                Store(handle, clock=FakeClock(), purge_interval=0, tokenizer=by)
                for handle, by in zip(handles, (TRIGRAM, TRIGRAM, WORDS, None), strict=True)
            )
            await one.initialize()
            await one.store_memory("c", "m", {"text": "unquestionably"})
            await again.initialize()
            for store in (one, again, plain):
                assert names(await store.search("question")) == [("memory", ("c", "m"))]
            with pytest.raises(InvalidInputError, match="reindex"):
                await wrong.initialize()
            for store in (one, again):
                await store.shutdown()

        self.on_handles(work, count=4)

    def test_the_choice_is_no_state_of_a_user(self) -> None:
        async def work(store: Store, _: FakeClock) -> None:
            await store.reindex(tokenizer="both")
            await store.store_system_state("mine", {})
            assert await store.list_system_states() == ["mine"]
            assert await store.list_system_states(limit=1) == ["mine"]
            assert (await store.get_storage_stats())["state_count"] == 1
            for change in (store.store_system_state(*KEY, {}), store.delete_system_state(*KEY)):
                with pytest.raises(InvalidInputError, match="reserved"):
                    await change
            for wrong in ("porter", "", 1, b"words"):
                with pytest.raises(InvalidInputError, match="tokenizer"):
                    await store.reindex(tokenizer=wrong)  # type: ignore[arg-type]
            with pytest.raises(InvalidInputError, match="tokenizer"):
                await store.reindex(pending=True, tokenizer="words")
            assert (await store.get_storage_stats())["tokenizer"] == "both"

        self.on_store(work)
