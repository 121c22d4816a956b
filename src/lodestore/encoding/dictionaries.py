"""Compression dictionaries: as they are kept, one row each, and opened again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

import zstandard

from ..errors import CorruptError
from .body_format import check_size, kind_of
from .checksum import with_checksum


class Dictionary(NamedTuple):
    """One row of the table: `covered` is how many bytes the family had been given when this was trained."""

    number: int
    family: str
    covered: int
    stored: bytes


def compress_dictionary(content: bytes) -> bytes:
    """A dictionary, packed with most effort; this takes some 50 ms, so never where somebody waits."""
    return zstandard.ZstdCompressor(level=19).compress(content)


def close_dictionary(number: int, pressed: bytes) -> bytes:
    """A dictionary as it is kept: under its own number, so that two cannot be swapped."""
    return with_checksum(bytes((kind_of(number),)) + pressed)


def open_dictionary(kept: Dictionary) -> bytes:
    """The content of a dictionary; CorruptError where its row is not what `close_dictionary` made."""
    if not is_sound(kept):
        raise CorruptError(f"dictionary {kept.number} is damaged: its row fails its checksum")
    check_size(kept.stored[1:-4], f"dictionary {kept.number}")
    return zstandard.ZstdDecompressor().decompress(kept.stored[1:-4])


def damaged(kept: Iterable[Dictionary]) -> list[str]:
    """One line for each dictionary that is not what was kept."""
    problems = []
    for dictionary in kept:
        try:
            open_dictionary(dictionary)
        except CorruptError as problem:
            problems.append(str(problem))
    return problems


def is_sound(kept: Dictionary) -> bool:
    return not zlib.crc32(kept.stored) and kept.stored[:1] == bytes((kind_of(kept.number),))
