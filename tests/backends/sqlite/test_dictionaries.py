"""Dictionaries trained by a store from its own records: nothing changes but the bytes, whoever trains and whenever."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import textwrap
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lodestore import transfer
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.engine import driver
from lodestore.core.families import MEMORY, RAW_MESSAGE
from lodestore.core.records import Page
from lodestore.encoding import dictionary_training
from lodestore.encoding.body_format import BASE
from lodestore.encoding.dictionaries import Dictionary, compress_dictionary, open_dictionary
from lodestore.errors import CorruptError, StorageFullError
from lodestore.store.store import Store
from tests.support.killing import kill_after
from tests.support.scale import scaled
from tests.support.sqlite_tools import backend, python, run

WORDS = ["flight", "seat", "refund", "policy", "booking", "agent", "user", "order", "payment", "card", "insurance"]
KILLS = int(os.environ.get("LODESTORE_KILLS", scaled(8, 3)))


def messages(count: int, start: int = 0, kind: str = "assistant") -> list[dict[str, Any]]:
    """Messages that have much in common, and none of them twice."""
    chance = random.Random(start)
    words = WORDS if kind == "assistant" else [f"{random.Random(kind + w).getrandbits(99):x}" for w in WORDS * 3]
    return [
        {"role": kind, "content": " ".join(chance.choices(words, k=chance.randrange(5, 40))), "n": start + number}
        for number in range(count)
    ]


async def remember(store: Store, owner: str, found: list[dict[str, Any]]) -> None:
    """Keep messages as memories, each of which `compact` packs by itself."""
    async with store.transaction() as tx:
        for number, message in enumerate(found):
            await tx.store_memory(owner, f"m{number:04}", message)


async def trained(store: Store) -> None:
    """Wait for the training that goes on in the background."""
    while (task := backend(store)._background.running(backend(store).trainer)) is not None:
        await asyncio.wait([task])


def kinds(path: Path, table: str = "raw_message") -> dict[int, int]:
    """How many bodies of a table begin with which byte, the mark of effort left out."""
    connection = driver.connect(str(path), None, timeout=5)
    rows = connection.execute(f"SELECT body FROM {table} WHERE length(body) > 0").fetchall()
    connection.close()
    found: dict[int, int] = {}
    for (body,) in rows:
        found[body[0] & 127] = found.get(body[0] & 127, 0) + 1
    return found


def table(path: Path) -> list[Dictionary]:
    connection = driver.connect(str(path), None, timeout=5)
    rows = connection.execute("SELECT number, family, covered, body FROM dictionary ORDER BY number").fetchall()
    connection.close()
    return [Dictionary._make(row) for row in rows]


async def closed(path: Path, turns: int) -> object:
    """What is left of a training after the store has closed in the middle of it."""
    async with Store(SQLiteBackend(path)) as store:
        await store.append_raw_messages("c", messages(1000))
        for _ in range(turns):
            await asyncio.sleep(0.001)
    return backend(store)._background.running(backend(store).trainer)


def change(path: Path, statement: str, *values: Any) -> None:
    connection = driver.connect(str(path), None, timeout=5)
    connection.execute(statement, values)
    connection.close()


class TestTraining:
    def test_it_comes_by_itself_and_changes_nothing_but_the_bytes(self, tmp_path: Path) -> None:
        first, second = messages(1000), messages(1000, 1000)

        async def work(store: Store) -> None:
            for start in range(0, 1000, 10):
                await store.append_raw_messages("c", first[start : start + 10])
            await trained(store)
            await store.append_raw_messages("c", second)
            assert await store.load_raw_messages("c") == first + second
            assert await store.load_raw_messages("c", limit=5) == second[-5:]
            assert (await store.verify())["ok"]

        run(work, tmp_path / "a.db")
        [kept] = table(tmp_path / "a.db")
        assert kept[:2] == (1, "raw_message")
        assert kinds(tmp_path / "a.db")[BASE + 1] >= 1000
        assert len(kept.stored) < len(open_dictionary(kept)) / 2, "it is packed itself"

        async def again(store: Store) -> None:
            assert await store.load_raw_messages("c") == first + second
            await store.append_raw_messages("c", messages(10, 5000))

        run(again, tmp_path / "a.db")
        assert len(table(tmp_path / "a.db")) == 1, "not trained anew by every handle"

    def test_a_store_written_a_little_at_a_time_gets_one_too(self, tmp_path: Path) -> None:
        for start in range(0, 1000, 100):

            async def work(store: Store, start: int = start) -> None:
                await store.append_raw_messages("c", messages(100, start))
                await trained(store)

            run(work, tmp_path / "a.db")
        assert len(table(tmp_path / "a.db")) == 1

    def test_the_next_one_comes_at_eight_times_the_size(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            for start in range(0, 12000, 500):
                await store.append_raw_messages("c", messages(500, start, f"assistant{start // 2000}"))
                await trained(store)
            assert len(await store.load_raw_messages("c")) == 12000

        run(work, tmp_path / "a.db")
        found = table(tmp_path / "a.db")
        assert [kept.number for kept in found] == [1, 2]
        assert found[1].covered == 8 * found[0].covered

    def test_what_has_nothing_in_common_gets_none(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", [{"text": os.urandom(2000).hex()} for _ in range(100)])
            await store.append_raw_messages("d", [{"text": "short"}] * 3000)
            await trained(store)
            await store.compact()

        run(work, tmp_path / "a.db")
        assert table(tmp_path / "a.db") == []

    def test_each_family_has_its_own(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", messages(900))
            await store.store_cache_entries({f"k{n}": m for n, m in enumerate(messages(900, 900, "cached"))}, ttl=60)
            await trained(store)
            done = await store.compact()
            assert (done["packed"] >= 900, done["sealed"] >= 850) == (True, True)
            for number, message in enumerate(messages(900, 900, "cached")):
                assert await store.load_cache_entry(f"k{number}") == message

        run(work, tmp_path / "a.db")
        assert {kept.family for kept in table(tmp_path / "a.db")} == {"raw_message", "cache"}
        assert kinds(tmp_path / "a.db").keys().isdisjoint(kinds(tmp_path / "a.db", "cache"))

    def test_it_can_be_switched_off(self, tmp_path: Path) -> None:
        async def write(store: Store) -> None:
            await remember(store, str(next(owners)), messages(1000))
            await trained(store)
            found = await store.compact()
            assert (found["dictionaries"], found["packed"]) == (0, 0)

        owners = iter(range(2))
        run(write, tmp_path / "a.db", dictionaries=False)
        assert table(tmp_path / "a.db") == []
        run(lambda store: store.compact(), tmp_path / "a.db")
        assert len(table(tmp_path / "a.db")) == 1
        run(write, tmp_path / "a.db", dictionaries=False)
        assert kinds(tmp_path / "a.db", "memory") == {BASE + 1: 1000, 1: 1000}, "not used to write either"

        async def read(store: Store) -> None:
            for owner in "01":
                for number, message in enumerate(messages(1000)):
                    found = await store.load_memory(owner, f"m{number:04}")
                    assert found is not None
                    assert message.items() <= found.items()

        run(read, tmp_path / "a.db", dictionaries=False)

    def test_a_failure_is_nobodys_but_shows(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(*_: object) -> bool:
            raise StorageFullError("the disk is full")

        async def work(store: Store) -> None:
            monkeypatch.setattr(backend(store)._dict_table, "keep", fail)
            await store.append_raw_messages("c", messages(1000))
            await trained(store)
            assert await store.load_raw_messages("c") == messages(1000)
            health = await store.health_check()
            assert health["warnings"] == ["training a dictionary failed: the disk is full"]
            monkeypatch.undo()
            await store.append_raw_messages("c", messages(1000))
            await trained(store)
            assert (await store.health_check())["warnings"] == []

        run(work, tmp_path / "a.db")
        assert len(table(tmp_path / "a.db")) == 1

    def test_closing_in_the_middle(self, tmp_path: Path) -> None:
        async def work(store: Store, turns: int) -> None:
            await store.append_raw_messages("c", messages(1000))
            for _ in range(turns):
                await asyncio.sleep(0.002)

        for turns in range(8):
            path = tmp_path / f"{turns}.db"

            async def some(store: Store, turns: int = turns) -> None:
                await work(store, turns)

            run(some, path)
            assert len(table(path)) <= 1
            assert asyncio.run(closed(tmp_path / f"{turns}-more.db", turns)) is None

            async def check(store: Store) -> None:
                assert await store.load_raw_messages("c") == messages(1000)
                assert (await store.verify())["ok"]

            run(check, path)


class TestRepacking:
    def test_compact_packs_old_bodies_again(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"

        async def write(store: Store) -> None:
            for start in range(0, 3000, 300):
                await remember(store, f"c{start}", messages(300, start))
                await store.append_raw_messages(f"c{start}", [{"text": "alone"}])

        run(write, path, dictionaries=False)
        assert kinds(path, "memory") == {1: 3000}

        async def compact(store: Store) -> None:
            before = await backend(store).scan(Page(MEMORY))
            found = await store.compact()
            assert (found["dictionaries"], found["packed"]) == (1, 3000)
            assert await backend(store).scan(Page(MEMORY)) == before, "versions, times and places too"
            found = await store.compact()
            assert (found["dictionaries"], found["packed"]) == (0, 0), "once is enough"
            assert (await store.verify())["ok"]

        run(compact, path)
        assert kinds(path, "memory") == {BASE + 1: 3000}

    def test_what_is_sealed_already_is_packed_again_too(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"

        async def write(store: Store) -> None:
            await store.append_raw_messages("c", messages(1000))
            assert (await store.compact())["sealed"] > 900

        async def compact(store: Store) -> None:
            before = await backend(store).scan(Page(RAW_MESSAGE))
            found = await store.compact()
            assert (found["dictionaries"], found["sealed"]) == (1, 0)
            assert found["packed"] == len(before) // 50
            assert await backend(store).scan(Page(RAW_MESSAGE)) == before
            assert (await store.verify())["ok"]

        run(write, path, dictionaries=False)
        run(compact, path)
        assert kinds(path).keys() == {BASE + 1}

    def test_in_short_steps_beside_other_writers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        steps: list[int] = []
        states: dict[str, int] = {}

        async def work(store: Store) -> None:
            kernel = backend(store)
            packing, own = kernel._dict_table._smaller, iter(range(100_000))

            def watched(*arguments: Any) -> Any:
                found = packing(*arguments)
                steps.append(len(found[0]))
                enough = sum(states.values()) + 3  # that others write between reading and replacing
                while sum(states.values()) < enough:
                    time.sleep(0.001)
                return found

            monkeypatch.setattr(kernel._dict_table, "_smaller", watched)
            compacting = asyncio.create_task(store.compact())
            while not compacting.done():
                key = f"k{next(own) % 1000}"
                states[key] = states.get(key, 0) + 1
                await store.store_system_state(key, {**messages(1)[0], "n": states[key]})
            await compacting
            assert len(states) > 20
            for key, number in states.items():
                found = await store.load_system_state(key)
                assert found is not None
                assert found["n"] == number, "an old body replaced a new one"

        async def fill(store: Store) -> None:
            async with store.transaction() as tx:
                for number, message in enumerate(messages(2000)):
                    await tx.store_system_state(f"k{number}", message)

        run(fill, tmp_path / "a.db", dictionaries=False)
        run(work, tmp_path / "a.db")
        assert max(steps) <= 256
        assert sum(steps) > 1000

    def test_a_record_written_between_reading_and_replacing_stays(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            kernel = backend(store)
            await kernel.trainer.train()
            replaced, calls = kernel._writer.chore, iter(range(100))

            async def late(function: Callable[[Any], Any], doing: str) -> Any:
                if doing == "packing" and next(calls) == 0:  # the step both records are part of
                    await store.store_system_state("k0007", {"new": True})
                    await store.delete_system_state("k0008")
                return await replaced(function, doing)

            kernel._writer.chore = late  # type: ignore[method-assign, assignment]
            await kernel.compact()
            assert await store.load_system_state("k0007") == {"new": True}
            assert await store.load_system_state("k0008") is None
            assert await store.load_system_state("k0009") == messages(1000)[9]

        async def fill(store: Store) -> None:
            async with store.transaction() as tx:
                for number, message in enumerate(messages(1000)):
                    await tx.store_system_state(f"k{number:04}", message)

        run(fill, tmp_path / "a.db", dictionaries=False)
        run(work, tmp_path / "a.db")

    def test_the_tier_in_front_of_the_file_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        run(lambda store: store.append_raw_messages("c", messages(1000)), path, dictionaries=False)

        async def work(store: Store) -> None:
            hot, drops = backend(store).cache, 0
            assert hot is not None
            forget = hot.drop

            def counted() -> None:
                nonlocal drops
                drops += 1
                forget()

            await store.store_cache_entry("k", {"n": 1})
            assert await store.load_cache_entry("k") == {"n": 1}
            hot.drop = counted  # type: ignore[method-assign]
            assert await backend(store).trainer.train() == 1
            assert await backend(store)._dict_table.repack() == 1000
            assert await store.load_cache_entry("k") == {"n": 1}
            assert drops == 0, "no record reads otherwise than before"

        run(work, path)

    def test_a_broken_record_is_left_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        run(lambda store: remember(store, "c", messages(1000)), path, dictionaries=False)
        run(lambda store: store.append_raw_messages("c", messages(100)), path, dictionaries=False)
        for table_ in ("memory", "raw_message"):
            number = f"SELECT rowid FROM {table_} ORDER BY rowid LIMIT 1 OFFSET 5"
            change(path, f"UPDATE {table_} SET body = CAST(body || x'00' AS BLOB) WHERE rowid = ({number})")

        async def work(store: Store) -> None:
            found = await store.compact()
            assert found["packed"] >= 999
            broken = [
                f"{key}: record: the stored body fails its checksum"
                for key in ("raw_message('c', 5)", "memory('c', 'm0005')")
            ]
            assert (await store.verify())["problems"] == broken

        run(work, path)


class TestManyHandles:
    def test_the_other_handle_reads_what_the_one_trained_for(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"

        async def work(one: Store) -> None:
            async with Store(SQLiteBackend(path)) as two:
                await one.append_raw_messages("old", messages(1000))
                await trained(one)
                reads: list[Callable[[Store, str], Awaitable[list[Any]]]] = [
                    lambda s, c: s.load_raw_messages(c),
                    lambda s, c: s.load_raw_messages(c, limit=3),
                    lambda s, c: s.load_raw_messages(c, limit=100),
                    lambda s, c: backend(s).fetch(RAW_MESSAGE, [(c, 200)]),
                    lambda s, c: backend(s).fetch(RAW_MESSAGE, [(c, n) for n in range(200, 300)]),
                    lambda s, c: backend(s).scan(Page(RAW_MESSAGE, (c,))),
                    lambda s, c: s.sql("SELECT data FROM raw_messages WHERE conversation_id = ?", (c,)),
                ]
                for number, read in enumerate(reads):
                    # Each kind of read is the first to meet a dictionary made meanwhile.
                    await one.append_raw_messages(f"c{number}", messages(150, 150 * number))
                    assert await backend(one)._dict_table.keep(
                        RAW_MESSAGE, number + 1, 1, compress_dictionary(open_dictionary(table(path)[0]))
                    )
                    await one.append_raw_messages(f"c{number}", messages(150, 9999))
                    assert backend(two)._packer.latest < number + 2
                    assert await read(two, f"c{number}") == await read(one, f"c{number}")
                    assert backend(two)._packer.latest == number + 2
                await two.append_raw_messages("c", messages(10))
                assert await one.load_raw_messages("c") == messages(10)
                assert (await one.verify())["ok"]

        run(work, path)

    def test_of_two_that_train_at_once_one_wins(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        run(lambda store: store.append_raw_messages("c", messages(2000)), path, dictionaries=False)

        async def work(one: Store) -> None:
            async with Store(SQLiteBackend(path)) as two:
                made = await asyncio.gather(*(backend(store).trainer.train() for store in (one, two)))
                assert sum(made) == 1
                for number, store in enumerate((one, two)):
                    await store.append_raw_messages(f"d{number}", messages(500))
                assert {backend(store)._packer.latest for store in (one, two)} == {1}

        run(work, path)
        assert kinds(path) == {1: 2000, BASE + 1: 1000}

    def test_two_processes(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        code = textwrap.dedent("""
            import asyncio, sys, lodestore
            from tests.backends.sqlite.test_dictionaries import messages, trained
            async def main():
                async with lodestore.open(sys.argv[1]) as store:
                    print("open", flush=True)
                    for line in sys.stdin:
                        if line == "write\\n":
                            await store.append_raw_messages("theirs", messages(1000))
                            await trained(store)
                            await store.append_raw_messages("theirs", messages(10, 5000))
                        else:
                            assert await store.load_raw_messages("ours") == messages(20)
                        print("done", flush=True)
            asyncio.run(main())
        """)

        async def work(store: Store) -> None:
            child = python(code, f"sqlite:///{path}", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert child.stdin is not None
            assert child.stdout is not None
            assert child.stdout.readline() == b"open\n"
            for order in (b"write\n", b"read\n"):
                if order == b"read\n":
                    await store.append_raw_messages("ours", messages(20))
                child.stdin.write(order)
                child.stdin.flush()
                assert child.stdout.readline() == b"done\n"
                assert await store.load_raw_messages("theirs") == messages(1000) + messages(10, 5000)
            child.communicate()
            assert child.returncode == 0
            assert backend(store)._packer.latest == 1

        run(work, path)
        assert kinds(path)[BASE + 1] >= 30, "what was read made the dictionary known for writing"


class TestLoss:
    @staticmethod
    def fill(path: Path) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", messages(1000))
            await trained(store)
            await store.append_raw_messages("d", messages(100))

        run(work, path)
        assert kinds(path)[BASE + 1] >= 100

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            ("DELETE FROM dictionary", "dictionary 1, which the body was packed with, is missing"),
            (
                "UPDATE dictionary SET body = CAST(substr(body, 1, 90) || x'5555' AS BLOB)",
                "dictionary 1 is damaged",
            ),
            ("UPDATE dictionary SET body = x''", "dictionary 1 is damaged"),
        ],
    )
    def test_a_lost_dictionary_is_named(self, tmp_path: Path, damage: str, message: str) -> None:
        path = tmp_path / "a.db"
        self.fill(path)
        change(path, damage)

        async def work(store: Store) -> None:
            for read in (
                store.load_raw_messages("d"),
                store.load_raw_messages("d", limit=1),
                backend(store).fetch(RAW_MESSAGE, [("d", 99)]),
            ):
                with pytest.raises(CorruptError, match=rf"raw_message\('d', \d+\): .*{message}"):
                    await read
            with pytest.raises(CorruptError, match="unpack"):
                await store.sql("SELECT data FROM raw_messages")
            found = await store.verify()
            assert not found["ok"]
            assert any(message in problem for problem in found["problems"])
            await store.append_raw_messages("e", messages(5))
            assert await store.load_raw_messages("e") == messages(5), "and the rest goes on"

        run(work, path)

    def test_kill_9_while_it_trains_and_packs_again(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        code = textwrap.dedent("""
            import asyncio, os, sys, lodestore
            from lodestore.core.families import RAW_MESSAGE
            from lodestore.encoding.dictionaries import compress_dictionary
            from lodestore.encoding.dictionary_training import train
            from tests.backends.sqlite.test_dictionaries import messages
            async def main():
                async with lodestore.open(sys.argv[1]) as store:
                    dictionary_table, packer = store.backend._dict_table, store.backend._packer
                    async def write():
                        for n in range(int(sys.argv[2]), 10**9, 50):
                            await store.append_raw_messages("c", messages(50, n))
                            os.write(1, b"%d\\n" % n)
                    async def improve():
                        while True:
                            newest = packer.newest(RAW_MESSAGE)
                            made = compress_dictionary(train(await dictionary_table.sample(RAW_MESSAGE, 50_000)))
                            await dictionary_table.keep(RAW_MESSAGE, newest.number if newest else 0, 1, made)
                            os.write(1, b"trained\\n")
                            await dictionary_table.repack()
                    await asyncio.gather(write(), improve())
            asyncio.run(main())
        """)
        acknowledged: list[int] = []

        async def check(store: Store) -> int:
            found = await store.load_raw_messages("c")
            starts = [message["n"] for message in found if message["n"] % 50 == 0]
            assert found == [message for n in starts for message in messages(50, n)]
            assert set(acknowledged) <= set(starts)
            assert (await store.verify())["ok"]
            return max(starts) + 50

        first = [message for n in range(0, 500, 50) for message in messages(50, n)]
        run(lambda store: store.append_raw_messages("c", first), path)
        chance, start = random.Random(KILLS), 500
        for _ in range(KILLS):
            child = python(code, f"sqlite:///{path}", str(start), stdout=subprocess.PIPE)
            least = chance.randrange(4, 20)
            lines = kill_after(child, lambda said, least=least: _busy(said, least), chance.random() * 0.02)
            acknowledged += [int(line) for line in lines if line != b"trained\n"]
            start = run(check, path)
        assert len(acknowledged) > KILLS
        assert len(table(path)) > 2
        assert len(kinds(path)) > 2


def _busy(said: list[bytes], least: int) -> bool:
    """Whether so much was done, a dictionary trained among it, and with that something written."""
    return len(said) >= least and b"trained\n" in said and said[-1] != b"trained\n"


class TestTheRest:
    def test_a_backup_an_encrypted_store_and_a_migration(self, tmp_path: Path) -> None:
        async def fill(store: Store) -> None:
            await store.append_raw_messages("c", messages(1000))
            await trained(store)
            await store.append_raw_messages("c", messages(1000, 1000))
            await store.backup(tmp_path / "b.db")

        run(fill, tmp_path / "a.db", key=b"k" * 32)

        async def check(store: Store) -> None:
            assert await store.load_raw_messages("c") == messages(1000) + messages(1000, 1000)
            assert (await store.verify())["ok"]
            assert backend(store)._packer.latest == 1

        run(check, tmp_path / "b.db", key=b"k" * 32)

        async def migrate() -> None:
            target = Store(SQLiteBackend(tmp_path / "c.db"))
            async with Store(SQLiteBackend(tmp_path / "a.db", key=b"k" * 32)) as source, target:
                await transfer.migrate(source.backend, target.backend, now=1)
                await trained(target)
                await check(target)

        asyncio.run(migrate())

    def test_writing_and_reading_while_training_goes_on(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            kernel = backend(store)
            done = False

            async def train() -> None:
                while not done:
                    bodies = await kernel._dict_table.sample(RAW_MESSAGE, 50_000)
                    newest = kernel._packer.newest(RAW_MESSAGE)
                    content = await asyncio.to_thread(dictionary_training.train, bodies)
                    if content:
                        await kernel._dict_table.keep(
                            RAW_MESSAGE, newest.number if newest else 0, 1, compress_dictionary(content)
                        )

            async def write(name: str) -> None:
                for n in range(0, 3000, 20):
                    await store.append_raw_messages(name, messages(20, n))
                    assert await store.load_raw_messages(name, limit=20) == messages(20, n)

            going_on = asyncio.create_task(train())
            await asyncio.gather(*(write(f"c{n}") for n in range(3)))
            done = True
            await going_on
            for n in range(3):
                found = await store.load_raw_messages(f"c{n}")
                assert found == [message for start in range(0, 3000, 20) for message in messages(20, start)]

        run(work, tmp_path / "a.db")
        assert len(table(tmp_path / "a.db")) > 3
        assert len(kinds(tmp_path / "a.db")) > 3
