"""Body format: the first byte of a stored body says how the rest was encoded."""

from __future__ import annotations

import zstandard

from ..errors import CorruptError
from .json_codec import MAX_BODY

RAW, ZSTD, VECTOR = 1, 2, 3


MAX_DICTIONARIES = 110  # dictionaries in one store; a family needs one for each time it grows to eight times its size


DENSE = 0x80


BASE = 15  # what is added to the number of a dictionary to make it a kind


MAGIC = zstandard.FRAME_HEADER


def kind_of(number: int) -> int:
    return BASE + number if number else ZSTD


def check_size(frame: bytes, where: str) -> None:
    try:
        size = zstandard.frame_content_size(frame)
    except zstandard.ZstdError as error:
        raise CorruptError(f"{where}: the stored body does not decompress ({error})") from None
    if not 0 <= size <= MAX_BODY:
        raise CorruptError(f"{where}: the stored body declares {size:,} bytes, above the limit of {MAX_BODY:,}")
