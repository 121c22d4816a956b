"""Vector collections: items with vectors of the caller's own, found by nearness and by their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.families import COLLECTION, ITEM, ITEM_VECTOR
from ..core.interface import Document
from ..core.records import Drop, Key, Page, Put
from ..core.validation import check_count, check_id
from ..errors import InvalidInputError
from ..search.vectors import METRICS
from . import collections
from .collections import Items
from .record_access import ReadAccess, Value, WriteAccess, key_of
from .search_request import Hit, SearchRequest
from .search_service import SearchService


class CollectionWrites(WriteAccess):
    """Writes of collections."""

    async def upsert_vectors(
        self,
        collection: str,
        ids: Sequence[str],
        vectors: Any = None,
        metadata: Sequence[Value | None] | None = None,
        namespace: str | None = None,
        texts: Sequence[str | None] | None = None,
        *,
        metric: str | None = None,
    ) -> int:
        """Store items of a collection, each replacing the one of its id.

        The first write fixes the dimension and the metric of the collection.

        Args:
            collection: The collection; it is created by its first items.
            ids: The ids of the items, all different.
            vectors: One vector per id: a list of lists of numbers, an array of shape `(len(ids), dimension)`, or a
                list of float32 bytes. Without it, the store's embedder makes them of `texts`.
            metadata: One JSON object per id, or None in place of one; `where=` filters look at it.
            namespace: A name for all these items, by which a search can be limited to them.
            texts: One text per id, or None in place of one; `search` finds the items by them.
            metric: How vectors compare: "cosine" (the default), "ip" (inner product) or "l2" (Euclidean distance).

        Returns:
            How many items were stored.

        Raises:
            InvalidInputError: An argument is not valid, the vectors have another dimension than the collection's, or
                `metric` is another.
            EmbeddingError: The embedder failed; nothing was stored.

        Example:
            ```python
            await store.upsert_vectors(
                "documents",
                ["d1", "d2"],
                [[0.1, 0.9], [0.8, 0.2]],
                metadata=[{"page": 1}, {"page": 2}],
            )
            [hit] = await store.search_vectors("documents", [0.0, 1.0], limit=1)
            assert hit.data["id"] == "d1"
            ```
        """
        items = Items.checked(collection, ids, metadata, namespace, texts)
        made = await self._item_vectors(items, vectors, metric)
        now = self._clock()
        await self._commit([Put(family, key, body, now) for family, key, body in items.records(made)])
        return len(items.keys)

    async def _item_vectors(self, items: Items, vectors: object, metric: str | None) -> list[bytes]:
        if metric is not None and metric not in METRICS:
            raise InvalidInputError(f"metric: expected one of {', '.join(METRICS)}, not {metric!r}")
        if vectors is None:
            if not self._spaces.embeds or not all(text and text.strip() for text in items.texts):
                raise InvalidInputError(
                    "vectors: give one for each id, or give texts to a store opened with embedder=..."
                )
            vectors = await self._spaces.embedder.embed([text or "" for text in items.texts])
        return await self._spaces.placed(items.collection, vectors, items.documents, "vectors", metric)

    async def delete_vectors(self, collection: str, ids: Sequence[str]) -> int:
        """Delete items of a collection.

        Args:
            collection: The collection.
            ids: The ids of the items.

        Returns:
            How many of them were there.

        Raises:
            InvalidInputError: An id is not valid.
        """
        keys, now = Items.keys_of(collection, ids), self._clock()
        drops = [Drop(family, key, now) for key in keys for family in (ITEM_VECTOR, ITEM)]
        return sum((await self._commit(drops))[1::2])

    async def delete_collection(self, collection: str) -> bool:
        """Delete a collection with all its items; its name may then be used with another dimension.

        Args:
            collection: The collection.

        Returns:
            Whether there was one.

        Raises:
            InvalidInputError: The name is not valid, or is the vector space of messages, memories and results.
        """
        if collection == self._spaces.of_records:
            raise InvalidInputError(
                f"collection: {collection!r} holds the vectors of messages, memories and results; it cannot be deleted"
            )
        return await self._drop(COLLECTION, key_of(COLLECTION, collection))


class CollectionMethods(CollectionWrites, ReadAccess):
    """Collections, written, searched and read."""

    _search_service: SearchService

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
        """Find the items of a collection nearest to a vector.

        Args:
            collection: The collection.
            vector: A list of numbers, a numpy array or float32 bytes, of the collection's dimension.
            limit: At most this many hits; None for all.
            offset: Skip this many.
            namespace: Only items stored with this namespace.
            where: A filter over the items' metadata (docs/filters.md).
            exact: Read all vectors instead of the index.

        Returns:
            The hits, nearest first; an empty list if there is no such collection. A score is the cosine similarity or
            the inner product, or the negative distance for "l2".

        Raises:
            InvalidInputError: An argument is not valid, or the vector has another dimension.
            UnsupportedError: numpy is not installed: `pip install 'lodestore[vector]'`.

        Example:
            ```python
            await store.upsert_vectors("faces", ["ann", "bob"], [[1.0, 0.0], [0.0, 1.0]])
            hits = await store.search_vectors("faces", [0.9, 0.1])
            assert [hit.data["id"] for hit in hits] == ["ann", "bob"]
            ```
        """
        place = (check_id(collection, "collection"), *(() if namespace is None else (namespace,)))
        if vector is None:
            raise InvalidInputError("vector: expected a vector, not None")
        request = SearchRequest.checked(
            None,
            namespace=place,
            families=[ITEM.name],
            where=where,
            limit=limit,
            offset=offset,
            mode="vector",
            exact=exact,
        )
        return await self._search_service.search(request, vector)

    async def get_vector(self, collection: str, item_id: str) -> Document | None:
        """Load one item of a collection.

        Args:
            collection: The collection.
            item_id: The id of the item.

        Returns:
            `id`, `vector` (a list of numbers; of length 1 if the metric is cosine), `metadata`, `namespace` and
            `text`; None if there is no such item.

        Raises:
            InvalidInputError: An id is not valid.
            CorruptError: The stored item is damaged.
        """
        key: Key = (check_id(collection, "collection"), check_id(item_id, "item_id"))
        [row], [vector] = await self.backend.fetch(ITEM, [key]), await self.backend.fetch(ITEM_VECTOR, [key])
        return None if row is None else collections.loaded(row, vector)

    async def list_vectors(self, collection: str, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """List the ids of a collection's items in the order they were first stored.

        Args:
            collection: The collection.
            limit: At most this many; None for all.
            after: Only items behind this one, which must exist.

        Returns:
            The ids; an empty list if there is no such collection.

        Raises:
            InvalidInputError: An argument is not valid, or there is no item `after`.
        """
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
        """List the names of collections in code point order.

        The vector spaces of messages, memories and results are collections too and are listed.

        Args:
            limit: At most this many; None for all.
            after: Only names behind this one.

        Returns:
            The names.

        Raises:
            InvalidInputError: `limit` or `after` is not valid.
        """
        return await self._ids(COLLECTION, limit, after)
