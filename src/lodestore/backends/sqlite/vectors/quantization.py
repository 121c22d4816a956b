"""Quantization: vectors as int8 codes with a scale each, their error, and their dot products."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.int8]
Dots: TypeAlias = Callable[[Codes, Any], object]  # the second is an array of floats

PEAK = 127
LONGEST = 1e15  # so that products of two lengths, and the sum of a few, are far within float32
_ROWS = 1024  # converted at a time: more would not stay in the cache of a core
_COLUMNS = 1024  # whose products float32 adds up exactly: 1024 * 127 * 127 < 2^24


def quantize(vectors: Floats) -> tuple[Codes, Floats]:
    """Codes of each row, and as three rows its scale, its residual |x - scale * code| and its length |x|.

    Residual and length are rounded up. Of a row longer than `LONGEST` nothing is said: no scale, an infinite residual.
    """
    exact = vectors.astype(np.float64)
    factors = np.empty((3, len(vectors)), np.float32)
    factors[0] = np.abs(vectors).max(axis=1, initial=0) / np.float32(PEAK)
    factors[2] = _above(np.vecdot(exact, exact))
    scale = factors[0].astype(np.float64)[:, None]
    near = exact / np.where(scale > 0, scale, 1)
    near = np.rint(near, out=near).clip(-PEAK, PEAK, out=near)
    codes = near.astype(np.int8)
    exact -= np.multiply(near, scale, out=near)
    factors[1] = _above(np.vecdot(exact, exact))
    if factors[2].max(initial=0) > LONGEST:
        beyond = factors[2] > LONGEST
        codes[beyond], factors[0, beyond], factors[1, beyond] = 0, 0, np.inf
    return codes, factors


def _above(squares: Doubles) -> Floats:
    """Roots, rounded up to float32."""
    with np.errstate(over="ignore"):  # then infinite, which is still no less than it is
        return np.nextafter(np.sqrt(squares).astype(np.float32), np.float32(np.inf))


def dots(query: Codes) -> Dots:
    """What writes the dot products of a query with each row of a block of codes into an array of floats as long.

    They are exact where the floats can hold them: float32 up to 2^24, so with up to 1,024 dimensions.
    """
    return fast(query) if _numkong() is not None else plain(query)


def fast(query: Codes) -> Dots:
    """By numkong's kernels, which read the codes where they are."""
    cdist, one = _numkong().cdist, query[None]

    def write(codes: Codes, out: Any) -> None:
        if len(codes):
            cdist(one, codes, metric="dot", out=out[None])

    return write


def plain(query: Codes) -> Dots:
    """By BLAS, in float32, in pieces of which every sum is exact."""
    wide = query.astype(np.float32)
    room = np.empty((_ROWS, min(len(query), _COLUMNS)), np.float32)

    def write(codes: Codes, out: Any) -> None:
        out[:] = 0
        for row in range(0, len(codes), _ROWS):
            for column in range(0, len(query), _COLUMNS):
                piece = codes[row : row + _ROWS, column : column + _COLUMNS]
                floats = room[: len(piece), : piece.shape[1]]
                floats[...] = piece
                out[row : row + _ROWS] += floats @ wide[column : column + _COLUMNS]

    return write


def table(codes: Codes, others: Codes) -> Floats:
    """The dot products of each of some codes with each of some others."""
    if (numkong := _numkong()) is not None and len(codes) > 1:
        products: Floats = np.asarray(numkong.dots_packed(codes, numkong.dots_pack(others))).astype(np.float32)
        return products
    return codes.astype(np.float32) @ others.astype(np.float32).T


@cache
def _numkong() -> Any:
    return import_module("numkong") if find_spec("numkong") else None
