"""The contract of a search index: queries in, matches out.

A query has been parsed (`search.query`) and its vector checked (`search.vectors`) before a backend sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from .families import Family
from .records import Key, RecordId, Row


class Term(NamedTuple):
    """Words that must follow one another; with `prefix` the last may go on. `quoted`: as they are written."""

    words: tuple[str, ...]
    prefix: bool = False
    quoted: bool = False


class Query(NamedTuple):
    """Any of `wanted`, none of `unwanted`."""

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...] = ()


class VectorSpace(NamedTuple):
    """Vectors that compare with one another: of one dimension, nearer by one metric.

    The score, of which more is nearer, is the inner product for "cosine" (whose vectors are stored at length 1) and
    "ip", and the Euclidean distance with a minus before it for "l2".
    """

    name: str
    dimension: int
    metric: str = "cosine"


class VectorQuery(NamedTuple):
    """A vector that others of its space are searched near to; `exact` reads all of them, whatever it takes."""

    space: VectorSpace
    vector: bytes
    exact: bool = False


class IndexQuery(NamedTuple):
    """What to search for: records of some families, below an outer key where there is one; a page of them.

    `namespace` is one inside a collection, None for all of it.
    """

    query: Query
    families: tuple[Family, ...]
    prefix: Key = ()
    limit: int | None = None
    offset: int = 0
    namespace: str | None = None
    near: VectorQuery | None = None


class Match(NamedTuple):
    """A record that was found; a higher score is a better one."""

    family: Family
    score: float
    row: Row


Leg = list[tuple[RecordId, float]]  # one ranking of a search: ids with their scores in it, the best first
OnCount = Callable[[int], None]  # how many records have been done


class Searchable(Protocol):
    """A backend's index of text and vectors. What was committed before a search began is found by it, on any handle."""

    async def match(self, wanted: IndexQuery) -> list[Match]:
        """Find records by text, or by vector if the query has no words, the best first.

        Records of equal score come in an order that stays.
        """

    async def legs(self, wanted: IndexQuery) -> tuple[Leg, Leg]:
        """Find records by vector and by text, in one snapshot: a page of each ranking.

        A vector's score is the inner product or, for "l2", the negative distance.
        """

    async def reindex(self, tell: OnCount) -> int:
        """Rebuild the index from the records; returns how many there are."""
