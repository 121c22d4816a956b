"""A packed index with the floats it is of, and a model of what should be in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from math import dist, fsum, isclose
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from lodestore.backends.sqlite.engine import driver
from lodestore.backends.sqlite.vectors import index_writer, verify
from lodestore.backends.sqlite.vectors.knn import nearest
from lodestore.backends.sqlite.vectors.types import Span, VectorEntry, VectorSpace
from lodestore.sql import sqlite_vectors as sql
from tests.support.sqlite_tools import memory_database

METRICS: tuple[str, ...] = ("cosine", "ip", "l2")
OWNERS: tuple[Span, ...] = tuple(((owner << 32) - 2**63, ((owner + 1) << 32) - 2**63 - 1) for owner in (1, 2))
PARTS = ("", "a", "b")
WHOLE: Span = (-(2**63), 2**63 - 1)


class Held(NamedTuple):
    row: int
    part: str
    vector: bytes


class Box:
    """An index, the floats it is of, and what should be in it."""

    def __init__(self, connection: driver.Connection, space: VectorSpace) -> None:
        self.connection, self.space = connection, space
        self.run = connection.cursor()
        for text in sql.tables("temp."):
            self.run.execute(text)
        self.truth: dict[int, bytes] = {}
        self.model: dict[int, Held] = {}

    def floats(self, rows: Sequence[int]) -> list[bytes | None]:
        return [self.truth.get(row) for row in rows]

    def step(self, owner: int, first: int, last: int, parts: Sequence[tuple[str, Sequence[int]]], seed: int) -> None:
        """What stood between two places goes, and in each part these places get new vectors."""
        span = OWNERS[owner]
        low, high = span[0] + first, span[0] + last
        index_writer.remove(self.run, span, low, high)
        self.model = {number: held for number, held in self.model.items() if not low <= number <= high}
        for part, places in parts:
            entries = [self.entry(span[0] + place, part, seed + place) for place in places]
            index_writer.add(self.run, self.space, span, part, entries)

    def entry(self, number: int, part: str, seed: int) -> VectorEntry:
        row, vector = len(self.truth) + 1, drawn(self.space, seed)
        self.truth[row] = vector
        self.model[number] = Held(row, part, vector)
        return VectorEntry(number, row, vector)

    def found(self, query: bytes, spans: Sequence[Span] = (WHOLE,), part: str | None = None, **more: Any) -> Any:
        return nearest(self.run, self.space, query, spans, part, self.floats, **more)

    def problems(self) -> list[str]:
        expected = [(number, held.row) for number, held in sorted(self.model.items())]
        return list(verify.problems(self.run, {self.space.name: self.space}, WHOLE, expected, self.floats))

    def dump(self) -> list[Any]:
        return self.run.execute("SELECT * FROM packed ORDER BY last").fetchall()  # type: ignore[no-any-return]


def drawn(space: VectorSpace, seed: int) -> bytes:
    """A vector of few different values, so that many are equal and more are equally near."""
    vector = np.random.default_rng(seed % 40).integers(-2, 3, space.dimension).astype("<f4") / np.float32(3)
    if not vector.any():
        vector[0] = 1
    return (vector / np.linalg.norm(vector) if space.metric == "cosine" else vector).astype("<f4").tobytes()


@contextmanager
def box(metric: str = "cosine", dimension: int = 3) -> Iterator[Box]:
    with closing(memory_database()) as connection:
        yield Box(connection, VectorSpace("s", dimension, metric))


def score(metric: str, query: bytes, vector: bytes) -> float:
    one, other = (np.frombuffer(blob, "<f4").tolist() for blob in (query, vector))
    return -dist(one, other) if metric == "l2" else fsum(a * b for a, b in zip(one, other, strict=True))


def agree(metric: str, query: bytes, listed: Sequence[tuple[int, int, float]], wanted: dict[int, Held]) -> None:
    """Every number once, with its row and score, best first, ties by number."""
    assert {number: row for number, row, _ in listed} == {number: held.row for number, held in wanted.items()}
    assert len(listed) == len(wanted)
    assert listed == sorted(listed, key=lambda hit: (-hit[2], hit[0]))
    for number, _, value in listed:
        assert isclose(value, score(metric, query, wanted[number].vector), rel_tol=1e-12, abs_tol=1e-12)


places = st.integers(0, 900)
steps = st.lists(
    st.tuples(
        st.integers(0, 1),
        places,
        st.integers(0, 700) | st.integers(0, 3),
        st.sampled_from([(), ("",), ("a",), ("a", "b"), PARTS]),
        st.integers(1, 5),
        st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=30,
)


def play(held: Box, moves: Sequence[tuple[int, int, int, tuple[str, ...], int, int]]) -> None:
    for owner, first, width, parts, every, seed in moves:
        last = first + width
        held.step(
            owner,
            first,
            last,
            [(part, range(first + at, last + 1, every * len(parts))) for at, part in enumerate(parts)],
            seed,
        )
