"""A migration moves everything, exactly, and says so truthfully."""

from __future__ import annotations

import asyncio
import io
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from lodestore.backends.files import FileBackend
from lodestore.backends.memory import MemoryBackend
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.conformance.examples import gallery
from lodestore.conformance.kit import START
from lodestore.core.backend import Backend
from lodestore.core.families import (
    AGENT,
    CACHE,
    CONVERSATION,
    FAMILIES,
    MEMORY,
    RAW_MESSAGE,
    REASONING_CHAIN,
    RESULT,
    STATE,
    Family,
)
from lodestore.core.records import BODY, KEY, PLACE, VERSION, Append, Copy, Drop, Page, Put, Row, Write, alive
from lodestore.errors import InvalidInputError, UnavailableError
from lodestore.store.store import Store
from lodestore.transfer import MigrationReport, migrate
from lodestore.transfer.batching import BATCH_BYTES, BATCH_WRITES, LOCK_KEY
from lodestore.transfer.copy_pass import CopyJob, CopyPass
from lodestore.transfer.export import export
from lodestore.transfer.migration import MOST_PASSES
from tests.transfer.test_export import NOW, writes

Contents = dict[str, list[Row]]
KINDS = ("memory", "sqlite", "encrypted", "file")
BIG = b'{"text":"%s"}'


def made(kind: str, path: Path) -> Backend:
    if kind == "memory":
        return MemoryBackend()
    if kind == "file":
        return FileBackend(path, backups=False)
    return SQLiteBackend(path, key=bytes(range(32)) if kind == "encrypted" else None, durability="process")


def on(work: Callable[..., Awaitable[None]], *kinds: str | Backend) -> None:
    """Run `work` on new open backends of these kinds."""

    async def main(folder: Path) -> None:
        async with AsyncExitStack() as stack:
            backends = []
            for number, kind in enumerate(kinds):
                backend = made(kind, folder / f"{number}") if isinstance(kind, str) else kind
                await backend.open()
                stack.push_async_callback(backend.close)
                backends.append(backend)
            await work(*backends)

    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        asyncio.run(main(Path(folder)))


async def contents(backend: Backend, now: int | None = NOW) -> Contents:
    return {f.name: await backend.scan(Page(f, partial=True, alive_at=now)) for f in FAMILIES}


async def exported(backend: Backend) -> bytes:
    out = io.BytesIO()
    await export(backend, out, now=NOW)
    return out.getvalue()


async def move(source: Backend, target: Backend, **options: Any) -> MigrationReport:
    return await migrate(source, target, **{"now": NOW, **options})


def text(content: str) -> bytes:
    return BIG % content.encode()


def talk(*contents: str, of: str = "c", at: int = 5) -> Append:
    return Append(RAW_MESSAGE, (of,), tuple(map(text, contents)), at)


def state(name: str, content: str = "x", at: int = 5) -> Put:
    return Put(STATE, (name,), text(content), at)


class TestAround:
    """Once around the backends and home again changes nothing."""

    @pytest.mark.parametrize(("second", "third"), [("sqlite", "file"), ("file", "encrypted"), ("memory", "sqlite")])
    def test_the_gallery(self, second: str, third: str) -> None:
        async def work(a: Backend, b: Backend, c: Backend, again: Backend) -> None:
            for write in gallery():
                await a.apply([write])
            await a.apply([Put(CACHE, ("dead",), text("x"), 5, NOW), Put(CACHE, ("alive",), text("x"), 5, NOW + 1)])
            for source, target in ((a, b), (b, c), (c, again)):
                report = await move(source, target)
                assert (report.ok, report.agreed, report.passes, report.versions_kept) == (True, True, 2, True)
                assert await contents(target, None) == await contents(a)
            assert await exported(again) == await exported(a)
            names = [row[KEY] for row in await again.scan(Page(CACHE, partial=True))]
            assert "alive" in names
            assert "dead" not in names

        on(work, "memory", second, third, "memory")

    @settings(max_examples=12)
    @given(st.lists(writes(), max_size=10))
    def test_anything(self, batch: list[Write]) -> None:
        async def work(a: Backend, b: Backend, c: Backend, again: Backend) -> None:
            for write in batch:
                await a.apply([write])
            for source, target in ((a, b), (b, c), (c, again)):
                assert (await move(source, target)).ok
            assert await contents(again, None) == await contents(b, None) == await contents(a)
            assert await exported(again) == await exported(a)

        on(work, "memory", "sqlite", "file", "memory")

    def test_versions_go_on_from_where_they_were(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            for n in range(5):
                await a.apply([state("s", str(n))])
            [row] = await a.fetch(STATE, [("s",)])
            assert row is not None
            await move(a, b)
            [new] = await b.apply([Put(STATE, ("s",), text("new"), 6, expect=row[VERSION])])
            assert new > row[VERSION]

        on(work, "sqlite", "sqlite")

    def test_families(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([talk("1"), state("s"), Put(AGENT, ("a",), text("a"), 5)])
            report = await move(a, b, families=["state", "raw_message"])
            assert {name: f.records for name, f in report.families.items()} == {"raw_message": 1, "state": 1}
            found = await contents(b)
            assert [name for name, rows in found.items() if rows] == ["conversation", "raw_message", "state"]
            assert not found["conversation"][0][BODY]

        on(work, "sqlite", "memory")


class Bounded(MemoryBackend):
    """Checks the size of every `apply`."""

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        assert len(writes) <= BATCH_WRITES
        sizes = [len(write.row[BODY]) for write in writes if isinstance(write, Copy)]
        assert sum(sizes) <= BATCH_BYTES or len(sizes) == 1
        return await super().apply(writes)


class Dying(MemoryBackend):
    """Works for so many calls of `apply`."""

    left = done = 0

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        if not self.left:
            raise UnavailableError("gone")
        self.left -= 1
        self.done += 1
        return await super().apply(writes)


class Busy(MemoryBackend):
    """Does a write of its own before each `scan` of states, until it has none left."""

    def __init__(self, *pending: Write) -> None:
        super().__init__()
        self.pending = list(pending)

    async def scan(self, page: Page) -> list[Row]:
        rows = await super().scan(page)
        if self.pending and page.family is STATE:
            await self.apply([self.pending.pop(0)])
        return rows


class Disturbing(MemoryBackend):
    """Writes to the source whenever something is written here, until it has nothing left to write there."""

    def __init__(self, *pending: Write) -> None:
        super().__init__()
        self.pending = list(pending)
        self.source: Backend | None = None

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        if self.pending and self.source and Drop(STATE, LOCK_KEY, 0) not in writes:
            await self.source.apply([self.pending.pop(0)])
        return await super().apply(writes)


class Forgetful(MemoryBackend):
    """Hands out versions of its own."""

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        own = [Copy(w.family, (w.row[BODY], None, *w.row[2:])) if isinstance(w, Copy) else w for w in writes]
        return await super().apply(own)


class Lossy(MemoryBackend):
    """Loses the last letter of what is copied into it."""

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        bad = [Copy(w.family, (w.row[BODY][:-1], *w.row[1:])) if isinstance(w, Copy) else w for w in writes]
        return await super().apply(bad)


class TestStreams:
    def test_batches_are_bounded(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([talk(*("small" for _ in range(2500))), talk(*("x" * 300_000 for _ in range(9)), of="d")])
            await a.apply([state("large", "x" * 3_000_000)])
            assert (await move(a, b)).ok

        on(work, "sqlite", Bounded())

    @pytest.mark.slow
    def test_memory_does_not_grow_with_the_store(self) -> None:
        def peak(records: int) -> int:
            async def work(a: Backend, b: Backend) -> None:
                for start in range(0, records, 500):
                    await a.apply([talk(*(f"{n}" + "word" * 500 for n in range(start, start + 500)))])
                tracemalloc.start()
                assert (await move(a, b)).ok

            try:
                on(work, "sqlite", "sqlite")
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        small, large = peak(1500), peak(6000)
        assert large < 10_000_000
        # Of 9 MB more in the store. A dictionary that is trained in the middle, or not, is worth one of them.
        assert large < small + 2_500_000

    def test_progress(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([talk("1", "2"), state("s")])
            told: list[tuple[int, int | None, str]] = []
            await move(a, b, progress=lambda *step: told.append(step))
            assert told[0] == (1, 4, "copying conversation")
            assert told[-1] == (4, 4, "verifying state")

        on(work, "sqlite", "memory")


class TestAnUnquietSource:
    def test_what_is_written_and_deleted_meanwhile_arrives(self) -> None:
        later = (
            talk("2"),
            Put(MEMORY, ("c", "late"), text("m"), 6),
            state("a", "changed"),
            Drop(STATE, ("b",), 6),
            Drop(CONVERSATION, ("gone",), 6),
            Drop(MEMORY, ("c", "m"), 6),
            Put(MEMORY, ("c", "m"), text("again"), 7),
        )
        source = Busy(*later)

        async def work(a: Backend, b: Backend) -> None:
            await a.apply(
                [talk("1"), talk("x", of="gone"), Put(MEMORY, ("c", "m"), text("m"), 5), state("a"), state("b")]
            )
            report = await move(a, b)
            assert report.ok
            assert report.passes > 3
            assert source.pending == []
            assert await contents(b, None) == await contents(a)

        on(work, source, "sqlite")

    def test_a_sequenced_source_is_read_as_of_one_moment_and_caught_up_with(self) -> None:
        later = (
            Put(MEMORY, ("c", "late"), text("m"), 6),
            state("a", "changed"),
            Drop(STATE, ("b",), 6),
            Drop(CONVERSATION, ("gone",), 6),
            talk("2"),
            Put(RESULT, ("new",), text("r"), 6),
            Drop(MEMORY, ("c", "m"), 6),
            Put(MEMORY, ("c", "m"), text("again"), 7),
            talk("new", of="another"),
            Put(CACHE, ("dead",), text("x"), 6, NOW),
        )
        target = Disturbing(*later)

        async def work(a: Backend, b: Backend) -> None:
            target.source = a
            await a.apply(
                [talk("1"), talk("x", of="gone"), Put(MEMORY, ("c", "m"), text("m"), 5), state("a"), state("b")]
            )
            report = await move(a, b)
            assert (report.ok, report.agreed, report.passes, target.pending) == (True, True, 2, [])
            assert report.caught_up >= 8
            assert await contents(b, None) == await contents(a)
            assert await exported(b) == await exported(a)
            for name, family in report.families.items():
                assert family.records == family.target_records == len((await contents(a))[name])

        on(work, "sqlite", target)

    def test_a_sequenced_source_that_never_rests(self) -> None:
        target = Disturbing(*(state("s", str(n)) for n in range(1000)))

        async def work(a: Backend, b: Backend) -> None:
            target.source = a
            await a.apply([state("s"), state("t")])
            report = await move(a, b)
            assert (report.ok, report.agreed, report.passes) == (True, True, 2)
            assert report.note.startswith(f"verified: the target holds the source as of commit {report.as_of};")
            assert [row[KEY] for row in await b.scan(Page(STATE))] == ["s", "t"]
            [there], [now] = await b.fetch(STATE, [("s",)]), await a.fetch(STATE, [("s",)])
            assert there[VERSION] == report.as_of
            assert there[VERSION] < now[VERSION]

        on(work, "sqlite", target)

    def test_places_that_were_exchanged(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([Put(RESULT, (name,), text(name), 5) for name in "abcd"])
            pending = [Drop(RESULT, (name,), 6) for name in "abcd"] + [Put(RESULT, (n,), text(n), 7) for n in "dcba"]
            await move(a, b)
            await a.apply(pending)
            await b.apply([Put(STATE, LOCK_KEY, b'{"families":%s,"origin":""}' % _names(), 0)])
            report = await move(a, b, resume=True)
            assert report.ok
            assert report.passes <= 4
            assert await contents(b, None) == await contents(a)
            assert [row[PLACE] for row in await b.scan(Page(RESULT))] == [0, 1, 2, 3]

        on(work, "sqlite", "sqlite")

    def test_one_that_never_rests_is_told_to(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([state("s")])
            report = await move(a, b)
            assert (report.ok, report.agreed, report.passes) == (False, False, MOST_PASSES)
            assert "stop what writes to the source" in report.note
            a.pending = []  # type: ignore[attr-defined]
            assert (await move(a, b, resume=True)).ok
            assert await contents(b, None) == await contents(a)

        on(work, Busy(*(state("s", str(n)) for n in range(100))), "memory")

    def test_a_target_that_does_not_keep_what_it_was_given(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([state("s")])
            report = await move(a, b)
            assert (report.ok, report.agreed) == (False, False)
            assert report.families["state"].source_hash != report.families["state"].target_hash

        on(work, "sqlite", Lossy())

    def test_a_target_with_versions_of_its_own(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([state("s", str(n)) for n in range(3)])
            await a.apply([state("t")])
            report = await move(a, b)
            assert (report.ok, report.versions_kept) == (True, False)
            assert await exported(b) == await exported(a)

        on(work, "sqlite", Forgetful())


def _names() -> bytes:
    return b"[%s]" % b",".join(b'"%s"' % family.name.encode() for family in FAMILIES)


class TestResuming:
    def test_from_every_point(self) -> None:
        async def filled(a: Backend) -> None:
            for write in gallery():
                await a.apply([write])

        for calls in range(12):
            target = Dying()
            target.left = calls

            async def work(a: Backend, b: Backend, target: Dying = target) -> None:
                await filled(a)
                done = False
                try:
                    done = (await move(a, b)).ok
                except UnavailableError:
                    assert (await b.fetch(STATE, [LOCK_KEY]) == [None]) == (not b.done)  # type: ignore[attr-defined]
                target.left = 100
                again = await move(a, b, resume=True)
                assert again.ok
                assert await contents(b, None) == await contents(a)
                assert not done or again.total("copied") == 0

            on(work, "memory", target)

    def test_only_the_same_migration(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([state("s")])
            assert isinstance(b, Dying)
            b.left = 1
            with pytest.raises(UnavailableError):
                await move(a, b, origin="here")
            b.left = 100
            for options in (
                {},
                {"merge": "skip"},
                {"resume": True},
                {"resume": True, "origin": "there"},
                {"resume": True, "origin": "here", "families": ["state"]},
            ):
                with pytest.raises(InvalidInputError, match="unfinished"):
                    await move(a, b, **options)
            with pytest.raises(InvalidInputError, match="unfinished"):
                await move(b, a, merge="skip")
            assert (await move(a, b, resume=True, origin="here")).ok

        on(work, "memory", Dying())

    def test_what_has_expired_meanwhile_goes(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([Put(CACHE, (name,), text(name), 5, NOW + end) for end, name in enumerate("abc", 1)])
            assert isinstance(b, Dying)
            b.left = 2
            with pytest.raises(UnavailableError):
                await move(a, b)
            b.left = 100
            report = await move(a, b, resume=True, now=NOW + 2)
            assert (report.ok, report.total("dropped")) == (True, 2)
            assert await contents(b, None) == await contents(a, NOW + 2)

        on(work, "memory", Dying())

    def test_the_newest_time_is_that_of_the_records(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([talk("1", at=7)])
            await move(a, b)
            assert await b.open() == 7

        on(work, "sqlite", "memory")

    @pytest.mark.parametrize("resume", [False, True])
    def test_a_target_that_is_not_empty_is_left_alone(self, resume: bool) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([state("s")])
            for stranger in (Put(CACHE, ("k",), text("x"), 5), talk("x"), Put(REASONING_CHAIN, ("a", 0), text(""), 5)):
                await b.apply([stranger])
                before = await contents(b)
                with pytest.raises(InvalidInputError, match="not empty"):
                    await move(a, b, resume=resume)
                assert await contents(b) == before
                await b.apply([Drop(family, (), 5) for family in FAMILIES])
            await b.apply([Put(CACHE, ("dead",), text("x"), 5, NOW)])
            assert (await move(a, b, resume=resume)).ok
            assert await contents(b, None) == await contents(a)

        on(work, "memory", "memory")


class TestMerging:
    @staticmethod
    async def fill(a: Backend, b: Backend) -> None:
        await a.apply([talk("1", "2", "3", "4"), talk("only a", of="a"), state("same"), state("s", "from a")])
        await a.apply([Put(MEMORY, ("c", "m1"), text("a"), 5), Put(CONVERSATION, ("c",), text("doc"), 5)])
        await b.apply([talk("1", "other", "3", "x", "y"), talk("only b", of="b"), state("same", at=9)])
        await b.apply([state("s", "from b"), Put(MEMORY, ("c", "m2"), text("b"), 5)])

    def test_skip(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await self.fill(a, b)
            before = await contents(b)
            report = await move(a, b, merge="skip")
            assert report.conflicts == ["raw_message('c', 1)", "state('s')"]
            assert (report.ok, report.agreed) == (True, True)
            after = await contents(b)
            assert [row for row in before["raw_message"] if row not in after["raw_message"]] == []
            assert bodies(after, "raw_message", "c") == ["1", "other", "3", "x", "y"]
            assert bodies(after, "raw_message", "a") == ["only a"]
            assert bodies(after, "conversation", "c") == ["doc"]
            assert bodies(after, "memory", "c") == ["b", "a"]
            assert bodies(after, "state", "same") + bodies(after, "state", "s") == ["x", "from b"]
            again = await move(a, b, merge="skip", resume=True)
            assert (again.total("copied"), again.conflicts) == (0, report.conflicts)

        on(work, "sqlite", "memory")

    def test_overwrite(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await self.fill(a, b)
            report = await move(a, b, merge="overwrite")
            assert (report.ok, report.agreed, report.total("overwritten")) == (True, True, 2)
            after = await contents(b)
            assert bodies(after, "raw_message", "c") == ["1", "2", "3", "4"]
            assert bodies(after, "raw_message", "b") == ["only b"]
            assert bodies(after, "state", "s") == ["from a"]
            assert (await move(a, b, merge="overwrite")).total("copied") == 0

        on(work, "file", "sqlite")

    def test_fail(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await self.fill(a, b)
            before = await contents(b)
            report = await move(a, b, merge="fail")
            assert (report.ok, report.agreed) == (False, None)
            assert report.conflicts == ["raw_message('c', 1)", "state('s')"]
            assert await contents(b) == before
            await b.apply([Drop(STATE, ("s",), 9), Drop(RAW_MESSAGE, ("c",), 9)])
            assert (await move(a, b, merge="fail")).ok

        on(work, "sqlite", "sqlite")

    def test_an_expired_record_is_no_conflict(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([Put(CACHE, ("k",), text("a"), 5, NOW + 9)])
            await b.apply([Put(CACHE, ("k",), text("b"), 5, NOW)])
            assert (await move(a, b, merge="fail")).ok
            assert (await b.fetch(CACHE, [("k",)]))[0] == (await a.fetch(CACHE, [("k",)]))[0]

        on(work, "memory", "memory")


def bodies(found: Contents, family: str, outer: str) -> list[str]:
    return [row[BODY][9:-2].decode() for row in found[family] if row[KEY] == outer and alive(row, NOW)]


class TestLookingFirst:
    @pytest.mark.parametrize("kind", ["sqlite", "file", "memory"])
    def test_a_dry_run_writes_nothing(self, kind: str) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([talk("1", "2"), state("s")])
            report = await move(a, b, dry_run=True)
            assert (report.ok, report.dry_run, report.total("records"), report.total("copied")) == (True, True, 4, 0)
            assert report.total("bytes") == 3 * len(text("1"))
            assert await contents(b, None) == {family.name: [] for family in FAMILIES}
            await b.apply([state("s", "other")])
            before = await contents(b, None)
            assert (await move(a, b, dry_run=True, merge="overwrite")).total("overwritten") == 1
            assert (await move(a, b, dry_run=True, merge="skip")).conflicts == ["state('s')"]
            assert await contents(b, None) == before

        on(work, "memory", kind)

    def test_without_verification(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([state("s")])
            report = await move(a, b, verify=False)
            assert (report.ok, report.agreed, report.passes) == (True, None, 1)
            assert report.families["state"].source_hash == ""
            assert await contents(b, None) == await contents(a)

        on(work, "memory", "sqlite")

    def test_what_makes_no_sense_is_refused(self) -> None:
        async def work(a: Backend, b: Backend) -> None:
            for options in ({"merge": "perhaps"}, {"families": ["states"]}):
                with pytest.raises(InvalidInputError, match=r"expected one of|is not a family"):
                    await move(a, b, **options)
            with pytest.raises(InvalidInputError, match="the same store"):
                await move(a, a)

        on(work, "memory", "memory")


def test_the_hash_does_not_know_order_but_everything_else() -> None:
    def hashed(*rows: tuple[Family, Row]) -> str:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([Copy(family, row) for family, row in rows])
            found.append((await move(a, b)).families["cache"].source_hash)

        found: list[str] = []
        on(work, "memory", "memory")
        return found[0]

    def row(**changes: Any) -> tuple[Family, Row]:
        one = {"body": b"{}", "version": 1, "created": 5, "written": 6, "expires": NOW + 5, "place": None, "key": "k"}
        return CACHE, tuple({**one, **changes}.values())

    other = row(key="l")
    assert hashed(row(), other) == hashed(other, row()) == hashed(row(version=3), other)
    changes = [{"body": b"[]"}, {"created": 4}, {"written": 7}, {"expires": None}, {"key": "m"}]
    assert len({hashed(row(), other), *(hashed(row(**change), other) for change in changes)}) == 6
    assert START < NOW


class TestPlaces:
    """A store of SQLite has no room for every place; the order is what moves."""

    def test_a_place_too_large_becomes_the_next_free_one(self) -> None:
        async def work(source: Backend, target: Backend) -> None:
            rows = [(text(name), None, 5, 5, None, place, "c", name) for name, place in (("z", 2), ("y", 2**40))]
            await source.apply([Copy(MEMORY, row) for row in rows])
            await source.apply([Put(MEMORY, ("c", "x"), text("x"), 6)])
            for options in ({}, {"resume": True}):
                report = await move(source, target, **options)
                assert (report.agreed, report.note) == (True, "")
                assert await target.keys(Page(MEMORY)) == [("c", name) for name in "zyx"]
            assert [row[PLACE] for row in await target.scan(Page(MEMORY))] == [2, 3, 4]

        on(work, "memory", "sqlite")

    def test_a_result_that_a_hand_put_into_files_comes_along(self, tmp_path: Path) -> None:
        async def work(source: Backend, target: Backend) -> None:
            await source.apply([Put(RESULT, ("ours",), text("oslo"), 5)])
            found = b'{"result_id":"hand","data":{"text":"oslo"},"stored_at":"2025-01-01T00:00:00"}'
            (tmp_path / "results" / "hand.json").write_bytes(found)
            report = await move(source, target)
            assert (report.agreed, await target.keys(Page(RESULT))) == (True, [("ours",), ("hand",)])
            store = Store(target)
            assert {hit.key for hit in await store.search("oslo")} == {("ours",), ("hand",)}

        on(work, FileBackend(tmp_path, backups=False), "sqlite")


class TestBodiesOnly:
    """A pass that compares bodies alone, as that of a local index."""

    def test_the_target_holds_what_the_source_says_at_places_of_its_own(self) -> None:
        async def work(source: Backend, target: Backend) -> None:
            job = CopyJob(source, target, (MEMORY, RAW_MESSAGE), bodies_only=True)
            await source.apply([memory("a"), memory("b"), memory("c"), talk("one", "two", "three")])
            await CopyPass(job, "copying", write=True).run()
            await source.apply([Drop(MEMORY, ("c", "c"), 5), memory("d"), memory("a", "new"), memory("b", at=7)])
            await source.apply([Drop(RAW_MESSAGE, ("c", 1), 5)])
            for copied in (6 + 2, 6 + 2):  # "d" stands where "c" stood, which is gone only when all is written
                await CopyPass(job, "copying", write=True).run()
                assert job.report.total("copied") == copied
                for family in job.families:
                    found, there = [
                        [row[:1] + row[KEY:] for row in await b.scan(Page(family))] for b in (source, target)
                    ]
                    assert found == there
            [d], [there] = await source.fetch(MEMORY, [("c", "d")]), await target.fetch(MEMORY, [("c", "d")])
            assert d is not None
            assert there is not None
            assert d[PLACE] < there[PLACE]

        on(work, "memory", "sqlite")


def memory(name: str, content: str = "x", at: int = 5) -> Put:
    return Put(MEMORY, ("c", name), text(content), at)
