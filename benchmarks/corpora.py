"""Questions with known answers: conversations and documents to search, embeddings of both, from the shared data."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import zstandard

from lodestore.core.families import RAW_MESSAGE, RESULT
from lodestore.core.records import RecordId

from .workload import Document, folder

ADVERSARIAL = "adversarial"


@dataclass(frozen=True)
class Question:
    """`relevant` is what should be found, `kind` the category in the corpus."""

    id: str
    text: str
    relevant: frozenset[RecordId]
    namespace: str | None = None
    kind: str = ""


@dataclass
class Corpus:
    """Messages by conversation, documents by id, questions; `embedded` names the files of vectors."""

    name: str
    questions: list[Question]
    conversations: dict[str, list[Document]] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    embedded: tuple[str, str] | None = None
    names: dict[str, RecordId] = field(default_factory=dict)  # of what is embedded, by the id in the file

    def vectors(self) -> tuple[dict[RecordId, Any], dict[str, Any]]:
        """Of what is searched, and of the questions by their ids; float32."""
        if self.embedded is None:
            return {}, {}
        items, questions = (dict(_embeddings(name)) for name in self.embedded)
        return {self.names[name]: vector for name, vector in items.items()}, questions


def there() -> bool:
    """Whether the data is."""
    return (folder() / "locomo.jsonl.zst").is_file()


def conversations(name: str) -> Corpus:
    """Of `locomo` or `bfcl_memory`: each of its conversations a namespace, its turns messages one after another."""
    corpus = Corpus(name, [], embedded=(f"{name}.turns", f"{name}.questions"))
    for row in _rows(f"{name}.jsonl.zst"):
        turns = [turn for session in row["sessions"] for turn in session["turns"]]
        corpus.conversations[row["id"]] = [_message(turn) for turn in turns]
        named = {turn["dia_id"]: (RAW_MESSAGE, (row["id"], position)) for position, turn in enumerate(turns)}
        corpus.names |= {f"{row['id']}/{turn}": identity for turn, identity in named.items()}
        for number, asked in enumerate(row["qa"]):
            relevant = frozenset(named[turn] for turn in asked["evidence"] if turn in named)
            question_id = asked.get("id", f"{row['id']}/q{number}")
            corpus.questions.append(Question(question_id, asked["q"], relevant, row["id"], asked.get("category", "")))
    return corpus


def _message(turn: Document) -> Document:
    """Who speaks, what is said, and what an image shows."""
    speaker = turn.get("speaker")
    who = {"role": turn["role"]} if speaker is None else {"role": "user", "speaker": speaker}
    caption = turn.get("image_caption")
    if not caption:
        return {**who, "content": turn["text"]}
    return {**who, "content": [{"type": "text", "text": turn["text"]}, {"type": "image", "caption": caption}]}


def documents(name: str, language: str | None = None) -> Corpus:
    """Of a folder of `corpora`: every document a result, all in one place; of one language where there are several."""
    shown = name if language is None else f"{name}-{language}"
    embedded = (f"{shown}.docs", f"{shown}.queries") if language in (None, "en") else None
    corpus = Corpus(shown, [], embedded=embedded)
    for row in _of(_rows(f"corpora/{name}.docs.jsonl.zst"), language):
        corpus.documents[row["doc_id"]] = {key: row[key] for key in ("title", "text") if row.get(key)}
        corpus.names[row["doc_id"]] = (RESULT, (row["doc_id"],))
    for row in _of(_rows(f"corpora/{name}.queries.jsonl.zst"), language):
        relevant = frozenset(corpus.names[document] for document in row["relevant"])
        corpus.questions.append(Question(row["query_id"], row["text"], relevant))
    return corpus


def _of(rows: Iterable[Document], language: str | None) -> Iterator[Document]:
    return (row for row in rows if language is None or row["lang"] == language)


def languages() -> list[str]:
    """Of XQuAD."""
    return sorted({row["lang"] for row in _rows("corpora/xquad.docs.jsonl.zst")})


def _rows(path: str) -> Iterator[Document]:
    with (folder() / path).open("rb") as packed:
        for line in io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(packed)):
            yield orjson.loads(line)


def _embeddings(name: str) -> Iterator[tuple[str, Any]]:
    import numpy

    base = folder() / "embeddings"
    matrix = numpy.load(base / f"{name}.f16.npy", allow_pickle=False).astype(numpy.float32)
    yield from zip(orjson.loads((base / f"{name}.ids.json").read_bytes()), matrix, strict=True)
