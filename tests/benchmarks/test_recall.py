"""The suite of recall counts what it says: shares of what is relevant, found by a store in the right conversation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import lodestore
from benchmarks.corpora import Corpus, Question, _message
from benchmarks.suites import recall
from lodestore.core.families import RAW_MESSAGE
from lodestore.core.records import RecordId
from lodestore.search.rank_fusion import FusionSettings


def message(conversation: str, position: int) -> RecordId:
    return RAW_MESSAGE, (conversation, position)


class Embedded(Corpus):
    def vectors(self) -> tuple[dict[RecordId, Any], dict[str, Any]]:
        return {identity: [1.0, identity[1][1]] for identity in self.names.values()}, {"q": [1.0, 5.0]}


def corpus(kind: type[Corpus] = Corpus) -> Corpus:
    said = ["Hello", "I lost my passport", "Oh no", "In Lisbon", "That is far", "Bye"]
    found = kind("small", [])
    for name in "ab":
        found.conversations[name] = [{"role": "user", "content": text} for text in said]
        found.names |= {f"{name}/{n}": message(name, n) for n in range(len(said))}
    relevant = frozenset({message("b", 1), message("b", 3)})
    found.questions.append(Question("q", "Where was the passport lost?", relevant, "b"))
    return found


class TestSearched:
    async def order(self, folder: Path, blend: FusionSettings, kind: type[Corpus] = Corpus) -> list[RecordId]:
        async with await lodestore.open(f"sqlite:///{folder}/store.db", durability="process") as store:
            searched = recall.Searched(store, corpus(kind))
            await searched.fill()
            return await searched.order(corpus().questions[0], blend)

    def test_text_alone_finds_the_words_in_its_own_conversation(self, tmp_path: Path) -> None:
        assert asyncio.run(self.order(tmp_path, recall.TEXT["text"])) == [message("b", 1)]

    def test_vectors_and_neighbours_have_their_say(self, tmp_path: Path) -> None:
        found = asyncio.run(self.order(tmp_path, FusionSettings(), Embedded))
        assert {*found} == {message("b", n) for n in range(6)}
        alone = asyncio.run(self.order(tmp_path / "2", FusionSettings((1, 0), neighbours=0), Embedded))
        assert alone == [message("b", n) for n in (5, 4, 3, 2, 1, 0)]
        assert found != alone


def test_recall_is_the_mean_share_of_what_is_relevant() -> None:
    questions = [
        Question("one", "", frozenset({message("a", 1), message("a", 2)})),
        Question("two", "", frozenset({message("a", 3)})),
    ]
    found = {"one": [message("a", 1), message("a", 3), message("a", 2)], "two": [message("a", 0), message("a", 3)]}
    assert [recall.recall(questions, found, depth) for depth in (1, 2, 3)] == [0.25, 0.75, 1]


def test_a_message_says_what_its_image_shows() -> None:
    turn = {"speaker": "Ann", "text": "Look!", "image_caption": "a dog"}
    parts = [{"type": "text", "text": "Look!"}, {"type": "image", "caption": "a dog"}]
    assert _message(turn) == {"role": "user", "speaker": "Ann", "content": parts}
