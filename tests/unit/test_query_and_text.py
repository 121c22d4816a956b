"""What a search asks, as text, and the text of a record: pure functions."""

from __future__ import annotations

import re

import orjson
import pytest
from hypothesis import given, strategies as st

from lodestore.conformance.search import HOSTILE_QUERIES
from lodestore.core.families import FAMILIES, MEMORY, RAW_MESSAGE, RESULT, SEARCHABLE
from lodestore.core.searchable import Query, Term
from lodestore.search.query import MAX_TERMS, expression, parse, spaced
from lodestore.search.snippets import WIDTH, snippet
from lodestore.search.text import _READERS, MAX_TEXT, text_of
from lodestore.sql import sqlite_fts as sql
from tests.support.sqlite_tools import memory_database

anything = st.text() | st.text(st.characters(), max_size=60) | st.sampled_from(HOSTILE_QUERIES)
pieces = st.lists(st.sampled_from(["a", '"', "-", "*", " ", "\0", "\u65e5", "\uff02", "NOT", "(", "'", "\U0001f600"]))


class TestQueries:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("refund flight", '"refund" OR "flight"'),
            ("Where is the refund?", '"refund"'),
            ("the of", '"the" OR "of"'),
            ('"to be" or not', '"to be" OR "not"'),
            ("cancel* the*", '"cancel"* OR "the"*'),
            ('seat -hotel -"no refund"', '("seat") NOT ("hotel" OR "no refund")'),
            ("well-known --amend - x-", '"well" OR "known" OR "amend" OR "x"'),
            ('open "window seat', '"open" OR "window seat"'),
            ('seat seat "seat"', '"seat"'),
            ("-only", ""),
            ("\U0001f600 !?", ""),
            ("\u0e04\u0e37\u0e19\u0e40\u0e07 \u0e37", '"\u0e04 \u0e19 \u0e40" OR "\u0e19 \u0e40 \u0e07"'),
            ("\u9000\u6b3e\u6539", '"\u9000 \u6b3e" OR "\u6b3e \u6539"'),
            ("\u6b3e v2\u9000", '"\u6b3e" OR "v2" OR "\u9000"'),
            ("\uff32\uff25\uff26\uff35\uff2e\uff24", '"REFUND"'),
        ],
    )
    def test_what_is_asked(self, text: str, expected: str) -> None:
        assert expression(parse(text)) == expected

    @given(anything | pieces.map("".join))
    def test_any_text_is_quoted_words_and_fts5_takes_it(self, text: str) -> None:
        made = expression(parse(text))
        assert re.fullmatch(r'(?:"[^"]+"\*?| OR | NOT |\(|\))*', made)
        connection = memory_database()
        connection.execute(sql.TABLE)
        connection.execute(sql.POST, (1, spaced(text.encode(errors="replace").decode()), ""))
        if made:
            connection.execute("SELECT rowid FROM posting WHERE posting MATCH ?", (made,)).fetchall()
        connection.close()

    def test_terms_are_bounded(self) -> None:
        found = parse(" ".join(f"w{n} -x{n}" for n in range(1000)))
        assert (len(found.wanted), len(found.unwanted)) == (MAX_TERMS, MAX_TERMS)


class TestTexts:
    @pytest.mark.parametrize(
        ("message", "expected"),
        [
            ({"role": "user", "content": "hello", "id": "m1", "model": "m"}, "hello"),
            ({"role": "user", "name": "Ann", "content": [{"type": "text", "text": "hi"}, "there"]}, "Ann\nhi\nthere"),
            ({"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "book"}}]}, "book"),
            ({"content": [{"type": "image", "source": {"media_type": "image/png", "data": "iVBOR"}}]}, ""),
            ({"content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"text": "42 rows"}]}]}, "42 rows"),
            ({"role": "user", "words": {"deep": ["a", 1, None, "b"]}}, "a\nb"),
            ([1], ""),
        ],
    )  # fmt: skip
    def test_what_a_message_says(self, message: object, expected: str) -> None:
        assert text_of(RAW_MESSAGE, orjson.dumps(message)) == expected

    def test_a_memory_has_the_same_text_when_stored_as_it_was_loaded(self) -> None:
        memory = {"text": "a", "tags": ["b", {"c": "d"}], "type": "e", "n": 1}
        loaded = {**memory, "memory_id": "m", "created_at": "2026"}
        assert text_of(MEMORY, orjson.dumps(memory)) == text_of(MEMORY, orjson.dumps(loaded)) == "a\nb\nd\ne"

    def test_it_is_bounded_and_nothing_is_an_error(self) -> None:
        assert len(text_of(RESULT, orjson.dumps({"a": ["x" * 70_000] * 9}))) == MAX_TEXT
        assert [text_of(family, b"\xff") for family in SEARCHABLE] == [""] * len(SEARCHABLE)

    def test_every_family_says_how_it_is_read(self) -> None:
        assert {family.text for family in FAMILIES} <= {"", *_READERS}


def shown(text: str, query: str) -> str:
    found = snippet(text, parse(query))
    out, at = "", 0
    for low, high in found.marks:
        out += f"{found.text[at:low]}[{found.text[low:high]}]"
        at = high
    return out + found.text[at:]


class TestSnippets:
    def test_matches_are_marked_in_all_their_forms(self) -> None:
        assert shown("A cancelled\n flight", "cancellation flights") == "A [cancelled] [flight]"
        assert shown("Über die Ampel", "uber ampel*") == "[Über] die [Ampel]"
        assert shown("then the other", "the") == "then [the] other"
        assert shown("我要退款 取消", "退款") == "我要[退款] 取消"

    def test_a_word_inside_of_another_is_marked_where_that_is_asked_for(self) -> None:
        text = f"{'x ' * 200}R\u00fcckzahlungen folgen"
        assert snippet(text, parse("zahlung")).marks == ()
        found = snippet(text, parse("zahlung nichts"), inside=True)
        assert [found.text[low:high] for low, high in found.marks] == ["zahlung"]
        assert found.text.endswith("R\u00fcckzahlungen folgen")
        assert snippet("\u0130stanbul", parse("stan"), inside=True).marks == (), "its small letters are more"

    def test_the_stretch_with_the_most_is_shown(self) -> None:
        text = f"refund {'x ' * 300}a refund for the cancelled flight {'y ' * 300}"
        line = shown(text, "cancelled flight refund")
        assert "a [refund] for the [cancelled] [flight] y" in line
        assert line[0] == line[-1] == "\u2026"

    @given(st.text(max_size=600), st.text(max_size=30))
    def test_it_is_one_short_line_with_marks_inside(self, text: str, query: str) -> None:
        found = snippet(text, parse(query))
        assert len(found.text) <= WIDTH + 82
        assert len(found.text.splitlines()) <= 1
        ends = [end for mark in found.marks for end in mark]
        assert ends == sorted(ends)
        assert all(0 <= end <= len(found.text) for end in ends)

    def test_nothing_asked_shows_the_beginning(self) -> None:
        assert snippet("abc", Query(())) == ("abc", ())
        assert snippet("", Query((Term(("a",)),))) == ("", ())

    @given(
        st.lists(st.sampled_from(["cancel", "Cancelled", "can", "the", "then", "a", "a_b", "x9", "-", "\n"])),
        st.lists(
            st.sampled_from(["cancel", "cancellation", "the", "a", "can*", "canc*", "a_b", "x9", '"the can"', "é"])
        ),
    )
    def test_what_is_marked_does_not_depend_on_the_alphabet(self, text: list[str], query: list[str]) -> None:
        """Texts of ASCII are looked through in another way."""
        asked = " ".join(query)
        plain, other = shown(" ".join(text), asked), shown(" ".join([*text, "ж"]), asked)
        assert other == f"{plain} ж".lstrip()
