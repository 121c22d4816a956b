"""LRU cache: recently used entries, bounded by bytes, in two generations.

What is put or used joins the young generation; when that is about to hold more than half of the bound it becomes the
old one, and what was old is forgotten. A use of a young entry, which nearly every use is, moves nothing: no list of all
entries is kept in order, whose neighbours would have to be fetched into the processor's cache. The scheme is that of
hashlru (https://github.com/dominictarr/hashlru).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ....core.backend import MISS


class LRUCache:
    """At most `limit` bytes of entries, none above half of it, by what `size` says of a key and its value.

    The most recently used ones are there, as many as half the limit holds.
    """

    __slots__ = ("_half", "_old_bytes", "_size", "_young_bytes", "old", "young")

    def __init__(self, limit: int, size: Callable[[Any, Any], int]) -> None:
        self._half = limit // 2
        self._size = size
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.young: dict[Any, Any] = {}
        self.old: dict[Any, Any] = {}
        self._young_bytes = self._old_bytes = 0

    @property
    def bytes(self) -> int:
        """What all entries take."""
        return self._young_bytes + self._old_bytes

    def __iter__(self) -> Iterator[Any]:
        return iter([*self.old, *self.young])

    def get(self, key: Any) -> Any:
        """The value, which has been used now; MISS where there is none."""
        found = self.young.get(key, MISS)
        if found is MISS and key in self.old:
            found = self.old[key]
            self.put(key, found)
        return found

    def put(self, key: Any, value: Any) -> None:
        """Keep a value, in place of one that is there."""
        self.remove(key)
        size = self._size(key, value)
        if self._young_bytes + size > self._half:
            self.old, self._old_bytes = self.young, self._young_bytes
            self.young, self._young_bytes = {}, 0
        self.young[key] = value
        self._young_bytes += size

    def remove(self, key: Any) -> None:
        """Forget a key, if it is there."""
        if key in self.young:
            self._young_bytes -= self._size(key, self.young.pop(key))
        elif key in self.old:
            self._old_bytes -= self._size(key, self.old.pop(key))
