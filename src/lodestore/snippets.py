"""The stretch of a text that shows why it was found, on one line, and where in it the matches are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from .words import Query, words_of

WIDTH = 160  # characters, about
_BEFORE = 40  # of them before the first match
_STEM = 4  # letters two forms of a word have in common at least
_ENDING = 3  # letters by which the shorter of them may differ
_SPACE = re.compile(r"\s+")

Mark = tuple[int, int]  # first character, and the one behind the last


class Snippet(NamedTuple):
    """A line of text and the stretches of it that match."""

    text: str
    marks: tuple[Mark, ...]


def snippet(text: str, query: Query) -> Snippet:
    """The part of a text with most of what was asked for.

    Forms of one word are told by their beginnings, more simply than the index does it: a mark may be missing or too
    much.
    """
    text = _SPACE.sub(" ", text).strip()
    matches = _matches(text, query)
    first = _densest(matches)
    low = 0 if first - _BEFORE < _BEFORE else _after_space(text, first - _BEFORE, first)
    high = len(text) if low + WIDTH + _BEFORE >= len(text) else _before_space(text, low + WIDTH)
    head, tail = "\u2026" if low else "", "\u2026" if high < len(text) else ""
    shift = len(head) - low
    inside = [(start + shift, end + shift) for start, end, _ in matches if low <= start and end <= high]
    return Snippet(f"{head}{text[low:high]}{tail}", tuple(_joined(inside)))


def _joined(marks: Iterable[Mark]) -> Iterator[Mark]:
    """Marks that touch as one."""
    whole: Mark | None = None
    for start, end in marks:
        if whole is not None and whole[1] < start:
            yield whole
            whole = None
        whole = (start, end) if whole is None else (whole[0], end)
    if whole is not None:
        yield whole


def _matches(text: str, query: Query) -> list[tuple[int, int, int]]:
    """Start, end and number of the word that was asked for."""
    if not query.wanted:
        return []
    asked: dict[str, list[tuple[int, str, bool]]] = {}  # by the first letter, which akin words share
    words = ((_plain(word), term.prefix) for term in query.wanted for word in term.words)
    for n, (plain, prefix) in enumerate(words):
        asked.setdefault(plain[:1], []).append((n, plain, prefix))

    @cache
    def which(word: str) -> int | None:
        plain = _plain(word)
        return next((n for n, other, prefix in asked.get(plain[:1], ()) if _akin(plain, other, prefix)), None)

    found = ((match.start(), match.end(), which(match[0])) for match in words_of(text))
    return [(start, end, number) for start, end, number in found if number is not None]


def _plain(word: str) -> str:
    """Without case and accents."""
    if word.isascii():
        return word.casefold()
    parts = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _akin(word: str, asked: str, prefix: bool) -> bool:
    if word == asked or (prefix and word.startswith(asked)):
        return True
    shorter = min(len(word), len(asked))
    same = next((n for n in range(shorter) if word[n] != asked[n]), shorter)
    return same >= max(_STEM, shorter - _ENDING) and max(len(word), len(asked)) - same <= 2 * _ENDING


def _densest(matches: Sequence[tuple[int, int, int]]) -> int:
    """Where the stretch begins that holds most of the words asked for."""
    best, begin, last = 0, matches[0][0] if matches else 0, 0
    counts: dict[int, int] = {}
    for start, _, number in matches:
        counts[number] = counts.get(number, 0) + 1
        while start - matches[last][0] > WIDTH - _BEFORE:
            gone = matches[last][2]
            counts[gone] -= 1
            if not counts[gone]:
                del counts[gone]
            last += 1
        if len(counts) > best:
            best, begin = len(counts), matches[last][0]
    return begin


def _after_space(text: str, low: int, most: int) -> int:
    found = text.find(" ", low, most)
    return low if found < 0 else found + 1


def _before_space(text: str, high: int) -> int:
    found = text.rfind(" ", high - _BEFORE, high)
    return high if found < 0 else found
