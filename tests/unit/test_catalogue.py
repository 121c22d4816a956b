"""The catalogue decides: what follows from a family's entry, what an entry may say, and how far the numbers reach."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import lodestore
from lodestore.backends.sqlite import SQLiteBackend, sql_console
from lodestore.core.families import (
    CATALOGUE,
    FAMILIES,
    ITEM,
    MAX_SEARCHABLE,
    MEMORY,
    OWNED,
    RAW_MESSAGE,
    RESULT,
    SEARCHABLE,
    VECTORS,
    Family,
    extended,
    is_extended,
)
from lodestore.core.records import Append, Copy, Page, Put
from lodestore.errors import InvalidInputError
from lodestore.sql import sqlite_numbers as numbers
from lodestore.store.store import Store

OWNER = Family("shelf", ("shelf_id",))
KINDS = (
    lambda n: Family(f"note{n}", ("shelf_id", "note_id"), arrival=True, owner="shelf", text="leaves"),
    lambda n: Family(f"report{n}", ("report_id",), arrival=True, text="leaves"),
    lambda n: Family(f"long_trail{n}", ("shelf_id", "position"), log=True, owner="shelf", text="message"),
)


@contextmanager
def many(count: int = MAX_SEARCHABLE - len(SEARCHABLE)) -> Iterator[None]:
    """As many searchable families as there may be, of every kind."""
    with extended(OWNER, *(KINDS[n % 3](n) for n in range(count))):
        yield


class TestNumbers:
    @given(st.data(), st.integers(1, 2**31 - 1), st.integers(0, 2**63))
    def test_a_number_says_where_a_record_is(self, data: Any, owner: int, place: int) -> None:
        with many():
            family = data.draw(st.sampled_from(list(SEARCHABLE)))
            owner, place = owner if family.owner else 0, min(place, numbers.last_place(family))
            number = numbers.number(family, owner, place)
            assert numbers.FIRST <= number <= numbers.END
            assert (numbers.family_of(number), *numbers.place_of(family, number)) == (family, owner, place)
            for first, last in (numbers.span(family), numbers.span(family, owner), numbers.span_of(number)):
                assert first <= number <= last
            if family.log:
                assert numbers.number_of_row(family, owner << 32 | place) == number

    def test_spans_meet_nowhere(self) -> None:
        with many():
            assert len(SEARCHABLE) == MAX_SEARCHABLE
            spans = sorted(numbers.span(family) for family in SEARCHABLE)
            assert all(first <= last for first, last in spans)
            assert all(last < first for (_, last), (first, _) in pairwise(spans))

    def test_messages_have_the_ids_of_their_rows_and_those_there_are_stay(self) -> None:
        assert numbers.number(RAW_MESSAGE, 7, 3) == numbers.number_of_row(RAW_MESSAGE, 7 << 32 | 3) == 7 << 32 | 3
        before = {family: numbers.span(family) for family in SEARCHABLE}
        assert list(before)[:4] == [RAW_MESSAGE, MEMORY, RESULT, ITEM], "a new one goes behind: numbers go by the order"
        with many():
            assert {family: numbers.span(family) for family in before} == before


class TestEntries:
    def test_all_follows_from_one_entry_and_goes_with_it(self) -> None:
        before = (list(FAMILIES), list(SEARCHABLE), dict(CATALOGUE), dict(VECTORS), dict(OWNED))
        note, trail = KINDS[0](0), KINDS[2](1)
        with extended(OWNER, note, trail):
            assert is_extended()
            assert (CATALOGUE["note0"], list(SEARCHABLE)[-2:]) == (note, [note, trail])
            assert (VECTORS[note].name, VECTORS[note].key, VECTORS[note].of) == (
                "note0_vector",
                ("shelf_id", "note_id"),
                "note0",
            )
            assert VECTORS[trail].key == ("shelf_id", "trail1"), "the last word of the name of a log"
            assert OWNED[OWNER] == (note, trail, VECTORS[note], VECTORS[trail])
            assert {"note0s", "note0_vectors", "shelfs"} <= set(dict(sql_console.views()))
        assert (list(FAMILIES), list(SEARCHABLE), dict(CATALOGUE), dict(VECTORS), dict(OWNED)) == before
        assert not is_extended()

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"key": ("a b",), "arrival": True}, "'a b' names no table or column"),
            ({"key": ("a",)}, "say arrival=True"),
            ({"key": ("a",), "arrival": True, "expires": True}, "say expires=False"),
            ({"key": ("a", "position"), "log": True}, "say owner="),
            ({"key": ("a", "b"), "arrival": True}, "one column"),
            ({"key": ("shelf_id", "a", "b"), "arrival": True, "owner": "shelf"}, "one column"),
        ],
    )
    def test_what_cannot_be_searched_says_why(self, wrong: dict[str, Any], said: str) -> None:
        with pytest.raises(InvalidInputError, match=said):
            Family("wrong", text="leaves", **wrong)

    @pytest.mark.parametrize(
        ("entries", "said"),
        [
            ([Family("memory", ("a",))], "there is one of that name"),
            ([Family("a", ("x", "y"), owner="nobody")], "its owner stands before it"),
            ([Family("a", ("x", "y"), owner="agent")], "its key begins with"),
            ([Family("a", ("conversation_id", "memory_id", "b"), owner="memory")], "an owner has"),
            ([OWNER, *(KINDS[0](n) for n in range(MAX_SEARCHABLE))], f"{MAX_SEARCHABLE} families can be searched"),
        ],
    )
    def test_what_does_not_fit_in_is_refused_whole(self, entries: list[Family], said: str) -> None:
        before = list(FAMILIES)
        with pytest.raises(InvalidInputError, match=said), extended(*entries):
            pytest.fail("taken in")
        assert list(FAMILIES) == before


def test_as_many_as_there_may_be_are_found_apart(tmp_path: Path) -> None:
    async def look(store: Store, added: Sequence[Family]) -> None:
        for family in added:
            body = b'{"text":"kot %s","content":"kot"}' % family.name.encode()
            key = ("s", "k") if family.owner else ("k",)
            await store.backend.apply([Append(family, ("s",), (body,), 1) if family.log else Put(family, key, body, 1)])
        for family in added:
            assert [hit.family for hit in await store.search("kot", families=[family.name])] == [family.name]
        assert len(await store.search("kot", limit=None)) == len(added)
        assert (await store.verify())["problems"] == []

    async def main() -> None:
        async with lodestore.open(f"sqlite:///{tmp_path / 'a.db'}") as store:
            await look(store, SEARCHABLE[known:])

    known = len(SEARCHABLE)
    with many():
        asyncio.run(main())


NOTE, REPORT, TRAIL = (kind(0) for kind in KINDS)
LAST = numbers.last_place(MEMORY)


def row(place: int, *key: str, text: str = "kot") -> tuple[Any, ...]:
    return (b'{"text":"%s"}' % text.encode(), None, 5, 5, None, place, *key)


class TestLimits:
    """A store of SQLite has places up to 2^26 - 1 in each namespace of a searchable family but the messages."""

    def on(self, tmp_path: Path, work: Any) -> None:
        async def main() -> None:
            async with Store(SQLiteBackend(tmp_path / "a.db")) as store:
                await work(store)

        asyncio.run(main())

    @pytest.mark.parametrize(("family", "outer"), [(MEMORY, ("c",)), (RESULT, ())])
    def test_behind_the_last_place_nothing_is_stored_and_nothing_lost(
        self, tmp_path: Path, family: Family, outer: tuple[str, ...]
    ) -> None:
        async def work(store: Store) -> None:
            last = numbers.last_place(family)
            await store.search("awake")
            await store.backend.apply([Copy(family, row(last, *outer, "a")), Copy(family, row(0, *outer, "b"))])
            with pytest.raises(InvalidInputError, match=f"no place is left, the last one is {last}: store it under"):
                await store.backend.apply([Put(MEMORY, ("d", "x"), b"{}", 9), Put(family, (*outer, "new"), b"{}", 9)])
            with pytest.raises(InvalidInputError, match="no place is left"):
                await store.backend.apply([Copy(family, row(last, *outer, "new"))])
            await store.backend.apply([Put(family, (*outer, "a"), b'{"text":"dom"}', 9)])
            assert await store.backend.keys(Page(family)) == [(*outer, "b"), (*outer, "a")], "and the batch is undone"
            assert [hit.key for hit in await store.search("dom")] == [(*outer, "a")], "the last can be overwritten"
            assert (await store.verify())["problems"] == []

        self.on(tmp_path, work)

    def test_a_place_too_large_becomes_the_next_free_one(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.search("awake")
            far = [Copy(MEMORY, row(2**40 + n, "c", name)) for n, name in enumerate("yx")]
            for _ in range(2):
                await store.backend.apply([Copy(MEMORY, row(3, "c", "a")), *far])
                assert await store.backend.keys(Page(MEMORY)) == [("c", "a"), ("c", "y"), ("c", "x")]
                assert [at[5] for at in await store.backend.scan(Page(MEMORY))] == [3, 4, 5], "copied again: it stays"
            assert len(await store.search("kot")) == 3
            await store.backend.apply([Copy(RESULT, row(1_735_689_600_000, "hand"))])
            assert [at[5] for at in await store.backend.scan(Page(RESULT))] == [1_735_689_600_000]
            assert [hit.family for hit in await store.search("kot", families=["result"])] == ["result"]
            assert (await store.verify())["problems"] == []

        self.on(tmp_path, work)

    def test_a_second_log_ends_where_its_numbers_do(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.search("awake")
            last = numbers.last_place(TRAIL)
            await store.backend.apply([Copy(TRAIL, (b'{"content":"kot"}', None, 5, 5, None, last, "s", last))])
            for bodies in ((b"{}",), (b"{}", b"{}")):
                with pytest.raises(InvalidInputError, match=f"the log is full: its last position is {last}"):
                    await store.backend.apply([Append(TRAIL, ("s",), bodies, 5)])
            with pytest.raises(InvalidInputError, match=f"from 0 to {last}"):
                await store.backend.apply([Copy(TRAIL, (b"{}", None, 5, 5, None, last + 1, "s", last + 1))])
            assert [hit.key for hit in await store.search("kot")] == [("s", last)]
            assert (await store.verify())["problems"] == []

        with extended(OWNER, TRAIL):
            self.on(tmp_path, work)
