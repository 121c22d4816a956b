"""What is stored and in which order: from real conversations and calls where they are, else from a stand-in.

LODESTORE_DATA names the folder (default: `shared/data` beside the repository). The same seed gives the same workload.
Every document is new: rewriting the bytes that are there is free in SQLite.
"""

from __future__ import annotations

import bisect
import hashlib
import io
import itertools
import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import zstandard

from . import standin

Document = dict[str, Any]
REPOSITORY = Path(__file__).parents[1]


def folder() -> Path:
    """Where real data is, or would be."""
    return Path(os.environ.get("LODESTORE_DATA") or REPOSITORY.parent / "shared" / "data")


@dataclass(frozen=True)
class Conversation:
    """One recorded session."""

    id: str
    messages: tuple[Document, ...]

    @property
    def raw(self) -> int:
        """Bytes of its messages as compact JSON."""
        return sum(len(orjson.dumps(message)) for message in self.messages)


class Data:
    """Conversations, model calls and an arrival trace; `real` or generated, as `label` says in every output."""

    def __init__(self, seed: int = 1, *, standin_only: bool = False) -> None:
        self.seed = seed
        self.real = not standin_only and (folder() / "agent_transcripts.jsonl.zst").is_file()
        self.label = "real data" if self.real else "GENERATED STAND-IN DATA, not real sizes"

    def conversations(self, count: int, least: int = 3) -> list[Conversation]:
        """`count` conversations of at least `least` messages, drawn by a hash of their ids; fewer if there are not."""
        rows = recorded("agent_transcripts") if self.real else standin.conversations(self.seed)
        found = [Conversation(row["id"], tuple(row["messages"])) for row in rows if len(row["messages"]) >= least]
        found.sort(key=lambda c: hashlib.sha256(f"{self.seed}{c.id}".encode()).digest())
        return found[:count]

    def responses(self) -> list[Document]:
        """What a cache of model calls holds: model and response."""
        rows = recorded("llm_calls") if self.real else standin.calls(self.seed)
        return [{"model": row["model"], "response": row["response"]} for row in rows]

    def arrivals(self) -> list[str]:
        """Block after block as a production cluster asked for them."""
        rows = recorded("prefix_cache_trace") if self.real else standin.trace(self.seed)
        return [f"block-{block}" for row in rows for block in row["hash_ids"]]


def recorded(name: str) -> Iterator[Document]:
    """The documents of a set of real data."""
    with (folder() / f"{name}.jsonl.zst").open("rb") as packed:
        for line in io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(packed)):
            yield orjson.loads(line)


class Documents:
    """Documents of real sizes, never the same twice; the large part is shared, so that a million cost little memory."""

    def __init__(self, responses: list[Document], seed: int = 1) -> None:
        self._responses, self._rng, self._number = responses, random.Random(seed), itertools.count()

    def fresh(self) -> Document:
        """The next one."""
        return {"n": next(self._number), **self._rng.choice(self._responses)}

    def flat(self) -> Document:
        """The next one, its response as text: a document of plain values, which needs no decoding to be copied."""
        document = self.fresh()
        return {**document, "response": orjson.dumps(document["response"]).decode()}

    def keyed(self, count: int) -> Iterator[tuple[str, Document]]:
        """The keys 0 to `count`, each with a document."""
        return ((key(number), self.fresh()) for number in range(count))


def save(conversations: Iterable[Conversation], path: Path) -> Path:
    """As JSON lines, for another process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps({"id": c.id, "messages": c.messages}) + b"\n" for c in conversations))
    return path


def saved(path: Path) -> Iterator[Conversation]:
    """What `save` wrote, one at a time."""
    with path.open("rb") as lines:
        for line in lines:
            row = orjson.loads(line)
            yield Conversation(row["id"], tuple(row["messages"]))


def key(number: int) -> str:
    """The key of a model call: a hash, as anybody makes them."""
    return hashlib.sha256(number.to_bytes(8, "little")).hexdigest()


class Zipf:
    """Numbers below `count`, the first the most popular: the n-th is drawn with weight 1 / n."""

    def __init__(self, count: int, seed: int = 1) -> None:
        self._totals = list(itertools.accumulate(1 / n for n in range(1, count + 1)))
        self._rng = random.Random(seed)

    def draw(self) -> int:
        """One number."""
        return bisect.bisect_left(self._totals, self._rng.random() * self._totals[-1])

    def keys(self, count: int) -> list[str]:
        """`count` keys."""
        return [key(self.draw()) for _ in range(count)]


def user_first(messages: tuple[Document, ...]) -> int:
    """How many messages open a session: all up to the first of the user, in one transaction."""
    return next((n + 1 for n, message in enumerate(messages) if message["role"] == "user"), 1)


def steps(messages: tuple[Document, ...]) -> Iterator[tuple[list[Document], bool]]:
    """The recorded session as writes, and whether the agent reads its context before each.

    The opening; then each answer of the model (context read before); then what follows it up to the next answer, the
    results of its tools or the next word of the user, as one write.
    """
    opening = user_first(messages)
    yield list(messages[:opening]), False
    batch: list[Document] = []
    for message in messages[opening:]:
        if message["role"] != "assistant":
            batch.append(message)
            continue
        if batch:
            yield batch, False
            batch = []
        yield [message], True
    if batch:
        yield batch, False
