"""Compression dictionaries: as they are kept, one row each, and opened again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

import zstandard

from ..errors import Corrupt
from .body_format import _check_size, _kind
from .checksum import seal


class Dictionary(NamedTuple):
    """One row of the table: `covered` is how many bytes the family had been given when this was trained."""

    number: int
    family: str
    covered: int
    stored: bytes


def press(content: bytes) -> bytes:
    """A dictionary, packed with most effort; this takes some 50 ms, so never where somebody waits."""
    return zstandard.ZstdCompressor(level=19).compress(content)


def close_dictionary(number: int, pressed: bytes) -> bytes:
    """A dictionary as it is kept: under its own number, so that two cannot be swapped."""
    return seal(bytes((_kind(number),)) + pressed)


def open_dictionary(kept: Dictionary) -> bytes:
    """The content of a dictionary; Corrupt where its row is not what `close_dictionary` made."""
    if not _sound(kept):
        raise Corrupt(f"dictionary {kept.number} is damaged: its row fails its checksum")
    _check_size(kept.stored[1:-4], f"dictionary {kept.number}")
    return zstandard.ZstdDecompressor().decompress(kept.stored[1:-4])


def damaged(kept: Iterable[Dictionary]) -> list[str]:
    """One line for each dictionary that is not what was kept."""
    problems = []
    for dictionary in kept:
        try:
            open_dictionary(dictionary)
        except Corrupt as problem:
            problems.append(str(problem))
    return problems


def _sound(kept: Dictionary) -> bool:
    return not zlib.crc32(kept.stored) and kept.stored[:1] == bytes((_kind(kept.number),))
