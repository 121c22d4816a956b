"""Vector input: what callers give (lists, numpy arrays, bytes), checked and made float32.

Everywhere below the store a vector is its float32 numbers, little-endian, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import InvalidInputError, UnsupportedError

MAX_DIMENSION = 16_384
METRICS = ("cosine", "ip", "l2")


def load_numpy() -> Any:
    """numpy, which is late to import; UnsupportedError where it is not installed."""
    try:
        import numpy
    except ImportError:
        raise UnsupportedError("vectors need numpy: pip install 'lodestore[vector]'") from None
    return numpy


def vector_of(value: object, name: str, metric: str = "cosine") -> bytes:
    """A list of numbers, a numpy array or bytes of float32, as it is stored.

    InvalidInputError where it points nowhere.
    """
    return _stored(_row(value, name)[None, :], [name], metric)[0]


def vectors_of(values: object, name: str, metric: str = "cosine") -> list[bytes]:
    """`vector_of` each of a list, or the rows of a numpy array; a wrong one is named by its index.

    All are of one dimension.
    """
    if isinstance(values, (str, bytes, bytearray, memoryview)) or not isinstance(values, Iterable):
        raise InvalidInputError(f"{name}: expected a list of vectors, not {type(values).__name__}")
    if not hasattr(values, "shape") or len(values.shape) != 2:
        rows = [_row(value, f"{name}[{index}]") for index, value in enumerate(values)]
        _check_lengths(rows, name)
        values = rows
    matrix = load_numpy().asarray(values)
    if not len(matrix):
        return []
    return _stored(matrix, [f"{name}[{index}]" for index in range(len(matrix))], metric)


def numbers_of(vector: bytes) -> list[float]:
    """The numbers of a vector."""
    found: list[float] = load_numpy().frombuffer(vector, "<f4").tolist()
    return found


def _row(value: object, name: str) -> Any:
    """One vector as an array of one dimension, of whatever numbers it has."""
    numpy = load_numpy()
    if isinstance(value, (bytes, bytearray, memoryview)):
        content = bytes(value)
        if len(content) % 4:
            raise InvalidInputError(f"{name}: float32 bytes come in fours; this has {len(content)} bytes")
        return numpy.frombuffer(content, "<f4")
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidInputError(
            f"{name}: expected numbers (a list, a numpy array or bytes of float32), not {value!r:.80}"
        )
    try:
        found = numpy.asarray(value if hasattr(value, "shape") else list(value))
    except ValueError as problem:  # lists of different lengths
        raise InvalidInputError(f"{name}: expected numbers: {problem}") from None
    if found.ndim != 1:
        raise InvalidInputError(
            f"{name}: expected one vector, a list of numbers; this array has {found.ndim} dimensions"
        )
    return found


def _check_lengths(rows: list[Any], name: str) -> None:
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise InvalidInputError(f"{name}[{index}]: {len(row)} numbers, where the first vector has {len(rows[0])}")


def _stored(matrix: Any, names: list[str], metric: str) -> list[bytes]:
    """The rows of a matrix as float32; at length 1 where only the direction counts."""
    numpy = load_numpy()
    if not 0 < matrix.shape[1] <= MAX_DIMENSION:
        raise InvalidInputError(f"{names[0]}: expected 1 to {MAX_DIMENSION:,} numbers, not {matrix.shape[1]:,}")
    if matrix.dtype.kind not in "iuf":
        raise InvalidInputError(f"{names[0]}: expected numbers, not {matrix.dtype}")
    with numpy.errstate(over="ignore"):
        stored = matrix.astype("<f4")
    largest = numpy.abs(stored).max(axis=1, keepdims=True)
    for bad, why in (
        (~numpy.isfinite(largest), "contains NaN, infinity or a number too large"),
        (largest == 0, "is all zeros"),
    ):
        if bad.any():
            raise InvalidInputError(f"{names[int(bad.argmax())]}: not a usable vector: it {why}")
    if metric == "cosine":  # by the largest first, or the squares of tiny numbers would all be 0
        scaled = stored.astype("f8") / largest
        stored = (scaled / numpy.linalg.norm(scaled, axis=1, keepdims=True)).astype("<f4")
    return [row.tobytes() for row in stored]
