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
    """A record that was found.

    `family` and `key` name it, `data` is the record as loading it gives it (of an item: without its vector). A higher
    `score` is a better one; scores compare within one search. `snippet` is a line of its text, `marks` the stretches
    of that line that match, each from its first character to behind its last. `legs` has the rank and the score in each
    part of the search, where explaining was asked for.
    """

    family: str
    key: Key
    score: float
    snippet: str
    marks: tuple[Highlight, ...]
    data: Document
    legs: dict[str, dict[str, Any]] | None = None


Rerank = Callable[[str, list[Hit]], "Sequence[float] | Awaitable[Sequence[float]]"]


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
        namespace: object,
        families: object,
        where: Mapping[str, Any] | None,
        limit: object,
        offset: object,
        mode: object,
        exact: bool,
    ) -> SearchRequest:
        """InvalidInputError, naming the argument, where one is wrong."""
        text = "" if query is None else query
        if not isinstance(text, str):
            raise InvalidInputError(f"query: expected text, not {type(text).__name__}")
        if not isinstance(mode, str) or mode not in MODES:
            raise InvalidInputError(f"mode: expected one of {', '.join(MODES)}, not {mode!r}")
        count, skip = check_count(limit, "limit"), check_count(offset, "offset") or 0
        prefix, part = namespace_of(namespace)
        wanted = IndexQuery(parse(text), searchable_families(families), prefix, count, skip, part)
        return cls(text, wanted, None if where is None else filters.parse(where), mode, bool(exact))

    def fused(self, weights: object, k: object, pool: object, neighbours: object, recency: object) -> SearchRequest:
        """With what says how to fuse."""
        share = FusionSettings().neighbours if neighbours is None else neighbours
        blend = rank_fusion.fusion_settings(weights, k, pool, share, recency)
        return self._replace(blend=blend, beside=neighbours is not None and blend.neighbours > 0)

    def shown(self, rerank: Rerank | None, explain: bool) -> SearchRequest:
        """With what happens to the hits."""
        if rerank is not None and not callable(rerank):
            raise InvalidInputError(f"rerank: expected a function of the query and a list of hits, not {rerank!r}")
        return self._replace(rerank=rerank, explain=bool(explain))


def searchable_families(names: object) -> tuple[Family, ...]:
    if names is None:
        return SEARCHABLE
    if isinstance(names, (str, bytes)) or not isinstance(names, Sequence):
        raise InvalidInputError(f"families: expected a list of names, not {names!r}")
    there = ", ".join(family.name for family in SEARCHABLE)
    for name in names:
        if not isinstance(name, str) or name not in CATALOGUE or not CATALOGUE[name].text:
            raise InvalidInputError(f"families: {name!r} is not searched; {there} are")
    return tuple(family for family in SEARCHABLE if family.name in names)


def namespace_of(namespace: object) -> tuple[Key, str | None]:
    """The outer key that a namespace names, and the part of a collection."""
    if namespace is None:
        return (), None
    parts = namespace if isinstance(namespace, tuple) else (namespace,)
    if not 1 <= len(parts) <= 2:
        raise InvalidInputError(
            "namespace: expected the id of a conversation or a collection, or a collection and a namespace in it,"
            f" not {namespace!r}"
        )
    checked = [check_id(part, "namespace") for part in parts]
    return (checked[0],), checked[1] if len(checked) == 2 else None
