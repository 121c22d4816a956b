"""PostgreSQL that fails, on real servers: each failure has one class, nothing acknowledged is lost, the handle goes on.

Cuts come from a proxy, at the edges and in the middle of every message of both directions.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import asyncpg
import pytest

from lodestore.backends.postgres import PostgresBackend, driver, writer
from lodestore.catalogue import CACHE, CONVERSATION, MEMORY, RAW_MESSAGE, STATE
from lodestore.errors import Full, Refused, Unavailable, Unknown
from lodestore.kernel import Append, Drop, Key, Page, Put, Write
from tests import postgres_server
from tests.postgres_server import Server
from tests.servers import Proxy, wait_for
from tests.test_postgres import Place, put

NOW = 1000
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "deadlock_timeout=200ms")
OURS = "FROM pg_stat_activity WHERE application_name = 'lodestore'"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server.running(*QUICK, "max_connections=20", "superuser_reserved_connections=2") as made:
        yield made


@pytest.fixture
def place(server: Server) -> Place:
    return Place(server.url)


def through(place: Place, work: Callable[[PostgresBackend, Proxy], Awaitable[Any]], **settings: Any) -> Any:
    """Run `work` on an open handle whose connections go by way of a proxy."""

    async def main() -> Any:
        proxy = Proxy(int(place.url.rpartition(":")[2].partition("/")[0]))
        async with proxy.running():
            handle = behind(proxy, place, **settings)
            await handle.open()
            try:
                return await work(handle, proxy)
            finally:
                await handle.close()

    return asyncio.run(main())


def behind(proxy: Proxy, place: Place, **settings: Any) -> PostgresBackend:
    url = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"
    return PostgresBackend(url, namespace=place.namespace, sslmode="disable", **settings)


def points(stream: bytes) -> list[int]:
    """Where to cut a stream of messages: before, just inside and in the middle of each, and at the end."""
    found, start = {0, len(stream)}, 0
    while start < len(stream):
        end = start + 1 + struct.unpack_from("!i", stream, start + 1)[0]
        found |= {start, start + 1, (start + end) // 2}
        start = end
    return sorted(found)


Units = list[list[Write]]  # each whole or nothing, all handed over at once


def one(n: int) -> Units:
    return [[put(f"k{n}")]]


def append(n: int) -> Units:
    return [[Append(RAW_MESSAGE, (f"c{n}",), (b"{}", b'{"n":1}'), NOW)]]


def several(n: int) -> Units:
    return [[put(f"k{n}"), Put(MEMORY, (f"c{n}", "m"), b"{}", NOW), *append(n)[0], Drop(STATE, ("nobody",), NOW)]]


def gathered(n: int) -> Units:
    return [[put(f"k{n}")], *append(n), [put(f"j{n}"), put(f"i{n}")]]


async def attempt(handle: PostgresBackend, units: Units) -> list[type[BaseException] | None]:
    """The class of what each unit failed with, None where it was acknowledged."""
    found = await asyncio.gather(*map(handle.apply, units), return_exceptions=True)
    return [type(result) if isinstance(result, BaseException) else None for result in found]


def judge(unit: list[Write], kind: type[BaseException] | None, there: set[Key]) -> None:
    """Whether what is there of a unit is what its writer was told."""
    kept = keys_of(unit) & there
    whole = kept == keys_of(unit)
    assert kind in (None, Unavailable, Unknown)
    assert whole or not kept, f"torn: {kept}"
    assert whole or kind is not None, f"acknowledged and lost: {unit}"
    assert not kept or kind is not Unavailable, f"unavailable and written: {unit}"


async def held(handle: PostgresBackend) -> set[Key]:
    found = [await handle.keys(Page(family, partial=True)) for family in (STATE, RAW_MESSAGE, MEMORY, CONVERSATION)]
    return {key for keys in found for key in keys}


def keys_of(writes: Sequence[Write]) -> set[Key]:
    """Every row that writes leave behind, owners included."""
    found: set[Key] = set()
    for write in writes:
        if type(write) is Put:
            found |= {write.key, write.key[:-1] or write.key}
        elif type(write) is Append:
            found |= {write.prefix, *((*write.prefix, place) for place in range(len(write.bodies)))}
    return found


async def renew(handle: PostgresBackend, proxy: Proxy) -> None:
    """Leave one idle connection that has seen no write yet."""
    handle._pool.forget()
    await handle.fetch(STATE, [("none",)])
    proxy.forget()


class TestCuts:
    @pytest.mark.parametrize("way", ["request", "answer"])
    @pytest.mark.parametrize("units", [one, append, several, gathered])
    def test_a_write_cut_anywhere_is_whole_or_nothing(
        self, place: Place, units: Callable[[int], Units], way: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Names of statements count up; long ones all have one length, so a cut falls where it is meant to.
        monkeypatch.setattr(asyncpg.connection, "_uid", 0x10000, raising=False)

        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            await renew(handle, proxy)
            told = [await attempt(handle, units(1000))]
            for number, point in enumerate(points(proxy.seen[way]), 1001):
                await renew(handle, proxy)
                proxy.cut(way, point, once=True)
                told.append(await attempt(handle, units(number)))
                proxy.mend()
                assert len(await handle.apply([put("after"), put("after2")])) == 2  # the same handle goes on
            await asyncio.to_thread(_quiet, place)
            there = await held(handle)
            for number, kinds in enumerate(told, 1000):
                for unit, kind in zip(units(number), kinds, strict=True):
                    judge(unit, kind, there)
            assert Unknown in {kind for kinds in told for kind in kinds}
            assert await handle.verify() == []

        through(place, work)

    @pytest.mark.parametrize("way", ["request", "answer"])
    def test_a_sweep_cut_anywhere_is_done_again(self, place: Place, way: str) -> None:
        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            async def expire() -> None:
                await handle.apply([Put(CACHE, (key,), b"{}", NOW, NOW + 1) for key in ("a", "b")])
                await renew(handle, proxy)

            await expire()
            assert await handle.sweep(NOW + 1, 10) == 2
            cuts = points(proxy.seen[way])
            for cut in cuts:
                await expire()
                proxy.cut(way, cut, once=True)
                assert await handle.sweep(NOW + 1, 10) in (0, 2)
                proxy.mend()
                assert (await handle.vitals(NOW)).counts["cache"] == 0
            await expire()
            proxy.cut(way, cuts[-2])  # within the commit, and no further connection
            with pytest.raises(Unknown):
                await handle.sweep(NOW + 1, 10)

        through(place, work)

    @pytest.mark.parametrize("way", ["request", "answer"])
    def test_a_read_cut_anywhere_is_asked_again(self, place: Place, way: str) -> None:
        async def read(handle: PostgresBackend) -> None:
            assert len(await handle.keys(Page(STATE))) == 2
            assert [row is None for row in await handle.fetch(STATE, [("a",), ("b",), ("c",)])] == [False, False, True]

        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            await handle.apply([put("a"), put("b")])
            await renew(handle, proxy)
            await read(handle)
            for point in points(proxy.seen[way]):
                await renew(handle, proxy)
                proxy.cut(way, point, once=True)
                await read(handle)
                proxy.mend()

        through(place, work)

    def test_reads_that_are_cut_for_ever_are_unavailable(self, place: Place) -> None:
        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            for way in ("request", "answer"):
                proxy.cut(way)
                for reading in (handle.fetch(STATE, [("k",)]), handle.verify(), handle.vitals(NOW), handle.probe()):
                    with pytest.raises(Unavailable):
                        await reading
                proxy.mend()
                assert await handle.fetch(STATE, [("k",)]) == [None]

        through(place, work)

    @pytest.mark.parametrize("way", ["request", "answer"])
    def test_opening_cut_anywhere_can_be_done_again(self, server: Server, way: str) -> None:
        async def main() -> None:
            proxy = Proxy(server.port)
            async with proxy.running():
                first = behind(proxy, Place(server.url))
                await first.open()
                await first.close()
                size = len(proxy.seen[way])
                for after in range(0, size, max(size // 25, 1)):
                    handle = behind(proxy, Place(server.url))
                    proxy.cut(way, after, once=True)
                    try:
                        await handle.open()
                    except Unavailable:
                        assert await handle.open() == 0
                    proxy.mend()
                    assert await handle.apply([put("k")]) == [1]
                    await handle.close()

        asyncio.run(main())

    def test_a_server_that_says_nothing(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(driver, "GRACE", 0.05)

        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            for asking, kinds in (
                (lambda: handle.fetch(STATE, [("k",)]), (Unavailable,)),
                (lambda: handle.apply([put("k")]), (Unknown,)),
                (lambda: handle.apply([put("k"), put("j")]), (Unavailable, Unknown)),
            ):
                await handle.apply([])  # a connection that was alive just now
                proxy.flow.clear()
                with pytest.raises(kinds):
                    await asking()
                proxy.flow.set()
                await asyncio.to_thread(_quiet, place)
                assert len(await handle.apply([put("after")])) == 1

        through(place, work, timeout=0.2)

    def test_a_connection_that_says_nothing_is_not_used_again(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(driver, "GRACE", 0.05)

        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            await handle.apply([put("k")])
            silent = proxy.flow
            silent.clear()
            with pytest.raises(Unavailable):
                await handle.fetch(STATE, [("k",)])
            proxy.flow = asyncio.Event()  # what comes from now on passes; what came before is still held
            proxy.flow.set()
            assert (await handle.fetch(STATE, [("k",)]))[0] is not None
            silent.set()

        through(place, work, timeout=0.2)


def _quiet(place: Place) -> None:
    """Wait until the server has noticed that connections are gone: nothing is still being committed."""
    wait_for(lambda: not place.sql(f"SELECT 1 {OURS} AND state <> 'idle'"), "quiet")


class TestTooMany:
    def test_a_stuck_connection_fills_the_pool_until_it_is_free(self, place: Place) -> None:
        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            await handle.apply([put("k")])
            proxy.flow.clear()
            stuck = asyncio.create_task(handle.fetch(STATE, [("k",)]))
            await asyncio.sleep(0.01)
            for asking in (handle.fetch(STATE, [("k",)]), handle.apply([put("j")]), handle.sweep(NOW, 1)):
                with pytest.raises(Unavailable, match="pool_size"):
                    await asking
            proxy.flow.set()
            assert (await stuck)[0] is not None
            assert await handle.apply([put("j")]) == [2]

        through(place, work, pool_size=1, pool_wait=0.05)

    def test_who_gives_up_waiting_takes_no_place(self, place: Place) -> None:
        async def work(handle: PostgresBackend) -> None:
            for turn in range(20):
                asking = [asyncio.create_task(handle.fetch(STATE, [("k",)])) for _ in range(10)]
                await asyncio.sleep(turn / 4000)
                for task in asking[::2]:
                    task.cancel()
                done = await asyncio.gather(*asking, return_exceptions=True)
                assert done[1::2] == [[None]] * 5
            assert await handle.apply([put("k")]) == [1]

        place.on(work, pool_size=2, pool_wait=5)

    def test_a_server_without_a_free_connection(self, place: Place, server: Server) -> None:
        async def work(handle: PostgresBackend) -> None:
            handle._pool.forget()
            others: list[Any] = []
            with pytest.raises(asyncpg.TooManyConnectionsError):
                await _crowd(made.url, others)
            for asking in (handle.fetch(STATE, [("k",)]), handle.apply([put("k")]), handle.apply([put("k")] * 2)):
                with pytest.raises(Unavailable, match="53300"):
                    await asking
            for other in others:
                await other.close()
            assert await handle.apply([put("k")]) == [1]

        place.sql("CREATE ROLE crowd LOGIN", "GRANT CREATE ON DATABASE postgres TO crowd", "SELECT 1")
        made = Place(server.url.replace("postgres@", "crowd@"))
        made.on(work, pool_size=2)


async def _crowd(url: str, others: list[Any]) -> None:
    while True:
        others.append(await asyncpg.connect(url))


class TestRivals:
    """Other sessions in the way: real serialization failures and deadlocks, and errors raised on purpose."""

    @pytest.mark.parametrize("settings", [{}, {"pgbouncer": True}])
    def test_a_stricter_default_of_the_role_is_no_matter(self, place: Place, settings: dict[str, Any]) -> None:
        """Without session settings it does hold for single statements: a serialization failure, tried again."""

        async def work(handle: PostgresBackend) -> None:
            rival = await asyncpg.connect(place.url)
            await rival.execute("ALTER ROLE postgres SET default_transaction_isolation = serializable")
            handle._pool.forget()
            try:
                level = await handle._read(lambda run: run.fetchval("SHOW transaction_isolation"))
                assert level == ("serializable" if settings else "read committed")
                for number in range(3):
                    async with rival.transaction(isolation="read_committed"):
                        await rival.execute(f"UPDATE {handle._d.schema}store SET commits = commits + 1")
                        writing = asyncio.ensure_future(handle.apply([put(f"k{number}")]))
                        await _waits(place)
                    assert await writing == [2 * number + 2]
            finally:
                await rival.execute("ALTER ROLE postgres RESET default_transaction_isolation")
                await rival.close()

        place.on(work, **settings)

    def test_the_victim_of_a_deadlock_tries_again(self, place: Place) -> None:
        async def work(handle: PostgresBackend) -> None:
            await handle.apply([put("k")])
            rival = await asyncpg.connect(place.url, server_settings={"deadlock_timeout": "20s"})
            async with rival.transaction():
                await rival.execute(f"SELECT 1 FROM {handle._d.schema}state FOR UPDATE")
                writing = asyncio.ensure_future(handle.apply([put("j"), put("k", b'{"n":2}')]))
                await _waits(place)
                await rival.execute(f"UPDATE {handle._d.schema}store SET latest = latest")
                assert not writing.done()
            assert await writing == [2, 2]
            await rival.close()

        place.on(work)

    @pytest.mark.parametrize("state", ["40001", "40P01"])
    def test_tries_are_counted(self, place: Place, state: str) -> None:
        async def work(handle: PostgresBackend) -> None:
            for writes in ([put("k")], [put("k"), put("j")]):
                await asyncio.to_thread(_fail_times, place, state, writer.TRIES - 1)
                assert len(await handle.apply(writes)) == len(writes)
                await asyncio.to_thread(_fail_times, place, state, writer.TRIES)
                begun = time.monotonic()
                with pytest.raises(Unavailable, match=state):
                    await handle.apply(writes)
                assert time.monotonic() - begun < 2 * writer.PAUSE * 2**writer.TRIES
                assert len(await handle.apply(writes)) == len(writes)

        place.on(work)

    def test_a_read_in_the_way_of_a_rival_is_asked_once_more(self, place: Place) -> None:
        async def work(handle: PostgresBackend) -> None:
            text = f"SELECT {handle._d.schema}meet()"
            for times, found in ((1, "met"), (2, None)):
                await asyncio.to_thread(_fail_times, place, "40001", times)
                if found:
                    assert await handle._read(lambda run: run.fetchval(text)) == found
                else:
                    with pytest.raises(Unavailable, match="40001"):
                        await handle._read(lambda run: run.fetchval(text))

        place.on(work)

    @pytest.mark.parametrize(("state", "kind"), [("53100", Full), ("42501", Refused), ("53200", Unavailable)])
    def test_only_who_meets_an_error_fails(self, place: Place, state: str, kind: type[Exception]) -> None:
        async def work(handle: PostgresBackend) -> None:
            await asyncio.to_thread(_fail_times, place, state, 1000)
            with pytest.raises(kind, match=state):
                await handle.apply([put("k")])
            with pytest.raises(kind, match=state):
                await handle.apply([Append(RAW_MESSAGE, ("c",), (b"{}",), NOW), put("k")])
            assert await held(handle) == set()
            await asyncio.to_thread(_fail_times, place, state, 0)
            assert len(await handle.apply([put("k")])) == 1

        place.on(work)


async def _waits(place: Place) -> None:
    """Until a session of ours waits for a lock."""
    await asyncio.to_thread(wait_for, lambda: bool(place.sql(f"SELECT 1 {OURS} AND wait_event_type = 'Lock'")), "it")


def _fail_times(place: Place, state: str, times: int) -> None:
    """Let the next writes of a state, and calls of `meet()`, fail so many times; sequences are not rolled back."""
    fail = f"IF nextval('{place.namespace}.tries') <= {times} THEN RAISE EXCEPTION USING ERRCODE = '{state}'; END IF;"
    place.sql(
        "DROP SEQUENCE IF EXISTS tries",
        "CREATE SEQUENCE tries",
        f"CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {fail} RETURN NEW; END $$",
        f"CREATE OR REPLACE FUNCTION meet() RETURNS text LANGUAGE plpgsql AS $$ BEGIN {fail} RETURN 'met'; END $$",
        "CREATE OR REPLACE TRIGGER fail BEFORE INSERT OR UPDATE ON state FOR EACH STATEMENT EXECUTE FUNCTION fail()",
        "SELECT 1",
    )


class TestServerGoes:
    def test_nothing_acknowledged_is_lost_when_it_is_killed(self) -> None:
        async def work(handle: PostgresBackend) -> None:
            told: dict[int, type[BaseException] | None] = {}
            for turn in range(2):
                killing = asyncio.create_task(asyncio.to_thread(_kill_and_start, made))
                await asyncio.gather(*(_write_until(handle, told, killing, turn * 8 + n) for n in range(8)))
                await killing
            assert {Unavailable, Unknown} & set(told.values())
            there = await held(handle)
            for number, kind in told.items():
                judge(several(number)[0], kind, there)
            assert sum(kind is None for kind in told.values()) > 100
            assert await handle.verify() == []

        with postgres_server.running() as made:
            Place(made.url).on(work)

    @pytest.mark.parametrize("end", ["terminated", "restarted"])
    def test_connections_lost_while_idle_are_replaced(self, end: str) -> None:
        async def work(handle: PostgresBackend) -> None:
            for number, writes in enumerate(([put("a")], [put("b"), put("c")]), 1):
                await asyncio.gather(*(handle.fetch(STATE, [("k",)]) for _ in range(5)))
                if end == "terminated":
                    await asyncio.to_thread(Place(made.url).sql, f"SELECT pg_terminate_backend(pid) {OURS}")
                else:
                    await asyncio.to_thread(made.halt)
                    for asking in (handle.fetch(STATE, [("k",)]), handle.apply(writes), handle.probe()):
                        with pytest.raises(Unavailable):
                            await asking
                    await asyncio.to_thread(made.start)
                await asyncio.sleep(0.01)
                assert await handle.apply(writes) == [number] * len(writes)
            assert len(await handle.keys(Page(STATE))) == 3

        with postgres_server.running("fsync=off") as made:
            Place(made.url).on(work)


async def _write_until(handle: PostgresBackend, told: dict[int, Any], killing: asyncio.Task[None], lane: int) -> None:
    """Write until the server has been killed, is back and has taken a write again."""
    for number in range(lane * 100_000, (lane + 1) * 100_000):
        back = killing.done()
        (told[number],) = await attempt(handle, several(number))
        if back and told[number] is None:
            return
        if told[number] is not None:
            await asyncio.sleep(0.02)


def _kill_and_start(server: Server) -> None:
    time.sleep(0.3)
    server.kill()
    server.start()


def may_mount() -> bool:
    """Whether this machine lets us make a small file system."""
    if sys.platform != "linux":
        return False
    mount = "mount -t tmpfs -o size=1m tmpfs /mnt"
    probe = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    return subprocess.run(probe, capture_output=True).returncode == 0


class TestFull:
    @pytest.mark.skipif(not may_mount() and "CI" not in os.environ, reason="nobody may mount a small disk here")
    def test_a_full_disk_is_full_until_there_is_room(self) -> None:
        async def work(handle: PostgresBackend) -> None:
            kept: list[str] = []
            for size in (1_000_000, 100_000, 1000):
                with pytest.raises(Full, match="53100"):
                    await _fill(handle, size, kept)
            with pytest.raises(Full):
                await handle.apply([put("half", b"{}"), put("more", _noise(300_000))])
            assert sorted(key for (key,) in await handle.keys(Page(STATE))) == sorted(kept)
            assert await handle.verify() == []
            rival = await asyncpg.connect(place.url)
            await rival.execute("DROP TABLE ballast")
            await rival.close()
            assert len(await handle.apply([put("half", b"{}"), put("more", _noise(300_000))])) == 2
            assert len(await handle.apply([put("alone", _noise(300_000))])) == 1

        with postgres_server.running(*QUICK[:3], room=20) as made:
            Place(made.url).sql(
                f"CREATE TABLESPACE tiny LOCATION '{made.tiny}'",
                "CREATE DATABASE tiny TABLESPACE tiny STRATEGY file_copy",
                "SELECT 1",
            )
            place = Place(f"{made.url.removesuffix('/postgres')}/tiny")
            place.sql(
                "CREATE TABLE public.ballast AS SELECT repeat('x', 1000) FROM generate_series(1, 2500)", "SELECT 1"
            )
            place.on(work)


async def _fill(handle: PostgresBackend, size: int, kept: list[str]) -> None:
    while True:
        await handle.apply([put(f"k{len(kept)}", _noise(size))])
        kept.append(f"k{len(kept)}")


def _noise(size: int) -> bytes:
    """A JSON text that does not become smaller."""
    return b'{"t":"%s"}' % secrets.token_hex(size // 2).encode()
