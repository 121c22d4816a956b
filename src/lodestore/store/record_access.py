"""Record access: what every reading and every writing method of a store is made of.

A writing method checks its ids, encodes its values and hands `Write` values to `_commit`: a store applies them at once,
a transaction collects them. Nothing is written before all of that has succeeded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.backend import Backend
from ..core.clock import HighWaterClock
from ..core.families import VECTORS, Family
from ..core.interface import Document
from ..core.records import BODY, Drop, Key, Page, Put, Row, Write, alive
from ..core.validation import check_count, check_id, expiry
from ..encoding import json_codec
from ..errors import InvalidInputError
from .vector_spaces import VectorSpaces

Value = Mapping[str, Any]


class WriteAccess(ABC):
    """What every write is made of: check, encode, hand over."""

    _clock: HighWaterClock
    _spaces: VectorSpaces

    @abstractmethod
    async def _commit(self, writes: Sequence[Write]) -> list[int]:
        """Apply or collect; one result for each write."""

    async def _put(
        self, family: Family, key: Key, value: Value, name: str, expect: int | None, ttl: float | None = None
    ) -> bool:
        now = self._clock()
        await self._commit([Put(family, key, json_codec.encode(value, name), now, expiry(ttl, now), _version(expect))])
        return True

    async def _put_searchable(self, family: Family, key: Key, body: bytes, expect: int | None, vector: object) -> None:
        """Store a record that is searched, with its vector where there is one.

        Without, an old vector stays where it is: it counts only as long as the record says what it was made of.
        """
        version = _version(expect)
        [made] = await self._spaces.bodies(family, [body], None if vector is None else [vector], "vector", [key])
        now = self._clock()
        beside = [Put(VECTORS[family], key, made, now)] if made else []
        await self._commit([Put(family, key, body, now, None, version), *beside])

    async def _drop(self, family: Family, prefix: Key) -> bool:
        now, other = self._clock(), VECTORS.get(family)
        beside = [Drop(other, prefix, now)] if other else []
        return (await self._commit([*beside, Drop(family, prefix, now)]))[-1] > 0


class ReadAccess(ABC):
    """What every read is made of."""

    backend: Backend
    _clock: HighWaterClock

    async def _row(self, family: Family, key: Key) -> Row | None:
        [row] = await self.backend.fetch(family, (key,))
        return row if row is not None and row[BODY] and alive(row, self._clock() if family.expires else None) else None

    async def _load(self, family: Family, key: Key) -> Document | None:
        row = await self._row(family, key)
        return None if row is None else json_codec.loads(row[BODY])

    async def _log(
        self, family: Family, prefix: Key, limit: int | None, before: int | None, after: int | None
    ) -> list[Document]:
        count = check_count(limit, "limit")
        low, high = check_count(after, "after"), check_count(before, "before")
        bounds = (None if low is None else (low,), None if high is None else (high,))
        page = Page(family, prefix, *bounds, limit=count, newest=count is not None)
        documents: list[Document] = json_codec.loads(await self._array(page))
        return documents

    async def _array(self, page: Page) -> bytes:
        cache = self.backend.cache
        if cache is not None and page.tail and (text := cache.newest(page.family, page.prefix, page.limit)):
            return text
        bodies = await self.backend.bodies(page)
        if page.newest:
            bodies.reverse()
        return b"[%b]" % b",".join(bodies)

    async def _ids(self, family: Family, limit: int | None, after: str | None, partial: bool = False) -> list[str]:
        bound = None if after is None else (check_id(after, "after"),)
        page = Page(family, (), bound, limit=check_count(limit, "limit"), alive_at=self._clock(), partial=partial)
        return [str(key[-1]) for key in await self.backend.keys(page)]


def _version(expect: int | None) -> int | None:
    if expect is not None and (type(expect) is not int or expect < 0):
        raise InvalidInputError(
            f"expect: expected a version from `version_of`, or 0 (ABSENT) for no record, not {expect!r}"
        )
    return expect


def key_of(family: Family, *ids: str) -> Key:
    """Check ids and make a key of them; a wrong id is named by its column."""
    if len(ids) == 1:
        return (check_id(ids[0], family.key[0]),)
    return tuple(check_id(value, name) for name, value in zip(family.key, ids, strict=True))
