"""Group commit: few transactions, each unit alone in failing, durable as promised, whole under cancellation."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lodestore.backends.sqlite.engine import driver
from lodestore.core.families import STATE
from lodestore.core.records import Put
from lodestore.errors import ConflictError, LodestoreError, OutcomeUnknownError, StorageFullError, UnavailableError
from lodestore.store.store import Store
from tests.support.sqlite_tools import backend, run, trace


def put(key: str, body: bytes = b"{}", expect: int | None = None) -> Put:
    return Put(STATE, (key,), body, 1, None, expect)


class TestGrouping:
    def test_what_waits_is_one_transaction(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            seen = trace(store)
            await asyncio.gather(*(store.append_raw_messages("c", [{"n": n}]) for n in range(100)))
            begun = Counter(text.split()[0] for text in seen)
            assert begun["BEGIN"] == begun["COMMIT"] == 1
            assert begun["SAVEPOINT"] == 0
            assert [m["n"] for m in await store.load_raw_messages("c")] == list(range(100))

        run(work, tmp_path / "a.db")

    def test_one_append_costs_six_statements(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", [{}])
            seen = trace(store)
            await store.append_raw_messages("c", [{"n": 1}])
            assert [text.split()[0] for text in seen] == ["BEGIN", "SELECT", "INSERT", "INSERT", "UPDATE", "COMMIT"]

        run(work, tmp_path / "a.db")

    def test_a_bad_unit_fails_alone(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            kernel = backend(store)
            units = [[put(f"k{n}"), put(f"m{n}", expect=99 if n % 10 == 3 else None)] for n in range(40)]
            results = await asyncio.gather(*(kernel.apply(unit) for unit in units), return_exceptions=True)
            failed = {n for n, result in enumerate(results) if isinstance(result, ConflictError)}
            assert failed == {3, 13, 23, 33}
            stored = set(await store.list_system_states())
            assert stored == {f"{letter}{n}" for n in range(40) if n not in failed for letter in "km"}

        run(work, tmp_path / "a.db")

    def test_versions_differ_between_units_of_one_transaction(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            kernel = backend(store)
            versions = await asyncio.gather(*(kernel.apply([put("k", b'{"n":%d}' % n)]) for n in range(20)))
            assert len({v for (v,) in versions}) == 20
            stale = versions[0][0]
            with pytest.raises(ConflictError):
                await kernel.apply([put("k", expect=stale)])

        run(work, tmp_path / "a.db")


class TestDurability:
    @staticmethod
    def switches(seen: list[str]) -> list[str]:
        return [text.split("= ")[1] for text in seen if text.startswith("PRAGMA synchronous")]

    def test_records_are_synced_and_a_batch_of_cache_entries_is_not(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            seen = trace(store)
            await store.store_system_state("k", {})
            assert self.switches(seen) == [], "FULL from the start"
            await store.store_cache_entry("a", {})
            await store.store_cache_entries({"b": {}, "c": {}}, ttl=5)
            assert self.switches(seen) == ["NORMAL"]
            await asyncio.gather(store.store_cache_entry("d", {}), store.store_memory("c", "m", {}))
            assert self.switches(seen) == ["NORMAL", "FULL"], "one record in the batch is enough"

        run(work, tmp_path / "a.db")

    def test_process_durability_never_syncs(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            seen = trace(store)
            await store.store_system_state("k", {})
            await store.store_cache_entry("a", {})
            await store.store_memory("c", "m", {})
            assert self.switches(seen) == ["NORMAL"]

        run(work, tmp_path / "a.db", durability="process")

    def test_the_switch_holds(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            connection = backend(store)._writer._connection
            await store.store_cache_entry("a", {})
            assert connection.execute("PRAGMA synchronous").fetchone()[0] == 1
            await store.store_system_state("k", {})
            assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2

        run(work, tmp_path / "a.db")


class TestCancellation:
    def test_three_hundred_cancelled_tasks_tear_nothing(self, tmp_path: Path) -> None:
        async def group(store: Store, number: int) -> None:
            async with store.transaction() as tx:
                for part in range(5):
                    await tx.store_system_state(f"g{number:03}-{part}", {"n": number})
                await tx.append_raw_messages("c", [{"n": number}] * 3)

        async def work(store: Store) -> None:
            chance = random.Random(7)
            tasks = []
            for number in range(300):
                tasks.append(asyncio.create_task(group(store, number)))
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                tasks[chance.randrange(len(tasks))].cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert sum(isinstance(end, asyncio.CancelledError) for end in ended) > 50
            await store.store_system_state("last", {})  # an unrelated caller commits nothing of theirs
            parts = Counter(key[:4] for key in await store.list_system_states() if key != "last")
            assert set(parts.values()) <= {5}, "torn"
            messages = Counter(m["n"] for m in await store.load_raw_messages("c"))
            assert {f"g{n:03}": 5 for n, count in messages.items() if count == 3} == parts
            assert set(messages.values()) <= {3}
            done = {f"g{n:03}" for n, end in enumerate(ended) if end is None}
            assert done <= set(parts), "acknowledged and gone"

        run(work, tmp_path / "a.db")

    def test_closing_waits_for_what_was_handed_over(self, tmp_path: Path) -> None:
        async def work(store: Store) -> None:
            for n in range(50):
                task = asyncio.create_task(store.store_system_state(f"k{n}", {}))
                await asyncio.sleep(0)
                task.cancel()

        run(work, tmp_path / "a.db")

        async def count(store: Store) -> int:
            return len(await store.list_system_states())

        assert run(count, tmp_path / "a.db") >= 45, "each unit that had been handed over was done"


class Faulty:
    """A cursor on the real database that fails at one statement, as a disk would."""

    def __init__(self, cursor: Any, at: int, name: str) -> None:
        self._cursor, self._left, self._name = cursor, at, name
        self.fired = False

    def _step(self, call: Any, *arguments: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self.fired = True
            error = driver.sqlcipher.OperationalError("injected")
            error.sqlite_errorname = self._name
            error.sqlite_errorcode = getattr(driver.codes, self._name)
            raise error
        return call(*arguments)

    def execute(self, *arguments: Any) -> Any:
        return self._step(self._cursor.execute, *arguments)

    def executemany(self, *arguments: Any) -> Any:
        return self._step(self._cursor.executemany, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


EXPECTED = {
    "SQLITE_IOERR": (UnavailableError, OutcomeUnknownError),
    "SQLITE_FULL": (StorageFullError,),
    "SQLITE_BUSY": (UnavailableError,),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_error_at_every_statement_is_one_class_and_loses_nothing(tmp_path: Path, name: str) -> None:
    """Fail the first, second, ... statement of a write until it goes through; the store works on after each."""

    async def work(store: Store) -> int:
        writer = backend(store)._writer
        real = writer._cursor
        await store.store_system_state("kept", {"v": 0})
        for at in range(1, 40):
            faulty = Faulty(real, at, name)
            writer._cursor = faulty
            try:
                async with store.transaction() as tx:
                    await tx.store_system_state("a", {"at": at})
                    await tx.append_raw_messages(f"c{at}", [{}, {}])
                    await tx.store_system_state("b", {"at": at})
                failure = None
            except LodestoreError as error:
                failure = error
            finally:
                writer._cursor = real
            assert failure is None or type(failure) in EXPECTED[name], (at, failure)
            assert isinstance(failure, OutcomeUnknownError) <= ("committing" in str(failure))
            halves = [(await store.load_system_state(key) or {}).get("at") == at for key in "ab"]
            halves.append(len(await store.load_raw_messages(f"c{at}")) == 2)
            assert len(set(halves)) == 1, f"torn at statement {at}"
            assert halves[0] == (failure is None), "no more and no less than was acknowledged"
            assert await store.load_system_state("kept") == {"v": 0}
            await store.store_system_state("works", {"at": at})
            if not faulty.fired:
                return at
        raise AssertionError("the workload never went through")

    assert run(work, tmp_path / "a.db") > 8


def test_a_full_disk_is_full_and_ends_when_there_is_space(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        connection = backend(store)._writer._connection
        await store.store_system_state("kept", {"v": 0})
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 20}").fetchall()
        acknowledged = []

        async def fill() -> None:
            for n in range(1000):
                await store.store_system_state(f"k{n}", {"text": random.Random(n).randbytes(1500).hex()})
                acknowledged.append(f"k{n}")

        with pytest.raises(StorageFullError):
            await fill()
        assert set(await store.list_system_states()) == {"kept", *acknowledged}
        neighbours = await asyncio.gather(
            store.store_system_state("big", {"text": random.Random(0).randbytes(200_000).hex()}),
            store.store_system_state("kept", {"v": 1}),
            return_exceptions=True,
        )
        assert isinstance(neighbours[0], StorageFullError)
        assert neighbours[1] is True, "a small neighbour goes through"
        connection.execute("PRAGMA max_page_count = 100000").fetchall()
        await store.store_system_state("big", {"text": "x" * 200_000})
        assert (await store.verify())["ok"]

    run(work, tmp_path / "a.db")


def test_a_busy_store_is_unavailable_after_the_timeout(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        other = driver.connect(str(tmp_path / "a.db"), None, timeout=1)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="write lock"):
            await store.store_system_state("k", {})
        assert await store.load_system_state("k") is None, "reading goes on"
        other.execute("ROLLBACK")
        other.close()
        await store.store_system_state("k", {})

    run(work, tmp_path / "a.db", timeout=0.2)


def test_a_failure_nobody_foresaw_reaches_its_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(store: Store) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("lodestore.backends.sqlite.group_commit.advance", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(store.store_system_state("k", {}), 60)
        await store.store_system_state("k", {"v": 1})
        assert await store.load_system_state("k") == {"v": 1}

    run(work, tmp_path / "a.db")


def test_a_busy_store_fails_all_that_wait_at_once(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        other = driver.connect(str(tmp_path / "a.db"), None, timeout=1)
        other.execute("BEGIN IMMEDIATE")
        seen = trace(store)
        ended = await asyncio.gather(
            *(store.store_system_state(f"k{n}", {}) for n in range(50)), return_exceptions=True
        )
        assert len([text for text in seen if text.startswith("BEGIN")]) < 5, "one wait, not one for each"
        assert all(isinstance(end, UnavailableError) for end in ended)
        other.execute("ROLLBACK")
        other.close()

    run(work, tmp_path / "a.db", timeout=0.3)
