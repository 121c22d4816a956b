"""Redis client: a small connection pool, retries before a request is sent, and none after."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from redis import exceptions as said
from redis.asyncio.connection import AbstractConnection

from ...errors import InvalidInputError, UnavailableError
from .address import HostPort, RedisAddress
from .errors import ANSWERS, NETWORK, NotSent, answered, lacks_right, lost, lost_store, not_yet, unreachable
from .limits import Limits
from .scripts import PERMISSIONS, Script
from .wire_format import Word

PATIENCE = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between tries while nothing has been sent
_MOVES = 5


class Request(NamedTuple):
    """A command as it is sent, whether it writes, and how long its answer may take."""

    parts: list[bytes]
    writes: bool
    seconds: float


class Client:
    """One handle's connections. A write is sent once: when its answer is lost, nobody knows, and it says so."""

    def __init__(self, address: RedisAddress, connections: int, timeout: float) -> None:
        self._address, self._timeout = address, timeout
        self._limits = Limits()
        self._room = asyncio.Semaphore(connections)
        self._idle: list[AbstractConnection] = []
        self._server: HostPort = address.seeds[0]
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._shut = self._may_write = False
        self._store = b"?" + secrets.token_hex(8).encode()  # what scripts are told of the store that is open

    def meet(self, identity: bytes | None) -> None:
        """The store is this one from now on; CorruptError where another one was open, or there is none any more."""
        if identity != self._store and not self._store.startswith(b"?"):
            raise lost_store()
        self._store = identity or self._store

    async def close(self, ending: Callable[[], Awaitable[None]] | None = None) -> None:
        """Wait for an ending and for the questions that were asked, then hang up."""
        if ending is not None:
            await ending()
        self._shut = True
        await self._quiet.wait()
        while self._idle:
            await self._idle.pop().disconnect()

    async def run(self, script: Script, tag: str, words: list[Word], writes: bool = False) -> Any:
        """What a script answers.

        One of the keys it declares is never there. So, while a cluster moves the slot key by key, the server asks to
        try again later, where a script would see only those keys that are on its node.
        """
        with self._accepted():
            if writes and not self._may_write:
                await self._prove_rights(tag)
            return await self._run(script, tag, words, writes)

    async def ask(self, *words: Word) -> Any:
        """What the server answers to a command that reads."""
        with self._accepted():
            return await self._ask(*words)

    @contextmanager
    def _accepted(self) -> Iterator[None]:
        """What was accepted is finished before the connections close, however many requests that takes."""
        if self._shut:
            raise UnavailableError("the store is not open: await store.initialize() first")
        self._busy += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._quiet.set()

    async def _prove_rights(self, tag: str) -> None:
        """Once for each handle, before its first write."""
        refusals = [text.decode() for text in await self._run(PERMISSIONS, tag, [], False)]
        if lacking := [text for text in refusals if lacks_right(text)]:
            raise InvalidInputError(f"the server refuses: {lacking[0]}")
        self._may_write = not refusals

    async def _run(self, script: Script, tag: str, words: list[Word], writes: bool) -> Any:
        keys = (2, f"{tag}:meta", f"{tag}:nothing")
        try:
            return await self._ask("EVALSHA", script.sha, *keys, *words, self._store, writes=writes)
        except said.NoScriptError:  # a server that has not seen it, or was restarted: it did nothing
            return await self._ask("EVAL", script.text, *keys, *words, self._store, writes=writes)

    async def _ask(self, *words: Word, writes: bool = False) -> Any:
        parts = packed(words)
        seconds = self._timeout + await self._limits.seconds(parts, self._ask)
        return await self._patiently(Request(parts, writes, seconds))

    async def _patiently(self, request: Request) -> Any:
        for pause in (*PATIENCE, None):
            try:
                return await self._once(request)
            except NotSent as unsent:
                if pause is None:
                    raise unsent.error from None
                await asyncio.sleep(pause)

    async def _once(self, request: Request) -> Any:
        if self._room.locked():
            await self._wait_for_room()
        else:
            await self._room.acquire()
        try:
            return await self._on_a_connection(request)
        finally:
            self._room.release()

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._room.acquire()
        except TimeoutError:
            raise UnavailableError("every connection is busy; increase max_connections") from None

    async def _on_a_connection(self, request: Request) -> Any:
        asked: HostPort = None
        for _ in range(_MOVES):
            connection = await self._connected(asked or self._server)
            try:
                return await self._exchange(connection, request, asked is not None)
            except said.AskError as elsewhere:  # MOVED is one too; the server has done nothing
                server = (str(elsewhere.host) or self._host(), int(elsewhere.port))
                if isinstance(elsewhere, said.MovedError):
                    self._server, asked = server, None
                else:
                    asked = server
        raise NotSent(UnavailableError("the cluster sends from node to node"))

    def _host(self) -> str:
        """Where a node that does not know its own name is."""
        return self._server[0] if self._server else "localhost"

    async def _connected(self, server: HostPort) -> AbstractConnection:
        """A connection that was alive a moment ago."""
        while self._idle:
            connection = self._idle.pop()
            if _goes_to(connection, server) and await _is_fresh(connection):
                return connection
            await connection.disconnect(nowait=True)
        connection = self._address.connection(server)
        try:
            async with asyncio.timeout(self._timeout):
                await connection.connect()  # type: ignore[no-untyped-call]
                if len(self._address.seeds) > 1:
                    await _refuse_replica(connection)
        except (*NETWORK, said.ResponseError) as error:
            await connection.disconnect(nowait=True)
            renamed = unreachable(error)
            if isinstance(renamed, InvalidInputError):
                raise renamed from None
            self._look_elsewhere()
            raise NotSent(renamed) from None
        return connection

    async def _leave(self) -> None:
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)
        self._look_elsewhere()

    def _look_elsewhere(self) -> None:
        seeds = self._address.seeds
        self._server = seeds[(seeds.index(self._server) + 1) % len(seeds)] if self._server in seeds else seeds[0]

    async def _exchange(self, connection: AbstractConnection, request: Request, asking: bool) -> Any:
        whole = False
        try:
            async with asyncio.timeout(request.seconds):
                if asking:
                    await connection.send_command("ASKING", check_health=False)
                    await connection.read_response()
                await connection.send_packed_command(request.parts, check_health=False)
                answer = await connection.read_response(disconnect_on_error=False)
            whole = True
            return answer
        except (said.NoScriptError, said.AskError):
            whole = True
            raise
        except ANSWERS as error:
            if isinstance(error, said.AuthenticationError):  # another password is wanted since
                raise answered(error, request.writes) from None
            if isinstance(error, said.ReadOnlyError):  # another is master now, perhaps under the same name
                await self._leave()
            else:
                whole = True
            renamed = answered(error, request.writes)
            raise (NotSent(renamed) if not_yet(error) else renamed) from None
        except NETWORK as error:
            if request.writes:
                raise lost(error, request.writes) from None
            raise NotSent(lost(error, request.writes)) from None
        finally:
            if whole and not self._shut:
                self._idle.append(connection)
            else:
                await connection.disconnect(nowait=True)


def packed(words: Sequence[Word]) -> list[bytes]:
    """A command as it is sent; made once for all tries, and in a third of the driver's time."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        if type(word) is not bytes:
            word = str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return parts


def _goes_to(connection: Any, server: HostPort) -> bool:
    return server is None or (connection.host, connection.port) == server


async def _refuse_replica(connection: AbstractConnection) -> None:
    """Of several servers the master is wanted: a replica lags behind. In a cluster each knows who is responsible."""
    await connection.send_command("HELLO", check_health=False)
    told = await connection.read_response()
    if told[b"mode"] == b"standalone" and told[b"role"] != b"master":
        raise said.ReadOnlyError("a replica, and the master is wanted")


async def _is_fresh(connection: AbstractConnection) -> bool:
    # Before redis 8 the same is called can_read_destructive.
    can_read = getattr(connection, "can_read", None) or connection.can_read_destructive
    try:
        return connection.is_connected and not await can_read()
    except NETWORK:
        return False
