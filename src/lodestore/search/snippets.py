"""Snippets: the line of a text that shows why it matched, with the matching ranges highlighted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ..core.searchable import Query
from .query import words_of

WIDTH = 160  # characters, about
_BEFORE = 40  # of them before the first match
_STEM = 4  # letters two forms of a word have in common at least
_PART = 3  # letters of a part of a word at least
_ENDING = 3  # letters by which the shorter of them may differ
_WORD = re.compile(r"\b\w+", re.ASCII)
_KNOWN = 1000  # words of texts of which a query remembers whether they are meant

Highlight = tuple[int, int]  # first character, and the one behind the last


class Snippet(NamedTuple):
    """A line of text and the stretches of it that match."""

    text: str
    marks: tuple[Highlight, ...]


def snippet(text: str, query: Query, *, inside: bool = False) -> Snippet:
    """The part of a text with most of what was asked for.

    Forms of one word are told by their beginnings, more simply than the index does it: a mark may be missing or too
    much. Where there is none, the text is looked through for words inside of others, if `inside` says so.
    """
    text = " ".join(text.split())
    matches = _asked(query).matches(text) if query.wanted else []
    if not matches and inside:
        matches = _asked(query).parts(text)
    first = _densest(matches)
    low = 0 if first - _BEFORE < _BEFORE else _after_space(text, first - _BEFORE, first)
    high = len(text) if low + WIDTH + _BEFORE >= len(text) else _before_space(text, low + WIDTH)
    head, tail = "\u2026" if low else "", "\u2026" if high < len(text) else ""
    shift = len(head) - low
    marks = [(start + shift, end + shift) for start, end, _ in matches if low <= start and end <= high]
    return Snippet(f"{head}{text[low:high]}{tail}", tuple(_joined(marks)))


def _joined(marks: Iterable[Highlight]) -> Iterator[Highlight]:
    """Marks that touch as one."""
    whole: Highlight | None = None
    for start, end in marks:
        if whole is not None and whole[1] < start:
            yield whole
            whole = None
        whole = (start, end) if whole is None else (whole[0], end)
    if whole is not None:
        yield whole


class _Asked:
    """The words of a query, and which of them a word of a text is a form of; kept for all hits of a search."""

    def __init__(self, query: Query) -> None:
        words = [(_plain(word), term.prefix) for term in query.wanted for word in term.words]
        self._parts = {word.lower() for term in query.wanted for word in term.words if len(word) >= _PART}
        self._by_letter: dict[str, list[tuple[int, str, bool]]] = {}  # the first, which akin words share
        for number, (plain, prefix) in enumerate(words):
            self._by_letter.setdefault(plain[:1], []).append((number, plain, prefix))
        self._which = lru_cache(_KNOWN)(self._look_up)
        self._heads = {plain[:_STEM] for some in self._by_letter.values() for _, plain, _ in some}

    def matches(self, text: str) -> list[tuple[int, int, int]]:
        """Start, end and number of the word that was asked for."""
        words = self._likely(text) if text.isascii() else words_of(text)
        found = ((match.start(), match.end(), self._which(match[0])) for match in words)
        return [(start, end, number) for start, end, number in found if number is not None]

    def _likely(self, text: str) -> Iterator[re.Match[str]]:
        """The words of a text in ASCII that begin as one asked for does: they are few, so it pays to look first."""
        starts = sorted(start for start, _, _ in _occurrences(text, self._heads))
        return filter(None, (_WORD.match(text, start) for start in starts))

    def parts(self, text: str) -> list[tuple[int, int, int]]:
        """The same where a word that was asked for stands inside of another."""
        return sorted(_occurrences(text, self._parts))

    def _look_up(self, word: str) -> int | None:
        plain = _plain(word)
        asked = self._by_letter.get(plain[:1], ())
        return next((number for number, other, prefix in asked if _akin(plain, other, prefix)), None)


_asked = lru_cache(32)(_Asked)


def _occurrences(text: str, some: Iterable[str]) -> Iterator[tuple[int, int, int]]:
    """Start, end and number of each of some texts in small letters."""
    folded = text.lower()
    for number, one in enumerate(some if len(folded) == len(text) else ()):  # else it would point elsewhere
        at = folded.find(one)
        while at >= 0:
            yield at, at + len(one), number
            at = folded.find(one, at + 1)


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
