"""Questions to the server and their answers: a few connections, made when needed, and patience before sending."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis import exceptions as said
from redis.asyncio.connection import AbstractConnection

from ...errors import Unavailable
from .address import Address, Place
from .failures import NETWORK, NOT_YET, Unsent, answered, lost, unreachable
from .rows import Word
from .scripts import Script

PATIENCE = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between tries while nothing has been sent
_MOVES = 5


class Door:
    """One handle's connections. A write is sent once: when its answer is lost, nobody knows, and it says so."""

    def __init__(self, address: Address, connections: int, timeout: float) -> None:
        self._address, self._timeout = address, timeout
        self._room = asyncio.Semaphore(connections)
        self._idle: list[AbstractConnection] = []
        self._place: Place = address.seeds[0]
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._shut = False

    async def close(self) -> None:
        """Wait for the questions that were asked, then hang up."""
        self._shut = True
        await self._quiet.wait()
        while self._idle:
            await self._idle.pop().disconnect()

    async def run(self, script: Script, tag: str, words: list[Word], writes: bool = False) -> Any:
        """What a script answers.

        One of the keys it declares is never there. So, while a cluster moves the slot key by key, the server asks to
        try again later, where a script would see only those keys that are on its node.
        """
        keys = (2, f"{tag}:meta", f"{tag}:nothing")
        try:
            return await self.ask("EVALSHA", script.sha, *keys, *words, writes=writes)
        except said.NoScriptError:  # a server that has not seen it, or was restarted: it did nothing
            return await self.ask("EVAL", script.text, *keys, *words, writes=writes)

    async def ask(self, *words: Word, writes: bool = False) -> Any:
        """What the server answers to a command; NoScriptError is the only error of the driver that leaves here."""
        command = packed(words)
        if self._shut:
            raise Unavailable("the store is not open: await store.initialize() first")
        self._busy += 1
        self._quiet.clear()
        try:
            return await self._patiently(command, writes)
        finally:
            self._busy -= 1
            if not self._busy:
                self._quiet.set()

    async def _patiently(self, command: list[bytes], writes: bool) -> Any:
        for pause in (*PATIENCE, None):
            try:
                return await self._once(command, writes)
            except Unsent as unsent:
                if pause is None:
                    raise unsent.error from None
                await asyncio.sleep(pause)

    async def _once(self, command: list[bytes], writes: bool) -> Any:
        if self._room.locked():
            await self._wait_for_room()
        else:
            await self._room.acquire()
        try:
            return await self._on_a_connection(command, writes)
        finally:
            self._room.release()

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._room.acquire()
        except TimeoutError:
            raise Unavailable("every connection is busy; raise max_connections") from None

    async def _on_a_connection(self, command: list[bytes], writes: bool) -> Any:
        asked: Place = None
        for _ in range(_MOVES):
            connection = await self._connected(asked or self._place)
            try:
                return await self._exchange(connection, command, writes, asked is not None)
            except said.AskError as elsewhere:  # MOVED is one too; the server has done nothing
                place = (str(elsewhere.host) or self._host(), int(elsewhere.port))
                if isinstance(elsewhere, said.MovedError):
                    self._place, asked = place, None
                else:
                    asked = place
        raise Unsent(Unavailable("the cluster sends from node to node"))

    def _host(self) -> str:
        """Where a node that does not know its own name is."""
        return self._place[0] if self._place else "localhost"

    async def _connected(self, place: Place) -> AbstractConnection:
        """A connection that was alive a moment ago."""
        while self._idle:
            connection = self._idle.pop()
            if _goes_to(connection, place) and await _is_fresh(connection):
                return connection
            await connection.disconnect(nowait=True)
        connection = self._address.connection(place)
        try:
            async with asyncio.timeout(self._timeout):
                await connection.connect()  # type: ignore[no-untyped-call]
        except said.AuthenticationError as error:
            await connection.disconnect(nowait=True)
            raise unreachable(error) from None
        except (*NETWORK, said.ResponseError) as error:
            await connection.disconnect(nowait=True)
            self._look_elsewhere()
            raise Unsent(unreachable(error)) from None
        return connection

    def _look_elsewhere(self) -> None:
        seeds = self._address.seeds
        self._place = seeds[(seeds.index(self._place) + 1) % len(seeds)] if self._place in seeds else seeds[0]

    async def _exchange(self, connection: AbstractConnection, command: list[bytes], writes: bool, asking: bool) -> Any:
        whole = False
        try:
            async with asyncio.timeout(self._timeout):
                if asking:
                    await connection.send_command("ASKING", check_health=False)
                    await connection.read_response()
                await connection.send_packed_command(command, check_health=False)
                answer = await connection.read_response(disconnect_on_error=False)
            whole = True
            return answer
        except (said.NoScriptError, said.AskError):
            whole = True
            raise
        except NOT_YET as error:
            raise Unsent(unreachable(error)) from None
        except said.ResponseError as error:
            whole = True
            raise answered(error, writes) from None
        except NETWORK as error:
            if writes:
                raise lost(error, writes) from None
            raise Unsent(lost(error, writes)) from None
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


def _goes_to(connection: Any, place: Place) -> bool:
    return place is None or (connection.host, connection.port) == place


async def _is_fresh(connection: AbstractConnection) -> bool:
    try:
        return connection.is_connected and not await connection.can_read()
    except NETWORK:
        return False
