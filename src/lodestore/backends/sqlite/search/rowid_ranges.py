"""Rowid ranges: the record numbers a search is about, and the k-NN and full-text queries over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from ....core.families import Family
from ....core.searchable import IndexQuery
from ....search.query import expression
from ....search.tokenizers import query_terms
from ....search.vectors import load_numpy
from ....sql import sqlite_fts as sql, sqlite_numbers
from ..vectors.types import ReadVectors

if TYPE_CHECKING:
    from ..vectors.code_cache import CodeCache

CachedCodes: TypeAlias = "CodeCache | None"


def spans(wanted: IndexQuery, owner: Callable[[Family], int | None]) -> list[sqlite_numbers.Span]:
    """The numbers to search in; `owner` gives the number of the one that is asked for."""
    if not wanted.prefix:
        return [sqlite_numbers.span(family) for family in wanted.families]
    inside = [
        family for family in wanted.families if family.owner and (wanted.namespace is None or family.has_namespaces)
    ]
    owners = ((family, owner(family)) for family in inside)
    return [sqlite_numbers.span(family, number) for family, number in owners if number is not None]


def found(
    run: Any, wanted: IndexQuery, spans: Sequence[sqlite_numbers.Span], tokenizer: str
) -> list[tuple[int, float]]:
    """A page of the numbers and scores of what text finds, the best first, in an index by a tokenizer."""
    if not spans or not wanted.query.wanted:
        return []
    words = sql.within(expression(query_terms(wanted.query, tokenizer)), wanted.namespace)
    limit = -1 if wanted.limit is None else wanted.limit
    binds = (words, limit, wanted.offset, *(bound for span in spans for bound in span))
    rows: list[tuple[int, float]] = run.execute(sql.search(len(spans)), binds).fetchall()
    return rows


def near(
    run: Any,
    wanted: IndexQuery,
    spans: Sequence[sqlite_numbers.Span],
    queued: Sequence[sqlite_numbers.Span],
    floats: Callable[[Family], ReadVectors],
    hot: CachedCodes = None,
) -> Iterator[tuple[int, float]]:
    """Numbers and scores of what is near, the nearest first, to the very end; nothing of what is queued.

    `hot` is what was lately read of the vectors.
    """
    near = wanted.near
    if near is None:
        return iter(())
    load_numpy()
    from ..vectors.knn import nearest

    families: dict[Family, list[sqlite_numbers.Span]] = {}
    for span in spans:
        families.setdefault(sqlite_numbers.family_of(span[0]), []).append(span)
    likely = wanted.offset + (wanted.limit or 0)
    found = (
        chain.from_iterable(
            nearest(
                run,
                near.space,
                near.vector,
                some,
                wanted.namespace if family.has_namespaces else "",  # no others have parts
                floats(family),
                queued,
                exact=near.exact,
                hot=hot,
                likely=likely,
            )
        )
        for family, some in families.items()
    )
    return ((number, score) for number, _, score in merge(*found, key=lambda hit: (-hit[2], hit[0])))
