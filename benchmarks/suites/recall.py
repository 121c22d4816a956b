"""How much of what should be found is found: recall among the first 5, 10, 20 and 50, of real questions.

Recall is the mean share, over the questions, of what is relevant that stands among the first. Everything is asked of a
store; embeddings are those of the shared data (all-MiniLM-L6-v2, 384 dimensions), none are made here.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

import lodestore
from lodestore.core.families import CATALOGUE, RAW_MESSAGE, RESULT
from lodestore.core.records import RecordId
from lodestore.search.rank_fusion import FusionSettings

from .. import corpora
from ..bench import Bench
from ..corpora import ADVERSARIAL, Corpus, Question

SUITE = "recall"
DEPTHS = (5, 10, 20, 50)
TEXT = {"text": FusionSettings((0, 1), neighbours=0)}
METHODS = {
    **TEXT,
    "text, neighbours": FusionSettings((0, 1)),
    "vectors": FusionSettings((1, 0), neighbours=0),
    "RRF k=60": FusionSettings((1, 1), 60, neighbours=0),
    "default": FusionSettings(),
    "default, no neighbours": FusionSettings(neighbours=0),
    "weights 0.6, 0.4": FusionSettings((0.6, 0.4)),
    "weights 0.8, 0.2": FusionSettings((0.8, 0.2)),
}
ALONE = {name: blend for name, blend in METHODS.items() if "neighbours" not in name}  # documents have none
Found = dict[str, list[RecordId]]  # by the id of the question


class Searched:
    """A corpus in a store, and what a question finds there."""

    def __init__(self, store: Any, corpus: Corpus) -> None:
        self._store, self._corpus = store, corpus
        self._items, self._asked = corpus.vectors()
        self.depths = DEPTHS if self._asked else DEPTHS[:2]  # of text alone no more is asked than is counted

    async def fill(self) -> None:
        """Store everything; the first search pays for the index."""
        for conversation, messages in self._corpus.conversations.items():
            identities = [(RAW_MESSAGE, (conversation, position)) for position in range(len(messages))]
            vectors = [self._items.get(identity) for identity in identities] if self._items else None
            await self._store.append_raw_messages(conversation, messages, vectors=vectors)
        saves = (
            self._store.save_result(document, name, vector=self._items.get((RESULT, (name,))))
            for name, document in self._corpus.documents.items()
        )
        await asyncio.gather(*saves)

    async def order(self, question: Question, blend: FusionSettings) -> list[RecordId]:
        """The best of what a question finds, the best first."""
        asked = self._asked.get(question.id)
        hits = await self._store.search(
            question.text,
            vector=asked,
            namespace=question.namespace,
            limit=max(self.depths),
            mode="text" if asked is None else "hybrid",
            weights=blend.weights,
            k=blend.k,
            neighbours=blend.neighbours,
        )
        return [(CATALOGUE[hit.family], hit.key) for hit in hits]


async def run(bench: Bench) -> None:
    """Conversations, documents, and the same documents in twelve languages."""
    if not corpora.there():
        bench.report.leave_out(["recall: the shared data is not there"])
        return
    console = Console(stderr=True, width=120)
    for name in ("locomo", "bfcl_memory"):
        await _compare(bench, console, corpora.conversations(name), METHODS)
    for name in ("cosqa", "api_catalogue", "banking_kb"):
        await _compare(bench, console, corpora.documents(name), ALONE)
    for language in corpora.languages():
        corpus = corpora.documents("xquad", language)
        await _compare(bench, console, corpus, ALONE if corpus.embedded else TEXT)
        await _compare(bench, console, corpus, TEXT, "both")


async def _compare(
    bench: Bench, console: Console, corpus: Corpus, methods: dict[str, FusionSettings], tokenizer: str = "words"
) -> None:
    url = f"sqlite:///{bench.folder}/recall-{corpus.name}-{tokenizer}.db"
    async with await lodestore.open(url, durability="process", tokenizer=tokenizer) as store:
        searched = Searched(store, corpus)
        await searched.fill()
        answers = {name: await _answers(searched, corpus, blend) for name, blend in methods.items()}
    for title, chosen in _parts(corpus, "" if tokenizer == "words" else f" by {tokenizer}"):
        depths = searched.depths
        figures = {name: [recall(chosen, found, depth) for depth in depths] for name, found in answers.items()}
        for name, values in figures.items():
            for depth, value in zip(depths, values, strict=True):
                bench.note(SUITE, f"{title}, @{depth}", name, value, "of the relevant", f"{len(chosen)} questions")
        console.print(_table(f"{title}, {len(chosen)} questions", depths, figures))


async def _answers(searched: Searched, corpus: Corpus, blend: FusionSettings) -> Found:
    return {question.id: await searched.order(question, blend) for question in corpus.questions}


def _parts(corpus: Corpus, how: str) -> Iterable[tuple[str, list[Question]]]:
    """All questions that have an answer; then those of them that are not meant to mislead."""
    every = [question for question in corpus.questions if question.relevant]
    yield f"{corpus.name}{how}", every
    fair = [question for question in every if question.kind != ADVERSARIAL]
    if len(fair) < len(every):
        yield f"{corpus.name}{how}, not adversarial", fair


def recall(questions: Sequence[Question], found: Found, depth: int) -> float:
    """The mean share of what is relevant among the first `depth`."""
    return statistics.fmean(
        len(question.relevant.intersection(found[question.id][:depth])) / len(question.relevant)
        for question in questions
    )


def _table(title: str, depths: Sequence[int], figures: dict[str, list[float]]) -> Table:
    table = Table("method", *(f"@{depth}" for depth in depths), title=title, title_justify="left")
    for name, values in figures.items():
        table.add_row(name, *(f"{value:.3f}" for value in values))
    return table
