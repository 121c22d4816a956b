"""What is held of the index of vectors: a search with it finds what one without it does, whoever wrote between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from lodestore.backends.sqlite.vectors import chunk_store, code_cache
from lodestore.backends.sqlite.vectors.code_cache import CodeCache
from lodestore.sql import sqlite_vectors as sql
from tests.support.vector_box import OWNERS, PARTS, Box, box, drawn, play, steps

LIMITS = (0, 4_000, 10**8)


def agrees(held: Box, codes: CodeCache, seed: int) -> None:
    query = drawn(held.space, seed)
    for part in (None, *PARTS):
        with_it, without = (list(held.found(query, OWNERS, part, **more)) for more in ({"hot": codes}, {}))
        assert with_it == without, f"part {part!r}"


each_way = pytest.mark.parametrize("few", [0, code_cache.FEW], ids=["apart", "together"])


def law(moves: Any, seed: int, limit: int, few: int) -> None:
    with box() as held:
        codes = CodeCache(limit, few)
        for move in moves:
            play(held, [move])
            agrees(held, codes, seed)
            agrees(held, codes, seed + 1)
        assert codes._recent.bytes <= limit


@given(steps, st.integers(0, 100), st.sampled_from(LIMITS), st.sampled_from([0, code_cache.FEW]))
@settings(max_examples=40)
def test_what_is_held_is_what_stands(moves: Any, seed: int, limit: int, few: int) -> None:
    law(moves, seed, limit, few)


def test_chunks_that_bear_one_stamp_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "INSERT", sql.INSERT.replace("random()", "0"))
    with pytest.raises(AssertionError, match="part"):
        law([(0, 0, 3, ("",), 1, seed) for seed in (1, 2)], 1, 10**8, code_cache.FEW)


@each_way
def test_what_was_rolled_back_is_not_held(few: int) -> None:
    with box() as held:
        codes = CodeCache(10**8, few)
        held.step(0, 0, 600, [("", range(600))], 1)
        agrees(held, codes, 1)
        before = dict(held.model)
        held.run.execute("BEGIN")
        held.step(0, 0, 600, [("", range(600))], 7)
        agrees(held, codes, 1)
        held.run.execute("ROLLBACK")
        held.model = before
        agrees(held, codes, 1)


@each_way
def test_only_what_is_new_is_read(few: int) -> None:
    with box() as held:
        codes = CodeCache(10**8, few)
        held.step(0, 0, 3000, [("", range(3000))], 1)
        source = (sql.CODES_FLAT, ("s", "", *OWNERS[0]))
        read: list[str] = []
        held.run.connection.set_trace_callback(read.append)
        for place in range(3001, 3020):
            held.run.connection.set_trace_callback(None)
            held.step(0, place, place, [("", [place])], place)
            held.run.connection.set_trace_callback(read.append)
            read.clear()
            found = {int(number) for block in codes.read(held.run, held.space, source) for number in block.numbers}
            assert found == set(held.model)
            chunks_read = sum("numbers" in text for text in read)
            assert place == 3001 or 1 <= chunks_read <= chunk_store.SMALL


def test_a_source_that_would_take_more_than_half_is_not_held() -> None:
    with box(dimension=64) as held:
        held.step(0, 0, 1000, [("", range(1000))], 1)
        source = (sql.CODES_FLAT, ("s", "", *OWNERS[0]))
        for limit, there in ((150_000, False), (250_000, True)):
            codes = CodeCache(limit)
            blocks = list(codes.read(held.run, held.space, source))
            assert sum(len(block.numbers) for block in blocks) == 1000
            assert (codes._recent.bytes > 0) is there
