"""Search requests: the arguments of a search, checked; and the hits it answers with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.families import CATALOGUE, SEARCHABLE, Family
from ..core.interface import Document
from ..core.records import Key
from ..core.searchable import IndexQuery
from ..core.validation import check_count, check_id
from ..errors import InvalidInputError
from ..search import filters, rank_fusion
from ..search.filters import Filter
from ..search.query import parse
from ..search.rank_fusion import FusionSettings
from ..search.snippets import Highlight

MODES = ("auto", "text", "vector", "hybrid")


class Hit(NamedTuple):
    """A record found by a search.

    Attributes:
        family: The kind of record: "raw_message", "memory", "result" or "item".
        key: Its key: `(conversation_id, position)`, `(conversation_id, memory_id)`, `(result_id,)` or
            `(collection, item_id)`.
        score: A higher score is better. Scores compare within one search only.
        snippet: A line of its text.
        marks: The matches in the snippet, each as start and end (exclusive), counted in characters.
        data: The record as loading it returns it; an item comes without its vector.
        legs: Rank and score in the "vector" and the "text" ranking, if the search was asked to explain.
    """

    family: str
    key: Key
    score: float
    snippet: str
    marks: tuple[Highlight, ...]
    data: Document
    legs: dict[str, dict[str, Any]] | None = None


Rerank = Callable[[str, list[Hit]], Sequence[float] | Awaitable[Sequence[float]]]


class Fusion(NamedTuple):
    """How rankings are fused, as a caller gives it."""

    weights: object = FusionSettings().weights
    k: object = FusionSettings().k
    pool: object = FusionSettings().pool
    neighbours: object = None
    recency: object = None

    def checked(self) -> FusionSettings:
        """InvalidInputError, naming the argument, where one is wrong."""
        share = FusionSettings().neighbours if self.neighbours is None else self.neighbours
        return rank_fusion.fusion_settings(self.weights, self.k, self.pool, share, self.recency)


class SearchRequest(NamedTuple):
    """The arguments of a search, checked. `wanted` has the page, but for the vector."""

    text: str
    wanted: IndexQuery
    where: Filter | None
    mode: str
    exact: bool
    blend: FusionSettings = FusionSettings()
    beside: bool = False  # whether what stands beside a match counts without vectors too
    rerank: Rerank | None = None
    explain: bool = False

    @classmethod
    def checked(
        cls,
        query: object,
        *,
        namespace: object,
        families: object,
        where: Mapping[str, Any] | None,
        limit: object,
        offset: object,
        mode: object,
        exact: bool,
        fusion: Fusion | None = None,
        rerank: Rerank | None = None,
        explain: bool = False,
    ) -> SearchRequest:
        """InvalidInputError, naming the argument, where one is wrong."""
        text = _text(query)
        if not isinstance(mode, str) or mode not in MODES:
            raise InvalidInputError(f"mode: expected one of {', '.join(MODES)}, not {mode!r}")
        if rerank is not None and not callable(rerank):
            raise InvalidInputError(f"rerank: expected a function of the query and a list of hits, not {rerank!r}")
        count, skip = check_count(limit, "limit"), check_count(offset, "offset") or 0
        prefix, part = namespace_of(namespace)
        wanted = IndexQuery(parse(text), searchable_families(families), prefix, count, skip, part)
        fusion = fusion or Fusion()
        condition, blend = None if where is None else filters.parse(where), fusion.checked()
        beside = fusion.neighbours is not None and blend.neighbours > 0
        return cls(text, wanted, condition, mode, bool(exact), blend, beside, rerank, bool(explain))


def _text(query: object) -> str:
    if query is None:
        return ""
    if not isinstance(query, str):
        raise InvalidInputError(f"query: expected text, not {type(query).__name__}")
    return query


def searchable_families(names: object) -> tuple[Family, ...]:
    """Check the names of families to search; None: all that are searchable."""
    if names is None:
        return tuple(SEARCHABLE)
    if isinstance(names, (str, bytes)) or not isinstance(names, Sequence):
        raise InvalidInputError(f"families: expected a list of names, not {names!r}")
    there = ", ".join(family.name for family in SEARCHABLE)
    for name in names:
        if not isinstance(name, str) or name not in CATALOGUE or not CATALOGUE[name].text:
            raise InvalidInputError(f"families: {name!r} is not searchable; choose from {there}")
    return tuple(family for family in SEARCHABLE if family.name in names)


def namespace_of(namespace: object) -> tuple[Key, str | None]:
    """Split a namespace into the outer key it names and the part of a collection."""
    if namespace is None:
        return (), None
    parts = namespace if isinstance(namespace, tuple) else (namespace,)
    if not 1 <= len(parts) <= 2:
        raise InvalidInputError(
            "namespace: expected a conversation id, a collection, or (collection, namespace), not " + repr(namespace)
        )
    checked = [check_id(part, "namespace") for part in parts]
    return (checked[0],), checked[1] if len(checked) == 2 else None
