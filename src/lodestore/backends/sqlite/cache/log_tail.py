"""Log tail: the end of a log as JSON text, so that loading a conversation again is one call of the parser.

What an agent does at each step is to append a message and to read the conversation: here the message is added to a
text that is there already.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from itertools import accumulate
from sys import getsizeof

MOST = 1_000_000  # bytes of text; a log beyond takes too long to parse on the event loop


class LogTail:
    """The newest messages of a log, all of them where it is `whole`."""

    __slots__ = ("_ends", "_text", "whole")

    def __init__(self, bodies: Iterable[bytes], *, whole: bool) -> None:
        self._text = bytearray()  # the messages, each with a comma before it
        self._ends = array("I")  # where in the text each message ends
        self.whole = whole
        self.extend(bodies)

    def extend(self, bodies: Iterable[bytes]) -> None:
        """Add messages at the end."""
        added = [b"," + body for body in bodies]
        self._ends.extend(list(accumulate(map(len, added), initial=len(self._text)))[1:])
        self._text += b"".join(added)

    def newest(self, count: int | None) -> bytes | None:
        """The last `count` messages as a JSON array, all of them for None; None where it takes more than is here."""
        first = 0 if count is None else len(self._ends) - count
        if first < 0 or count is None:
            if not self.whole:
                return None
            first = 0
        begin = self._ends[first - 1] if first else 0
        return b"".join((b"[", self._text[begin + 1 :], b"]"))

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + getsizeof(self._text) + getsizeof(self._ends)
