"""Migrations beside others: two into one target, a source that is written to, a target somebody writes to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from lodestore.backends.memory import MemoryBackend
from lodestore.core.backend import Backend
from lodestore.core.families import CONVERSATION, FAMILIES, MEMORY, RAW_MESSAGE, RESULT, STATE, Family
from lodestore.core.records import VERSION, Append, Copy, Drop, Key, Page, Put, Row, Write
from lodestore.errors import InvalidInputError, UnavailableError
from lodestore.store.store import Store
from lodestore.transfer import MigrationReport, catch_up, migrate
from lodestore.transfer.batching import LOCK_KEY
from tests.support.stores import LOCAL_FIRST, Stores, on
from tests.transfer.test_migration import Forgetful, Lossy, exported, state, talk, text

NOW = 10**13
SERVED = ("sqlite", "file", "redis", "postgres")


async def contents(backend: Backend) -> dict[str, list[Row]]:
    return {f.name: await backend.scan(Page(f, partial=True)) for f in FAMILIES}


def memory(name: str, of: str = "c") -> Put:
    return Put(MEMORY, (of, name), text(name), 5)


def result(name: str) -> Put:
    return Put(RESULT, (name,), text(name), 5)


def at_first_look(target: Backend, work: Callable[[], Awaitable[Any]]) -> None:
    """Do `work`, once, when the target is first asked for what was copied: that is the verification."""
    done: list[object] = []

    async def fetch(family: Family, keys: Sequence[Key]) -> list[Row | None]:
        if list(keys) != [LOCK_KEY] and not done:
            done.append(await work())
        return await plain(family, keys)

    plain, target.fetch = target.fetch, fetch  # type: ignore[method-assign]


class TestTwoInto:
    @pytest.mark.parametrize("kind", LOCAL_FIRST)
    def test_one_empty_target_exactly_one_goes_on(self, stores: Stores, kind: str) -> None:
        async def work(one: Backend, other: Backend, here: Backend, there: Backend) -> None:
            for name, source in (("one", one), ("other", other)):
                await source.apply([state(name), *(talk(name, of=f"{name}{n}") for n in range(40))])
            outcomes = await asyncio.gather(
                migrate(one, here, now=NOW, origin="one"),
                migrate(other, there, now=NOW, origin="other"),
                return_exceptions=True,
            )
            [report] = [found for found in outcomes if isinstance(found, MigrationReport)]
            [error] = [found for found in outcomes if isinstance(found, InvalidInputError)]
            assert report.ok
            assert "target" in str(error)
            won = one if outcomes[0] is report else other
            assert await contents(here) == await contents(there) == await contents(won)

        target = stores.url(kind)
        backends = [stores.backend("memory"), stores.backend("memory"), *opened_twice(target)]
        on(work, *backends)

    @pytest.mark.parametrize("kind", LOCAL_FIRST)
    def test_a_run_that_was_taken_over_writes_nothing_more(self, stores: Stores, kind: str) -> None:
        async def work(a: Backend, here: Backend, there: Backend) -> None:
            await a.apply([talk("1"), state("s")])
            taken: list[MigrationReport] = []

            async def slow(writes: Sequence[Write]) -> list[int]:
                """Between two writes of the first run the second one does all of its work."""
                if any(isinstance(write, Copy) and write.family is RAW_MESSAGE for write in writes) and not taken:
                    taken.append(MigrationReport())
                    await a.apply([state("late")])
                    taken[0] = await migrate(a, there, now=NOW, resume=True)
                    taken.append(taken[0])
                return await swift(writes)

            swift, here.apply = here.apply, slow  # type: ignore[method-assign]
            with pytest.raises(InvalidInputError, match="taken over"):
                await migrate(a, here, now=NOW)
            assert taken[-1].ok
            assert await contents(there) == await contents(a)

        on(work, stores.backend("sqlite"), *opened_twice(stores.url(kind)))


def opened_twice(url: str) -> tuple[Backend, Backend]:
    from lodestore.config import registry

    one = registry.backend(url)
    return one, (Other(one) if isinstance(one, MemoryBackend) else registry.backend(url))


class Other(MemoryBackend):
    """A second handle on a store in memory."""

    def __init__(self, one: MemoryBackend) -> None:
        super().__init__()
        self.__dict__ = one.__dict__

    async def open(self) -> int:
        return 0

    async def close(self) -> None:
        pass


# What stood first, and what is done while it is being verified: each once ended in a false alarm.
STEPS: dict[str, tuple[list[Write], list[Write]]] = {
    "a memory for two": (
        [memory("m1"), memory("m2")],
        [Drop(MEMORY, ("c", "m1"), 6), Drop(MEMORY, ("c", "m2"), 6), memory("m3")],
    ),
    "a memory for the last one": ([memory("m1"), memory("m2")], [Drop(MEMORY, ("c", "m2"), 6), memory("m3")]),
    "a conversation begun again": ([memory("m1"), talk("1", "2")], [Drop(CONVERSATION, ("c",), 6), memory("m3")]),
    "a conversation of messages": ([memory("m1"), talk("1", "2")], [Drop(CONVERSATION, ("c",), 6), talk("new")]),
    "results that change places": (
        [result("a"), result("b"), result("c")],
        [*(Drop(RESULT, (name,), 6) for name in "cba"), *map(result, "cab")],
    ),
    "as many go as come": ([state("a"), state("b")], [Drop(STATE, ("a",), 6), state("c")]),
}


class TestCatchingUp:
    @pytest.mark.parametrize("kind", SERVED)
    @pytest.mark.parametrize("name", STEPS)
    def test_one_step(self, stores: Stores, kind: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(catch_up, "_TRIES", 1)

        async def work(a: Backend, b: Backend) -> None:
            first, then = STEPS[name]
            await a.apply(first)

            async def later() -> None:
                for write in then:
                    await a.apply([write])

            at_first_look(b, later)
            report = await migrate(a, b, now=NOW)
            assert (report.ok, report.agreed, report.passes, report.note) == (True, True, 2, "")
            assert await contents(b) == await contents(a)

        on(work, stores.backend("sqlite"), stores.backend(kind))

    @pytest.mark.parametrize("kind", SERVED)
    def test_a_writer_that_deletes_and_stores_all_the_time(self, stores: Stores, kind: str) -> None:
        async def work(a: Backend, b: Backend) -> None:
            chance, stop = random.Random(kind), asyncio.Event()
            await a.apply([memory(f"m{n}", f"c{n % 3}") for n in range(9)] + [result(f"r{n}") for n in range(9)])

            async def write() -> None:
                while not stop.is_set():
                    await a.apply([step(chance) for _ in range(chance.randrange(1, 4))])
                    await asyncio.sleep(0.002)

            writer = asyncio.create_task(write())
            report = await migrate(a, b, now=NOW)
            stop.set()
            await writer
            assert (report.ok, report.agreed) == (True, True), report.note
            assert report.caught_up
            seen = await contents(b)
            for family, rows in (await contents(a)).items():
                still = [row for row in rows if row[VERSION] <= report.as_of]
                assert [row for row in still if row not in seen[family]] == []
                assert all(row[VERSION] <= report.as_of for row in seen[family])

        on(work, stores.backend("sqlite"), stores.backend(kind))

    def test_a_round_never_lists_the_target(self, stores: Stores) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([state(f"s{n}") for n in range(500)])
            listed: list[Page] = []
            late = [Drop(STATE, ("s7",), 6), Drop(STATE, ("s8",), 6), state("new")]

            async def keys(page: Page) -> list[Key]:
                listed.append(page)
                return await plain(page)

            def told(done: int, total: int | None, label: str) -> None:
                if label.startswith("catching up"):
                    return
                listed.clear()

            plain, b.keys = b.keys, keys  # type: ignore[method-assign]
            at_first_look(b, lambda: a.apply(late))
            report = await migrate(a, b, now=NOW, progress=told)
            assert (report.ok, report.caught_up) == (True, 3)
            assert await contents(b) == await contents(a)
            last = FAMILIES[FAMILIES.index(STATE) :]
            assert {page.family for page in listed} <= {*last}, "the end of the verification alone"
            assert len(listed) <= len(last) + 2

        on(work, stores.backend("sqlite"), stores.backend("redis"))

    def test_a_target_that_changes_what_it_is_given_is_named(self) -> None:
        class Late(Lossy):
            async def apply(self, writes: Sequence[Write]) -> list[int]:
                late = any(isinstance(write, Copy) and write.row[-1] == "late" for write in writes)
                return await (super() if late else super(Lossy, self)).apply(writes)

        async def work(a: Backend, b: Backend) -> None:
            await a.apply([state("s")])
            at_first_look(b, lambda: a.apply([state("late")]))
            report = await migrate(a, b, now=NOW)
            assert (report.ok, report.agreed) == (False, False)
            assert "does not keep what it is given" in report.note
            assert await b.fetch(STATE, [LOCK_KEY]) != [None]

        from tempfile import TemporaryDirectory

        from lodestore.backends.sqlite import SQLiteBackend

        with TemporaryDirectory() as folder:
            on(work, SQLiteBackend(f"{folder}/a", durability="process"), Late())


def step(chance: random.Random) -> Write:
    name, of = chance.randrange(9), f"c{chance.randrange(3)}"
    return chance.choice(
        [
            memory(f"m{name}", of),
            Drop(MEMORY, (of, f"m{name}"), 6),
            Drop(CONVERSATION, (of,), 6),
            talk(str(name), of=of),
            result(f"r{name}"),
            Drop(RESULT, (f"r{name}",), 6),
            state(f"s{name}"),
            Drop(STATE, (f"s{name}",), 6),
        ]
    )


async def killed(a: Backend, b: Backend, after: int) -> None:
    """A migration whose target fails for good after so many writes."""
    left = after

    async def dying(writes: Sequence[Write]) -> list[int]:
        nonlocal left
        left -= 1
        if left < 0:
            raise UnavailableError("gone")
        return await plain(writes)

    plain, b.apply = b.apply, dying  # type: ignore[method-assign]
    with pytest.raises(UnavailableError):
        await migrate(a, b, now=NOW)
    b.apply = plain  # type: ignore[method-assign]


STRANGERS: list[Write] = [
    state("mine"),
    Append(RAW_MESSAGE, ("c",), (text("mine"),), 5),
    result("mine"),
    memory("mine"),
    Put(CONVERSATION, ("mine",), text("mine"), 5),
]


class TestStrangers:
    """What users wrote into an unfinished target is never dropped without a word."""

    @pytest.mark.parametrize("kind", LOCAL_FIRST)
    @pytest.mark.parametrize(("source", "writes"), [("sqlite", 2), ("sqlite", 5), ("file", 5)])
    def test_resuming_stops_and_names_them(self, stores: Stores, kind: str, source: str, writes: int) -> None:
        async def work(a: Backend, b: Backend) -> None:
            for n in range(30):
                await a.apply([state(f"s{n}"), talk(str(n)), memory(f"m{n}"), result(f"r{n}")])
            await killed(a, b, writes)
            for stranger in STRANGERS:
                await b.apply([stranger])
                before = await contents(b)
                with pytest.raises(InvalidInputError, match=r"did not copy: .*--discard-foreign-writes"):
                    await migrate(a, b, now=NOW, resume=True)
                after = await contents(b)
                assert [
                    row for f in FAMILIES if f is not STATE for row in before[f.name] if row not in after[f.name]
                ] == []
                assert [row for row in after["state"] if row[-1] == "mine"] == [
                    row for row in before["state"] if row[-1] == "mine"
                ]
            report = await migrate(a, b, now=NOW, resume=True, discard_foreign_writes=True)
            assert (report.ok, report.agreed) == (True, True)
            assert report.total("dropped") >= len(STRANGERS) - (writes == 2), (
                "the message took a position the source has"
            )
            assert await contents(b) == await contents(a)

        on(work, stores.backend(source), stores.backend(kind))

    @pytest.mark.parametrize("kind", LOCAL_FIRST)
    def test_what_the_source_itself_dropped_goes(self, stores: Stores, kind: str) -> None:
        async def work(a: Backend, b: Backend) -> None:
            for n in range(30):
                await a.apply([state(f"s{n}"), talk(str(n)), memory(f"m{n}"), result(f"r{n}")])
            await killed(a, b, 5)
            copied = await contents(b)
            assert any(copied[name] for name in ("memory", "raw_message"))
            await a.apply([Drop(CONVERSATION, ("c",), 6), Drop(RESULT, ("r1",), 6), state("s2", "again")])
            report = await migrate(a, b, now=NOW, resume=True)
            assert (report.ok, report.agreed) == (True, True)
            assert report.total("dropped")
            assert await contents(b) == await contents(a)

        on(work, stores.backend("sqlite"), stores.backend(kind))

    def test_versions_of_its_own_prove_nothing(self, stores: Stores) -> None:
        async def work(a: Backend, b: Backend) -> None:
            for n in range(30):
                await a.apply([state(f"s{n}")])
            await killed(a, b, 3)
            await b.apply([state("mine")])
            with pytest.raises(InvalidInputError, match=r"state\('mine'\)"):
                await migrate(a, b, now=NOW, resume=True)
            await b.apply([Drop(STATE, ("mine",), 6)])
            assert (await migrate(a, b, now=NOW, resume=True)).ok

        on(work, stores.backend("sqlite"), Forgetful())

    @pytest.mark.parametrize("kind", LOCAL_FIRST)
    def test_a_record_written_while_it_is_copied_stays_too(self, stores: Stores, kind: str) -> None:
        async def work(a: Backend, b: Backend) -> None:
            await a.apply([state(f"s{n}") for n in range(30)])
            at_first_look(b, lambda: b.apply([result("mine")]))
            with pytest.raises(InvalidInputError, match=r"result\('mine'\)"):
                await migrate(a, b, now=NOW)
            assert await b.fetch(RESULT, [("mine",)]) != [None]

        on(work, stores.backend("sqlite"), stores.backend(kind))


class TestTheMark:
    def test_no_user_writes_or_sees_it(self) -> None:
        async def main() -> None:
            async with Store(MemoryBackend()) as store:
                for write in (store.store_system_state(LOCK_KEY[0], {}), store.delete_system_state(LOCK_KEY[0])):
                    with pytest.raises(InvalidInputError, match="reserved"):
                        await write
                with pytest.raises(InvalidInputError, match="reserved"):
                    async with store.transaction() as tx:
                        await tx.store_system_state(LOCK_KEY[0], {})
                for name in ("a", "m", "z"):
                    await store.store_system_state(name, {})
                await store.backend.apply([Put(STATE, LOCK_KEY, b"{}", 0)])
                assert await store.list_system_states() == ["a", "m", "z"]
                assert await store.list_system_states(limit=2) == ["a", "m"]
                assert await store.list_system_states(limit=1, after="a") == ["m"]
                assert (await store.get_storage_stats())["state_count"] == 3
                assert LOCK_KEY[0].encode() not in await exported(store.backend)
                assert (await store.health_check())["status"] == "degraded"
                assert (await store.verify())["ok"]

        asyncio.run(main())
