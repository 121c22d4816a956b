"""What a store finds: by text, by vectors, by both; and the items of its collections by their ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.backend import Backend
from ..core.clock import HighWaterClock
from ..core.families import COLLECTION, ITEM, ITEM_VECTOR
from ..core.interface import Document
from ..core.records import Key, Page
from ..core.searchable import OnCount
from ..core.validation import check_count, check_id
from ..errors import InvalidInputError
from ..search.tokenizer_setting import checked, choose
from . import collections
from .embedding_backfill import embed_pending
from .search_request import Hit, Rerank, SearchRequest
from .search_service import SearchService
from .vector_spaces import VectorSpaces


class SearchMethods(ABC):
    """The searching half of a store."""

    backend: Backend
    _clock: HighWaterClock
    _finding: SearchService
    _spaces: VectorSpaces

    async def search(
        self,
        query: str | None = None,
        *,
        vector: Any = None,
        namespace: str | tuple[str, ...] | None = None,
        families: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int | None = 10,
        offset: int = 0,
        mode: str = "auto",
        k: float = 5,
        weights: tuple[float, float] = (0.4, 0.6),
        pool: int = 100,
        neighbours: float | None = None,
        recency: float | None = None,
        rerank: Rerank | None = None,
        exact: bool = False,
        explain: bool = False,
    ) -> list[Hit]:
        """Messages, memories, results and items that hold words of `query` or are near to `vector`, the best first.

        Text: any of the words is enough, in any of its English forms; `"window seat"` asks for words in a row,
        `cancel*` for beginnings, `-hotel` leaves out. Common words count only where nothing else is asked. No text is
        an error; one without a word finds nothing. Without `vector` the store's embedder makes one of the query.

        `mode` is "text", "vector", "hybrid" or "auto": by all that is at hand. Both ways are fused by rank: a record
        scores the sum of weight / (`k` + rank) over what found it among its best `pool` (`weights` of vectors and of
        text), and a message gains the share `neighbours` (0.5) of the scores of the two beside it, and that share again
        of the two beyond; said outright, a search by text alone does so too. With `recency`, a half-life in seconds,
        older ones lose up to half of their score. `rerank` is given the query and the best `pool` hits and answers a
        score for each. `exact` reads all vectors, whatever it takes.

        What was committed before is found, whoever wrote it. `namespace` is the id of a conversation or of a
        collection, or the pair of a collection and a namespace in it; results belong to none. `where` keeps those whose
        document (of an item: whose metadata) a filter is true of (docs/filters.md). `limit` of None: all.
        """
        if query is None and vector is None:
            raise InvalidInputError("query: give a text, a vector or both")
        asked = SearchRequest.checked(query, namespace, families, where, limit, offset, mode, exact)
        asked = asked.fused(weights, k, pool, neighbours, recency).shown(rerank, explain)
        return await self._finding.search(asked, vector)

    async def search_vectors(
        self,
        collection: str,
        vector: Any,
        *,
        limit: int | None = 10,
        offset: int = 0,
        namespace: str | None = None,
        where: Mapping[str, Any] | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """The items of a collection nearest to a vector; none where there is no such collection."""
        place = (check_id(collection, "collection"), *(() if namespace is None else (namespace,)))
        if vector is None:
            raise InvalidInputError("vector: expected one to be near to, not None")
        asked = SearchRequest.checked(None, place, [ITEM.name], where, limit, offset, "vector", exact)
        return await self._finding.search(asked, vector)

    async def get_vector(self, collection: str, item_id: str) -> Document | None:
        """An item: `id`, `vector` as a list of numbers (at length 1 where the metric is cosine), `metadata`,
        `namespace`, `text`; None where there is none."""
        key: Key = (check_id(collection, "collection"), check_id(item_id, "item_id"))
        [row], [vector] = await self.backend.fetch(ITEM, [key]), await self.backend.fetch(ITEM_VECTOR, [key])
        return None if row is None else collections.loaded(row, vector)

    async def list_vectors(self, collection: str, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """The ids of the items of a collection, the one first stored standing first; `after` one of them."""
        prefix: Key = (check_id(collection, "collection"),)
        bound = None
        if after is not None:
            [row] = await self.backend.fetch(ITEM, [(*prefix, check_id(after, "after"))])
            if row is None:
                raise InvalidInputError(f"after: {collection!r} has no item {after!r}")
            bound = (collections.place_of(row),)
        page = Page(ITEM, prefix, bound, limit=check_count(limit, "limit"))
        return [str(key[-1]) for key in await self.backend.keys(page)]

    async def list_collections(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """The names of the collections in code point order, with the spaces that vectors of records lie in."""
        return await self._ids(COLLECTION, limit, after)

    async def reindex(
        self, tell: OnCount = lambda done: None, *, pending: bool = False, tokenizer: str | None = None
    ) -> int:
        """Build the search index anew from the records, which are left alone; how many it holds.

        With a `tokenizer` by that from here on: "words", "trigram" or "both" (docs/search.md).

        With `pending` the index stays, and messages, memories and results without a vector get one from the
        store's embedder; how many did. EmbeddingError where it cannot; what was embedded before stays.
        """
        if pending and tokenizer is not None:
            raise InvalidInputError("tokenizer: the index stays where only vectors are made; do one, then the other")
        if pending:
            return await embed_pending(self.backend, self._spaces, tell)
        if tokenizer is not None:
            await choose(self.backend, checked(tokenizer), self._clock())
        return await self._finding.reindex(tell)

    @abstractmethod
    async def _ids(self, family: Any, limit: int | None, after: str | None, partial: bool = False) -> list[str]:
        """Ids of a family, in code point order."""
