"""Query parser: what a user types, split into terms that only ever reach an index quoted.

    refund flight            either word; common ones (the, of, ...) count only where nothing else is asked
    "window seat"            the words one after another
    cancel*                  words that begin so
    -hotel  -"no refund"     records without it

Every input is accepted, and reaches SQLite only as quoted words: `expression` is all that FTS5 sees. In Chinese,
Japanese, Korean, Thai and their neighbours words are not told by spaces: each character is a word of its own, in the
index (`spaced`) and here, where a run of them is searched by its pairs, or by three at a time in the alphabets of Thai,
Lao, Burmese and Khmer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from ..core.searchable import Query, Term

MAX_QUERY = 10_000  # characters; what follows is not read
MAX_TERMS = 64  # wanted, and as many unwanted

_COMMON = (
    "a about an and are as at be been but by can could did do does for from had has have he her his how i if in into is"
    " it its me my of on or our she so than that the their them then there these they this those to us was we were what"
    " when where which who whom whose why will with would you your"
)
STOP = frozenset(_COMMON.split())

_ALPHABETS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_SYLLABLES = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
UNSPACED = f"{_ALPHABETS}{_SYLLABLES}"
_CHARACTER = re.compile(f"[{UNSPACED}]")
# The vowel signs in the scripts of India are parts of words, as they are in the index; their full stops are not. Those
# of the alphabets without spaces are in no index: they end no run of letters, and are left out of it.
LETTERS = f"\\w\u0900-\u0963\u0966-\u0dff{_ALPHABETS}"
_WORD = re.compile(f"[{LETTERS}]+")
_PIECE = re.compile(f"(?P<three>[{_ALPHABETS}]+)|(?P<two>[{_SYLLABLES}]+)|[^{UNSPACED}]+")
_SIGNS = re.compile(r"\W")
_PART = re.compile(r'(?P<no>(?<!\S)-(?=[\w"]))?(?:"(?P<phrase>[^"]*)"?|(?P<bare>[^\s"]+))')


def fold(text: str) -> str:
    """Characters of one meaning made one: full and half width, ligatures."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def spaced(text: str) -> str:
    """Text as it is indexed: folded, with each character that is a word of its own between spaces."""
    return text if text.isascii() else _CHARACTER.sub(r" \g<0> ", fold(text))


def words_of(text: str) -> Iterator[re.Match[str]]:
    """The words in a text, in order: each character where a character is a word."""
    return _SHOWN.finditer(text)


_SHOWN = re.compile(f"[{UNSPACED}]|(?:(?![{UNSPACED}])[{LETTERS}])+")


def parse(text: str) -> Query:
    """What a text asks for."""
    wanted: list[Term] = []
    common: list[Term] = []
    unwanted: list[Term] = []
    for part in _PART.finditer(fold(text[:MAX_QUERY])):
        phrase = part["phrase"]
        if part["no"]:
            unwanted += _phrase(part["bare"] if phrase is None else phrase)
        elif phrase is not None:
            wanted += _phrase(phrase)
        else:
            for term in _bare(part["bare"]):
                (common if _is_common(term) else wanted).append(term)
    return Query(_few(wanted or common), _few(unwanted))


def expression(query: Query) -> str:
    """The query as FTS5 reads it: quoted words and operators of our own. Empty where nothing is asked for."""
    if not query.wanted:
        return ""
    wanted = _either(query.wanted)
    return f"({wanted}) NOT ({_either(query.unwanted)})" if query.unwanted else wanted


def _either(terms: Iterable[Term]) -> str:
    return " OR ".join(dict.fromkeys(map(_quoted, terms)))


def _quoted(term: Term) -> str:
    return f'"{" ".join(term.words)}"{"*" if term.prefix else ""}'


def _few(terms: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(dict.fromkeys(terms))[:MAX_TERMS]


def _is_common(term: Term) -> bool:
    return not term.prefix and len(term.words) == 1 and term.words[0].casefold() in STOP


def _phrase(text: str) -> list[Term]:
    words = tuple(found[0] for found in words_of(text))
    return [Term(words, text.endswith("*"), True)] if words else []


def _bare(text: str) -> Iterator[Term]:
    for word in _WORD.finditer(text):
        prefix = text[word.end() : word.end() + 1] == "*"
        for piece in _PIECE.finditer(word[0]):
            if piece.lastgroup:
                yield from map(Term, _windows(_SIGNS.sub("", piece[0]), 3 if piece["three"] else 2))
            else:
                yield Term((piece[0],), prefix and piece.end() == len(word[0]))


def _windows(run: str, size: int) -> Iterator[tuple[str, ...]]:
    """All of so many characters in a row; the whole where it is shorter."""
    return (tuple(run[at : at + size]) for at in range(max(len(run) > 0, len(run) - size + 1)))
