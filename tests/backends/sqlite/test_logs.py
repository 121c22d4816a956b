"""Logs in SQLite: one b-tree by owner, and chunks that no reader sees."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.engine import driver
from lodestore.backends.sqlite.maintenance import compaction
from lodestore.backends.sqlite.records import chunk_format
from lodestore.core.families import CONVERSATION, RAW_MESSAGE
from lodestore.core.records import BODY, VERSION, Append, Copy, Drop, Page, Put, Row
from lodestore.encoding.json_codec import loads
from lodestore.errors import CorruptError, InvalidInputError, UnavailableError
from lodestore.sql import upgrade
from lodestore.sql.sqlite_logs import LAST, SPAN
from lodestore.store.store import Store
from tests.support.killing import kill_after
from tests.support.sqlite_tools import backend, python, run

FROZEN = Path(__file__).parents[2] / "frozen" / "store-0001.db"
NUMBER = itertools.count(1)


def messages(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"n": n, "text": f"message {n} says what message {n - 1} said"} for n in range(start, start + count)]


def at(position: int, owner: str = "c", version: int | None = None) -> Copy:
    """A message at a position of its own."""
    return Copy(RAW_MESSAGE, (b'{"at":%d}' % position, version, 5, 7, None, position, owner, position))


async def seal_all(handle: SQLiteBackend) -> int:
    """The part of `compact` that is about logs."""
    return await compaction.walk(handle._writer, handle._packer, lambda: None)


def stored(path: Path, text: str = "SELECT id % 4294967296, sealed FROM raw_message ORDER BY id") -> list[Any]:
    """What a table holds."""
    connection = driver.connect(str(path), None, timeout=5)
    try:
        return list(connection.execute(text).fetchall())
    finally:
        connection.close()


def change(path: Path, *statements: str) -> None:
    """Do something to a store that lodestore would not."""
    connection = driver.connect(str(path), None, timeout=5)
    for text in statements:
        connection.execute(text)
    connection.close()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MESSAGES", 10)


class TestPositions:
    def test_the_last_one_that_fits_is_there_and_the_next_is_refused(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            base = store.backend
            await base.apply([at(LAST), at(0), at(3, "d")])
            for write in (at(SPAN), at(2**53), at(-1)):
                with pytest.raises(InvalidInputError, match=r"raw_message\('c', .*0 to 4294967295"):
                    await base.apply([write])
            for bodies in ((b"{}",), (b"{}", b"{}")):
                with pytest.raises(InvalidInputError, match="the log is full"):
                    await base.apply([Append(RAW_MESSAGE, ("c",), bodies, 9)])
            assert await base.keys(Page(RAW_MESSAGE)) == [("c", 0), ("c", LAST), ("d", 3)]
            assert await store.append_raw_messages("d", messages(1)) == [4]
            assert (await store.verify())["problems"] == []

        run(work, tmp_path / "a.db")

    def test_what_does_not_fit_beside_an_owner_is_in_no_page(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            base = store.backend
            await base.apply([at(n, owner) for owner in ("c", "d", "e") for n in (0, 1)])
            far = (SPAN, SPAN + 1, 2**53)
            assert await base.fetch(RAW_MESSAGE, [("d", position) for position in far]) == [None] * 3
            for position in far:
                assert await base.scan(Page(RAW_MESSAGE, ("d", position))) == []
                assert await base.bodies(Page(RAW_MESSAGE, ("d",), after=(position,))) == []
                assert len(await base.bodies(Page(RAW_MESSAGE, ("d",), before=(position,)))) == 2
                assert len(await base.keys(Page(RAW_MESSAGE, before=("d", position)))) == 4
                assert await base.keys(Page(RAW_MESSAGE, after=("d", position))) == [("e", 0), ("e", 1)]
                assert await base.apply([Drop(RAW_MESSAGE, ("d", position), 9)]) == [0]
            assert len(await base.keys(Page(RAW_MESSAGE))) == 6

        run(work, tmp_path / "a.db")

    @pytest.mark.usefixtures("small_chunks")
    def test_many_at_once_are_those_one_by_one(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            base, log = store.backend, [("c", position) for position in range(60)]
            await base.apply([at(n, owner) for owner in ("c", "d") for n in range(45)])
            await store.compact()
            await base.apply([Drop(RAW_MESSAGE, ("c", 20), 9)])
            others = [("d", 3), ("x", 0), ("d", LAST), ("c", 7)]
            for keys in (log, log[5:30] + others, log[:16], log[::-1], log[::2], [log[0], *log], [("c", -1), *log]):
                one_by_one = [(await base.fetch(RAW_MESSAGE, [key]))[0] for key in keys]
                assert await base.fetch(RAW_MESSAGE, keys) == one_by_one

        run(work, tmp_path / "a.db")

    def test_a_log_takes_no_put(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            with pytest.raises(InvalidInputError, match="by Append or Copy"):
                await store.backend.apply([Put(RAW_MESSAGE, ("c", 0), b"{}", 1)])

        run(work, tmp_path / "a.db")


class TestLayout:
    def test_a_new_owner_does_not_get_what_another_left(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("old", messages(3))
            assert await store.delete_conversation("old")
            await store.append_raw_messages("new", messages(1, 9))
            assert await store.load_raw_messages("new") == messages(1, 9)
            assert await store.load_raw_messages("old") == []

        run(work, tmp_path / "a.db")
        assert stored(tmp_path / "a.db", "SELECT id FROM raw_message") == [(SPAN,)], "the number is used again"

    def test_a_message_without_an_owner_is_found(self, tmp_path: Path) -> None:
        async def fill(store: Store) -> None:
            await store.append_raw_messages("c", messages(2))

        run(fill, tmp_path / "a.db")
        change(tmp_path / "a.db", "DELETE FROM conversation")

        async def verify(store: Store) -> None:
            rows = [f"raw_message row {SPAN + n}: its conversation is missing" for n in range(2)]
            assert (await store.verify())["problems"] == rows

        run(verify, tmp_path / "a.db")


LOGS = "SELECT sql FROM sqlite_master WHERE tbl_name IN ('agent', 'conversation', 'raw_message') ORDER BY name"


class TestUpgrade:
    def upgrade(self, path: Path) -> None:
        upgrade.upgrade(path, lambda: driver.connect(str(path), None, timeout=5))

    def test_positions_that_do_not_fit_leave_the_store_as_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / "old.db"
        shutil.copy(FROZEN, path)
        change(path, f"UPDATE raw_message SET position = {SPAN} WHERE conversation_id = 'Z' AND position = 0")
        tables = stored(path, LOGS)
        with pytest.raises(UnavailableError, match=f"raw_message has the positions .* to {SPAN}.*as it was"):
            self.upgrade(path)
        assert stored(path, LOGS) == tables

    def test_what_has_lost_its_owner_gets_one(self, tmp_path: Path) -> None:
        path = tmp_path / "old.db"
        shutil.copy(FROZEN, path)
        [(count,)] = stored(path, "SELECT count(*) FROM raw_message WHERE conversation_id = 'Z'")
        change(path, "DELETE FROM conversation WHERE conversation_id = 'Z'")

        async def look(store: Store) -> None:
            assert len(await store.load_raw_messages("Z")) == count > 0
            assert (await store.verify())["problems"] == []

        run(look, path)


class TestChunks:
    @given(
        st.lists(st.tuples(st.binary(min_size=1).filter(chunk_format.fits), *[st.integers(0, 2**48)] * 3), min_size=1)
    )
    def test_a_chunk_gives_back_what_went_in(self, rows: list[chunk_format.Message]) -> None:
        chunk = chunk_format.seal(rows)
        assert chunk_format.sealed(chunk)
        assert chunk_format.messages(chunk, len(rows), "here") == rows
        assert chunk_format.bodies(chunk) == [row[0] for row in rows]

    def test_one_that_is_none_is_corrupt(self) -> None:
        chunk = chunk_format.seal([(b"{}", 1, 2, 3), (b"[]", 4, 5, 6)])
        head, *lines = chunk.split(b"\n")
        for wrong, count in ((chunk, 3), (b"\n".join((head, lines[0])), 2), (b"\x1e{}\n{}\n[]", 2), (b"\x1e[1", 1)):
            with pytest.raises(CorruptError, match="here: "):
                chunk_format.messages(wrong, count, "here")


@pytest.mark.usefixtures("small_chunks")
class TestSealing:
    def test_messages_become_chunks_and_stay_as_they_were(self, tmp_path: Path) -> None:
        rows: list[Row] = []

        async def work(store: Store) -> None:
            base = store.backend
            for n in range(25):
                await store.append_raw_messages("c", messages(1, n))
            await base.apply([at(30), at(31, version=99)])
            rows.extend(await base.scan(Page(RAW_MESSAGE)))
            found = await store.compact()
            assert found["sealed"] == 27
            assert await base.scan(Page(RAW_MESSAGE)) == rows
            assert (await store.compact())["sealed"] == 0, "done again it finds nothing to do"
            assert await store.append_raw_messages("c", messages(2)) == [32, 33]
            assert (await store.get_storage_stats())["raw_message_count"] == 29
            assert (await store.verify())["problems"] == []
            await store.compact()

        run(work, tmp_path / "a.db")
        assert stored(tmp_path / "a.db") == [(9, 10), (19, 10), (24, 5), (33, 4)]

        async def look(store: Store) -> None:
            assert (await store.backend.scan(Page(RAW_MESSAGE)))[:27] == rows
            views = await store.sql("SELECT position, version, created_at, written_at, data FROM raw_messages")
            assert [view["position"] for view in views] == [*range(25), 30, 31, 32, 33]
            assert [(loads(view["data"]), view["version"]) for view in views][:27] == [
                (loads(row[BODY]), row[VERSION]) for row in rows
            ]
            assert views[25]["written_at"] == "1970-01-01T00:00:00.007Z"

        run(look, tmp_path / "a.db")

    @pytest.mark.parametrize(
        ("write", "left"),
        [
            (Drop(RAW_MESSAGE, ("c", 3), 9), [n for n in range(20) if n != 3]),
            (Drop(RAW_MESSAGE, ("c", 9), 9), [n for n in range(20) if n != 9]),
            (at(0), [*range(20)]),
            (at(21), [*range(20), 21]),
        ],
        ids=["first half", "last of a chunk", "copied over", "copied beyond"],
    )
    def test_a_write_takes_apart_the_chunk_it_touches_and_no_other(
        self, tmp_path: Path, write: Drop | Copy, left: list[int]
    ) -> None:
        async def work(store: Store) -> None:
            base = store.backend
            await store.append_raw_messages("c", messages(20))
            before = {row[-1]: row for row in await base.scan(Page(RAW_MESSAGE))}
            await store.compact()
            await base.apply([write])
            after = {row[-1]: row for row in await base.scan(Page(RAW_MESSAGE))}
            assert list(after) == left
            touched = write.row[-1] if isinstance(write, Copy) else None
            assert all(after[n] == before[n] for n in left if n != touched)
            assert (await store.verify())["problems"] == []

        run(work, tmp_path / "a.db")
        assert [sealed for _, sealed in stored(tmp_path / "a.db") if sealed] == [10] * (1 + (left[-1] == 21))

    def test_a_branch_goes_with_its_chunks(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            for name in ("c", "d", "e"):
                await store.append_raw_messages(name, messages(15))
            await store.compact()
            assert await store.backend.apply([Drop(RAW_MESSAGE, ("d",), 9)]) == [15]
            assert await store.backend.apply([Drop(CONVERSATION, ("c",), 9)]) == [1]
            assert await store.backend.apply([Drop(RAW_MESSAGE, (), 9)]) == [15]

        run(work, tmp_path / "a.db")
        assert stored(tmp_path / "a.db") == []

    def test_gaps_and_long_bodies_end_a_chunk(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.backend.apply([at(n) for n in (0, 1, 3, 5, 6, 7)])
            await store.append_raw_messages("d", [{"t": "x"}, {"t": "x"}])
            await store.backend.apply([Append(RAW_MESSAGE, ("e",), (b'{"a":\n1}', b"{}"), 9)])
            await store.compact()
            assert (await store.load_raw_messages("e"))[0] == {"a": 1}

        run(work, tmp_path / "a.db")
        assert stored(tmp_path / "a.db") == [(1, 2), (3, None), (7, 3), (1, 2), (0, None), (1, None)]

    def test_a_chunk_ends_with_its_log(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.backend.apply([at(LAST - 1), at(LAST), at(0, "d"), at(1, "d")])
            assert (await store.compact())["sealed"] == 4
            assert len(await store.load_raw_messages("c")) == 2

        run(work, tmp_path / "a.db")
        assert stored(tmp_path / "a.db") == [(LAST, 2), (1, 2)]

    def test_what_changed_since_a_commit_is_told_through_chunks(self, tmp_path: Path) -> None:
        async def changed(handle: SQLiteBackend, since: int) -> list[int]:
            async with handle.snapshot() as moment:
                return [row[-1] async for rows in moment.changed(RAW_MESSAGE, since) for row in rows]

        async def work(store: Store) -> None:
            handle = backend(store)
            for n in range(12):
                await store.append_raw_messages("c", messages(1, n))
            versions = {row[-1]: row[VERSION] for row in await handle.scan(Page(RAW_MESSAGE))}
            await seal_all(handle)
            assert await changed(handle, versions[5]) == [*range(6, 12)]
            assert await changed(handle, versions[11]) == []

        run(work, tmp_path / "a.db")

    def test_a_walk_in_steps_seals_as_one_at_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def work(store: Store) -> None:
            for name in ("c", "d"):
                await store.append_raw_messages(name, messages(37))
            await store.compact()

        run(work, tmp_path / "a.db")
        monkeypatch.setattr(compaction, "ROWS", 11)
        run(work, tmp_path / "b.db")
        assert stored(tmp_path / "a.db") == stored(tmp_path / "b.db")

    def test_a_broken_chunk_names_its_messages_and_is_left_alone(self, tmp_path: Path) -> None:
        async def fill(store: Store) -> None:
            await store.append_raw_messages("c", messages(15))
            await store.compact()

        run(fill, tmp_path / "a.db")
        change(
            tmp_path / "a.db", "UPDATE raw_message SET body = CAST('!' || substr(body, 2) AS BLOB) WHERE sealed = 10"
        )
        change(tmp_path / "a.db", "UPDATE raw_message SET sealed = 6 WHERE sealed = 5")

        async def look(store: Store) -> None:
            reads: list[Callable[[], Any]] = [
                lambda: store.load_raw_messages("c", before=12),
                lambda: store.backend.fetch(RAW_MESSAGE, [("c", 3)]),
                lambda: store.backend.apply([Drop(RAW_MESSAGE, ("c", 3), 9)]),
            ]
            for read in reads:
                with pytest.raises(CorruptError, match=r"raw_message\('c', "):
                    await read()
            problems = (await store.verify())["problems"]
            assert len(problems) == 3, problems
            assert "the chunk that ends at position 14 holds it too" in problems[1]
            assert "the chunk holds 5 messages instead of 6" in problems[2]

        run(look, tmp_path / "a.db")


class TestWhileOthersWork:
    def test_readers_and_writers_of_another_handle_see_no_seam(self, tmp_path: Path) -> None:
        async def write(store: Store, done: asyncio.Event) -> int:
            count = 0
            for _ in range(60):
                await store.append_raw_messages("c", messages(3, count))
                count += 3
            done.set()
            return count

        async def seal(store: Store, done: asyncio.Event) -> int:
            sealed = 0
            while not done.is_set():
                sealed += await seal_all(backend(store))
            return sealed

        async def read(store: Store, done: asyncio.Event) -> int:
            reads = 0
            while not done.is_set():
                found = await store.load_raw_messages("c")
                assert found == messages(len(found))
                newest = await store.load_raw_messages("c", limit=7)
                assert newest == messages(len(newest), newest[0]["n"] if newest else 0)
                reads += 1
                await asyncio.sleep(0)
            return reads

        async def main() -> None:
            stores = [Store(SQLiteBackend(tmp_path / "a.db", durability="process")) for _ in range(3)]
            for store in stores:
                await store.initialize()
            done = asyncio.Event()
            count, sealed, reads = await asyncio.gather(
                *(work(store, done) for work, store in zip((write, seal, read), stores, strict=True))
            )
            assert await stores[2].load_raw_messages("c") == messages(count)
            assert sealed > 0
            assert reads > 0
            for store in stores:
                await store.shutdown()

        asyncio.run(main())

    def test_a_process_killed_while_it_seals_loses_nothing(self, tmp_path: Path) -> None:
        async def fill(store: Store) -> None:
            for n in range(20):
                await store.append_raw_messages(f"c{n}", messages(60))

        path = tmp_path / "a.db"
        run(fill, path)
        code = """
import asyncio, sys
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.maintenance import compaction
compaction.ROWS = 120
async def main():
    backend = SQLiteBackend(sys.argv[1])
    await backend.open()
    print("open", flush=True)
    await compaction.walk(backend._writer, backend._packer, lambda: print("step", flush=True))
    print("sealed", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""

        async def look(store: Store) -> None:
            for n in range(20):
                assert await store.load_raw_messages(f"c{n}") == messages(60)
            assert (await store.verify())["problems"] == []

        for steps, pause in ((0, 0.0), (0, 0.004), (1, 0.0), (3, 0.001)):
            said = kill_after(python(code, str(path), stdout=subprocess.PIPE), 1 + steps, pause)
            assert said[: 1 + steps] == [b"open\n", *[b"step\n"] * steps]
            run(look, path)
