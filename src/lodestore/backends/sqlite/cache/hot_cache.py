"""Hot cache: cache documents and log tails held in this process, in front of the file; `coherence` keeps them true.

Values are kept as atoms, which the garbage collector does not visit: packed-away bytes, or a dict of plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import getsizeof
from time import monotonic
from typing import Any

from ....core.backend import MISS
from ....core.clock import Clock
from ....core.families import CACHE, OWNED, Family
from ....core.records import BODY, EXPIRES_AT, KEY, Append, Copy, Drop, Key, Page, Row, Write
from ....encoding import json_codec
from ..engine import driver
from ..records import reads
from .coherence import CoherentCache
from .log_tail import MOST, LogTail
from .lru import LRUCache

HOT_BYTES = 32 * 1024 * 1024
SHARE = 8  # an entry larger than this part of the cache is not worth the others
ENTRY = 200  # bytes an entry takes beside its key and value: a slot of a table that is half empty, a tuple or two
ATOMS = frozenset({str, int, float, bool, type(None)})


ReadBodies = Callable[[driver.Cursor, Page], list[bytes] | None]


class HotCache(CoherentCache):
    """Recently used cache entries and logs, at most `limit` bytes of them."""

    def __init__(self, reading: driver.Cursor, check: Callable[[], None], limit: int, staleness: float) -> None:
        super().__init__(reading, check, staleness)
        self._largest = limit // SHARE
        # Of the cache, under its key: a flat document is a dict, bytes are a body nobody has asked for yet, a tuple of
        # one holds the body of a nested document, which is decoded for each who asks; None: there is no such entry. One
        # that expires is a pair, of the time and any of these. Of a log, under its family and owner: a Tail.
        self._recent = LRUCache(limit, _size)

    # -- the cache

    def recall(self, key: str, clock: Clock) -> Any:
        """The document under `key`, the caller's own; None where there is none; MISS where the cache cannot say."""
        if monotonic() >= self._until and not self._look():
            return MISS
        found = self._recent.young.get(key, MISS)
        if type(found) is dict:
            return found.copy()
        return self._open(key, self._recent.get(key), clock)

    def _open(self, key: str, found: Any, clock: Clock) -> Any:
        ends = None
        if type(found) is tuple and len(found) == 2:
            ends, found = found
            if clock() >= ends:
                return None
        if found is None or found is MISS:
            return found
        if type(found) is dict:
            return found.copy()
        return self._decode(key, found, ends)

    def _decode(self, key: str, found: Any, ends: int | None) -> Any:
        if type(found) is tuple:
            return json_codec.loads(found[0])
        document = json_codec.loads(found)
        flat = ATOMS.issuperset(map(type, document.values()))
        self._put(key, document.copy() if flat else (found,), ends)
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
        if state == self.state and self.fits(sequence):
            for key, row in zip(keys, rows, strict=True):
                self.keep(key, row)

    # -- logs

    def newest(self, family: Family, prefix: Key, count: int | None) -> bytes | None:
        """The last `count` messages of a log, all for None, as a JSON array; None where the cache cannot say."""
        if monotonic() >= self._until and not self._look():
            return None
        tail = self._recent.get((family, *prefix))
        return None if tail is MISS else tail.newest(count)

    def through(self, run: driver.Cursor, read: ReadBodies, page: Page) -> list[bytes] | None:
        """What `read` reads, on the loop; the end of a log is kept."""
        if not page.tail:
            return read(run, page)
        sequence, bodies = reads.as_of(run, lambda run: read(run, page))
        if bodies is not None and self.fits(sequence):
            key, whole = (page.family, *page.prefix), page.limit is None or len(bodies) < page.limit
            self._add(key, LogTail(reversed(bodies) if page.newest else bodies, whole=whole))
        return bodies

    # -- what was written

    def learn(self, write: Write) -> None:
        """Do to the cache what a write of this handle did to the file."""
        if isinstance(write, Append):
            self._extend((write.family, *write.prefix), write.bodies)
        elif isinstance(write, Drop):
            self._learn_drop(write.family, write.prefix)
        elif isinstance(write, Copy):
            self._learn_copy(write.family, write.row)
        elif write.family is CACHE:
            self._put(str(write.key[0]), write.body, write.expires_at)

    def _extend(self, key: Any, bodies: Sequence[bytes]) -> None:
        tail = self._recent.get(key)
        if tail is not MISS:
            self._recent.remove(key)  # by the size it has
            tail.extend(bodies)
            self._add(key, tail)

    def _learn_copy(self, family: Family, row: Row) -> None:
        if family is CACHE:
            self._put(row[KEY], row[BODY], row[EXPIRES_AT])
        elif family.log:
            self._recent.remove((family, row[KEY]))

    def _learn_drop(self, family: Family, prefix: Key) -> None:
        if not prefix:
            self.drop()
        elif family is CACHE:
            self._put(str(prefix[0]), None, None)
        else:
            for log in (family, *OWNED[family]):
                self._recent.remove((log, prefix[0]))

    # -- room

    def drop(self) -> None:
        """Forget everything."""
        self._recent.clear()

    def _put(self, key: str, content: Any, ends: int | None) -> None:
        self._add(key, content if ends is None else (ends, content))

    def _add(self, key: Any, kept: Any) -> None:
        size = _size(key, kept)
        if size > self._largest or (type(kept) is LogTail and size > MOST):
            self._recent.remove(key)
        else:
            self._recent.put(key, kept)


def _size(key: Any, kept: Any) -> int:
    if type(kept) is tuple:
        kept = kept[-1]
    if type(kept) is tuple:
        kept = kept[0]
    size = getsizeof(key) + getsizeof(kept) + ENTRY
    return size + sum(map(getsizeof, kept.values())) if type(kept) is dict else size
