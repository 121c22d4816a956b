"""Hashing embedder: needs no model; it knows spelling, not meaning."""

from __future__ import annotations

import hashlib
import math
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..search.query import fold, words_of
from .embedder import check_dimension

_WORD, _LETTERS = 1.0, 0.5  # what a word counts, and three letters of one


@dataclass(frozen=True, slots=True)
class HashingEmbedder:
    """An embedder without a model, for tests and first steps: it knows spelling, not meaning.

    It finds texts that share words, or words spelt alike, but does not know that a car is an automobile. A text has the
    same vector in every process and on every machine.

    Attributes:
        dimension: How many numbers a vector has.
    """

    dimension: int = 256

    def __post_init__(self) -> None:
        check_dimension(self.dimension)

    @property
    def name(self) -> str:
        """The name, such as `hashing-256`: each dimension is a model of its own."""
        return f"hashing-{self.dimension}"

    def __call__(self, texts: list[str], /) -> list[bytes]:
        """Return a unit vector for each text, as float32 bytes; the first axis for a text without words."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> bytes:
        sums = [0.0] * self.dimension
        for (weight, piece), count in Counter(_pieces(text)).items():
            digest = hashlib.blake2b(f"{weight}{piece}".encode(), digest_size=8).digest()
            number = int.from_bytes(digest, "little")
            # A root, not a logarithm, and `fsum` below: these are rounded alike everywhere.
            value = weight * math.sqrt(count)
            sums[(number >> 1) % self.dimension] += value if number & 1 else -value
        length = math.sqrt(math.fsum(value * value for value in sums))
        if not length:  # no words, or all of them cancelled out
            sums[0] = length = 1.0
        return struct.pack(f"<{self.dimension}f", *(value / length for value in sums))


def _pieces(text: str) -> Iterator[tuple[float, str]]:
    for found in words_of(fold(text)):
        word = found[0].casefold()
        yield _WORD, word
        padded = f" {word} "
        for start in range(len(padded) - 2):
            yield _LETTERS, padded[start : start + 3]
