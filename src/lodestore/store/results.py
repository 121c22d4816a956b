"""Results: what came out of a task, the most recent first."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from ..core.families import RESULT
from ..core.interface import Document
from ..core.records import Page
from ..core.validation import check_count
from ..encoding import json_codec
from .record_access import ReadAccess, Value, WriteAccess, key_of


class ResultWrites(WriteAccess):
    """Writes of results."""

    async def save_result(
        self, result: Value, result_id: str | None = None, *, expect: int | None = None, vector: Any = None
    ) -> str:
        """Save a result, replacing the one of that id.

        Args:
            result: The result, a JSON object. All text in it is searched.
            result_id: Its id; without one, the result's own `id`, else a new one.
            expect: Write only if the result has this version now (see `version_of`; `ABSENT` for none).
            vector: Its vector: a list of numbers, a numpy array or float32 bytes. Without it, the store's embedder
                makes one, if it has one.

        Returns:
            The id.

        Raises:
            InvalidInputError: The id, the object or the vector cannot be stored; the message names the place.
            ConflictError: The result does not have the version `expect`.

        Example:
            ```python
            result_id = await store.save_result({"task": "summary", "text": "Two flights were cancelled."})
            assert await store.load_result(result_id) == {"task": "summary", "text": "Two flights were cancelled."}
            ```
        """
        body = json_codec.encode(result, "result")
        chosen = result_id if result_id is not None else json_codec.loads(body).get("id") or uuid4().hex
        key = key_of(RESULT, chosen)
        await self._put_searchable(RESULT, key, body, expect, vector)
        return str(chosen)

    async def delete_result(self, result_id: str) -> bool:
        """Delete a result.

        Args:
            result_id: The id.

        Returns:
            Whether it was there.

        Raises:
            InvalidInputError: The id is not valid.
        """
        return await self._drop(RESULT, key_of(RESULT, result_id))


class ResultMethods(ResultWrites, ReadAccess):
    """Results, written and read."""

    async def load_result(self, result_id: str) -> Document | None:
        """Load a result.

        Args:
            result_id: The id.

        Returns:
            The result; None if there is none.

        Raises:
            InvalidInputError: The id is not valid.
            CorruptError: The stored result is damaged.
        """
        return await self._load(RESULT, key_of(RESULT, result_id))

    async def list_results(self, limit: int | None = 100, offset: int = 0) -> list[str]:
        """List the ids of results, the one first saved last standing first.

        Saving a result again does not move it.

        Args:
            limit: At most this many; None for all.
            offset: Skip this many.

        Returns:
            The ids.

        Raises:
            InvalidInputError: `limit` or `offset` is not valid.
        """
        count, skip = check_count(limit, "limit"), check_count(offset, "offset") or 0
        keys = await self.backend.keys(Page(RESULT, limit=None if count is None else skip + count, newest=True))
        return [str(key[-1]) for key in keys[skip:]]
