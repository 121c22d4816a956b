"""Search: finding records by text, by vectors, or by both."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.backend import Backend
from ..core.clock import HighWaterClock
from ..core.searchable import OnCount
from ..errors import InvalidInputError
from ..search.tokenizer_setting import checked, choose
from .embedding_backfill import embed_pending
from .search_request import Fusion, Hit, Rerank, SearchRequest
from .search_service import SearchService
from .vector_spaces import VectorSpaces


class SearchMethods(ABC):
    """The search of a store and its index."""

    backend: Backend
    _clock: HighWaterClock
    _search_service: SearchService
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
        """Find messages, memories, results and items by text, by vector, or by both (hybrid search).

        Everything committed before the call is found, whoever wrote it. Every input is accepted as a query; invalid
        syntax is treated as plain words. In a hybrid search the two rankings are fused by reciprocal rank: a record
        scores the sum of weight / (`k` + rank).

        Args:
            query: Words; any of them is enough, in any English form. `"window seat"` is a phrase, `cancel*` a prefix,
                `-hotel` excludes. Common words count only if there are no others.
            vector: A list of numbers, a numpy array or float32 bytes. Without it, the store's embedder makes one of
                `query`, if it has one.
            namespace: Only this conversation or collection; a pair of a collection and a namespace within it limits
                the search further.
            families: Only these kinds of record: "raw_message", "memory", "result", "item".
            where: A filter over the documents, of items over their metadata (docs/filters.md).
            limit: At most this many hits; None for all.
            offset: Skip this many.
            mode: "text", "vector", "hybrid", or "auto" for whatever is available.
            k: The constant of rank fusion; a larger one brings ranks closer together.
            weights: The weights of the vector ranking and of the text ranking.
            pool: How many of the best of each ranking are fused, and how many hits are reranked.
            neighbours: The share of a message's score that the messages next to it gain, and once more those beyond.
                Defaults to 0.5 in hybrid search; text search uses it only if it is given.
            recency: Half-life in seconds; older records lose up to half of their score.
            rerank: A function of `query` and a list of hits that returns a score for each, now or awaitable.
            exact: Read all vectors instead of the index.
            explain: Give each hit its rank and score in each ranking, as `Hit.legs`.

        Returns:
            The hits, best first. Scores compare within one search only.

        Raises:
            InvalidInputError: An argument is not valid; the message names it.
            EmbeddingError: The query could not be embedded (in mode "auto", text alone is searched instead).
            UnsupportedError: numpy is needed for vectors: `pip install 'lodestore[vector]'`.

        Example:
            ```python
            await store.append_raw_messages("trip", [{"role": "user", "content": "A window seat to Oslo, please."}])
            [hit] = await store.search("seats", namespace="trip")
            assert hit.family == "raw_message" and hit.key == ("trip", 0)
            assert hit.snippet == "A window seat to Oslo, please."
            ```
        """
        if query is None and vector is None:
            raise InvalidInputError("query: give a text, a vector or both")
        request = SearchRequest.checked(
            query,
            namespace=namespace,
            families=families,
            where=where,
            limit=limit,
            offset=offset,
            mode=mode,
            exact=exact,
            fusion=Fusion(weights, k, pool, neighbours, recency),
            rerank=rerank,
            explain=explain,
        )
        return await self._search_service.search(request, vector)

    async def reindex(
        self, tell: OnCount = lambda done: None, *, pending: bool = False, tokenizer: str | None = None
    ) -> int:
        """Rebuild the search index from the records, or embed the records that have no vector.

        Args:
            tell: Called with the number of records done so far.
            pending: Keep the index; embed messages, memories and results that have no vector.
            tokenizer: Index text by "words", "trigram" or "both" from now on (docs/search.md); None: as before.

        Returns:
            How many records the index holds; with `pending`, how many were embedded.

        Raises:
            InvalidInputError: `pending` without an embedder or together with `tokenizer`, or an unknown tokenizer.
            EmbeddingError: The embedder failed on some records; those embedded before stay.
        """
        if pending and tokenizer is not None:
            raise InvalidInputError("tokenizer: pending=True keeps the index; change the tokenizer in another call")
        if pending:
            return await embed_pending(self.backend, self._spaces, tell)
        if tokenizer is not None:
            await choose(self.backend, checked(tokenizer), self._clock())
        return await self._search_service.reindex(tell)
