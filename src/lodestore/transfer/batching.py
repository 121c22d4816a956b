"""Batching: records out of a store in portions and into one in batches, so that memory does not grow with the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from ..core.backend import RecordReader
from ..core.families import STATE, UNFINISHED, Family
from ..core.records import BODY, Copy, Key, Page, Write, order_of

_KEYS = 20_000
BATCH_BYTES, BATCH_WRITES = 1024 * 1024, 2_000
_OVERHEAD = 128  # what a record weighs besides its body

LOCK_KEY: Key = (UNFINISHED,)
Apply = Callable[[Sequence[Write]], Awaitable[list[int]]]


async def all_keys(backend: RecordReader, family: Family, now: int | None = None) -> AsyncIterator[list[Key]]:
    """All keys of a family but the lock's, owners without body included; without `now` expired records too."""
    page = Page(family, limit=_KEYS, alive_at=now, partial=True)
    while keys := await backend.keys(page):
        last, full = keys[-1], len(keys) == _KEYS
        yield [key for key in keys if family is not STATE or key != LOCK_KEY]
        if not full:
            return
        if (after := await _order(backend, family, last)) is not None:
            page = page._replace(after=after)


async def _order(backend: RecordReader, family: Family, key: Key) -> Key | None:
    """The place in its family of a record; None where it went away just now."""
    if not family.placed or family.log:
        return key
    [row] = await backend.fetch(family, [key])
    return row and order_of(family, row)


async def differences(
    one: AsyncIterator[list[Key]], other: AsyncIterator[list[Key]], *, both: bool = True
) -> tuple[set[Key], set[Key]]:
    """The keys that only one side has; with `both` off those of `other` are not complete.

    What both have cancels out as it comes, so that little is held where the two orders are nearly the same.
    """
    mine: set[Key] = set()
    theirs: set[Key] = set()
    while True:
        here, there = await anext(one, None), await anext(other, None)
        if (here is None and there is None) or (here is None and not both and not mine):
            return mine, theirs
        mine.update(here or ())
        theirs.update(there or ())
        common = mine & theirs
        mine -= common
        theirs = theirs - common if both or here is not None else set()


async def is_empty(backend: RecordReader, family: Family, now: int | None = None) -> bool:
    """Whether a family holds nothing that has not expired by `now`, but for the lock."""
    page = Page(family, limit=2, alive_at=now, partial=True)
    return not [key for key in await backend.keys(page) if family is not STATE or key != LOCK_KEY]


class Batch:
    """Writes gathered until they are worth an `apply`, which goes on while the next ones are gathered.

    Only one is ever under way, so what the target holds is always what came first.
    """

    def __init__(self, apply: Apply) -> None:
        self._target = apply
        self._writes: list[Write] = []
        self._size = 0
        self._flight: asyncio.Task[None] | None = None
        self.versions_kept = True

    async def add(self, write: Write) -> None:
        body = len(write.row[BODY]) if isinstance(write, Copy) else 0
        if self._size + body + _OVERHEAD > BATCH_BYTES or len(self._writes) >= BATCH_WRITES - 1:  # and the lock
            await self._send()
        self._writes.append(write)
        self._size += body + _OVERHEAD

    async def flush(self) -> None:
        """Return when everything gathered has been written."""
        await self._send()
        await self._landed()

    async def abandon(self) -> None:
        """Let what is under way come to its end, however that is."""
        flight, self._flight = self._flight, None
        await asyncio.gather(*([flight] if flight else []), return_exceptions=True)

    async def _send(self) -> None:
        writes, self._writes, self._size = self._writes, [], 0
        await self._landed()
        if writes:
            self._flight = asyncio.create_task(self._apply(writes))

    async def _landed(self) -> None:
        flight, self._flight = self._flight, None
        if flight is not None:
            await flight

    async def _apply(self, writes: list[Write]) -> None:
        results = await self._target(writes)
        pairs = zip(writes, results, strict=True)
        self.versions_kept &= all(result == write.row[1] for write, result in pairs if isinstance(write, Copy))
