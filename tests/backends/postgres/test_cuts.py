"""PostgreSQL behind a proxy that cuts: at the edges and in the middle of every message of both directions.

Each cut ends in one class of error, nothing acknowledged is lost, and the same handle goes on.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import asyncpg
import pytest

from lodestore.backends.postgres import PostgresBackend, driver, pool
from lodestore.core.families import CACHE, CONVERSATION, MEMORY, RAW_MESSAGE, STATE
from lodestore.core.records import Append, Drop, Key, Page, Put, Write
from lodestore.errors import OutcomeUnknownError, UnavailableError
from tests.backends.postgres.test_postgres import Place, put
from tests.support import postgres_server
from tests.support.postgres_server import Server
from tests.support.servers import Proxy, wait_for

pytestmark = pytest.mark.slow

NOW = 1000
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "deadlock_timeout=200ms")
OURS = "FROM pg_stat_activity WHERE application_name = 'lodestore'"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server.running(*QUICK) as made:
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
    assert kind in (None, UnavailableError, OutcomeUnknownError)
    assert whole or not kept, f"torn: {kept}"
    assert whole or kind is not None, f"acknowledged and lost: {unit}"
    assert not kept or kind is not UnavailableError, f"unavailable and written: {unit}"


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


def quiet(place: Place) -> None:
    """Wait until the server has noticed that connections are gone: nothing is still being committed."""
    wait_for(lambda: not place.sql(f"SELECT 1 {OURS} AND state <> 'idle'"), "quiet")


class TestCuts:
    @pytest.mark.parametrize("way", ["request", "answer"])
    @pytest.mark.parametrize("units", [one, append, several, gathered])
    def test_a_write_cut_anywhere_is_whole_or_nothing(
        self, place: Place, units: Callable[[int], Units], way: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Names of statements count up; long ones all have one length, so a cut falls where it is meant to. Nor does
        # what is sent depend on how long a connection was idle.
        monkeypatch.setattr(asyncpg.connection, "_uid", 0x10000, raising=False)
        monkeypatch.setattr(pool, "PING_AFTER", math.inf)

        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            await renew(handle, proxy)
            told = [await attempt(handle, units(1000))]
            for number, point in enumerate(points(proxy.seen[way]), 1001):
                await renew(handle, proxy)
                proxy.cut(way, point, once=True)
                told.append(await attempt(handle, units(number)))
                proxy.mend()
                assert len(await handle.apply([put("after"), put("after2")])) == 2  # the same handle goes on
            await asyncio.to_thread(quiet, place)
            there = await held(handle)
            for number, kinds in enumerate(told, 1000):
                for unit, kind in zip(units(number), kinds, strict=True):
                    judge(unit, kind, there)
            assert OutcomeUnknownError in {kind for kinds in told for kind in kinds}
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
            with pytest.raises(OutcomeUnknownError):
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
                    with pytest.raises(UnavailableError):
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
                    except UnavailableError:
                        assert await handle.open() == 0
                    proxy.mend()
                    assert await handle.apply([put("k")]) == [1]
                    await handle.close()

        asyncio.run(main())

    def test_a_server_that_says_nothing(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(driver, "GRACE", 0.05)

        async def work(handle: PostgresBackend, proxy: Proxy) -> None:
            for asking, kinds in (
                (lambda: handle.fetch(STATE, [("k",)]), (UnavailableError,)),
                (lambda: handle.apply([put("k")]), (OutcomeUnknownError,)),
                (lambda: handle.apply([put("k"), put("j")]), (UnavailableError, OutcomeUnknownError)),
            ):
                await handle.apply([])  # a connection that was alive just now
                proxy.flow.clear()
                with pytest.raises(kinds):
                    await asking()
                proxy.flow.set()
                await asyncio.to_thread(quiet, place)
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
            with pytest.raises(UnavailableError):
                await handle.fetch(STATE, [("k",)])
            proxy.flow = asyncio.Event()  # what comes from now on passes; what came before is still held
            proxy.flow.set()
            assert (await handle.fetch(STATE, [("k",)]))[0] is not None
            silent.set()

        through(place, work, timeout=0.2)
