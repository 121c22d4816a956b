"""The file backend is held equal to the memory backend, batch by batch."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from lodestore.backends.files import FileBackend
from lodestore.backends.files.filesystem import Filesystem
from lodestore.backends.memory import MemoryBackend
from lodestore.core.backend import Backend
from lodestore.core.families import FAMILIES, RAW_MESSAGE, Family
from lodestore.core.records import (
    ABSENT,
    BODY,
    CREATED_AT,
    KEY,
    PLACE,
    VERSION,
    Append,
    Copy,
    Drop,
    Key,
    Page,
    Put,
    Row,
    Write,
)
from lodestore.errors import ConflictError
from tests.support.scale import scaled

IDS = ("a", "b", "A", "a/b", "a_b", "%41", "é.x", "con", "..", "x" * 181, "X" * 200, "y" * 1024)
NOW = 1_000

families = st.sampled_from(FAMILIES)
ids = st.sampled_from(IDS)
times = st.integers(NOW - 3, NOW + 3)
extra = st.sampled_from(("_metadata", "_storage_metadata", "data", "memory_id", "created_at", "wrapped", "é"))
values = st.sampled_from((None, "", 1, -0.0, 1e300, 2**64 - 1, [], {"z": [{"a": "\u0000"}], "crc32": 1}, "created_at"))
bodies = st.dictionaries(extra, values, max_size=3).map(orjson.dumps)


@st.composite
def keys(draw: st.DrawFn, family: Family) -> Key:
    key = tuple(draw(ids) for _ in family.key)
    return (*key[:-1], draw(st.integers(0, 4))) if family.log else key


@st.composite
def prefixes(draw: st.DrawFn, family: Family) -> Key:
    return draw(keys(family))[: draw(st.integers(0, len(family.key)))]


@st.composite
def puts(draw: st.DrawFn) -> Write:
    family = draw(families.filter(lambda family: not family.log))
    expires = draw(st.none() | times) if family.expires else None
    expect = draw(st.sampled_from((None, None, None, None, ABSENT, -1)))
    return Put(family, draw(keys(family)), draw(bodies), draw(times), expires, expect)


@st.composite
def appends(draw: st.DrawFn) -> Write:
    family = draw(families.filter(lambda family: family.log))
    return Append(family, draw(keys(family))[:-1], tuple(draw(st.lists(bodies, max_size=3))), draw(times))


@st.composite
def copies(draw: st.DrawFn) -> Write:
    family = draw(families)
    key = draw(keys(family))
    owner = family.owner is None and family.name in ("conversation", "agent")
    body = draw(bodies | st.just(b"")) if owner else draw(bodies)
    place = draw(st.integers(0, 5)) if family.placed else None
    expires = draw(st.none() | times) if family.expires else None
    row = (body, draw(st.none() | st.integers(1, 9)), draw(times), draw(times), expires, place, *key)
    return Copy(family, row)


@st.composite
def drops(draw: st.DrawFn) -> Write:
    family = draw(families)
    prefix = draw(prefixes(family)) or draw(prefixes(family))  # everything, but not too often
    return Drop(family, prefix, draw(times))


@st.composite
def pages(draw: st.DrawFn) -> Page:
    family = draw(families)
    prefix = draw(prefixes(family))
    key = draw(keys(family))
    order = (*key[:-1], draw(st.integers(-1, 5))) if family.placed else key
    bound = st.none() | st.just(order[len(prefix) :]) | st.just(order[len(prefix) :][:1])
    limit = draw(st.none() | st.integers(0, 3))
    alive_at = draw(st.none() | times)
    return Page(family, prefix, draw(bound), draw(bound), limit, draw(st.booleans()), alive_at, draw(st.booleans()))


batches = st.lists(puts() | appends() | copies() | drops(), min_size=1, max_size=6)
rounds = st.lists(st.tuples(batches, st.lists(pages(), max_size=4)), min_size=1, max_size=4)


class Unsynced(Filesystem):
    """No power cut comes into these laws."""

    def sync(self, handle: int) -> None:
        pass


def bare(row: Row | None) -> Row | None:
    """A row without its version, which each backend makes up as it likes."""
    return row and (*row[:VERSION], *row[CREATED_AT:])


async def outcome(backend: Backend, writes: Sequence[Write]) -> list[object]:
    """What a batch tells the caller, versions left out."""
    try:
        results = await backend.apply(writes)
    except ConflictError:
        return ["conflict"]
    return [r if isinstance(w, Append | Drop) else r > 0 for w, r in zip(writes, results, strict=True)]


async def everything(backend: Backend) -> list[Row | None]:
    return [bare(row) for family in FAMILIES for row in await backend.scan(Page(family, partial=True))]


async def check_equal(file: Backend, model: Backend, looks: Sequence[Page]) -> None:
    assert await everything(file) == await everything(model)
    for page in looks:
        rows = await model.scan(page)
        assert [bare(row) for row in await file.scan(page)] == [bare(row) for row in rows]
        assert await file.keys(page) == [row[KEY:] for row in rows]
        assert await file.bodies(page) == [row[BODY] for row in rows]
    mine, theirs = await file.vitals(NOW), await model.vitals(NOW)
    assert (mine.counts, mine.partial) == (theirs.counts, theirs.partial)


@settings(max_examples=scaled(60, 15), deadline=None, suppress_health_check=list(HealthCheck))
@given(rounds, st.booleans(), st.integers(0, 3), times)
def test_equal_to_the_model(history: list[tuple[list[Write], list[Page]]], pretty: bool, few: int, now: int) -> None:
    async def run(folder: str) -> None:
        model = MemoryBackend()
        handles = [FileBackend(folder, pretty=pretty, backups=pretty, disk=Unsynced()) for _ in range(2)]
        await model.open()
        for handle in handles:
            await handle.open()
        for turn, (writes, looks) in enumerate(history):
            assert await outcome(handles[turn % 2], writes) == await outcome(model, writes)
            await check_equal(handles[(turn + 1) % 2], model, looks)
        for family in FAMILIES:
            wanted = [row[KEY:] for row in await model.scan(Page(family, partial=True))] + [history_key(family)]
            found = await handles[0].fetch(family, wanted)
            assert [bare(row) for row in found] == [bare(row) for row in await model.fetch(family, wanted)]
        assert await handles[0].verify() == []
        await sweep_both(handles[0], model, now, few)
        for handle in handles:
            await handle.close()
        assert await handles[1].open() == await model.open()
        await check_equal(handles[1], model, [])
        await handles[1].close()

    folder = tempfile.mkdtemp()
    try:
        asyncio.run(run(folder))
    finally:
        shutil.rmtree(folder)


def history_key(family: Family) -> Key:
    """A key nothing is ever stored under."""
    return (*("nobody" for _ in family.key[:-1]), 99 if family.log else "nobody")


async def sweep_both(file: Backend, model: Backend, now: int, few: int) -> None:
    assert await file.sweep(now, few) == await model.sweep(now, few)
    assert await file.sweep(now, 1_000) == await model.sweep(now, 1_000)
    assert await everything(file) == await everything(model)


def test_a_version_changes_with_every_write_and_a_copy_keeps_its_own(tmp_path) -> None:
    async def run() -> None:
        file = FileBackend(tmp_path)
        await file.open()
        versions = {(await file.apply([Put(FAMILIES[0], ("a",), b"{}", NOW)]))[0] for _ in range(20)}
        assert len(versions) == 20
        assert all(0 < version < 2**53 for version in versions)
        row = (b"{}", 7, 1, 2, None, 3, "a", 3)
        assert await file.apply([Copy(RAW_MESSAGE, row)]) == [7]
        assert await file.fetch(RAW_MESSAGE, [("a", 3)]) == [row]
        assert row[KEY - 1] == row[PLACE] == 3
        await file.close()

    asyncio.run(run())


def test_expect_holds_a_batch_back_as_a_whole(tmp_path) -> None:
    async def run() -> None:
        file = FileBackend(tmp_path)
        await file.open()
        (version,) = await file.apply([Put(FAMILIES[0], ("a",), b'{"n":1}', NOW, expect=ABSENT)])
        with pytest.raises(ConflictError):
            await file.apply(
                [
                    Append(RAW_MESSAGE, ("a",), (b"{}",), NOW),
                    Put(FAMILIES[0], ("a",), b'{"n":2}', NOW, expect=version + 1),
                ]
            )
        assert await file.scan(Page(RAW_MESSAGE)) == []
        await file.apply([Put(FAMILIES[0], ("a",), b'{"n":2}', NOW, expect=version)])
        assert await file.bodies(Page(FAMILIES[0])) == [b'{"n":2}']
        await file.close()

    asyncio.run(run())
