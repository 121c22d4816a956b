"""Cache: entries with a time to live, and the counters kept among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..core.backend import MISS
from ..core.families import CACHE
from ..core.interface import Document
from ..core.records import BODY, KEY, Put, alive
from ..core.validation import check_id, expiry
from ..encoding import json_codec
from ..errors import InvalidInputError
from .counters import Counters
from .record_access import ReadAccess, Value, WriteAccess, key_of


class CacheWrites(WriteAccess):
    """Writes of cache entries."""

    async def store_cache_entry(
        self, cache_key: str, cache_data: Value, ttl: float | None = None, *, expect: int | None = None
    ) -> bool:
        """Store a cache entry, replacing the one under that key.

        Args:
            cache_key: The key, 1 to 1024 bytes in UTF-8.
            cache_data: The entry, a JSON object.
            ttl: Seconds to live, above 0, from now; None: until it is deleted.
            expect: Write only if the entry has this version now (see `version_of`; `ABSENT` for none or expired).

        Returns:
            True.

        Raises:
            InvalidInputError: The key, the object or `ttl` cannot be stored; the message names the place.
            ConflictError: The entry does not have the version `expect`.

        Example:
            ```python
            await store.store_cache_entry("answer:42", {"text": "Oslo"}, ttl=3600)
            assert await store.load_cache_entry("answer:42") == {"text": "Oslo"}
            ```
        """
        return await self._put(CACHE, key_of(CACHE, cache_key), cache_data, "cache_data", expect, ttl)

    async def store_cache_entries(self, entries: Mapping[str, Value], ttl: float | None = None) -> bool:
        """Store many cache entries in one transaction.

        Args:
            entries: The entries by their keys.
            ttl: Seconds to live for all of them, above 0; None: until they are deleted.

        Returns:
            True.

        Raises:
            InvalidInputError: A key, an object or `ttl` cannot be stored; nothing was written.
        """
        if not isinstance(entries, Mapping):
            raise InvalidInputError(f"entries: expected a mapping of keys to entries, not {type(entries).__name__}")
        now = self._clock()
        ends = expiry(ttl, now)
        encoded = [(key_of(CACHE, key), json_codec.encode(data, f"entries[{key!r}]")) for key, data in entries.items()]
        await self._commit([Put(CACHE, key, body, now, ends) for key, body in encoded])
        return True

    async def delete_cache_entry(self, cache_key: str) -> bool:
        """Delete a cache entry.

        Args:
            cache_key: The key.

        Returns:
            Whether it was there and had not expired.

        Raises:
            InvalidInputError: The key is not valid.
        """
        return await self._drop(CACHE, key_of(CACHE, cache_key))


class CacheMethods(CacheWrites, ReadAccess):
    """The cache, written and read."""

    _counters: Counters

    async def load_cache_entry(self, cache_key: str) -> Document | None:
        """Load a cache entry.

        Args:
            cache_key: The key.

        Returns:
            The entry; None if there is none or it has expired.

        Raises:
            InvalidInputError: The key is not valid.
            CorruptError: The stored entry is damaged.

        Example:
            ```python
            if (cached := await store.load_cache_entry("answer:41")) is None:
                cached = {"text": "Bergen"}  # computed here, then kept
                await store.store_cache_entry("answer:41", cached, ttl=60)
            ```
        """
        cache = self.backend.cache
        if cache is not None and type(cache_key) is str:
            found: Document | None = cache.recall(cache_key, self._clock)
            if found is not MISS:
                return found
        return await self._load(CACHE, key_of(CACHE, cache_key))

    async def load_cache_entries(self, cache_keys: Iterable[str]) -> dict[str, Document]:
        """Load many cache entries.

        Args:
            cache_keys: The keys.

        Returns:
            The entries by their keys; keys without an entry, or with an expired one, are left out.

        Raises:
            InvalidInputError: A key is not valid.
            CorruptError: A stored entry is damaged.
        """
        if isinstance(cache_keys, (str, bytes)) or not isinstance(cache_keys, Iterable):
            raise InvalidInputError(f"cache_keys: expected a list of keys, not {type(cache_keys).__name__}")
        keys = [check_id(key, "cache_key") for key in cache_keys]
        cache, clock = self.backend.cache, self._clock
        found = {key: MISS if cache is None else cache.recall(key, clock) for key in keys}
        missing = [(key,) for key, document in found.items() if document is MISS]
        if missing or cache is None:
            rows, now = await self.backend.fetch(CACHE, missing), clock()
            found |= {str(row[KEY]): json_codec.loads(row[BODY]) if alive(row, now) else None for row in rows if row}
        return {key: document for key, document in found.items() if document is not None and document is not MISS}

    async def list_cache_keys(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """List the keys of entries that have not expired, in code point order.

        Args:
            limit: At most this many; None for all.
            after: Only keys behind this one.

        Returns:
            The keys.

        Raises:
            InvalidInputError: `limit` or `after` is not valid.
        """
        return await self._ids(CACHE, limit, after)

    async def increment(self, key: str, amount: int = 1, ttl: float | None = None) -> int:
        """Add to the counter under a cache key; atomic between tasks, stores and processes.

        A counter is the cache entry `{"value": 3}`. It starts at 0.

        Args:
            key: The cache key.
            amount: What to add, a whole number of 64 bits; negative numbers subtract.
            ttl: Seconds to live, counted from the increment that creates the counter; later ones do not extend it.

        Returns:
            The value after adding.

        Raises:
            InvalidInputError: The entry is not a counter, or the value would leave 64 bits; nothing was written.
            ConflictError: Others changed the counter first, 100 times in a row; nothing was written.
            OutcomeUnknownError: The amount may have been added.
        """
        return await self._counters.add(key, amount, ttl)
