"""Body format: the first byte of a stored body says how the rest was encoded."""

from __future__ import annotations

import zstandard

from ..errors import Corrupt
from .json_codec import MAX_BODY

RAW, ZSTD, VECTOR = 1, 2, 3


MOST = 110  # dictionaries in one store; a family needs one for each time it grows to eight times its size


_DENSE = 0x80


BASE = 15  # what is added to the number of a dictionary to make it a kind


_MAGIC = zstandard.FRAME_HEADER


def _kind(number: int) -> int:
    return BASE + number if number else ZSTD


def _check_size(frame: bytes, where: str) -> None:
    try:
        size = zstandard.frame_content_size(frame)
    except zstandard.ZstdError as error:
        raise Corrupt(f"{where}: the stored body does not decompress ({error})") from None
    if not 0 <= size <= MAX_BODY:
        raise Corrupt(f"{where}: the stored body declares {size:,} bytes, above the cap of {MAX_BODY:,}")
