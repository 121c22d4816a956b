"""The spaces of a store, and the vectors of what is written: those a caller brings, and those an embedder makes.

A space is kept as the record of a collection of its name, `{"dimension": 384, "metric": "cosine"}`, written before the
first of its vectors, in a transaction of its own; so two who write first at once agree. The vectors of messages,
memories and results lie in the space named after the embedder, or in `DEFAULT`; those of a collection in its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ..core.backend import Backend
from ..core.clock import HighWaterClock
from ..core.families import COLLECTION, VECTORS, Family
from ..core.records import ABSENT, BODY, Key, Put
from ..core.searchable import VectorSpace
from ..encoding import json_codec, vector_codec
from ..encoding.vector_codec import StoredVector
from ..errors import ConflictError, EmbeddingError, InvalidInputError, UnavailableError
from ..search import vectors
from ..search.text import text_of

if TYPE_CHECKING:
    from ..embedding import BatchingEmbedder, NamedEmbedder

DEFAULT = "default"

_log = logging.getLogger(__name__)


class VectorSpaces:
    """What one store knows of its spaces, and what makes vectors for it."""

    def __init__(self, backend: Backend, clock: HighWaterClock, embedder: Any = None) -> None:
        self._backend, self._clock = backend, clock
        self._given = None if embedder is None else _named(embedder)
        self._embedding: BatchingEmbedder | None = None
        self._own: VectorSpace | None = None  # that of records, once it is known

    def open(self) -> None:
        """Make ready to embed, on the loop that runs now."""
        if self._given is not None and self._embedding is None:
            from ..embedding import BatchingEmbedder

            self._embedding = BatchingEmbedder(self._given)

    async def close(self) -> None:
        """Give up what is being embedded."""
        embedding, self._embedding = self._embedding, None
        self._own = None
        if embedding is not None:
            await embedding.close()

    @property
    def embeds(self) -> bool:
        """Whether the store was given an embedder."""
        return self._given is not None

    @property
    def embedder(self) -> BatchingEmbedder:
        """What makes vectors of texts; UnavailableError while the store is not open."""
        if self._embedding is None:
            raise UnavailableError("the store is not open: await store.initialize() first")
        return self._embedding

    @property
    def of_records(self) -> str:
        """The space of messages, memories and results."""
        return self._given.name if self._given else DEFAULT

    async def find(self, name: str) -> VectorSpace | None:
        """Look up a space; None if nothing was written to it yet."""
        if self._own is not None and name == self._own.name:
            return self._own
        [row] = await self._backend.fetch(COLLECTION, [(name,)])
        if row is None or not row[BODY]:
            return None
        found = _space(name, json_codec.loads(row[BODY]))
        if name == self.of_records:  # which nobody can delete, unlike a collection
            self._own = found
        return found

    async def bodies(
        self, family: Family, records: Sequence[bytes], given: object, name: str, keys: Sequence[Key] = ()
    ) -> list[bytes]:
        """Encode the vectors of records, empty for none: those given, else made of the records' texts.

        A stored vector under `keys` is reused if its record is unchanged.
        """
        if given is not None:
            return await self._of_given(given, records, name)
        if self._given is None:
            return [b""] * len(records)
        made = await self._standing(family, records, keys)
        missing = [body for body, vector in zip(records, made, strict=True) if not vector]
        try:
            new = iter(await self.embedded(family, missing))
        except EmbeddingError as problem:
            _log.warning("stored without vectors; `lodestore reindex --pending` embeds them: %s", problem)
            return made
        return [vector or next(new) for vector in made]

    async def _standing(self, family: Family, records: Sequence[bytes], keys: Sequence[Key]) -> list[bytes]:
        """Read the stored vectors under keys that were made of these records, empty for others."""
        other = VECTORS[family]
        rows = await self._backend.fetch(other, [tuple(map(str, key)) for key in keys]) if keys else ()
        return [row[BODY] if row and self._stands(row[BODY], body) else b"" for row, body in zip_longest(rows, records)]

    def _stands(self, vector: bytes, body: bytes) -> bool:
        found = vector_codec.vector_of_content(vector, body)
        return found is not None and found.space == self.of_records

    async def embedded(self, family: Family, records: Sequence[bytes]) -> list[bytes]:
        """Embed records; empty where there is no text."""
        texts = [text_of(family, body) for body in records]
        some = [text for text in texts if text.strip()]
        vectors = await self.embedder.embed(some) if some else []
        there = [body for body, text in zip(records, texts, strict=True) if text.strip()]
        made = iter(await self.placed(self.of_records, vectors, there, "embedder"))
        return [next(made) if text.strip() else b"" for text in texts]

    async def _of_given(self, given: object, records: Sequence[bytes], name: str) -> list[bytes]:
        if isinstance(given, (str, bytes)) or not hasattr(given, "__len__") or not hasattr(given, "__iter__"):
            raise InvalidInputError(f"{name}: expected a vector for each record, not {type(given).__name__}")
        if len(given) != len(records):
            raise InvalidInputError(
                f"{name}: {len(given)} vectors for {len(records)} records; give None for a record without one"
            )
        there = [body for body, vector in zip(records, given, strict=True) if vector is not None]
        some = given if len(there) == len(records) else [vector for vector in given if vector is not None]
        made = iter(await self.placed(self.of_records, some, there, name))
        return [b"" if vector is None else next(made) for vector in given]

    async def placed(
        self, space: str, values: object, records: Sequence[bytes], name: str, metric: str | None = None
    ) -> list[bytes]:
        """Encode vectors of records in a space, which is created if there is none yet."""
        if isinstance(values, Iterator):
            values = list(values)  # they may be gone through twice
        found = await self.find(space)
        checked = vectors.vectors_of(values, name, found.metric if found else metric or "cosine")
        if len(checked) != len(records):
            raise InvalidInputError(f"{name}: {len(checked)} vectors for {len(records)} records")
        if not checked:
            return []
        wanted = VectorSpace(space, len(checked[0]) // 4, metric or "cosine")
        if found is None:
            found = await self._made(wanted)
            if found.metric != wanted.metric:  # somebody else was first
                checked = vectors.vectors_of(values, name, found.metric)
        if metric is not None and metric != found.metric:
            raise InvalidInputError(f"metric: {space!r} uses {found.metric}, and a metric cannot be changed")
        if found.dimension != wanted.dimension:
            raise InvalidInputError(
                f"{name}: the vector has {wanted.dimension} numbers, but {space!r} has {found.dimension}"
            )
        pairs = zip(records, checked, strict=True)
        return [StoredVector(space, vector_codec.content_digest(body), vector).body for body, vector in pairs]

    async def _made(self, wanted: VectorSpace) -> VectorSpace:
        """Create a space; as somebody else made it, if that was first."""
        body = json_codec.encode({"dimension": wanted.dimension, "metric": wanted.metric})
        with suppress(ConflictError):
            await self._backend.apply([Put(COLLECTION, (wanted.name,), body, self._clock(), None, ABSENT)])
        return await self.find(wanted.name) or wanted


def _space(name: str, document: dict[str, object]) -> VectorSpace:
    dimension, metric = document.get("dimension"), document.get("metric")
    if not isinstance(dimension, int) or metric not in vectors.METRICS:
        raise InvalidInputError(f"{name!r} is not a vector collection: its record says {document!r:.100}")
    return VectorSpace(name, dimension, str(metric))


def _named(embedder: Any) -> NamedEmbedder:
    from ..embedding import as_embedder

    return as_embedder(embedder)
