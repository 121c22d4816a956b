"""The hot tier: cache documents and the ends of logs in this process, in front of the file; `watch` keeps them true.

Values are kept as atoms, which the garbage collector does not visit: packed-away bytes, or a dict of plain values.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from sys import getsizeof
from time import monotonic
from typing import Any

from ... import codec
from ...catalogue import CACHE, OWNED, Family
from ...clock import Clock
from ...kernel import BODY, EXPIRES_AT, KEY, MISS, Append, Copy, Drop, Key, Page, Row, Write
from . import driver, execute
from .tails import MOST, Tail
from .watch import Watch

HOT_BYTES = 32 * 1024 * 1024
SHARE = 8  # an entry larger than this part of the tier is not worth the others
ENTRY = 240  # bytes an entry takes beside its key and value: two slots of tables, a node of the list
ATOMS = frozenset({str, int, float, bool, type(None)})


Read = Callable[[driver.Cursor, Page], list[bytes] | None]


class Hot(Watch):
    """Recently used cache entries and logs, at most `limit` bytes of them."""

    def __init__(self, reading: driver.Cursor, check: Callable[[], None], limit: int, staleness: float) -> None:
        super().__init__(reading, check, staleness)
        self._limit = limit
        # Of the cache, under its key: a flat document is a dict, bytes are a body nobody has asked for yet, a tuple
        # holds the body of a nested document, which is decoded for each who asks; None: there is no such entry.
        # Of a log, under its family and the key of its owner: a Tail.
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self._ends: dict[str, int] = {}
        self.bytes = 0

    # -- the cache

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
        if state == self.state and self.fits(sequence):
            for key, row in zip(keys, rows, strict=True):
                self.keep(key, row)

    # -- logs

    def newest(self, family: Family, prefix: Key, count: int | None) -> bytes | None:
        """The last `count` messages of a log, all for None, as a JSON array; None where the tier cannot say."""
        if monotonic() >= self._until and not self._look():
            return None
        tail: Tail | None = self._kept.get((family, *prefix))
        if tail is None:
            return None
        self._kept.move_to_end((family, *prefix))
        return tail.newest(count)

    def through(self, run: driver.Cursor, read: Read, page: Page) -> list[bytes] | None:
        """What `read` reads, on the loop; the end of a log is kept."""
        if not page.tail:
            return read(run, page)
        sequence, bodies = execute.as_of(run, lambda run: read(run, page))
        if bodies is not None and self.fits(sequence):
            key, whole = (page.family, *page.prefix), page.limit is None or len(bodies) < page.limit
            self._remove(key)
            self._add(key, Tail(reversed(bodies) if page.newest else bodies, whole=whole))
        return bodies

    # -- what was written

    def learn(self, write: Write) -> None:
        """Do to the tier what a write of this handle did to the file."""
        if isinstance(write, Append):
            self._extend((write.family, *write.prefix), write.bodies)
        elif isinstance(write, Drop):
            self._learn_drop(write.family, write.prefix)
        elif isinstance(write, Copy):
            self._learn_copy(write.family, write.row)
        elif write.family is CACHE:
            self._put(str(write.key[0]), write.body, write.expires_at)

    def _extend(self, key: Any, bodies: Sequence[bytes]) -> None:
        if (tail := self._kept.get(key)) is not None:
            self._remove(key)
            tail.extend(bodies)
            self._add(key, tail)

    def _learn_copy(self, family: Family, row: Row) -> None:
        if family is CACHE:
            self._put(row[KEY], row[BODY], row[EXPIRES_AT])
        elif family.log:
            self._remove((family, row[KEY]))

    def _learn_drop(self, family: Family, prefix: Key) -> None:
        if not prefix:
            self.drop()
        elif family is CACHE:
            self._put(str(prefix[0]), None, None)
        else:
            for log in (family, *OWNED[family]):
                self._remove((log, prefix[0]))

    # -- room

    def drop(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._ends.clear()
        self.bytes = 0

    def _put(self, key: str, body: bytes | None, ends: int | None) -> None:
        self._remove(key)
        if self._add(key, body) and ends is not None:
            self._ends[key] = ends

    def _add(self, key: Any, kept: Any) -> bool:
        size = _size(key, kept)
        if size * SHARE > self._limit or (type(kept) is Tail and size > MOST):
            return False
        self._kept[key] = kept
        self.bytes += size
        self._shrink()
        return True

    def _remove(self, key: Any) -> None:
        if key in self._kept:
            self.bytes -= _size(key, self._kept.pop(key))
            self._ends.pop(key, None)

    def _shrink(self) -> None:
        while self.bytes > self._limit:
            self._remove(next(iter(self._kept)))


def _size(key: Any, kept: Any) -> int:
    size = getsizeof(key) + ENTRY
    if type(kept) is dict:
        return size + getsizeof(kept) + sum(map(getsizeof, kept.values()))
    return size + getsizeof(kept[0] if type(kept) is tuple else kept)
