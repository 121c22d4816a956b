"""The index of text in a SQLite store: kept up, kept true, and what `verify` says where it is not."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import shutil
import subprocess
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import lodestore
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.engine import driver
from lodestore.backends.sqlite.search import indexer, result_reader, searcher, upkeep
from lodestore.backends.sqlite.vectors import ivf_training
from lodestore.core import background
from lodestore.core.families import MEMORY, RAW_MESSAGE, RESULT
from lodestore.core.records import Copy
from lodestore.errors import CorruptError, InvalidInputError, UnavailableError
from lodestore.sql import sqlite_numbers
from lodestore.store.search_request import Hit
from lodestore.store.store import Store
from tests.support.killing import kill_after
from tests.support.scale import scaled
from tests.support.sqlite_tools import backend, python, run, trace
from tests.support.waiting import until

KILLS = int(os.environ.get("LODESTORE_KILLS", scaled(12, 3)))
FROZEN = Path(__file__).parents[2] / "frozen" / "store-0001.db"

EVERYTHING = (sqlite_numbers.FIRST, sqlite_numbers.END)


def change(path: Path, text: str) -> None:
    connection = driver.connect(str(path), None, timeout=5)
    connection.execute(text)
    connection.close()


def keys(hits: list[Hit]) -> list[tuple[object, ...]]:
    return sorted((hit.key for hit in hits), key=repr)


def queued(store: Store) -> int:
    return len(backend(store)._reading.execute("SELECT 1 FROM unindexed").fetchall())


def saying(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


async def wake(store: Store) -> None:
    """From here on the store has an index that is kept up."""
    await store.search("anything")
    assert queued(store) == 0


def test_closing_at_any_moment_says_nothing_of_the_upkeep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "QUIET", 0.0)
    monkeypatch.setattr(indexer, "STEP_BYTES", 1000)

    async def work(moment: int) -> None:
        async with Store(SQLiteBackend(tmp_path / "a.db")) as store:
            await store.search("anything")
            await store.append_raw_messages(f"c{moment}", saying(*[f"kot {number}" for number in range(100)]))
            for _ in range(moment):
                await asyncio.sleep(0)

    for moment in range(25):
        asyncio.run(work(moment))
    assert caplog.messages == []


class TestAsleep:
    def test_what_is_never_searched_pays_for_no_index(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def work(store: Store) -> None:
            for number in range(30):
                await store.append_raw_messages("c", saying(f"kot {number}"))
                await store.store_memory("c", "m", {"text": "kot"})
            await store.delete_memory("c", "m")
            await asyncio.sleep(3 * background.QUIET)
            await store.compact()
            assert backend(store)._reading.execute("SELECT * FROM unindexed").fetchall() == [EVERYTHING]
            assert backend(store)._reading.execute("SELECT count(*) FROM posting").fetchone() == (0,)
            assert (await store.verify())["problems"] == []
            monkeypatch.setattr(background, "QUIET", 3600)
            assert len(await store.search("kot", limit=None)) == 30
            await store.append_raw_messages("c", saying("kot"))
            assert queued(store) == 1, "awake, and so it stays"

        run(work, tmp_path / "a.db")
        run(wake, tmp_path / "a.db")

    def test_a_first_search_that_is_cut_off_goes_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(indexer, "STEP_BYTES", 2000)

        async def work(store: Store) -> None:
            for number in range(50):
                await store.append_raw_messages(f"c{number % 3}", saying("kot"))
            search = asyncio.create_task(store.search("kot"))
            looking = backend(store)._reading
            await until(lambda: looking.execute("SELECT count(*) FROM posting").fetchone() != (0,), 0)
            search.cancel()
            await asyncio.wait([search])
            await store.append_raw_messages("c0", saying("kot"))
            assert len(await store.search("kot", limit=None)) == 51

        run(work, tmp_path / "a.db")


class TestKeepingUp:
    def test_a_write_only_notes_a_range(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await wake(store)
            await store.append_raw_messages("c", saying("a"))
            seen = trace(store)
            await store.append_raw_messages("c", saying(*"bcd"))
            assert not [text for text in seen if "posting" in text]
            assert len([text for text in seen if "unindexed" in text]) == 1

        run(work, tmp_path / "a.db")

    def test_what_waits_is_taken_in_when_nothing_is_written(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await wake(store)
            seen = trace(store)
            await store.append_raw_messages("c", saying("kot"))
            await store.store_memory("c", "m", {"text": "kot"})
            assert len([text for text in seen if "INSERT INTO unindexed" in text]) == 2
            await until(lambda: queued(store) == 0)
            seen = trace(store)
            assert len(await store.search("kot")) == 2
            assert seen == [], "a search writes nothing where nothing waits"

        run(work, tmp_path / "a.db")

    def test_and_beside_the_writes_where_many_wait(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(upkeep, "MANY", 50)
        monkeypatch.setattr(background, "QUIET", 3600)

        async def work(store: Store) -> None:
            await wake(store)
            for number in range(200):
                await store.append_raw_messages(f"c{number}", saying("kot"))
            await until(lambda: queued(store) < 150)

        run(work, tmp_path / "a.db")

    def test_a_store_that_has_something_waiting_takes_it_in_once_it_is_open(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def write(store: Store) -> None:
            await wake(store)
            monkeypatch.setattr(background, "QUIET", 3600)
            await store.append_raw_messages("c", saying("kot"))
            assert queued(store) == 1

        async def wait(store: Store) -> None:
            await until(lambda: queued(store) == 0)

        run(write, tmp_path / "a.db")
        monkeypatch.undo()
        run(wait, tmp_path / "a.db")

    def test_a_search_asks_for_no_more_than_what_was_there(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            async def write() -> None:
                for number in range(300):
                    await store.append_raw_messages(f"c{number % 7}", saying("kot"))

            writing = asyncio.create_task(write())
            last = 0
            while not writing.done():
                found = len(await store.search("kot", limit=None))
                assert found >= last
                last = found
            await writing
            assert len(await store.search("kot", limit=None)) == 300

        run(work, tmp_path / "a.db")

    def test_steps_are_short_and_begin_where_the_last_one_ended(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(indexer, "STEP_BYTES", 2000)
        monkeypatch.setattr(indexer, "ENTRIES", 3)
        monkeypatch.setattr(indexer, "MOST_GONE", 4)

        async def work(store: Store) -> None:
            for number in range(20):
                await store.append_raw_messages(f"c{number % 3}", saying(*["kot"] * (number % 6)))
                await store.store_memory(f"c{number % 3}", f"m{number % 5}", {"text": "kot " * number})
                await store.save_result({"text": "kot"}, f"r{number % 4}")
            before = keys(await store.search("kot", limit=None))
            assert len(before) == 47 + 14 + 4
            assert await store.reindex() >= len(before)
            assert keys(await store.search("kot", limit=None)) == before
            await store.delete_conversation("c1")
            await store.store_raw_messages("c2", saying("kot"))
            await asyncio.sleep(3 * background.QUIET)
            assert (await store.verify())["problems"] == []
            stays = [
                key for key in before if len(key) == 1 or key[0] == "c0" or (str(key[1])[0] == "m" and key[0] != "c1")
            ]
            assert keys(await store.search("kot", limit=None)) == sorted([*stays, ("c2", 0)], key=repr)

        run(work, tmp_path / "a.db")

    def test_sealing_and_packing_again_leave_the_index_alone(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            for number in range(120):
                await store.append_raw_messages("c", saying(f"kot {number}"))
            before = await store.search("kot", limit=None)
            await store.compact()
            assert queued(store) == 0
            assert await store.search("kot", limit=None) == before
            assert keys(await store.search("77")) == [("c", 77)]
            await store.append_raw_messages("c", saying("kot new"))
            assert keys(await store.search("new")) == [("c", 120)]
            await store.reindex()
            assert len(await store.search("kot", limit=None)) == 121
            assert (await store.verify())["problems"] == []

        run(work, tmp_path / "a.db")

    def test_a_closed_store_is_unavailable(self, tmp_path: Path) -> None:
        async def main() -> None:
            store = Store(SQLiteBackend(tmp_path / "a.db"))
            for _ in range(2):
                for ask in (lambda: store.search("a"), store.reindex):
                    with pytest.raises(UnavailableError):
                        await ask()
                await store.initialize()
                assert await store.search("a") == []
                await store.shutdown()

        asyncio.run(main())

    def test_a_place_below_the_numbers_is_refused(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            with pytest.raises(InvalidInputError, match="a place must be"):
                await store.backend.apply([Copy(RESULT, (b"{}", 1, 1, 1, None, -1, "r"))])

        run(work, tmp_path / "a.db")


class TestWhatIsWrong:
    def fill(self, path: Path) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("kot a", "kot b", "kot c"))
            await store.store_memory("c", "m", {"text": "kot"})
            await store.save_result({"text": "kot"}, "r")
            assert len(await store.search("kot")) == 5

        run(work, path)

    def problems(self, path: Path) -> list[str]:
        async def work(store: Store) -> list[str]:
            found: list[str] = (await store.verify())["problems"]
            return found

        made: list[str] = run(work, path)
        return made

    def test_verify_names_what_the_index_lost_and_what_it_made_up(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        self.fill(path)
        assert self.problems(path) == []
        change(path, f"DELETE FROM posting WHERE rowid = {sqlite_numbers.number(MEMORY, 1, 0)}")
        change(path, f"INSERT INTO posting (rowid, t) VALUES ({sqlite_numbers.number(RAW_MESSAGE, 9, 4)}, 'kot')")
        zero = sqlite_numbers.number(RESULT, 0, 0)
        change(path, f"INSERT OR REPLACE INTO posting (rowid, t) VALUES ({zero}, 'other words')")
        missing, extra, blind = self.problems(path)
        assert missing == "memory at place 0 of conversation number 1: it is missing from the index of text"
        assert "raw_message at place 4 of conversation number 9: the index of text has it" in extra
        assert "result at place 0: the index of text does not find it" in blind
        run(lambda store: store.reindex(), path)
        assert self.problems(path) == []

    def test_a_damaged_index_is_found_by_sqlites_own_check(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        self.fill(path)
        change(path, "UPDATE posting_data SET block = CAST('!!!' || block AS BLOB) WHERE id > 10")
        assert any("posting" in problem for problem in self.problems(path))
        run(lambda store: store.reindex(), path)
        assert self.problems(path) == []

    @pytest.mark.parametrize("sealed", [False, True])
    def test_a_broken_body_does_not_keep_others_from_being_found(self, tmp_path: Path, sealed: bool) -> None:
        path = tmp_path / "a.db"

        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("kot", "kot", "kot"))
            await store.append_raw_messages("d", saying("kot"))
            for name in "mn":
                await store.store_memory("c", name, {"text": "kot"})
            if sealed:
                await store.compact()

        async def look(store: Store) -> None:
            with pytest.raises(CorruptError):
                await store.load_raw_messages("c")
            await store.reindex()
            expected = [("d", 0), ("c", "n")] if sealed else [("c", 0), ("c", 2), ("d", 0), ("c", "n")]
            assert {hit.key for hit in await store.search("kot")} == set(expected)
            assert len((await store.verify())["problems"]) == 2, "the bodies, not the index"

        run(work, path)
        number = sqlite_numbers.number(RAW_MESSAGE, 1, 2 if sealed else 1)
        change(path, f"UPDATE raw_message SET body = CAST('!' || substr(body, 2) AS BLOB) WHERE id = {number}")
        change(path, "UPDATE memory SET body = CAST('!' || substr(body, 2) AS BLOB) WHERE memory_id = 'm'")
        run(look, path)


class TestVectors:
    def test_a_large_namespace_gets_cells_by_itself(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ivf_training, "LARGE", 100)
        chance = random.Random(3)
        vectors = [[chance.gauss(0, 1) for _ in range(4)] for _ in range(300)]

        async def work(store: Store) -> None:
            await store.upsert_vectors("docs", [f"i{n}" for n in range(300)], vectors)
            await store.append_raw_messages("c", saying(*"abc"), vectors=vectors[:3])
            await wake(store)
            await asyncio.sleep(4 * background.QUIET)
            await store.upsert_vectors("docs", ["new"], [[1, 0, 0, 0]])
            await until(lambda: backend(store)._reading.execute("SELECT count(*) FROM cells").fetchone() != (0,))
            assert backend(store)._reading.execute("SELECT count(DISTINCT cell) FROM packed").fetchone()[0] > 10
            for query in vectors[:20]:
                exact = await store.search_vectors("docs", query, limit=None, exact=True)
                near = await store.search_vectors("docs", query, limit=None)
                assert sorted(near) == sorted(exact), "every one of them, once"
                assert len({*keys(near[:10])} & {*keys(exact[:10])}) >= 9
            assert await store.delete_vectors("docs", [f"i{n}" for n in range(150)]) == 150
            assert len(await store.search_vectors("docs", vectors[0], limit=None)) == 151
            assert (await store.verify())["problems"] == []
            await store.delete_collection("docs")
            await store.search("x")
            assert len(await store.search(vector=vectors[0], limit=None)) == 3
            held = backend(store)._reading.execute("SELECT sum(size) FROM packed").fetchone()
            assert held == (3,), "what is deleted takes no room"

        run(work, tmp_path / "a.db")

    def test_a_store_without_vectors_needs_no_numpy(self, tmp_path: Path) -> None:
        script = """
            import asyncio, sys, lodestore
            sys.modules["numpy"] = None
            async def main():
                async with lodestore.open(sys.argv[1]) as store:
                    await store.append_raw_messages("c", [{"content": "kot"}])
                    assert len(await store.search("kot")) == 1
                    try:
                        await store.store_memory("c", "m", {"text": "kot"}, vector=[1.0])
                    except lodestore.Unsupported as problem:
                        print(problem)
            asyncio.run(main())
        """
        child = python(textwrap.dedent(script), f"sqlite:///{tmp_path}/a.db", stdout=subprocess.PIPE)
        said, _ = child.communicate()
        assert (child.returncode, said) == (0, b"vectors need numpy: pip install 'lodestore[vector]'\n")


class TestBoth:
    """A search by both in a small namespace reads text in a thread and vectors meanwhile: both of one moment."""

    @pytest.mark.parametrize("after", ["raw_message", "nothing", "conversation"])
    def test_a_commit_between_the_two_is_noticed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
    ) -> None:
        path, at_once, whole = tmp_path / "agent.db", searcher.Searcher._at_once, result_reader.legs
        walked: list[object] = []

        def commit() -> None:
            with lodestore.sync.open(f"sqlite:///{path}") as other:
                if after == "raw_message":
                    other.append_raw_messages("c", saying("pog hox"), vectors=[[0.0, 1.0]])
                elif after == "conversation":
                    other.delete_conversation("c")

        here: list[object] = []  # what is read on the loop: whether there are few vectors, then these

        def late(self: searcher.Searcher, run: object, read: Any, **more: Any) -> Any:
            if run is self._looking:
                here.append(read)
                if len(here) == 2:
                    time.sleep(0.2)  # so that text has been read
                    commit()
            return at_once(self, run, read, **more)  # type: ignore[arg-type]

        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("pog", "jim"), vectors=[[1.0, 0.0], [0.6, 0.8]])
            await wake(store)
            monkeypatch.setattr(searcher.Searcher, "_at_once", late)
            monkeypatch.setattr(result_reader, "legs", lambda *given: (walked.append("whole"), whole(*given))[1])
            hits = await store.search("pog", vector=[0.0, 1.0], namespace="c", explain=True, neighbours=0)
            there = {0: {"text", "vector"}, 1: {"vector"}}
            expected = {"raw_message": {**there, 2: {"text", "vector"}}, "nothing": there, "conversation": {}}
            assert {hit.key[1]: set(hit.legs or ()) for hit in hits} == expected[after]
            assert walked == ([] if after == "nothing" else ["whole"])

        run(work, path)

    def test_many_vectors_are_left_to_the_thread(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("pog", "jim"), vectors=[[1.0, 0.0], [0.6, 0.8]])
            await wake(store)
            expected = await store.search("pog", vector=[0.0, 1.0], namespace="c")
            monkeypatch.setattr(result_reader, "FEW", 1)
            monkeypatch.setattr(result_reader, "by_text", None)
            monkeypatch.setattr(result_reader, "few_near", None)
            assert await store.search("pog", vector=[0.0, 1.0], namespace="c") == expected

        run(work, tmp_path / "agent.db")

    def test_what_fails_in_either_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("pog"), vectors=[[1.0, 0.0]])
            await wake(store)
            for name in ("few_near", "by_text"):
                with monkeypatch.context() as patch:
                    patch.setattr(result_reader, name, lambda *given: 1 / 0)
                    with pytest.raises(ZeroDivisionError):
                        await store.search("pog", vector=[0.0, 1.0], namespace="c")
            assert len(await store.search("pog", vector=[0.0, 1.0], namespace="c")) == 1

        run(work, tmp_path / "agent.db")

    def test_a_search_may_be_cancelled_at_any_moment(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            texts = saying(*(f"pog {n}" for n in range(300)))
            await store.append_raw_messages("c", texts, vectors=[[math.cos(n), math.sin(n)] for n in range(300)])
            await wake(store)
            expected = await store.search("pog", vector=[0.0, 1.0], namespace="c")
            for turns in range(12):
                task = asyncio.ensure_future(store.search("pog", vector=[0.0, 1.0], namespace="c"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            assert await store.search("pog", vector=[0.0, 1.0], namespace="c") == expected

        run(work, tmp_path / "agent.db")


class TestVerify:
    def test_an_index_that_was_merged_meanwhile_is_whole(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            for number in range(50):  # a part of the index each
                await store.append_raw_messages("c", saying(f"kot {number}"))
                await store.search("kot")
            assert (await store.verify())["problems"] == [], "and now its connection knows the parts"
            await backend(store)._index.settle()
            assert (await store.verify())["problems"] == []

        run(work, tmp_path / "a.db")


class TestUpgrade:
    def test_an_old_store_is_found_in_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "old.db"
        shutil.copy(FROZEN, path)

        async def work(store: Store) -> None:
            assert queued(store) == 1
            hits = await store.search("more", limit=None)
            records = [
                len(await store.load_raw_messages(name))
                for name in await store.list_conversations(include_partial=True)
            ]
            posted = backend(store)._reading.execute("SELECT count(*) FROM posting").fetchone()[0]
            assert posted >= sum(records) > 0
            assert all(isinstance(hit, Hit) for hit in hits)
            assert queued(store) == 0
            assert (await store.verify())["problems"] == []

        run(work, path)


def direction(number: int) -> list[float]:
    """Nine that are far apart, and of each some that are near."""
    angle = number % 9 * 0.6 + number // 9 % 5 * 0.05
    return [math.cos(angle), math.sin(angle)]


WRITER = textwrap.dedent("""
    import asyncio, os, random, sys, lodestore
    from lodestore.backends.sqlite.search import indexer as indexing, upkeep
    from lodestore.core import background
    from lodestore.backends.sqlite.vectors import ivf_training as training
    from tests.backends.sqlite.test_search import direction
    indexing.STEP_BYTES, background.QUIET, upkeep.MANY, training.LARGE = 3000, 0.001, 5, 20
    url, start, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    random.seed(seed)
    async def main():
        async with lodestore.open(url) as store:
            os.write(1, b"open\\n")
            n = start
            while True:
                async with store.transaction() as tx:
                    some = [[n, 1.0], None, [1.0, n]]
                    await tx.append_raw_messages(f"c{n % 4}", [{"content": f"kot w{n}"}] * 3, vectors=some)
                    await tx.store_memory("c", f"m{n % 9}", {"text": f"kot w{n}"}, vector=direction(n))
                os.write(1, b"%d\\n" % n)
                if random.random() < 0.3:
                    await store.search("kot")
                if random.random() < 0.1:
                    await store.reindex()
                n += 1
    asyncio.run(main())
""")


def test_kill_9_while_indexing_leaves_an_index_that_verifies_and_finds_everything(tmp_path: Path) -> None:
    path, chance, done = tmp_path / "a.db", random.Random(KILLS), -1

    async def check(store: Store) -> int:
        assert (await store.verify())["problems"] == []
        last = -1
        for name in (f"c{n}" for n in range(4)):
            messages = await store.load_raw_messages(name)
            found = await store.search("kot", namespace=name, limit=None)
            assert sorted(hit.key[1] for hit in found) == list(range(len(messages)))
            near = await store.search(vector=[1, 1], namespace=name, limit=None)
            assert sorted(hit.key[1] for hit in near) == [n for n in range(len(messages)) if n % 3 != 1]
            last = max([last, *(int(message["content"].split("w")[1]) for message in messages)])
        assert last >= done
        assert len(await store.search(f"w{last}", limit=None)) == 4
        for memory in await store.load_memories("c"):
            [hit] = await store.search(memory["text"].split()[1], families=["memory"])
            assert hit.key == ("c", memory["memory_id"])
            number = int(memory["text"].split("w")[1])
            [hit] = await store.search(vector=direction(number), families=["memory"], limit=1)
            assert hit.key == ("c", memory["memory_id"])
        assert (await store.verify())["problems"] == []
        return last + 1

    start = 0
    for _ in range(KILLS):
        child = python(WRITER, f"sqlite:///{path}", str(start), str(chance.random())[2:8], stdout=subprocess.PIPE)
        opened, *seen = kill_after(child, chance.randrange(3, 40), chance.random() * 0.02)
        assert opened == b"open\n"
        done = max(done, *map(int, seen))
        start = run(check, path)
    assert done > KILLS


def test_the_door_without_a_loop_searches_too(tmp_path: Path) -> None:
    with lodestore.sync.open(f"sqlite:///{tmp_path}/a.db") as store:
        store.append_raw_messages("c", saying("kot"))
        [hit] = store.search("kot", namespace="c")
        assert hit.snippet == "kot"
        assert store.reindex() == 1
