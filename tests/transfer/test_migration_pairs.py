"""The law of migration between any two kinds of store, on real servers: nothing is lost, changed or made up."""

from __future__ import annotations

import io
from typing import Any

import pytest

from lodestore.conformance.examples import gallery
from lodestore.conformance.kit import START
from lodestore.core.backend import Backend
from lodestore.core.families import CACHE, CHUNK_INFO, CONVERSATION, FAMILIES, MEMORY, RAW_MESSAGE, RESULT, STATE
from lodestore.core.records import (
    BODY,
    CREATED_AT,
    EXPIRES_AT,
    KEY,
    VERSION,
    WRITTEN_AT,
    Append,
    Copy,
    Drop,
    Page,
    Put,
    Row,
    Write,
    alive,
)
from lodestore.store.store import Store
from lodestore.transfer import migrate
from lodestore.transfer.export import export
from tests.support.stores import KINDS, Stores, on

NOW = START + 1000
PAIRS = [(a, b) for a in KINDS for b in KINDS if (a, b) != ("memory", "memory")]
# Those of SQLite with each other kind are a way there and back for all of them; the others are slow.
MARKED = [pair if "sqlite" in pair else pytest.param(*pair, marks=pytest.mark.slow) for pair in PAIRS]


def history() -> list[Write]:
    """Something of everything, and what a simple copy would lose: gaps, second versions, owners without a body."""
    later = START + 500
    return [
        *gallery(),
        Append(RAW_MESSAGE, ("gaps",), tuple(b'{"n":%d}' % n for n in range(6)), START),
        *(Drop(RAW_MESSAGE, ("gaps", n), later) for n in (0, 2, 3)),
        Copy(RAW_MESSAGE, (b'{"far":true}', 77, START - 9, START - 5, None, 40, "gaps", 40)),
        *(Put(MEMORY, ("gaps", name), b'{"first":true}', START) for name in ("z", "y", "x")),
        Put(MEMORY, ("gaps", "z"), b'{"second":"\xc3\xa9\\u0000"}', later),
        Drop(MEMORY, ("gaps", "y"), later),
        *(Put(RESULT, (name,), b"{}", START) for name in ("r2", "r1", "r3")),
        Drop(RESULT, ("r1",), later),
        Put(RESULT, ("r2",), b'{"again":1}', later),
        Put(CHUNK_INFO, ("chunks alone",), b'{"chunks":[]}', START),
        Put(CACHE, ("for ever",), b"{}", START),
        Put(CACHE, ("an hour",), b"{}", START, NOW + 3_600_000),
        Put(CACHE, ("a moment",), b"{}", START, NOW + 1),
        Put(CACHE, ("over",), b"{}", START, NOW),
        Put(STATE, ("large",), b'{"text":"%s"}' % (b"abc " * 300_000), START),
        Put(STATE, ("written twice",), b"{}", START),
        Put(STATE, ("written twice",), b'{"n":2}', later),
    ]


async def contents(backend: Backend, now: int | None = NOW) -> dict[str, list[Row]]:
    return {f.name: await backend.scan(Page(f, partial=True, alive_at=now)) for f in FAMILIES}


async def exported(backend: Backend) -> bytes:
    out = io.BytesIO()
    await export(backend, out, now=NOW)
    return out.getvalue()


@pytest.mark.parametrize(("source", "target"), MARKED, ids=[f"{a}-to-{b}" for a, b in PAIRS])
def test_everything_arrives_as_it_was(stores: Stores, source: str, target: str) -> None:
    async def work(a: Backend, b: Backend) -> None:
        for write in history():
            await a.apply([write])
        before = await contents(a, None)
        report = await migrate(a, b, now=NOW)
        assert (report.ok, report.agreed, report.passes, report.versions_kept) == (True, True, 2, True)
        assert await contents(b, None) == await contents(a)
        assert await exported(b) == await exported(a)
        assert await contents(a, None) == before, "a migration changed its source"
        check(await contents(b, None))
        assert (await migrate(a, b, now=NOW, resume=True)).total("copied") == 0
        await go_on(b)

    on(work, stores.backend(source), stores.backend(target))


def check(found: dict[str, list[Row]]) -> None:
    """The points a copy could get wrong, said one by one."""
    ends = {row[KEY]: row[EXPIRES_AT] for row in found["cache"]}
    assert (ends["for ever"], ends["an hour"], ends["a moment"]) == (None, NOW + 3_600_000, NOW + 1)
    assert "over" not in ends
    assert [row[-1] for row in found["raw_message"] if row[KEY] == "gaps"] == [1, 4, 5, 40]
    [conversation] = [row for row in found["conversation"] if row[KEY] == "gaps"]
    assert conversation[BODY] == b"", "a conversation without a document got one"
    [twice] = [row for row in found["memory"] if row[KEY:] == ("gaps", "z")]
    assert (twice[CREATED_AT], twice[WRITTEN_AT]) == (START, START + 500)
    assert [row[-1] for row in found["memory"] if row[KEY] == "gaps"] == ["z", "x"]
    assert [row[KEY] for row in found["result"]][-2:] == ["r2", "r3"]
    assert all(alive(row, NOW) for rows in found.values() for row in rows)


async def go_on(b: Backend) -> None:
    """The target goes on where the source was: versions, positions and places follow those that came."""
    [row] = await b.fetch(STATE, [("written twice",)])
    assert row is not None
    [version, position] = await b.apply(
        [
            Put(STATE, ("written twice",), b"{}", NOW, expect=row[VERSION]),
            Append(RAW_MESSAGE, ("gaps",), (b"{}",), NOW),
        ]
    )
    assert version != row[VERSION]
    assert position == 41
    await b.apply([Put(RESULT, ("a newer one",), b"{}", NOW)])
    assert await b.keys(Page(RESULT, newest=True, limit=1)) == [("a newer one",)]
    assert await b.apply([Drop(CONVERSATION, ("gaps",), NOW)]) == [1]
    assert await b.keys(Page(RAW_MESSAGE, ("gaps",))) == []


def test_the_law_is_about_every_family() -> None:
    touched: set[Any] = {write.family for write in history()}
    assert touched == set(FAMILIES)


@pytest.mark.parametrize("target", KINDS)
def test_what_was_written_and_removed_meanwhile_is_settled(stores: Stores, target: str) -> None:
    """A target that is behind in every way: records missing, changed, and some that are gone in the source."""

    async def work(a: Backend, b: Backend) -> None:
        for write in history():
            await a.apply([write])
        first = await migrate(a, b, now=NOW)
        changes: list[Write] = [
            Drop(CONVERSATION, ("a",), NOW),
            Drop(MEMORY, ("gaps", "x"), NOW),
            Append(RAW_MESSAGE, ("gaps",), (b"{}",), NOW),
            Put(CACHE, ("for ever",), b"{}", NOW, NOW + 5),
            Drop(RESULT, ("r2",), NOW),
            Put(RESULT, ("r2",), b"{}", NOW),
            Drop(STATE, ("large",), NOW),
        ]
        await a.apply(changes)
        await reopen_migration(b, first.as_of)
        report = await migrate(a, b, now=NOW, resume=True)
        assert (report.ok, report.agreed) == (True, True)
        assert await contents(b, None) == await contents(a)
        assert await exported(b) == await exported(a)

    on(work, stores.backend("sqlite"), stores.backend(target))


async def reopen_migration(b: Backend, sequence: int | None) -> None:
    """As if the migration had been killed just before its end."""
    from lodestore.encoding.json_codec import encode
    from lodestore.transfer.batching import LOCK_KEY

    mark = encode({"families": [family.name for family in FAMILIES], "origin": "", "sequence": sequence})
    await b.apply([Put(STATE, LOCK_KEY, mark, 0)])


@pytest.mark.parametrize("target", KINDS)
def test_the_choice_of_a_tokenizer_comes_along(stores: Stores, target: str) -> None:
    """Into a store that is new, and into one that has an index by words."""

    async def work(a: Backend, b: Backend, c: Backend) -> None:
        one, new, old = (Store(backend, clock=lambda: NOW, purge_interval=0) for backend in (a, b, c))
        await one.reindex(tokenizer="both")
        await one.store_memory("c", "m", {"text": "unquestionably"})
        await old.store_memory("c", "other", {"text": "questioning"})
        assert await old.search('"estion"') == []
        assert (await migrate(a, b, now=NOW)).agreed
        assert (await migrate(a, c, now=NOW, merge="overwrite")).ok
        for store, expected in ((new, {"m"}), (old, {"m", "other"})):
            assert {hit.key[1] for hit in await store.search('"estion"')} == expected
            assert (await store.verify())["problems"] == []

    on(work, stores.backend("sqlite"), stores.backend(target), stores.backend(target))
