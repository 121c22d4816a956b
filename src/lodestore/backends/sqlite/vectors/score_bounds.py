"""Score bounds: the highest score a vector can have, judged by its codes.

With x = s c + r for the scale s, the codes c and what they are off, r, and the same for the query q, the dot product is
s s' (c . c') + r' . s c + q . r, and of the last two terms no more is known, by Cauchy and Schwarz, than that they are
at most |r'| (|x| + |r|) + |q| |r|. It is reckoned in float32, whose rounding adds a few millionths of |q| |x|.
"""

from __future__ import annotations

import numpy as np

from .quantization import LONGEST, Codes, Doubles, Floats, dots, quantize
from .types import VectorSpace

_ROUNDING = 2e-6  # of a product of two lengths
_TINY = np.float32(1e-30)  # below it float32 has few digits


class ScoreBounds:
    """The bounds of one query: `key` of a score is what it has to be compared by."""

    def __init__(self, space: VectorSpace, query: Floats) -> None:
        codes, factors = quantize(query[None])
        self._distance = space.metric == "l2"
        self._dots = dots(codes[0])
        self._scale, residual, size = factors[0, 0], float(factors[1, 0]), float(factors[2, 0])
        self.known = size <= LONGEST  # else nothing can be said
        of_residual, of_size = size + residual, residual + _ROUNDING * size
        self._weights = np.array([of_residual, of_size], np.float32)
        self._square = np.float32(size**2 * (1 - 2 * _ROUNDING)) if self.known else np.float32(0)

    def above(self, factors: Floats, codes: Codes) -> Floats:
        """For each vector a number that its score, as `key` counts it, does not exceed."""
        out = np.empty(len(codes), np.float32)
        self._dots(codes, out)
        out *= factors[0]
        out *= self._scale
        out += self._weights @ factors[1:]
        out += _TINY
        if self._distance:
            out *= 2
            out -= np.square(factors[2]) * np.float32(1 - 2 * _ROUNDING) + self._square
            out[np.isnan(out)] = np.inf
        return out

    def key(self, bound: float) -> float:
        """The score that belongs to a bound."""
        return -float(np.sqrt(max(0.0, -bound))) if self._distance else bound


def scores(space: VectorSpace, query: Floats, vectors: Floats) -> Doubles:
    """The scores of the rows of a matrix; that of a row is the same to the bit, whatever others are there."""
    wide, exact = query.astype(np.float64), vectors.astype(np.float64)
    if space.metric == "l2":
        exact -= wide
        wide = exact
    products: Doubles = np.vecdot(exact, wide)
    return -np.sqrt(products) if space.metric == "l2" else products
