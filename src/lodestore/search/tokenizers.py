"""Tokenizers: what the text index is made of. Words, the trigrams of words, or both.

    words      each word; English ones in their stem
    trigram    each three letters in a row: finds parts of words, other forms of them, and some that are misspelt
    both       words and trigrams beside each other

A trigram is a word of the index like any other: "ref0 efu0 fun0 und0" for "refund". The 0 keeps stemmers off, so every
backend has the same ones. Words of one or two letters stand for themselves, and so do the characters that are words of
their own (`words`). Between two words stands "00000", so that "cancel" is not in "can cel".

The choice is a state of the store that nobody else may write. Without one it is words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ..core.families import STATE, TOKENIZER, Family
from ..core.records import Key
from ..core.searchable import Query, Term
from ..encoding import json_codec
from .query import LETTERS, UNSPACED, fold, spaced

FAMILY, KEY = STATE, (TOKENIZER,)  # of the record that says which one a store has
TOKENIZERS = (WORDS, TRIGRAM, BOTH) = ("words", "trigram", "both")

MAX_SOUGHT = 128  # words and trigrams of one query
_SIZE = 3
_BETWEEN = "00000"  # longer than any trigram
_RUN = re.compile(f"[{UNSPACED}]|(?:(?!_|[{UNSPACED}])[{LETTERS}])+")  # the index parts words at "_" too


def is_choice(family: Family, prefix: Key) -> bool:
    """Whether a write to this record, or a drop of this branch, may change the tokenizer."""
    return family is FAMILY and prefix in ((), KEY)


def chosen(body: bytes | None) -> str:
    """The tokenizer that the state with this body says."""
    try:
        found = json_codec.loads(body)["tokenizer"] if body else WORDS
    except (ValueError, TypeError, KeyError):
        return WORDS
    return found if found in TOKENIZERS else WORDS


def body_of(tokenizer: str) -> bytes:
    """The body of the state that says so."""
    return json_codec.encode({"tokenizer": tokenizer})


def indexed(text: str, tokenizer: str) -> str:
    """A text as words of the index."""
    if tokenizer == WORDS:
        return spaced(text)
    grams = _grams(_RUN.findall(fold(text)))
    return " ".join(chain([spaced(text)], grams) if tokenizer == BOTH else grams)


def query_terms(query: Query, tokenizer: str) -> Query:
    """A query in words of the index. Any trigram of a word will do, but of what is quoted all in a row."""
    if tokenizer == WORDS:
        return query
    grams = chain.from_iterable(map(_sought, query.wanted))
    if tokenizer == BOTH:
        return query._replace(wanted=_few(chain(query.wanted, grams)))
    return Query(_few(grams), tuple(map(_in_a_row, query.unwanted)))


def _few(terms: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(dict.fromkeys(terms))[:MAX_SOUGHT]


def _sought(term: Term) -> list[Term]:
    if term.quoted or term.prefix or len(term.words) > 1:
        return [_in_a_row(term)]
    return [Term((gram,)) for run in _runs(term) for gram in _grams([run])]


def _in_a_row(term: Term) -> Term:
    """All trigrams one after another. A last word too short for one may still go on, where that was asked for."""
    runs = _runs(term)
    return term._replace(words=tuple(_grams(runs)), prefix=term.prefix and len(runs[-1]) < _SIZE)


def _runs(term: Term) -> Sequence[str]:
    return _RUN.findall(" ".join(term.words)) or term.words


def _grams(runs: Iterable[str]) -> Iterator[str]:
    between = False
    for run in runs:
        if len(run) < _SIZE:
            yield run
        else:
            yield from [_BETWEEN] if between else ()
            yield from (f"{run[at : at + _SIZE]}0" for at in range(len(run) - _SIZE + 1))
        between = len(run) >= _SIZE
