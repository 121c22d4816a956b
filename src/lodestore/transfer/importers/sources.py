"""Import sources: files of text as they come, plain, gzip or zstd, cut short, damaged, endless.

Nothing here reads a whole file. A cut or damaged one ends in CorruptError instead of passing for a shorter one.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import zstandard

from ...encoding.json_codec import MAX_BODY
from ...errors import CorruptError, InvalidInputError

CHUNK = 256 * 1024
MAX_TEXT = MAX_BODY + 64 * 1024  # a body at its cap still fits the line that carries it

_GZIP, _ZSTD, _BOM = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf"
_ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
# Input bytes per step: a zstd block of 4 bytes can stand for 128 KiB, so this bounds what a bomb unfolds to.
_ZSTD_STEP = 256
_LONG_NUMBER = re.compile(rb"[0-9]{19}")


class Input(io.BufferedReader):
    """A file opened for reading, unpacked on the way; `consumed` counts its own bytes, not the unpacked ones."""

    def __init__(self, file: BinaryIO, label: str) -> None:
        self._meter = _Meter(file)
        packed: Any = io.BufferedReader(self._meter, CHUNK)
        super().__init__(_Guard(_unpacked(packed, label), packed, label), CHUNK)
        if self.peek(len(_BOM)).startswith(_BOM):
            self.read(len(_BOM))

    @property
    def consumed(self) -> int:
        return self._meter.count

    def head(self) -> bytes:
        """What the text begins with, without reading on: at most 256 KiB."""
        return self.peek(CHUNK)


def open_input(path: str | Path) -> Input:
    """Open a file, or standard input for `-`; gzip and zstd are known by their first bytes.

    InvalidInputError where there is no such file, or none that may be read.
    """
    if str(path) == "-":
        return Input(sys.stdin.buffer, "standard input")
    try:
        return Input(open(path, "rb"), Path(path).name)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror})") from None


class _Meter(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)

    def close(self) -> None:
        if self._file is not getattr(sys.stdin, "buffer", None):
            self._file.close()
        super().close()


class _Guard(io.RawIOBase):
    """The one point where the errors of files and of both packings become ours."""

    def __init__(self, file: Any, packed: BinaryIO, label: str) -> None:
        self._file, self._packed, self._label = file, packed, label

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            raise CorruptError(f"{self._label}: damaged or cut short ({error})") from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._packed.close()
        super().close()


def _unpacked(packed: Any, label: str) -> Any:
    try:
        magic = packed.peek(4)[:4]
    except OSError as error:
        raise InvalidInputError(f"{label}: cannot be read ({error.strerror})") from None
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=packed, mode="rb")
    if magic == _ZSTD or _ZSTD_SKIPPABLE.fullmatch(magic):
        return _Unzstd(packed)
    return packed


class _Unzstd:
    """Frame after frame of zstd. python-zstandard's own stream reader takes a cut file for a shorter one."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._frame: Any = None
        self._input = b""
        self._output = bytearray()

    def read(self, size: int) -> bytes:
        while len(self._output) < size and self._step():
            pass
        taken = bytes(self._output[:size])
        del self._output[:size]
        return taken

    def _step(self) -> bool:
        data = self._input or self._packed.read(_ZSTD_STEP)
        if not data:
            if self._frame is not None:
                raise EOFError("a zstd frame has no end")
            return False
        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._output += self._frame.decompress(data)
        self._input = b""
        if self._frame.eof:
            self._input, self._frame = self._frame.unused_data, None
        return True


def lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines that hold text, with their numbers from 1. One beyond the cap comes back cut, too long for `parse`."""
    number = 0
    while line := stream.readline(MAX_TEXT + 1):
        number += 1
        if len(line) > MAX_TEXT and not line.endswith(b"\n"):
            _skip_line(stream)
        if not line.isspace():
            yield number, line


def _skip_line(stream: BinaryIO) -> None:
    while (rest := stream.readline(CHUNK)) and not rest.endswith(b"\n"):
        pass


def parse(text: bytes) -> Any:
    """The value of a JSON text, exactly; InvalidInputError where it is none or would lose something on the way."""
    if len(text) > MAX_TEXT:
        raise InvalidInputError(f"longer than the limit of {MAX_TEXT:,} bytes")
    try:
        # orjson rounds whole numbers beyond 64 bits to floats; the slower reader keeps them, and `encode` refuses.
        if _LONG_NUMBER.search(text):
            return json.loads(text.decode(), parse_constant=_no_constant)
        return orjson.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"not JSON ({error})") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
