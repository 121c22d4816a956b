"""Searching: what a user asks, checked and handed to an index; what that finds, fused, filtered, fit to be shown."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..core.backend import Backend, fetch_by_id
from ..core.families import ITEM, MEMORY, SEARCHABLE, Family
from ..core.interface import Document
from ..core.records import BODY, CREATED_AT, KEY, RecordId, Row
from ..core.searchable import IndexQuery, Leg, OnCount, Query, Searchable, VectorQuery, VectorSpace
from ..encoding import json_codec
from ..errors import EmbeddingError, InvalidInputError, UnavailableError
from ..search import filters, rank_fusion, vectors
from ..search.filters import Filter
from ..search.rank_fusion import FusionSettings
from ..search.snippets import snippet
from ..search.text import text_of
from . import collections
from .documents import memory_document
from .search_request import Hit, SearchRequest
from .vector_spaces import VectorSpaces

PORTION = 64  # records read at once
SIEVED = 512  # names of what is near that a filter chooses among at first
NAMES = ("vector", "text")  # of the legs, in the order of their weights

_log = logging.getLogger(__name__)


Legs = dict[str, dict[str, Any]]


class Ranked(NamedTuple):
    """A record in the order of a search, and what says why it stands there; `row` where it was read already."""

    identity: RecordId
    score: float
    why: Callable[[], Legs]
    row: Row | None = None


Portions = AsyncIterator[list[Ranked]]


class SearchService:
    """The searches of one store. A backend without an index of its own gets one from its records, when first asked."""

    def __init__(self, backend: Backend, spaces: VectorSpaces) -> None:
        self._backend, self._spaces = backend, spaces
        self._local_index: Any = None

    async def search(self, asked: SearchRequest, vector: object = None) -> list[Hit]:
        """Find the hits of a page, the best first; without a `vector` there must be a query."""
        asked = await self._aimed(asked, vector)
        near, query, mode = asked.wanted.near, asked.wanted.query, asked.mode
        if mode == "vector" or not query.wanted:
            return [] if near is None or mode == "text" else await self._by(asked, "vector")
        if near is not None:
            return await self._page(asked, self._by_both(asked))
        if asked.beside:
            asked = asked._replace(blend=asked.blend._replace(weights=(0.0, 1.0)))
            return await self._page(asked, self._by_both(asked))
        return await self._by(asked, "text")

    async def _by(self, asked: SearchRequest, way: str) -> list[Hit]:
        """Find the hits of one ranking: a page of the index as it is, where none need be passed over."""
        if asked.where is None and asked.rerank is None:
            wanted = asked.wanted if way == "text" else asked.wanted._replace(query=Query(()))
            return [_hit(asked, ranked, row) for ranked, row in await self._matched(wanted, way)]
        return await self._page(asked, self._by_text(asked) if way == "text" else self._by_vector(asked))

    async def _aimed(self, asked: SearchRequest, vector: object) -> SearchRequest:
        """With the vector to be near to, where there is one: the caller's, or that of the query."""
        embeds = self._spaces.embeds
        if vector is None and asked.mode in ("vector", "hybrid") and not (embeds and asked.text.strip()):
            raise InvalidInputError(
                f"mode: {asked.mode!r} needs a vector, or a query and a store opened with an embedder"
            )
        if asked.mode == "text" or (vector is None and not (embeds and asked.wanted.query.wanted)):
            return asked
        wanted, space = asked.wanted, None
        if wanted.prefix and ITEM in wanted.families:
            space = await self._spaces.find(str(wanted.prefix[0]))
        if space is not None and wanted.families == tuple(SEARCHABLE):
            wanted = wanted._replace(families=(ITEM,))
        space = space or await self._spaces.find(self._spaces.of_records)
        if space is None:
            return asked
        near = await self._vector(asked, space, vector)
        return asked._replace(wanted=wanted._replace(near=VectorQuery(space, near, asked.exact) if near else None))

    async def _vector(self, asked: SearchRequest, space: VectorSpace, vector: object) -> bytes | None:
        if vector is None:
            try:
                [vector] = await self._spaces.embedder.embed_queries([asked.text])
            except EmbeddingError as problem:
                if asked.mode != "auto":
                    raise
                _log.warning("searching by text alone: %s", problem)
                return None
        found = vectors.vector_of(vector, "vector", space.metric)
        if len(found) != 4 * space.dimension:
            raise InvalidInputError(
                f"vector: it has {len(found) // 4} numbers, but {space.name!r} has {space.dimension}"
            )
        return found

    # -- the order

    async def _by_text(self, asked: SearchRequest) -> Portions:
        """Read matches in growing portions, each with its row."""
        wanted = asked.wanted
        wanted = wanted._replace(offset=0, limit=max(PORTION, wanted.offset + (wanted.limit or 0)))
        while found := await self._matched(wanted, "text"):
            yield [ranked for ranked, _ in found]
            wanted = _deeper(wanted)

    async def _matched(self, wanted: IndexQuery, way: str) -> list[tuple[Ranked, Row]]:
        matches = await self._index().match(wanted) if wanted.limit != 0 else []
        return [
            (Ranked((family, row[KEY:]), score, partial(_leg, way, rank, score), row), row)
            for rank, (family, score, row) in enumerate(matches, wanted.offset + 1)
        ]

    async def _by_vector(self, asked: SearchRequest) -> Portions:
        """Read what is near, in growing portions."""
        wanted = asked.wanted._replace(query=Query(()), offset=0)
        # A filter may leave one in many, and each further portion costs a search of its own.
        least = SIEVED if asked.where is not None else asked.blend.pool if asked.rerank else 1
        wanted = wanted._replace(limit=max(least, asked.wanted.offset + (asked.wanted.limit or PORTION)))
        while True:
            near, _ = await self._index().legs(wanted)
            yield [
                Ranked(identity, score, partial(_leg, "vector", rank, score))
                for rank, (identity, score) in enumerate(near, wanted.offset + 1)
            ]
            if len(near) < (wanted.limit or 0):
                return
            wanted = _deeper(wanted)

    async def _by_both(self, asked: SearchRequest) -> Portions:
        """Fuse what vectors and text find; the legs are read deeper as long as more is asked for."""
        done = 0
        for depth in rank_fusion.depths(asked.blend):
            legs = await self._index().legs(asked.wanted._replace(offset=0, limit=depth))
            created = await self._created(legs, asked.blend)
            order = rank_fusion.fuse(legs, depth, asked.blend, created)
            for start in range(done, len(order), PORTION):
                some = order[start : start + PORTION]
                yield [Ranked(each.identity, each.score, partial(each.legs, NAMES)) for each in some]
            done = len(order)
            if all(len(leg) < depth for leg in legs):
                return

    async def _created(self, legs: Sequence[Leg], blend: FusionSettings) -> Callable[[RecordId], int | None] | None:
        """When each of the first tier was stored, where that counts."""
        if blend.recency is None:
            return None
        identities = rank_fusion.first_tier(legs, blend)
        rows = await self._rows(identities)
        times = {
            identity: None if row is None else int(row[CREATED_AT])
            for identity, row in zip(identities, rows, strict=True)
        }
        return times.get

    # -- the page

    async def _page(self, asked: SearchRequest, portions: Portions) -> list[Hit]:
        """Read the hits of the page, of those that a filter is true of."""
        wanted = asked.wanted
        if wanted.limit == 0:
            return []
        if asked.rerank is not None:
            return await self._reranked(asked, portions)
        return await self._hits(asked, portions, wanted.offset, wanted.limit)

    async def _hits(self, asked: SearchRequest, portions: Portions, skip: int, limit: int | None) -> list[Hit]:
        hits: list[Hit] = []
        async for portion in portions:
            # Where nothing is filtered most of what is read is shown: a few more, for what may be gone.
            most = PORTION if asked.where is not None or limit is None else min(PORTION, skip + limit + 4)
            for start in range(0, len(portion), most):
                for ranked, row in await self._standing(portion[start : start + most], asked.where):
                    if skip:
                        skip -= 1
                        continue
                    hits.append(_hit(asked, ranked, row))
                    if len(hits) == limit:
                        return hits
        return hits

    async def _reranked(self, asked: SearchRequest, portions: Portions) -> list[Hit]:
        """Order the best of the pool by the caller's own scores, then add the others."""
        offset, limit, pool = asked.wanted.offset, asked.wanted.limit, asked.blend.pool
        hits = await self._hits(asked, portions, 0, None if limit is None else max(pool, offset + limit))
        best, rest = hits[:pool], hits[pool:]
        assert asked.rerank is not None, "asked for only where there is one"
        answer = asked.rerank(asked.text, best)
        scores = list(await answer if inspect.isawaitable(answer) else answer)
        if len(scores) != len(best):
            raise InvalidInputError(f"rerank: {len(scores)} scores for {len(best)} hits")
        order = sorted(zip(scores, range(len(best)), strict=True), key=lambda pair: (-pair[0], pair[1]))
        hits = [*(best[number]._replace(score=float(score)) for score, number in order), *rest]
        return hits[offset:] if limit is None else hits[offset : offset + limit]

    async def _standing(self, portion: list[Ranked], where: Filter | None) -> list[tuple[Ranked, Row]]:
        """Those that are still there, and that a filter is true of."""
        missing = [ranked.identity for ranked in portion if ranked.row is None]
        read = iter(await self._rows(missing))
        rows = [next(read) if ranked.row is None else ranked.row for ranked in portion]
        return [
            (ranked, row)
            for ranked, row in zip(portion, rows, strict=True)
            if row is not None and (where is None or filters.matches(where, _subject(ranked.identity[0], row)))
        ]

    async def _rows(self, identities: Sequence[RecordId]) -> list[Row | None]:
        rows = await fetch_by_id(self._backend, identities)
        return [rows[identity] for identity in identities]

    # -- the index

    async def reindex(self, tell: OnCount) -> int:
        """Build the index anew; how many records it holds."""
        return await self._index().reindex(tell)

    async def close(self) -> None:
        """Let go of an index in the process."""
        index, self._local_index = self._local_index, None
        if index is not None:
            await index.close()

    def _index(self) -> Searchable:
        if self._backend.capabilities.search_index:
            if self._backend.index is None:
                raise UnavailableError("the store is not open: await store.initialize() first")
            return self._backend.index
        if self._local_index is None:
            from .local_index import LocalIndex

            self._local_index = LocalIndex(self._backend)
        return self._local_index  # type: ignore[no-any-return]


def _leg(name: str, rank: int, score: float) -> Legs:
    return {name: {"rank": rank, "score": score}}


def _deeper(wanted: IndexQuery) -> IndexQuery:
    """Make the page behind one, twice as long."""
    limit = wanted.limit or PORTION
    return wanted._replace(offset=wanted.offset + limit, limit=2 * limit)


def _subject(family: Family, row: Row) -> Any:
    """Return what a filter looks at."""
    document = json_codec.loads(row[BODY])
    return document.get("metadata") or {} if family is ITEM else document


def _hit(asked: SearchRequest, ranked: Ranked, row: Row) -> Hit:
    family, key = ranked.identity
    text, query = text_of(family, row[BODY]), asked.wanted.query
    shown = snippet(text, query)
    if query.wanted and not shown.marks and NAMES[1] in ranked.why():
        shown = snippet(text, query, inside=True)
    return Hit(family.name, key, ranked.score, *shown, _data(family, row), ranked.why() if asked.explain else None)


def _data(family: Family, row: Row) -> Document:
    if family is ITEM:
        return collections.shown(row)
    return memory_document(row) if family is MEMORY else json_codec.loads(row[BODY])
