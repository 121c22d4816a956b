"""Candidates: vectors a scan comes upon, and the top k of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .quantization import Doubles, Floats, Integers
from .types import Span

Which = npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice


class Candidates(NamedTuple):
    """Vectors by number, row, and their score or a bound of it."""

    numbers: Integers
    rows: Integers
    values: Floats | Doubles

    def some(self, which: Which) -> Candidates:
        """Some of them."""
        return Candidates(self.numbers[which], self.rows[which], self.values[which])

    def listed(self) -> list[tuple[int, int, float]]:
        """Number, row and value of each, as Python's own."""
        return list(zip(self.numbers.tolist(), self.rows.tolist(), self.values.tolist(), strict=True))


EMPTY = Candidates(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def together(found: Sequence[Candidates]) -> Candidates:
    """All of several."""
    some = [each for each in found if len(each.numbers)]
    if len(some) < 2:
        return some[0] if some else EMPTY
    numbers, rows, values = zip(*some, strict=True)
    return Candidates(np.concatenate(numbers), np.concatenate(rows), np.concatenate(values))


def descending(found: Candidates) -> Candidates:
    """By value, the highest first; what ties by number."""
    order = np.argsort(-found.values)
    values = found.values[order]
    if (values[1:] == values[:-1]).any():
        order = np.lexsort((found.numbers, -found.values))
    return found.some(order)


class TopCandidates:
    """The first `most` by value, then number, of all that is offered and comes after `last`; None: all."""

    def __init__(self, most: int | None, last: tuple[float, int] | None) -> None:
        self._most, self._last = most, last
        self._held: list[Candidates] = []
        self._count = 0
        self.least = -np.inf  # what is below it is of no use

    def offer(self, found: Candidates) -> None:
        """Take in what is wanted of it."""
        if self._last is not None:
            value, number = self._last
            found = found.some((found.values < value) | ((found.values == value) & (found.numbers > number)))
        self._held.append(found)
        self._count += len(found.numbers)
        if self._most is not None and self._count > 2 * self._most:
            first = self.taken()
            self._held, self._count, self.least = [first], self._most, float(first.values[-1])

    def taken(self) -> Candidates:
        """What is held, in order."""
        return descending(together(self._held)).some(slice(0, self._most))


class ExcludedRanges:
    """Ranges of numbers to leave out, which may overlap."""

    def __init__(self, ranges: Sequence[Span]) -> None:
        pairs = np.array(sorted(ranges), np.int64).reshape(-1, 2)
        self._first, self._last = pairs[:, 0], np.maximum.accumulate(pairs[:, 1])

    def out(self, found: Candidates) -> Candidates:
        """What is outside of them."""
        if not len(self._first) or not len(found.numbers):
            return found
        before = self._first.searchsorted(found.numbers, side="right")  # how many begin at or before each number
        return found.some((before == 0) | (self._last[before - 1] < found.numbers))
