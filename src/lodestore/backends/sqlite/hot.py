"""The hot tier: cache documents in this process, in front of the file, kept true by the commit sequence.

The row `store` counts the commits of every handle and process (`commits`). The tier holds what the file held when
that number was `seen`. Three things keep it so:

- The writer tells, with each commit of this handle, the number before and after and what it wrote to the cache. Where
  `before` is `seen`, nobody else wrote in between: the tier takes the changes in. Otherwise it is dropped.
- The first read of each turn of the event loop, and any read later than `staleness` after the last look, looks at the
  file: PRAGMA data_version, which moves when another connection has committed, then the number. One that this
  handle's commits do not explain drops the tier; so does a file that moved without its number (a hand not ours).
- A number that moved while commits of this handle are under way says nothing yet: reads go through to the file.

Values are kept as atoms, which the garbage collector does not visit: packed-away bytes, or a dict of plain values.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from sys import getsizeof
from time import monotonic
from typing import Any, NamedTuple

from ... import codec
from ...clock import Clock
from ...kernel import BODY, EXPIRES_AT, MISS, Row
from . import driver

HOT_BYTES = 32 * 1024 * 1024
MAX_STALENESS = 1.0  # milliseconds
SHARE = 8  # an entry larger than this part of the tier is not worth the others
ENTRY = 240  # bytes an entry takes beside its key and value: two slots of tables, a node of the list
ATOMS = frozenset({str, int, float, bool, type(None)})

Change = tuple[str, bytes | None, int | None]  # key, body (None: gone), when it ends


class Commit(NamedTuple):
    """What the writer tells of one commit: the sequence around it, and what it did to the cache.

    `changes` of None: nobody knows, or too much.
    """

    before: int
    after: int
    changes: Sequence[Change] | None


LOST = Commit(-1, -1, None)  # a commit of which nobody knows whether it happened


class Hot:
    """Recently used cache entries, at most `limit` bytes of them. Lives on the event loop alone.

    `check` raises where the handle may not be used; `staleness` is in milliseconds, 0 looks before every read.
    """

    def __init__(self, reading: driver.Cursor, check: Callable[[], None], limit: int, staleness: float) -> None:
        self._reading = reading
        self._check = check
        self._limit = limit
        self._staleness = staleness / 1000
        self._loop = asyncio.get_running_loop()
        # A flat document is a dict, bytes are a body nobody has asked for yet, a tuple holds the body of a nested
        # document, which is decoded for each who asks; None: there is no such entry.
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._ends: dict[str, int] = {}
        self.bytes = 0
        self._until = 0.0  # up to when reads need no look
        self._armed = False  # the end of this turn will be noticed
        self._moved: int | None = None  # PRAGMA data_version when the tier was last known to be true
        self._seen: int | None = None  # the commit sequence the tier stands for
        self._true = False  # what is read from the file now may be kept
        self._told = False  # commits of this handle were taken in since `_moved`
        self._pending = 0  # units of this handle that are under way

    def recall(self, key: str, clock: Clock) -> Any:
        """The document under `key`, the caller's own; None where there is none; MISS where the tier cannot say."""
        if monotonic() >= self._until and not self._look():
            return MISS
        found = self._kept.get(key, MISS)
        if found is MISS:
            return MISS
        self._kept.move_to_end(key)
        if key in self._ends and clock() >= self._ends[key]:
            return None
        if type(found) is dict:
            return found.copy()
        return found if found is None else self._decode(key, found)

    def _decode(self, key: str, found: Any) -> Any:
        if type(found) is tuple:
            return codec.loads(found[0])
        document = codec.loads(found)
        flat = ATOMS.issuperset(map(type, document.values()))
        self.bytes -= _size(key, found)
        self._kept[key] = kept = document.copy() if flat else (found,)
        self.bytes += _size(key, kept)
        self._shrink()
        return document

    def keep(self, key: str, row: Row | None) -> None:
        """Take in what has just been read from the file, on the loop."""
        if self._true:
            self._put(key, *((row[BODY], row[EXPIRES_AT]) if row else (None, None)))

    @property
    def state(self) -> tuple[int | None, int | None]:
        """Changes whenever a snapshot taken before must not be kept."""
        return self._seen, self._moved

    def keep_all(self, state: object, sequence: int, keys: Iterable[str], rows: Iterable[Row | None]) -> None:
        """Take in a snapshot read elsewhere, if nothing happened since: `state` from before, its own `sequence`."""
        if self._true and state == self.state and sequence == self._seen:
            for key, row in zip(keys, rows, strict=True):
                self.keep(key, row)

    def hand_over(self) -> None:
        """A unit of this handle goes to the writer."""
        self._pending += 1

    def take_in(self, units: int, commits: Iterable[Commit]) -> None:
        """So many units have been decided, by these commits."""
        self._pending -= units
        for before, after, changes in commits:
            if before != self._seen or changes is None:
                self.drop()
            self._seen = None if after < 0 else after
            for key, body, ends in changes or ():
                self._put(key, body, ends)
            self._told = True
        self._true, self._until = False, 0.0  # whatever comes next looks first

    def drop(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._ends.clear()
        self.bytes = 0

    def _look(self) -> bool:
        self._check()
        now = monotonic()  # before looking: what is written after the look counts against it
        try:
            self._true = self._compare()
        except driver.Error as error:
            raise driver.renamed(error, "reading") from error
        if self._true and self._staleness:
            self._until = now + self._staleness
            if not self._armed:
                self._armed = True
                self._loop.call_soon(self._turn)
        return self._true

    def _compare(self) -> bool:
        moved = self._reading.execute("PRAGMA data_version").fetchone()[0]
        if moved != self._moved:
            [sequence] = self._reading.execute("SELECT commits FROM store").fetchone()
            if sequence != self._seen and self._pending:
                return False
            if sequence != self._seen or not self._told:
                self.drop()
            self._seen, self._moved, self._told = sequence, moved, False
        return True

    def _turn(self) -> None:
        self._armed, self._until = False, 0.0

    def _put(self, key: str, body: bytes | None, ends: int | None) -> None:
        if key in self._kept:
            self._remove(key)
        size = _size(key, body)
        if size * SHARE > self._limit:
            return
        self._kept[key] = body
        if ends is not None:
            self._ends[key] = ends
        self.bytes += size
        self._shrink()

    def _remove(self, key: str) -> None:
        self.bytes -= _size(key, self._kept.pop(key))
        self._ends.pop(key, None)

    def _shrink(self) -> None:
        while self.bytes > self._limit:
            self._remove(next(iter(self._kept)))


def _size(key: str, kept: Any) -> int:
    size = getsizeof(key) + ENTRY
    if type(kept) is dict:
        return size + getsizeof(kept) + sum(map(getsizeof, kept.values()))
    return size + getsizeof(kept[0] if type(kept) is tuple else kept)
