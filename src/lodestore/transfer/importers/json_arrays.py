"""JSON array parser: the elements of one array inside a document, one at a time, however long the document is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from ...errors import CorruptError
from .sources import CHUNK, MAX_TEXT, parse

_BLANK = re.compile(rb"[ \t\r\n]*")
# A whole string, or a bracket, or the quote of a string that has no end yet. Possessive: no backtracking.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
_SCALAR_END = re.compile(rb'[\s,\]}:"\[{]')
_QUOTE, _OPENING, _CLOSING = b'"'[0], b"{[", b"}]"


class ArrayScanner:
    """Cuts a JSON text into values by their brackets; what is inside them is checked by whoever parses them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._data = b""
        self._at = 0

    def peek(self) -> bytes:
        """The next byte that is not blank; empty at the end of the text."""
        while True:
            self._at = _BLANK.match(self._data, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._data) or not self._more():
                return self._data[self._at : self._at + 1]

    def take(self) -> bytes:
        """Step over the byte that `peek` gives."""
        byte = self.peek()
        self._at += len(byte)
        return byte

    def expect(self, wanted: bytes) -> None:
        if (found := self.take()) != wanted:
            raise CorruptError(f"expected {wanted.decode()}, found {_said(found)}")

    def value(self) -> bytes:
        """The bytes of the next value."""
        first = self.peek()
        if not first:
            raise CorruptError("the text ends where a value is expected")
        end = self._bracket_end() if first in (b'"', b"{", b"[") else self._scalar_end()
        value = self._data[self._at : end]
        self._at = end
        if not value:
            raise CorruptError(f"expected a value, found {_said(first)}")
        return value

    def enter(self, name: str) -> None:
        """Step into an object as far as the value of its member `name`."""
        self.expect(b"{")
        while self.peek() == b'"':
            key = parse(self.value())
            self.expect(b":")
            if key == name:
                return
            self.value()
            if self.peek() == b",":
                self.take()
        raise CorruptError(f"there is no member {name!r}")

    def _bracket_end(self) -> int:
        depth, seen = 0, 0
        while True:
            start = self._at
            resume = len(self._data) - start
            for match in _TOKEN.finditer(self._data, start + seen):
                kind = self._data[match.start()]
                if kind == _QUOTE and match.end() - match.start() == 1:
                    resume = match.start() - start
                    break
                depth += (kind in _OPENING) - (kind in _CLOSING)
                if depth == 0:
                    return match.end()
            seen = resume
            if not self._more():
                raise CorruptError("the text ends in the middle of a value")

    def _scalar_end(self) -> int:
        while True:
            if found := _SCALAR_END.search(self._data, self._at):
                return found.start()
            if not self._more():
                return len(self._data)

    def _more(self) -> bool:
        """Read on; as much again as the unfinished value has by now, so that a long one costs no more than twice."""
        held = len(self._data) - self._at
        if held > MAX_TEXT:
            raise CorruptError(f"a value is longer than the limit of {MAX_TEXT:,} bytes")
        chunk = self._stream.read(max(CHUNK, held))
        self._data = self._data[self._at :] + chunk
        self._at = 0
        return bool(chunk)


def _said(byte: bytes) -> str:
    return repr(byte.decode("latin-1")) if byte else "the end of the text"


def elements(stream: BinaryIO, path: tuple[str, ...] = ()) -> Iterator[tuple[int, bytes]]:
    """The bytes of each element of the array found by the member names in `path`, with its index.

    CorruptError, after the elements before it, where the text is not JSON any more.
    """
    scanner = ArrayScanner(stream)
    for name in path:
        scanner.enter(name)
    scanner.expect(b"[")
    index = 0
    while index or scanner.peek() != b"]":
        try:
            yield index, scanner.value()
            separator = scanner.take()
        except CorruptError as error:
            raise CorruptError(f"element {index}: {error}") from None
        index += 1
        if separator == b"]":
            return
        if separator != b",":
            raise CorruptError(f"element {index}: expected a comma, found {_said(separator)}")


def members(head: bytes) -> list[str]:
    """The names of the members of the object that `head` begins with, as far as `head` goes."""
    names, depth = [], 0
    for match in _TOKEN.finditer(head):
        kind = head[match.start()]
        if kind == _QUOTE and depth == 1 and head[match.end() : match.end() + 16].lstrip()[:1] == b":":
            names.append(match[0][1:-1].decode(errors="replace"))
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if depth == 0:
            break
    return names
