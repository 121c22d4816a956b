"""The hot tier: what it answers is what the file holds, it stays in its bounds, and a hit costs no statement."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.cache.hot_cache import HotCache
from lodestore.backends.sqlite.cache.log_tail import LogTail
from lodestore.backends.sqlite.engine import driver
from lodestore.backends.sqlite.engine.transaction import Commit
from lodestore.backends.sqlite.records import reads
from lodestore.core.backend import MISS
from lodestore.core.families import CACHE, CONVERSATION, RAW_MESSAGE
from lodestore.core.records import Append, Copy, Drop, Page, Put, Row, Write
from lodestore.errors import InvalidInputError, UnavailableError
from lodestore.store.store import Store
from tests.support.rival_writer import add_message, board
from tests.support.scale import scaled
from tests.support.sqlite_tools import backend, run

KEYS = 40
A_LONG_TURN = 60_000.0  # milliseconds: no test has a turn that long


def hot(store: Store) -> HotCache:
    found = backend(store).cache
    assert found is not None
    return found


def held(store: Store) -> dict[str, Any]:
    """What the tier holds, whether or not it would answer with it."""
    recent = hot(store)._recent
    return {**recent.old, **recent.young}


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """What the reading connection of the loop runs inside the block."""
    seen: list[str] = []
    connection = backend(store)._reading.connection
    connection.set_trace_callback(seen.append)
    yield seen
    connection.set_trace_callback(None)


class TestCost:
    def test_a_hit_runs_no_statement_and_a_turn_looks_once(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            entries = {f"k{n}": {"n": n} for n in range(20)}
            await store.store_cache_entries(entries)
            await store.load_cache_entry("absent")
            with statements(store) as seen:
                for turn in range(1, 6):
                    await asyncio.sleep(0)
                    for n in range(1000):
                        assert await store.load_cache_entry(f"k{n % 20}") == {"n": n % 20}
                        assert await store.load_cache_entry("absent") is None
                    assert await store.load_cache_entries(entries) == entries
                    assert seen == ["PRAGMA data_version"] * turn

        run(work, tmp_path / "a.db", max_staleness=A_LONG_TURN)

    def test_tasks_of_one_turn_share_the_look(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("k", {})
            await store.load_cache_entry("k")
            await asyncio.sleep(0)
            with statements(store) as seen:
                await asyncio.gather(*(store.load_cache_entry("k") for _ in range(100)))
                assert seen == ["PRAGMA data_version"]

        run(work, tmp_path / "a.db", max_staleness=A_LONG_TURN)

    def test_a_hit_does_not_suspend(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("k", {"v": 1})
            for key, value in (("k", {"v": 1}), ("none", None)):
                await store.load_cache_entry(key)
                with pytest.raises(StopIteration) as ended:
                    store.load_cache_entry(key).send(None)
                assert ended.value.value == value

        run(work, tmp_path / "a.db")

    def test_own_writes_are_answered_without_reading_them_back(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.load_cache_entry("k")
            with statements(store) as seen:
                for n in range(3):
                    await store.store_cache_entry("k", {"n": n})
                    assert await store.load_cache_entry("k") == {"n": n}
                await store.delete_cache_entry("k")
                assert await store.load_cache_entry("k") is None
            assert seen == ["PRAGMA data_version", "SELECT commits FROM store"] * 4

        run(work, tmp_path / "a.db")

    def test_without_staleness_every_read_looks(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("k", {})
            await store.load_cache_entry("k")
            with statements(store) as seen:
                for _ in range(5):
                    await store.load_cache_entry("k")
            assert seen == ["PRAGMA data_version"] * 5

        run(work, tmp_path / "a.db", max_staleness=0)

    def test_a_long_turn_looks_again(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("k", {"v": 1})
            await store.load_cache_entry("k")
            change(tmp_path / "a.db", "UPDATE store SET commits = commits + 1", "DELETE FROM cache")
            time.sleep(0.002)  # noqa: ASYNC251  a turn that takes long is what this is about
            assert await store.load_cache_entry("k") is None

        run(work, tmp_path / "a.db", max_staleness=1)

    def test_the_collector_has_nothing_to_visit(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("flat", {"text": "x" * 100, "n": 1, "f": 0.5, "b": True, "z": None})
            await store.store_cache_entry("nested", {"list": [1]})
            for key in ("flat", "nested", "none"):
                await store.load_cache_entry(key)
                await store.load_cache_entry(key)
            gc.collect()
            tracked = {key for key, kept in held(store).items() if gc.is_tracked(kept)}
            assert tracked <= ({"flat"} if sys.version_info >= (3, 14) else set())

        run(work, tmp_path / "a.db")


class TestValues:
    def test_what_is_handed_out_is_the_callers_own(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            for document in ({"a": 1, "b": None}, {"a": [1, {"b": 2}]}, {"a": {}}):
                await store.store_cache_entry("k", document)
                for _ in range(4):
                    loaded = await store.load_cache_entry("k")
                    assert loaded == document
                    loaded["a"] = "changed"
                    loaded["more"] = True
                    deep = await store.load_cache_entry("k")
                    assert deep is not None
                    if isinstance(deep["a"], list):
                        deep["a"][1]["b"] = "changed"

        run(work, tmp_path / "a.db")

    def test_keys_are_checked_as_without_it(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("1", {})
            wrong: list[Any] = ["", 1, None, [], b"1", "a\0", "x" * 1025]
            for key in wrong:
                for _ in range(2):
                    with pytest.raises(InvalidInputError, match="cache_key"):
                        await store.load_cache_entry(key)
                    with pytest.raises(InvalidInputError, match="cache_key"):
                        await store.load_cache_entries(["1", key])

        run(work, tmp_path / "a.db")

    def test_a_closed_store_answers_nothing(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("k", {})
            assert await store.load_cache_entry("k") == {}
            await store.shutdown()
            with pytest.raises(UnavailableError, match="not open"):
                await store.load_cache_entry("k")
            await store.initialize()
            assert await store.load_cache_entry("k") == {}

        run(work, tmp_path / "a.db")

    def test_it_can_be_off(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            assert backend(store).cache is None
            await store.store_cache_entry("k", {"v": 1})
            assert await store.load_cache_entries(["k", "x"]) == {"k": {"v": 1}}
            assert await store.load_cache_entry("k") == {"v": 1}

        run(work, tmp_path / "a.db", hot_bytes=0)


class TestBounds:
    def test_bytes_are_bounded_and_the_least_recently_used_goes_first(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            for n in range(400):
                await store.store_cache_entry(f"k{n}", {"text": "x" * 500} if n % 2 else {"list": ["x" * 500]})
                await store.load_cache_entry("k0")
                await store.load_cache_entry(f"none {n}")
                await store.load_cache_entry(f"k{n}")
                assert 0 < hot(store)._recent.bytes <= 50_000
            kept = held(store)
            assert "k0" in kept
            assert "k399" in kept
            assert "k200" not in kept
            await store.store_cache_entry("large", {"text": "x" * 7000})
            assert "large" not in held(store)
            assert await store.load_cache_entry("large") == {"text": "x" * 7000}

        run(work, tmp_path / "a.db", hot_bytes=50_000)

    def test_the_count_of_bytes_comes_back_to_nothing(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            dice = random.Random(3)
            for n in range(300):
                key = f"k{dice.randrange(9)}"
                document: dict[str, Any] = {"t": "x" * dice.randrange(300)} if dice.random() < 0.6 else {"t": [n]}
                await store.store_cache_entry(key, document, dice.choice((None, 60)))
                await store.load_cache_entry(f"k{dice.randrange(12)}")
            tier = hot(store)
            assert tier._recent.bytes > 0
            for key in tier._recent:
                tier._recent.remove(key)
            assert tier._recent.bytes == 0

        run(work, tmp_path / "a.db")


class TestOwnWrites:
    def test_each_kind_of_write_is_seen_at_once(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            kernel = backend(store)
            for _ in range(2):
                await store.store_cache_entries({"a": {"n": 1}, "b": {"n": 1}})
                assert await store.load_cache_entries(["a", "b", "c"]) == {"a": {"n": 1}, "b": {"n": 1}}
                async with store.transaction() as tx:
                    await tx.store_cache_entry("a", {"n": 2})
                    await tx.store_cache_entry("a", {"n": 3})
                    await tx.delete_cache_entry("b")
                    await tx.store_cache_entry("c", {"n": 3})
                assert await store.load_cache_entries(["a", "b", "c"]) == {"a": {"n": 3}, "c": {"n": 3}}
                [row] = await kernel.scan(Page(CACHE, (), ("b",)))
                await kernel.apply([Copy(CACHE, (b'{"n":4}', None, *row[2:6], "b"))])
                assert await store.load_cache_entry("b") == {"n": 4}
                await kernel.apply([Put(CACHE, ("d",), b"{}", 1), Drop(CACHE, (), 1)])
                assert await store.load_cache_entries(["a", "b", "c", "d"]) == {}

        run(work, tmp_path / "a.db")

    def test_a_write_that_failed_leaves_no_trace(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("k", {"n": 1})
            kernel = backend(store)
            puts = [[Put(CACHE, ("k",), b'{"n":%d}' % n, 1, None, 99 if n % 2 else None)] for n in range(2, 8)]
            await asyncio.gather(*(kernel.apply(put) for put in puts), return_exceptions=True)
            assert await store.load_cache_entry("k") == {"n": 6}
            assert held(store)["k"] == {"n": 6}

        run(work, tmp_path / "a.db")

    def test_a_commit_nobody_knows_the_end_of_drops_the_tier(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("k", {"n": 1})
            await store.load_cache_entry("k")
            hot(store).hand_over()
            hot(store).take_in([Commit(-1, -1, None)])
            assert held(store) == {}
            assert await store.load_cache_entry("k") == {"n": 1}
            assert await store.load_cache_entry("k") == {"n": 1}
            assert "k" in held(store)

        run(work, tmp_path / "a.db")

    def test_sweeping_drops_nothing_that_lives(self, tmp_path: Path) -> None:
        async def main() -> None:
            now = [10**6]
            async with Store(SQLiteBackend(tmp_path / "a.db"), clock=lambda: now[0]) as store:
                await store.store_cache_entry("short", {"n": 1}, 1)
                await store.store_cache_entry("long", {"n": 1}, 9)
                await store.load_cache_entries(["short", "long"])
                now[0] += 1000
                assert await store.load_cache_entry("short") is None
                assert await store.purge_expired() == 1
                now[0] -= 1000
                assert await store.load_cache_entry("short") is None
                assert "long" in held(store)
                assert await store.load_cache_entry("long") == {"n": 1}
                now[0] += 9000
                assert await store.load_cache_entry("long") is None

        asyncio.run(main())


class TestLogs:
    @given(st.lists(st.integers(0, 9), max_size=12), st.booleans(), st.integers(0, 30), st.data())
    def test_a_tail_is_the_end_of_its_list(
        self, sizes: list[int], whole: bool, count: int, data: st.DataObject
    ) -> None:
        bodies = [b'{"n":"%b"}' % (b"x" * size) for size in sizes]
        first = data.draw(st.integers(0, len(bodies)))
        tail = LogTail(bodies[:first], whole=whole)
        tail.extend(bodies[first:])
        for wanted in (count, None):
            found = tail.newest(wanted)
            if whole or (wanted is not None and wanted <= len(bodies)):
                rest = bodies[max(0, len(bodies) - wanted) :] if wanted is not None else bodies
                assert found == b"[%b]" % b",".join(rest)
            else:
                assert found is None, "it cannot tell"

    def test_an_agent_reads_its_conversation_without_a_statement(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            messages = [{"n": n} for n in range(100)]
            for family in ("raw_messages", "chains"):
                append = store.append_raw_messages if family == "raw_messages" else chains(store)
                load = store.load_raw_messages if family == "raw_messages" else store.load_reasoning_chains
                await append("c", messages[:90])
                assert await load("c") == messages[:90]
                with statements(store) as seen:
                    for n in range(90, 100):
                        await append("c", messages[n : n + 1])
                        assert await load("c") == messages[: n + 1]
                        assert await load("c", limit=20) == messages[n - 19 : n + 1]
                        assert await load("c", limit=0) == []
                assert seen == ["PRAGMA data_version", "SELECT commits FROM store"] * 10

        run(work, tmp_path / "a.db", max_staleness=A_LONG_TURN)

    def test_a_short_end_answers_for_what_it_holds(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            messages = [{"n": n} for n in range(30)]
            await store.append_raw_messages("c", messages[:20])
            assert await store.load_raw_messages("c", limit=5) == messages[15:20]
            await store.append_raw_messages("c", messages[20:])
            with statements(store) as seen:
                assert await store.load_raw_messages("c", limit=15) == messages[15:]
                assert not any("raw_message" in text for text in seen)
                assert await store.load_raw_messages("c", limit=16) == messages[14:]
                assert await store.load_raw_messages("c") == messages
                assert sum("JOIN raw_message" in text for text in seen) == 2

        run(work, tmp_path / "a.db", max_staleness=A_LONG_TURN)

    def test_each_kind_of_write_is_seen_at_once(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            async def seen() -> list[int]:
                return [message["n"] for message in await store.load_raw_messages("c")]

            kernel = backend(store)
            numbers = [{"n": n} for n in range(4)]
            for _ in range(2):
                assert await seen() == []
                await store.append_raw_messages("c", numbers)
                assert await seen() == [0, 1, 2, 3]
                await kernel.apply([Drop(RAW_MESSAGE, ("c", 2), 1)])
                assert await seen() == [0, 1, 3]
                [row] = await kernel.fetch(RAW_MESSAGE, [("c", 1)])
                assert row is not None
                await kernel.apply([Copy(RAW_MESSAGE, (b'{"n":9}', None, *row[2:]))])
                assert await seen() == [0, 9, 3]
                async with store.transaction() as tx:
                    await tx.store_raw_messages("c", numbers[:1])
                    await tx.append_raw_messages("c", numbers[1:2])
                assert await seen() == [0, 1]
                await store.delete_raw_messages("c")
                assert await seen() == []
                await store.append_raw_messages("c", numbers)
                assert await seen() == [0, 1, 2, 3]
                await store.delete_conversation("c")
                assert await seen() == []
                await store.append_raw_messages("c", numbers[3:])
                assert await seen() == [3]
                await kernel.apply([Drop(CONVERSATION, (), 1)])

        run(work, tmp_path / "a.db")

    def test_what_was_read_beside_an_untold_commit_is_not_kept(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", [{"n": 0}])
            assert await store.load_raw_messages("c", limit=0) == []
            tier, append = hot(store), Append(RAW_MESSAGE, ("c",), (b'{"n":1}',), 1)
            tier.drop()
            assert tier.newest(RAW_MESSAGE, ("c",), None) is None, "it looks, and what is read now may be kept"
            [before] = backend(store)._reading.execute("SELECT commits FROM store").fetchone()
            tier.hand_over()
            await on_another_handle(tmp_path / "a.db", append)
            assert await backend(store).bodies(Page(RAW_MESSAGE, ("c",))) == [b'{"n":0}', b'{"n":1}']
            tier.take_in([Commit(before, before + 1, [append])])
            assert await store.load_raw_messages("c") == [{"n": 0}, {"n": 1}]

        run(work, tmp_path / "a.db", max_staleness=A_LONG_TURN)

    def test_bytes_are_bounded(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            for n in range(100):
                name = f"c{n % 30}"
                await store.append_raw_messages(name, [{"text": "x" * 300}])
                await store.load_raw_messages(name)
                await store.load_raw_messages("c0")
                assert 0 < hot(store)._recent.bytes <= 20_000
            assert (RAW_MESSAGE, "c0") in held(store)
            long = [{"text": "x" * 300} for _ in range(10)]
            await store.append_raw_messages("long", long)
            assert await store.load_raw_messages("long") == long
            assert (RAW_MESSAGE, "long") not in held(store), "not worth the others"
            for key in hot(store)._recent:
                hot(store)._recent.remove(key)
            assert hot(store)._recent.bytes == 0

        run(work, tmp_path / "a.db", hot_bytes=20_000)


def chains(store: Store) -> Callable[[str, list[Any]], Coroutine[Any, Any, None]]:
    """Many chains at once, as messages are appended."""

    async def append(agent: str, documents: list[Any]) -> None:
        async with store.transaction() as tx:
            for document in documents:
                await tx.store_reasoning_chain(agent, document)

    return append


async def on_another_handle(path: Path, write: Write) -> None:
    other = SQLiteBackend(path)
    await other.open()
    await other.apply([write])
    await other.close()


class TestContract:
    """The order of things that a loop brings about only now and then."""

    def test_two_own_commits_are_done_and_only_one_is_told(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entries({"k": {"n": 0}, "other": {}})
            assert await store.load_cache_entry("k") == {"n": 0}
            tier, clock = hot(store), store._clock
            [before] = backend(store)._reading.execute("SELECT commits FROM store").fetchone()
            tier.hand_over()
            tier.hand_over()
            change(tmp_path / "a.db", *["UPDATE store SET commits = commits + 1"] * 2)
            tier.take_in([Commit(before, before + 1, [Put(CACHE, ("k",), b'{"n":1}', 1)])])
            assert tier.recall("k", clock) is MISS
            tier.keep("k", None)
            tier.take_in([Commit(before + 1, before + 2, [Put(CACHE, ("k",), b'{"n":2}', 1)])])
            assert tier.recall("k", clock) == {"n": 2}
            assert "other" in held(store), "own commits explain everything"

        run(work, tmp_path / "a.db", max_staleness=A_LONG_TURN)

    def test_a_snapshot_from_before_a_commit_is_not_kept(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("k", {"n": 0})
            await store.load_cache_entry("k")
            tier, state = hot(store), hot(store).state
            sequence, rows = snapshot(store, "k")
            await store.store_cache_entry("k", {"n": 1})
            await store.load_cache_entry("other")
            tier.keep_all(state, sequence, ["k"], rows)
            assert await store.load_cache_entry("k") == {"n": 1}
            tier.keep_all(tier.state, sequence, ["k"], rows)
            assert await store.load_cache_entry("k") == {"n": 1}
            sequence, rows = snapshot(store, "k")
            tier.drop()
            state = tier.state
            tier.keep_all(state, sequence, ["k"], rows)
            assert "k" in held(store)
            change(tmp_path / "a.db", "DELETE FROM cache")
            await asyncio.sleep(0)
            await store.load_cache_entry("other")
            tier.keep_all(state, sequence, ["k"], rows)
            assert await store.load_cache_entry("k") is None

        run(work, tmp_path / "a.db")


def snapshot(store: Store, key: str) -> tuple[int, list[Row | None]]:
    """An entry as the file holds it now, and the commit sequence."""
    return reads.as_of(backend(store)._reading, lambda run: reads.fetch_all(run, CACHE, [(key,)]))


def change(path: Path, *statements: str) -> None:
    """What another hand does to the file."""
    other = driver.connect(str(path), None, timeout=5)
    for statement in statements:
        other.execute(statement)
    other.close()


class TestOthers:
    def test_two_handles_in_one_process(self, tmp_path: Path) -> None:
        async def main() -> None:
            path = tmp_path / "a.db"
            async with (
                Store(SQLiteBackend(path, key=b"k" * 32)) as one,
                Store(SQLiteBackend(path, key=b"k" * 32)) as two,
            ):
                for n in range(50):
                    writer, reader = (one, two) if n % 3 else (two, one)
                    await writer.store_cache_entry("k", {"n": n})
                    assert await reader.load_cache_entry("k") == {"n": n}
                    assert await writer.load_cache_entry("k") == {"n": n}
                    await writer.delete_cache_entry("k")
                    assert await reader.load_cache_entries(["k"]) == {}

        asyncio.run(main())

    def test_a_hand_that_is_not_ours(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.store_cache_entry("k", {"n": 1})
            assert await store.load_cache_entry("k") == {"n": 1}
            change(tmp_path / "a.db", "DELETE FROM cache")
            await asyncio.sleep(0)
            assert await store.load_cache_entry("k") is None

        run(work, tmp_path / "a.db")

    def test_a_snapshot_read_elsewhere_is_kept_only_if_nothing_happened(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            entries = {f"k{n}": {"n": n} for n in range(300)}
            await store.store_cache_entries(entries)
            hot(store).drop()
            assert await store.load_cache_entries(entries) == entries
            assert set(held(store)) == set(entries), "kept"
            hot(store).drop()
            loading = asyncio.ensure_future(store.load_cache_entries(entries))
            await asyncio.sleep(0)
            await asyncio.gather(loading, store.store_cache_entry("k5", {"n": -1}))
            assert await store.load_cache_entry("k5") == {"n": -1}
            assert (await store.load_cache_entries(entries))["k5"] == {"n": -1}

        run(work, tmp_path / "a.db")


# -- two processes that write, and millions of reads


@contextmanager
def rival(path: Path, numbers: Path) -> Iterator[None]:
    """The other process, at work for the length of the block."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.support.rival_writer", str(path), str(numbers), str(KEYS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        yield
    assert process.returncode == 0


class Watch:
    """Reads and writes beside the rival, and counts reads older than they may be."""

    def __init__(self, store: Store, published: memoryview) -> None:
        self.store, self.published = store, published
        self.acknowledged = [0] * (KEYS + 1)  # the last one is of messages
        self.reads = self.stale = self.misses = self.own = 0
        self.dice = random.Random(2)
        keys = self.dice.choices(range(KEYS), k=1009)
        self._theirs, self._ours = (cycle([(f"{name} {key}", key) for key in keys]) for name in ("theirs", "ours"))
        backend(store)._reading.connection.set_trace_callback(self._count)
        self._writing: set[asyncio.Task[None]] = set()

    def _count(self, text: str) -> None:
        self.misses += " FROM cache " in text or " JOIN raw_message " in text

    async def _write(self, key: int, number: int) -> None:
        await self.store.store_cache_entry(f"ours {key}", {"n": number})
        self.acknowledged[key] = max(self.acknowledged[key], number)

    async def _say(self, number: int) -> None:
        await add_message(self.store, "ours", number)
        self.acknowledged[-1] = max(self.acknowledged[-1], number)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def turn(self) -> None:
        """Whatever was committed when the turn begins must be seen in it."""
        if len(self._writing) < 3 and self.dice.random() < 0.2:
            self.own += 1
            say, write = self._say, self._write
            self._begin(write(self.dice.randrange(KEYS), self.own) if self.own % 3 else say(self.own // 3))
        await asyncio.sleep(self.dice.random() * 0.0004)  # the writer's thread needs the interpreter too
        theirs, ours = self.published.tolist(), self.acknowledged.copy()
        for names, wanted in ((self._theirs, theirs), (self._ours, ours)):
            for name, key in islice(names, 200):
                found = await self.store.load_cache_entry(name)
                if (found["n"] if found else 0) < wanted[key]:
                    self.stale += 1
        for name, wanted in (("theirs", theirs), ("ours", ours)):
            for limit in (None, 3):
                messages = await self.store.load_raw_messages(name, limit=limit)
                numbers = [0, *(message["n"] for message in messages)]
                assert numbers[1:] == list(range(numbers[-1] - len(messages) + 1, numbers[-1] + 1)), (
                    "no gap, none twice"
                )
                self.stale += numbers[-1] < wanted[-1]
        self.reads += 404

    async def watch(self, enough: Callable[[Watch], bool]) -> None:
        """Until it has seen enough."""
        while not enough(self):
            for _ in range(20):
                await self.turn()
        if self._writing:
            await asyncio.wait(self._writing)


def wait_for_the_first(published: memoryview) -> None:
    while not any(published):
        time.sleep(0.01)


def stress(folder: Path, enough: Callable[[Watch], bool], **settings: Any) -> Watch:
    path, numbers = folder / "a.db", folder / "numbers"
    numbers.write_bytes(bytes(8 * (KEYS + 1)))

    async def main() -> Watch:
        async with Store(SQLiteBackend(path, durability="process", **settings)) as store:
            watch = Watch(store, board(numbers, KEYS + 1))
            with rival(path, numbers):
                await asyncio.to_thread(wait_for_the_first, watch.published)
                await watch.watch(enough)
            return watch

    return asyncio.run(main())


def test_no_stale_read_beside_another_process(tmp_path: Path) -> None:
    """LODESTORE_COHERENCE gives the commits of the other process to watch; a read is checked against each."""
    commits = int(os.environ.get("LODESTORE_COHERENCE", scaled(1500, 300)))

    def enough(watch: Watch) -> bool:
        return max(watch.published) > commits and watch.reads - watch.misses > 10_000 and watch.own > 30

    watch = stress(tmp_path, enough)
    foreign = max(watch.published)
    print(f"{watch.reads:,} reads, {watch.misses:,} misses, {watch.own:,} own and {foreign:,} foreign commits")
    assert watch.stale == 0
    assert watch.reads - watch.misses > 10_000, "the tier answers"
    assert watch.own > 30
    assert foreign > 100


def no_check(self: HotCache) -> bool:
    self._until, self._true = float("inf"), True
    return True


def counts_own_commits(self: HotCache, commits: list[Commit]) -> None:
    self._seen = commits[0].before if commits and self._seen is not None else self._seen
    TAKE_IN(self, commits)


def trusts_the_version_alone(self: HotCache) -> bool:
    compared = COMPARE(self)
    self._moved = self._reading.execute("PRAGMA data_version").fetchone()[0]
    return compared


TAKE_IN, COMPARE = HotCache.take_in, HotCache._compare


@pytest.mark.parametrize(
    ("method", "broken"),
    [("_look", no_check), ("take_in", counts_own_commits), ("_compare", trusts_the_version_alone)],
)
def test_a_broken_protocol_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, broken: Callable[..., Any]
) -> None:
    monkeypatch.setattr(HotCache, method, broken)
    watch = stress(tmp_path, lambda watch: watch.stale >= 20 or max(watch.published) > 20_000)
    print(f"{watch.reads:,} reads, {watch.stale} stale")
    assert watch.stale >= 20
