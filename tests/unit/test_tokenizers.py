"""What tokenizers make of texts and of queries: pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lodestore.conformance.search import HOSTILE_QUERIES
from lodestore.core.searchable import Query, Term
from lodestore.encoding.json_codec import encode
from lodestore.search.query import expression, parse, spaced
from lodestore.search.tokenizers import (
    BOTH,
    MAX_SOUGHT,
    TOKENIZERS,
    TRIGRAM,
    WORDS,
    body_of,
    chosen,
    indexed,
    query_terms,
)
from lodestore.sql import sqlite_fts as sql
from tests.support.sqlite_tools import memory_database

anything = st.text() | st.sampled_from(HOSTILE_QUERIES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refund", "ref0 efu0 fun0 und0"),
        ("to a bus", "to a bus0"),
        ("can cel on its way", "can0 00000 cel0 on its0 00000 way0"),
        ("snake_case-id 42", "sna0 nak0 ake0 00000 cas0 ase0 id 42"),
        ("\u9000\u6b3eabcd", "\u9000 \u6b3e abc0 bcd0"),
        ("\uff41\uff42\uff43", "abc0"),
        ("\U0001f600 \0", ""),
    ],
)
def test_a_text_as_trigrams(text: str, expected: str) -> None:
    assert indexed(text, TRIGRAM) == expected
    assert indexed(text, BOTH).split() == [*spaced(text).split(), *expected.split()]
    assert indexed(text, WORDS) == spaced(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refund", '"ref0" OR "efu0" OR "fun0" OR "und0"'),
        ('"refund now"', '"ref0 efu0 fun0 und0 00000 now0"'),
        ("cance*", '"can0 anc0 nce0"'),
        ("ca*", '"ca"*'),
        ("ok the", '"ok"'),
        ("buses -cars", '("bus0" OR "use0" OR "ses0") NOT ("car0 ars0")'),
        ("_", '"_"'),
        ("\u9000\u6b3e", '"\u9000 \u6b3e"'),
    ],
)
def test_a_query_in_trigrams(text: str, expected: str) -> None:
    query = parse(text)
    assert expression(query_terms(query, TRIGRAM)) == expected
    assert query_terms(query, WORDS) == query
    both = query_terms(query, BOTH)
    assert both.wanted[: len(query.wanted)] == query.wanted, "words come first"
    assert both.unwanted == query.unwanted


@given(st.sampled_from(TOKENIZERS), anything, anything)
def test_fts5_takes_whatever_is_sought_and_finds_a_text_by_itself(tokenizer: str, text: str, other: str) -> None:
    text = text[:2000].encode(errors="replace").decode()
    connection = memory_database()
    connection.execute(sql.TABLE)
    connection.execute(sql.POST, (1, indexed(text, tokenizer), ""))
    find = "SELECT rowid FROM posting WHERE posting MATCH ?"
    for asked in (text, other):
        if made := expression(query_terms(parse(asked), tokenizer)):
            connection.execute(find, (made,)).fetchall()
    if text.isascii() and text.isalnum():
        quoted = Query((Term((text,), quoted=True),))
        assert connection.execute(find, (expression(query_terms(quoted, tokenizer)),)).fetchall() == [(1,)]
    connection.close()


def test_what_is_sought_is_bounded_and_words_are_left_out_last() -> None:
    query = parse(" ".join(f"word{n}with{n * n}many{n * n * n}letters" for n in range(50)))
    for tokenizer in (TRIGRAM, BOTH):
        assert len(query_terms(query, tokenizer).wanted) == MAX_SOUGHT
    assert query_terms(query, BOTH).wanted[:50] == query.wanted


@given(st.none() | st.binary(max_size=30) | st.sampled_from([b"[]", b"{}", b'{"tokenizer":1}', b'{"tokenizer":"x"}']))
def test_a_choice_that_cannot_be_read_is_none(body: bytes | None) -> None:
    assert chosen(body) == WORDS


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_choice_is_read_as_it_was_written(tokenizer: str) -> None:
    assert chosen(body_of(tokenizer)) == tokenizer
    assert chosen(encode({"tokenizer": tokenizer, "more": 1})) == tokenizer
