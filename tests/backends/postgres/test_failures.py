"""PostgreSQL that is full, crowded, contended or gone, on real servers: each failure has one class, and it ends."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from lodestore.backends.postgres import PostgresBackend, driver, group_commit
from lodestore.core.families import RAW_MESSAGE, STATE
from lodestore.core.records import Append, Page
from lodestore.errors import InvalidInputError, OutcomeUnknownError, StorageFullError, UnavailableError
from tests.backends.postgres.test_cuts import NOW, OURS, QUICK, attempt, held, judge, several, through
from tests.backends.postgres.test_postgres import Place, put
from tests.support import postgres_server
from tests.support.postgres_server import Server
from tests.support.servers import Proxy, wait_for
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server.running(*QUICK, "max_connections=20", "superuser_reserved_connections=2") as made:
        yield made


@pytest.fixture
def place(server: Server) -> Place:
    return Place(server.url)


def test_the_inner_words_of_the_driver_are_nobodys_business() -> None:
    error = asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
    for found in (driver.renamed(error, "reading"), driver.renamed(error, "writing", committing=True)):
        assert "state 12" not in str(found)
        assert "the connection to the server broke" in str(found)


class TestTooMany:
    def test_a_stuck_connection_fills_the_pool_until_it_is_free(self, place: Place) -> None:
        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            await handle.apply([put("k")])
            proxy.flow.clear()
            stuck = asyncio.create_task(handle.fetch(STATE, [("k",)]))
            await asyncio.sleep(0.01)
            for asking in (handle.fetch(STATE, [("k",)]), handle.apply([put("j")]), handle.sweep(NOW, 1)):
                with pytest.raises(UnavailableError, match="pool_size"):
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
                with pytest.raises(UnavailableError, match="53300"):
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
            # A session looks for a deadlock once, so long after it began to wait: that is to come after the rival waits
            # too, however slow the machine is, and the rival's own look never.
            await handle._pool.read("waiting", lambda run: run.execute("SET deadlock_timeout = '5s'"), writes=True)
            rival = await asyncpg.connect(place.url, server_settings={"deadlock_timeout": "60s"})
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
    def test_tries_are_counted(self, place: Place, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
        sleep, pauses = asyncio.sleep, []

        async def noted(seconds: float) -> None:
            pauses.append(seconds)
            await sleep(seconds)

        async def work(handle: PostgresBackend) -> None:
            for writes in ([put("k")], [put("k"), put("j")]):
                await asyncio.to_thread(_fail_times, place, state, group_commit.TRIES - 1)
                assert len(await handle.apply(writes)) == len(writes)
                await asyncio.to_thread(_fail_times, place, state, group_commit.TRIES)
                with monkeypatch.context() as noting:
                    noting.setattr(asyncio, "sleep", noted)
                    with pytest.raises(UnavailableError, match=state):
                        await handle.apply(writes)
                assert len(pauses) == group_commit.TRIES
                assert all(pause <= group_commit.PAUSE * 2**number for number, pause in enumerate(pauses))
                pauses.clear()
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
                    with pytest.raises(UnavailableError, match="40001"):
                        await handle._read(lambda run: run.fetchval(text))

        place.on(work)

    @pytest.mark.parametrize(
        ("state", "kind"), [("53100", StorageFullError), ("42501", InvalidInputError), ("53200", UnavailableError)]
    )
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


@pytest.mark.slow
class TestServerGoes:
    def test_nothing_acknowledged_is_lost_when_it_is_killed(self) -> None:
        async def work(handle: PostgresBackend) -> None:
            told: dict[int, type[BaseException] | None] = {}
            for turn in range(2):
                killing = asyncio.create_task(_kill_and_start(made, told, 60))
                await asyncio.gather(*(_write_until(handle, told, killing, turn * 8 + n) for n in range(8)))
                await killing
            assert {UnavailableError, OutcomeUnknownError} & set(told.values())
            there = await held(handle)
            for number, kind in told.items():
                judge(several(number)[0], kind, there)
            assert list(told.values()).count(None) > 100
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
                        with pytest.raises(UnavailableError):
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


async def _kill_and_start(server: Server, told: dict[int, Any], more: int) -> None:
    """Kill it once so many more writes have been acknowledged, and start it again."""
    enough = list(told.values()).count(None) + more
    await until(lambda: list(told.values()).count(None) >= enough)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)


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
                with pytest.raises(StorageFullError, match="53100"):
                    await _fill(handle, size, kept)
            with pytest.raises(StorageFullError):
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
