"""Redis at its worst: lines cut at every byte, masters lost, wrong certificates, rights that are missing.

Each failure is one class of error, nothing acknowledged is lost, and the same handle works again afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from lodestore.backends.redis import RedisBackend, client as client_module
from lodestore.core.families import CONVERSATION, MEMORY, RAW_MESSAGE, STATE
from lodestore.core.records import Append, Drop, Page, Put
from lodestore.errors import ConflictError, InvalidInputError, LodestoreError, OutcomeUnknownError, UnavailableError
from tests.backends.redis.test_redis import NOW, PUT, server, with_backend
from tests.support import servers

pytestmark = pytest.mark.slow

MEGABYTE = 1024 * 1024


def put(name: str, body: bytes = b"{}") -> Put:
    return Put(STATE, (name,), body, NOW)


async def names(backend: RedisBackend) -> set[str]:
    return {str(key[0]) for key in await backend.keys(Page(STATE))}


class TestLines:
    @pytest.mark.parametrize("way", ["request", "answer"])
    def test_a_line_cut_at_every_byte_of_a_write(self, way: str) -> None:
        async def main() -> None:
            line = servers.Proxy(made.port)
            async with line.running():
                backend = RedisBackend(f"redis://127.0.0.1:{line.port}")
                await backend.open()
                await backend.apply([append(0)])
                before = len(line.seen[way])
                await backend.apply([append(1)])
                whole, written = len(line.seen[way]) - before, 2
                for cut in range(whole):
                    await backend.fetch(STATE, [("k",)])  # connects anew
                    line.cut(way, cut)
                    with pytest.raises(OutcomeUnknownError):
                        await backend.apply([append(2)])
                    line.mend()
                    written += way == "answer"
                    assert len(await backend.keys(Page(RAW_MESSAGE))) == written, f"after {cut} of {whole} bytes"
                await backend.apply([append(3)])
                assert await backend.verify() == []
                await backend.close()

        def append(number: int) -> Append:
            return Append(RAW_MESSAGE, ("c",), (b'{"n":%d}' % number,), NOW)

        with server() as made:
            asyncio.run(main())


def authority(folder: Path, name: str) -> None:
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}"
    run(folder, *command.split(), "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(folder: Path, signer: str, host: str) -> ssl.SSLContext:
    """The server's side of TLS, with a certificate for `host` that `signer` signed."""
    names = f"subjectAltName=DNS:{host}"
    command = f"openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={host} -addext {names}"
    run(folder, *command.split(), "-keyout", f"{host}.key", "-out", f"{host}.csr")
    command = f"openssl x509 -req -in {host}.csr -CA {signer}.pem -CAkey {signer}.key -CAcreateserial -days 2"
    (folder / "names").write_text(names)
    run(folder, *command.split(), "-extfile", "names", "-out", f"{host}.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{host}.pem", folder / f"{host}.key")
    return context


def run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


class TestCertificates:
    @pytest.mark.parametrize(
        ("trusted", "host", "fine"),
        [("right", "localhost", True), ("wrong", "localhost", False), ("right", "elsewhere.example", False)],
    )
    def test_only_a_server_that_proves_its_name_is_spoken_to(
        self, tmp_path: Path, trusted: str, host: str, fine: bool
    ) -> None:
        for name in ("right", "wrong"):
            authority(tmp_path, name)
        outer = certificate(tmp_path, "right", host)

        async def main() -> None:
            line = servers.Proxy(made.port, outer=outer)
            async with line.running():
                url = f"rediss://localhost:{line.port}"
                backend = RedisBackend(url, ca_file=str(tmp_path / f"{trusted}.pem"))
                if fine:
                    await backend.open()
                    await backend.apply([put("k", os.urandom(MEGABYTE))])
                    assert await names(backend) == {"k"}
                    await backend.close()
                    return
                with pytest.raises(InvalidInputError, match="certificate"):
                    await backend.open()
                assert not line.seen["request"], "something was told to a stranger"

        with server() as made:
            asyncio.run(main())


@contextlib.contextmanager
def pair() -> Iterator[tuple[servers.RedisServer, servers.RedisServer]]:
    """A master and its replica."""
    at_once = ("--repl-diskless-sync-delay", "0")
    with server(*at_once) as master, server(*at_once, "--replicaof", "127.0.0.1", str(master.port)) as replica:
        with redis.Redis.from_url(replica.url) as client:
            servers.wait_for(lambda: client.info("replication")["master_link_status"] == "up", "the replica")
        yield master, replica


def promote(made: servers.RedisServer) -> None:
    with redis.Redis.from_url(made.url) as client:
        client.execute_command("REPLICAOF", "NO", "ONE")


async def until_it_writes(backend: RedisBackend, name: str) -> None:
    """Write until it succeeds; a store that does not come back ends with the test's timeout."""
    while True:
        with contextlib.suppress(UnavailableError, OutcomeUnknownError):
            await backend.apply([put(name)])
            return
        await asyncio.sleep(0.1)


@pytest.mark.slow
class TestFailover:
    def test_a_master_is_killed_and_its_replica_promoted(self) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([put("before")])
            with redis.Redis.from_url(master.url) as client:
                assert client.wait(1, 10_000) == 1
            master.kill()
            with pytest.raises((UnavailableError, OutcomeUnknownError)):
                await backend.apply([put("lost")])
            promote(replica)
            await until_it_writes(backend, "after")
            assert {"before", "after"} <= await names(backend)
            assert await backend.verify() == []

        with pair() as (master, replica):
            with_backend(f"{master.url},127.0.0.1:{replica.port}", work)

    def test_roles_that_change_are_followed(self) -> None:
        async def work(backend: RedisBackend) -> None:
            await asyncio.gather(*(backend.apply([put(f"{number}")]) for number in range(30)))
            with redis.Redis.from_url(master.url) as client:
                assert client.wait(1, 10_000) == 1
                promote(replica)
                client.execute_command("REPLICAOF", "127.0.0.1", replica.port)
            await backend.apply([put("after")])
            with redis.Redis.from_url(replica.url) as client:
                assert client.hexists("{lodestore}:r:state:", "after")
            assert len(await names(backend)) == 31

        with pair() as (master, replica):
            with_backend(f"{master.url},127.0.0.1:{replica.port}", work)

    def test_of_several_servers_the_master_is_read(self) -> None:
        async def work(backend: RedisBackend) -> None:
            await names(backend)  # a replica would answer too, with what it has
            assert backend._client is not None
            assert backend._client._server == ("127.0.0.1", master.port)

        with pair() as (master, replica):
            with_backend(f"{replica.url},127.0.0.1:{master.port}", work)

    def test_a_node_of_a_cluster_is_killed_and_its_replica_promoted(self, redis_cluster: str) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([put("before")])
            nodes = redis.RedisCluster.from_url(redis_cluster.replace("+cluster", "").partition(",")[0])
            old = nodes.get_node_from_key("{test-failing}")
            with (
                server(*servers.IN_CLUSTER) as made,
                redis.Redis.from_url(made.url, decode_responses=True) as new,
                redis.Redis(host=old.host, port=old.port, decode_responses=True) as there,
            ):
                for node in (new, there):
                    node.config_set("repl-diskless-sync-delay", 0)
                there.execute_command("CLUSTER", "MEET", "127.0.0.1", made.port)
                identity = there.execute_command("CLUSTER", "MYID")
                servers.wait_for(lambda: identity in str(new.execute_command("CLUSTER", "NODES")), "the meeting")
                servers.wait_for(lambda: replicates(new, identity), "the replica")
                servers.wait_for(lambda: all(servers.formed(node, 4) for node in (new, there)), "the cluster of four")
                servers.wait_for(lambda: new.info("replication")["master_link_status"] == "up", "the copy")
                new.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
                servers.wait_for(lambda: there.info("replication")["role"] == "slave", "the change of roles")
                await until_it_writes(backend, "between")
                assert new.wait(1, 10_000) == 1
                gone = new.execute_command("CLUSTER", "MYID")
                made.kill()
                there.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
                await until_it_writes(backend, "after")
                assert await names(backend) == {"before", "between", "after"}
            for node in nodes.get_nodes():
                with redis.Redis(host=node.host, port=node.port) as each, contextlib.suppress(redis.ResponseError):
                    each.execute_command("CLUSTER", "FORGET", gone)  # of which it may not have heard yet
            nodes.close()

        with_backend(redis_cluster, work, namespace="test-failing")


def replicates(node: redis.Redis, identity: str) -> bool:
    with contextlib.suppress(redis.ResponseError):  # it has heard of the name, not yet of the node
        node.execute_command("CLUSTER", "REPLICATE", identity)
        return True
    return False


class Reluctant:
    """A server that greets, knows of no store, and answers to every script with an error."""

    def __init__(self, error: bytes) -> None:
        self._error = error

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = b"%2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int((await reader.readline())[1:])
                words.append((await reader.readexactly(length + 2))[:-2])
            answers = {b"HELLO": greeting, b"EVALSHA": b"-" + self._error + b"\r\n"}
            answers[b"HMGET"] = b"*%d\r\n" % (len(words) - 2) + b"_\r\n" * (len(words) - 2)
            writer.write(answers.get(words[0], b"+OK\r\n"))
        writer.close()


class TestServersThatSayNo:
    @pytest.mark.parametrize(
        "error",
        [
            b"LOADING Valkey is loading the dataset in memory",
            b"BUSY Redis is busy running a script.",
            b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            b"MISCONF Errors writing to the AOF file",
            b"NOREPLICAS Not enough good replicas to write.",
            b"TRYAGAIN Multiple keys request during rehashing of slot",
            b"CLUSTERDOWN The cluster is down",
        ],
    )
    def test_an_answer_that_nothing_was_done_is_no_unknown(self, error: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client_module, "PATIENCE", (0.01,))

        async def main() -> None:
            async with await asyncio.start_server(Reluctant(error).serve, "127.0.0.1", 0) as made:
                backend = RedisBackend(f"redis://127.0.0.1:{made.sockets[0].getsockname()[1]}")
                await backend.open()
                assert backend._client is not None
                backend._client._may_write = True
                for _ in range(2):
                    with pytest.raises(UnavailableError, match="accepts no writes now"):
                        await backend.apply([put("k")])
                await backend.close()

        asyncio.run(main())

    def test_a_missing_right_is_refused_before_anything_is_written(self) -> None:
        async def work(backend: RedisBackend) -> None:
            for right in ("+zadd", "+evalsha", "~{lodestore}:*", "+hincrby"):
                client.execute_command("ACL", "SETUSER", "u", "reset", "on", ">p", "~{lodestore}:*", "+@all")
                taken = "resetkeys" if right[0] == "~" else right.replace("+", "-")
                client.execute_command("ACL", "SETUSER", "u", taken)
                with pytest.raises(InvalidInputError):
                    await written_by(RedisBackend(url))
                assert client.keys() == [], f"half a batch was written without {right}"
            client.execute_command("ACL", "SETUSER", "u", "~{lodestore}:*", "+@all")
            await backend.apply([PUT])

        with server() as made, redis.Redis.from_url(made.url) as client:
            client.execute_command("ACL", "SETUSER", "u", "on", ">p", "~{lodestore}:*", "+@all")
            url = f"redis://u:p@127.0.0.1:{made.port}"
            with_backend(url, work)

    def test_no_connection_to_be_had(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client_module, "PATIENCE", (0.01,))

        async def work(backend: RedisBackend) -> None:
            await backend.apply([PUT])
            with redis.Redis.from_url(made.url) as client:
                client.config_set("maxclients", 2)
                gathered = (backend.apply([put(str(number))]) for number in range(8))
                answers = await asyncio.gather(*gathered, return_exceptions=True)
                refused = [answer for answer in answers if isinstance(answer, LodestoreError)]
                assert {type(answer) for answer in refused} == {UnavailableError}
                client.config_set("maxclients", 100)
            assert len(await names(backend)) == 9 - len(refused)
            await backend.apply([PUT])

        with server() as made:
            with_backend(made.url, work)

    def test_a_busy_server_is_waited_for_and_then_unavailable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def work(backend: RedisBackend) -> None:
            await backend.apply([PUT])
            client = redis.Redis.from_url(made.url)
            script = asyncio.create_task(asyncio.to_thread(busy, client))
            await asyncio.sleep(0.3)
            with monkeypatch.context() as impatient:
                impatient.setattr(client_module, "PATIENCE", (0.01,))
                with pytest.raises(UnavailableError, match="BUSY"):
                    await backend.apply([put("refused")])
            waiting = asyncio.create_task(backend.apply([put("patient")]))
            await asyncio.sleep(0.2)
            with redis.Redis.from_url(made.url) as other:
                other.script_kill()
            await script
            await waiting
            assert await names(backend) == {"k", "patient"}
            client.close()

        with server("--busy-reply-threshold", "50") as made:
            with_backend(made.url, work)

    def test_a_server_that_is_loading_is_unavailable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client_module, "PATIENCE", (0.01,))

        async def work(backend: RedisBackend) -> None:
            for turn in range(20):
                await backend.apply([put(f"{turn}-{number}") for number in range(400)])
            made.kill()
            made.slower("--key-load-delay", "50")
            starting = asyncio.create_task(asyncio.to_thread(made.start))
            said: list[str] = []
            while not starting.done():
                try:
                    await backend.apply([put("late")])
                except (
                    UnavailableError,
                    OutcomeUnknownError,
                ) as error:  # OutcomeUnknownError: the line that broke when the server was killed
                    said.append(str(error))
            await starting
            assert any("loading" in text for text in said), said
            await backend.apply([put("late")])
            assert len(await names(backend)) == 8_001
            assert await backend.verify() == []

        with server("--appendonly", "yes", "--appendfsync", "always") as made:
            with_backend(made.url, work)


async def written_by(backend: RedisBackend) -> None:
    try:
        await backend.open()
        await backend.apply([Put(MEMORY, ("c", "m"), b"{}", NOW)])
    finally:
        await backend.close()


def busy(client: redis.Redis) -> None:
    with pytest.raises(redis.ResponseError, match="killed"):
        client.eval("while true do end", 0)


class TestSize:
    def test_a_batch_of_many_writes_is_one(self, redis_url: str) -> None:
        async def work(backend: RedisBackend) -> None:
            many = 20_000
            messages = Append(RAW_MESSAGE, ("c",), (b"{}",) * many, NOW)
            memories = [Put(MEMORY, ("c", f"{number % 15_000}"), b"{}", NOW) for number in range(many)]
            assert len(await backend.apply([messages, *memories])) == many + 1
            assert (await backend.keys(Page(RAW_MESSAGE, ("c",), newest=True, limit=1))) == [("c", many - 1)]
            assert (await backend.vitals(NOW)).counts["memory"] == 15_000
            stale = Put(STATE, ("k",), b"{}", NOW, expect=7)
            with pytest.raises(ConflictError, match="'k'"):
                await backend.apply([*memories, put("refused"), stale])
            assert await names(backend) == set()
            await backend.apply([Drop(CONVERSATION, (), NOW)])
            assert (await backend.vitals(NOW)).bytes == 0

        with_backend(redis_url, work, namespace="test-many")

    @pytest.mark.parametrize("setting", ["proto-max-bulk-len", "client-query-buffer-limit"])
    def test_what_the_server_does_not_take_is_refused(self, setting: str) -> None:
        async def work(backend: RedisBackend) -> None:
            with pytest.raises(InvalidInputError, match="bytes at once"):
                await backend.apply([PUT, put("large", os.urandom(2 * MEGABYTE))])
            assert await names(backend) == set()
            await backend.apply([put("fits", os.urandom(9 * MEGABYTE // 10))])
            assert await names(backend) == {"fits"}

        with server(f"--{setting}", "1mb") as made:
            with_backend(made.url, work)
