"""Dictionaries on servers: the laws of `test_dictionaries`, wherever the records are."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest
import redis

from lodestore.backends.postgres import PostgresBackend
from lodestore.backends.redis import RedisBackend
from lodestore.core.families import CACHE, RAW_MESSAGE, STATE
from lodestore.core.records import BODY, Append, Page, Put
from lodestore.encoding import dictionary_training
from lodestore.encoding.dictionaries import Dictionary, compress_dictionary, open_dictionary
from lodestore.errors import CorruptError, StorageFullError
from lodestore.store.store import Store
from tests.backends.sqlite.test_dictionaries import messages
from tests.support import servers

pytestmark = pytest.mark.slow


class Postgres:
    """A namespace of its own."""

    def __init__(self, url: str) -> None:
        self.url, self.namespace = url, f"lodestore_{secrets.token_hex(6)}"

    def backend(self, **settings: Any) -> Any:
        return PostgresBackend(self.url, namespace=self.namespace, **settings)

    async def sql(self, statement: str, *values: Any) -> list[Any]:
        connection = await asyncpg.connect(self.url, server_settings={"search_path": self.namespace})
        try:
            return [tuple(row) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    async def table(self) -> list[Dictionary]:
        rows = await self.sql("SELECT number, family, covered, body FROM dictionary ORDER BY number")
        return [Dictionary._make(row) for row in rows]

    async def lose(self) -> None:
        await self.sql("DELETE FROM dictionary")

    async def damage(self) -> None:
        await self.sql("UPDATE dictionary SET body = set_byte(body, 100, 255 - get_byte(body, 100))")

    async def held(self) -> int:
        return int((await self.sql("SELECT sum(length(body)) FROM raw_message"))[0][0])


class Redis:
    """A hash tag of its own."""

    def __init__(self, url: str) -> None:
        self.url, self.namespace = url, f"lodestore-{secrets.token_hex(6)}"

    def backend(self, **settings: Any) -> Any:
        return RedisBackend(self.url, namespace=self.namespace, **settings)

    def client(self) -> Any:
        return redis.Redis.from_url(self.url)

    def key(self, rest: str) -> str:
        return f"{{{self.namespace}}}:{rest}"

    async def table(self) -> list[Dictionary]:
        with self.client() as client:
            found = client.hgetall(self.key("d"))
        rows = ((int(number), *value.split(b"\n", 1)) for number, value in found.items())
        parts = ((number, *head.decode().split(" "), stored) for number, head, stored in rows)
        return sorted(Dictionary(number, family, int(covered), stored) for number, family, covered, stored in parts)

    async def lose(self) -> None:
        with self.client() as client:
            client.delete(self.key("d"))

    async def damage(self) -> None:
        with self.client() as client:
            value = bytearray(client.hget(self.key("d"), "1"))
            value[100] ^= 16
            client.hset(self.key("d"), "1", bytes(value))

    async def held(self) -> int:
        with self.client() as client:
            return int(client.hget(self.key("meta"), "b.raw_message"))


Place = Postgres | Redis


@pytest.fixture(scope="module", params=["postgres", *servers.redis_params()])
def maker(request: pytest.FixtureRequest) -> Iterator[Callable[[], Place]]:
    """Places on one server of each kind."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        yield lambda: Postgres(url)
    else:
        with servers.redis_url(request.param) as url:
            yield lambda: Redis(url)


@pytest.fixture
def place(maker: Callable[[], Place]) -> Iterator[Place]:
    made = maker()
    yield made
    if isinstance(made, Postgres):
        asyncio.run(made.sql(f"DROP SCHEMA IF EXISTS {made.namespace} CASCADE"))


def on(place: Place, work: Callable[[Store], Awaitable[Any]], **settings: Any) -> Any:
    """Open a store there, do `work` with it, close it."""

    async def main() -> Any:
        async with Store(place.backend(**settings)) as store:
            return await work(store)

    return asyncio.run(main())


async def trained(store: Store) -> None:
    """Wait for the training that goes on in the background."""
    handle: Any = store.backend
    while (task := handle._background.running(handle.trainer)) is not None:
        await asyncio.wait([task])


def packer(store: Store) -> Any:
    return store.backend._packer  # type: ignore[attr-defined]


def dictionary_table(store: Store) -> Any:
    return store.backend._dict_table  # type: ignore[attr-defined]


def test_it_comes_by_itself_and_changes_nothing_but_the_bytes(place: Place) -> None:
    first, second = messages(1000), messages(1000, 1000)

    async def work(store: Store) -> int:
        await store.append_raw_messages("c", first)
        await trained(store)
        held = await place.held()
        await store.append_raw_messages("c", second)
        assert await store.load_raw_messages("c") == first + second
        assert (await store.verify())["problems"] == []
        [kept] = await place.table()
        assert kept[:2] == (1, "raw_message")
        return (await place.held() - held) / held

    assert on(place, work) < 0.5

    async def again(store: Store) -> None:
        assert await store.load_raw_messages("c") == first + second
        await store.append_raw_messages("c", messages(10, 5000))
        await trained(store)
        assert len(await place.table()) == 1

    on(place, again)


def test_the_other_handle_reads_what_the_one_trained_for(place: Place) -> None:
    async def work(one: Store) -> None:
        async with Store(place.backend()) as two:
            await one.append_raw_messages("old", messages(1000))
            await trained(one)
            reads: list[Callable[[Store, str], Awaitable[Any]]] = [
                lambda s, c: s.load_raw_messages(c),
                lambda s, c: s.backend.fetch(RAW_MESSAGE, [(c, 200)]),
                lambda s, c: s.backend.fetch(RAW_MESSAGE, [(c, n) for n in range(200, 220)]),
                lambda s, c: s.backend.scan(Page(RAW_MESSAGE, (c,))),
                lambda s, c: s.verify(),
                lambda s, c: dictionary_table(s).sample(RAW_MESSAGE, 10**9),
            ]
            for number, read in enumerate(reads):
                # Each kind of read is the first to meet a dictionary made meanwhile.
                await one.append_raw_messages(f"c{number}", messages(150, 150 * number))
                content = open_dictionary((await place.table())[0])
                assert await dictionary_table(one).keep(RAW_MESSAGE, number + 1, 10**9, compress_dictionary(content))
                await one.append_raw_messages(f"c{number}", messages(150, 9999))
                assert packer(two).latest < number + 2
                assert await read(two, f"c{number}") == await read(one, f"c{number}")
                assert packer(two).latest == number + 2
            await two.append_raw_messages("c", messages(10))
            assert await one.load_raw_messages("c") == messages(10)
            assert (await one.verify())["ok"]

    on(place, work)


def test_of_two_that_train_at_once_one_wins(place: Place) -> None:
    async def fill(store: Store) -> None:
        await store.append_raw_messages("c", messages(2000))

    on(place, fill, dictionaries=False)

    async def work(one: Store) -> None:
        async with Store(place.backend()) as two:
            made = await asyncio.gather(*(s.backend.trainer.train() for s in (one, two)))  # type: ignore[attr-defined]
            assert sum(made) == 1
            for number, store in enumerate((one, two)):
                await store.append_raw_messages(f"d{number}", messages(500))
            assert {packer(store).latest for store in (one, two)} == {1}
        assert [kept.number for kept in await place.table()] == [1]

    on(place, work)


def test_of_two_numbers_that_are_one_the_first_stands(place: Place) -> None:
    async def work(one: Store) -> None:
        bodies = [[str(m).encode() for m in messages(900, 900 * n, f"n{n}")] for n in range(2)]
        contents = [dictionary_training.train(some) or b"" for some in bodies]
        async with Store(place.backend()) as two:
            keeping = (
                dictionary_table(s).keep(f, 0, 1, compress_dictionary(c))
                for s, f, c in zip((one, two), (STATE, CACHE), contents, strict=True)
            )
            won = await asyncio.gather(*keeping)
        found = await place.table()
        winners = {family.name for family, first in zip((STATE, CACHE), won, strict=True) if first}
        assert {kept.family for kept in found} == winners != set()
        for kept in found:
            assert open_dictionary(kept) == contents[0 if kept.family == STATE.name else 1]

    on(place, work)


def test_families_that_train_at_once_get_different_numbers(place: Place) -> None:
    bodies = [str(message).encode() for message in messages(1000)]

    async def work(one: Store) -> None:
        await one.backend.apply([Append(RAW_MESSAGE, ("c",), tuple(bodies), 1)])
        await one.backend.apply([Put(CACHE, (f"k{n}",), body, 1) for n, body in enumerate(bodies)])
        async with Store(place.backend()) as two:
            await asyncio.gather(*(s.compact() for s in (one, two)))
            await asyncio.gather(*(s.compact() for s in (one, two)))
        found = await place.table()
        assert [kept.number for kept in found] == [1, 2]
        assert {kept.family for kept in found} == {"raw_message", "cache"}
        assert [row[BODY] for row in await one.backend.scan(Page(RAW_MESSAGE, ("c",)))] == bodies

    on(place, work)


@pytest.mark.parametrize("how", ["lose", "damage"])
def test_a_lost_dictionary_is_named(place: Place, how: str) -> None:
    async def fill(store: Store) -> None:
        await store.append_raw_messages("c", messages(1000))
        await trained(store)
        await store.append_raw_messages("d", messages(100))
        await getattr(place, how)()

    on(place, fill)
    message = "dictionary 1, which .* is missing" if how == "lose" else "dictionary 1 is damaged"

    async def work(store: Store) -> None:
        for read in (
            store.load_raw_messages("d"),
            store.backend.fetch(RAW_MESSAGE, [("d", 99)]),
            store.backend.scan(Page(RAW_MESSAGE, ("d",))),
        ):
            with pytest.raises(CorruptError, match=rf"raw_message\('?d.*\): .*{message}"):
                await read
        found = await store.verify()
        assert not found["ok"]
        assert any("dictionary 1" in problem for problem in found["problems"])
        await store.append_raw_messages("e", messages(5))
        assert await store.load_raw_messages("e") == messages(5), "and the rest goes on"

    on(place, work)


def test_compact_packs_old_bodies_again(place: Place) -> None:
    async def write(store: Store) -> None:
        for start in range(0, 1500, 300):
            await store.append_raw_messages(f"c{start}", messages(300, start))
            await store.store_memory(f"c{start}", "m", {"text": "alone"})
        for number in range(300):
            await store.store_cache_entry(f"k{number}", {"text": os.urandom(8).hex()}, ttl=60)

    on(place, write, dictionaries=False)

    async def compact(store: Store) -> None:
        before, held = await store.backend.scan(Page(RAW_MESSAGE)), await place.held()
        found = await store.compact()
        assert (found["dictionaries"], found["packed"]) == (1, 1500)
        assert await store.backend.scan(Page(RAW_MESSAGE)) == before, "versions, times and places too"
        assert await place.held() < held * 0.6
        found = await store.compact()
        assert (found["dictionaries"], found["packed"]) == (0, 0), "once is enough"
        assert (await store.verify())["ok"]

    on(place, compact)


def test_a_record_written_meanwhile_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fill(store: Store) -> None:
        async with store.transaction() as tx:
            for number, message in enumerate(messages(1000)):
                await tx.store_system_state(f"k{number:04}", message)

    on(place, fill, dictionaries=False)

    async def work(store: Store) -> None:
        replace, calls = dictionary_table(store)._replace, iter(range(100))

        async def late(*arguments: Any) -> Any:
            if next(calls) == 0:  # the step both records are part of
                await store.store_system_state("k0007", {"new": True})
                await store.delete_system_state("k0008")
            return await replace(*arguments)

        monkeypatch.setattr(dictionary_table(store), "_replace", late)
        assert (await store.compact())["packed"] >= 990
        assert await store.load_system_state("k0007") == {"new": True}
        assert await store.load_system_state("k0008") is None
        assert await store.load_system_state("k0009") == messages(1000)[9]
        assert await store.version_of(STATE.name, "k0009") > 0

    on(place, work)


def test_it_can_be_switched_off_and_a_failure_is_nobodys(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def off(store: Store) -> None:
        await store.append_raw_messages("c", messages(1000))
        await trained(store)
        found = await store.compact()
        assert (found["dictionaries"], found["packed"]) == (0, 0)
        assert await place.table() == []

    on(place, off, dictionaries=False)

    async def fail(*_: object) -> bool:
        raise StorageFullError("the disk is full")

    async def failing(store: Store) -> None:
        monkeypatch.setattr(dictionary_table(store), "keep", fail)
        await store.append_raw_messages("c", messages(1000))
        await trained(store)
        assert len(await store.load_raw_messages("c")) == 2000
        assert "training a dictionary failed: the disk is full" in (await store.health_check())["warnings"]

    on(place, failing)


def test_closing_in_the_middle(place: Place) -> None:
    for turns in range(6):

        async def work(store: Store, turns: int = turns) -> None:
            await store.append_raw_messages(f"c{turns}", messages(1000))
            for _ in range(turns):
                await asyncio.sleep(0.003)

        on(place, work)

        async def check(store: Store, turns: int = turns) -> None:
            assert await store.load_raw_messages(f"c{turns}") == messages(1000)
            assert (await store.verify())["ok"]
            assert len(await place.table()) <= 1

        on(place, check)
