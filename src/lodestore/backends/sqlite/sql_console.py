"""Read-only SQL console: one reading statement over the real tables and over friendly views, and nothing else.

The tables keep packed bodies, messages sealed into chunks, and times in milliseconds. The views, made per connection
and so never part of the schema, show records, JSON and ISO times. `unpack(body)` turns a packed body into its JSON
text anywhere in a statement; `messages(body)` a chunk into a JSON array of [version, created_at, written_at, body].
"""

from __future__ import annotations

import asyncio
import sqlite3 as codes  # the constants only
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import orjson

from ...core.families import FAMILIES, Family
from ...encoding.packer import Packer
from ...errors import CorruptError, InvalidInputError, LodestoreError, UnavailableError
from ...sql import sqlite_logs
from .engine import driver
from .engine.connection_thread import ConnectionThread
from .engine.store_file import StoreFile
from .records import body_io, chunk_format

if TYPE_CHECKING:
    from aiosqlite import Connection, Cursor

_VIEWS = {"cache": "cache_entries", "state": "system_states"}  # as the methods of a store call them
_READING = {codes.SQLITE_SELECT, codes.SQLITE_READ, codes.SQLITE_FUNCTION, codes.SQLITE_RECURSIVE}
_AGAIN = 0.01  # seconds after which a statement that had not begun when it was interrupted is interrupted again

Table = tuple[list[str], list[tuple[Any, ...]]]  # column names and rows


class SQLConsole:
    """A guarded connection by aiosqlite, for one statement at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()
        self._running: asyncio.Future[Table] | None = None
        self._closed = False

    @classmethod
    async def open(cls, site: StoreFile, packer: Packer, scanning: ConnectionThread) -> SQLConsole:
        """Connect to the store; `scanning` is a thread that does not keep the interpreter from exiting."""
        from aiosqlite import Connection

        # Made in that thread, the thread of the new connection takes after it: it is a daemon, too.
        made = await scanning.run(
            "opening", lambda _: Connection(lambda: guard(site.reader(), packer), iter_chunk_size=64)
        )
        with driver.renaming("opening"):
            return cls(await made)

    async def query(self, statement: str, parameters: Sequence[Any]) -> Table:
        """Column names and rows. Cancelling the caller ends its statement, and no other."""
        async with self._lock:
            if self._closed:
                raise UnavailableError("the store was closed during the call")
            self._running = asyncio.ensure_future(self._answer(statement, parameters))
            try:
                return await asyncio.shield(self._running)
            finally:
                await self._interrupt(self._running)
                self._running = None

    async def close(self) -> None:
        """End the statement that runs, refuse those that wait, and disconnect."""
        self._closed = True
        if self._running is not None:
            await self._interrupt(self._running)
        await self._connection.close()

    async def _interrupt(self, running: asyncio.Future[Table]) -> None:
        while not running.done():
            with suppress(asyncio.CancelledError):  # once more: it must end before the next one begins
                await self._connection.interrupt()
                await asyncio.wait([running], timeout=_AGAIN)

    async def _answer(self, statement: str, parameters: Sequence[Any]) -> Table:
        try:
            cursor: Cursor = await self._connection.execute(statement, parameters)
            rows = await cursor.fetchall()
        except (driver.Error, driver.Warning) as error:
            raise _refusal(error) from None
        except (OverflowError, TypeError, ValueError) as error:  # what the driver says of parameters it cannot bind
            raise InvalidInputError(f"SQL: {error}") from None
        return [column[0] for column in cursor.description or ()], cast("list[tuple[Any, ...]]", rows)


def views() -> Iterator[tuple[str, str]]:
    """Name and text of each friendly view."""
    for family in FAMILIES:
        yield _VIEWS.get(family.name) or _plural(family.name), _select(family)


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _select(family: Family) -> str:
    if family.log:
        return _select_log(family)
    place = ["position"] if family.arrival else []
    times = ["created_at", "written_at", *(["expires_at"] if family.expires else [])]
    shown = [f"{_iso(name)} AS {name}" for name in times]
    columns = [*family.key, *place, *shown, "version", "unpack(body) AS data"]
    alive = " WHERE expires_at IS NULL OR expires_at > unixepoch('subsec') * 1000" if family.expires else ""
    return f"SELECT {', '.join(columns)} FROM main.{family.name}{alive}"


def _iso(milliseconds: str) -> str:
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {milliseconds} / 1000.0, 'unixepoch')"


def _select_log(family: Family) -> str:
    """Messages in rows, and messages in chunks."""
    key, position = family.key
    rows = f"main.{family.owner} AS o CROSS JOIN main.{family.name} AS r ON {sqlite_logs.OF_OWNER}"
    written = _iso("coalesce(r.written_at, r.created_at)")
    return f"""
        SELECT o.{key}, {sqlite_logs.POSITION} AS {position}, {_iso("r.created_at")} AS created_at,
            {written} AS written_at, r.version, unpack(r.body) AS data
        FROM {rows} WHERE r.sealed IS NULL
        UNION ALL
        SELECT o.{key}, ({sqlite_logs.POSITION}) + 1 - r.sealed + m.key, {_iso("(m.value ->> 1)")},
            {_iso("(m.value ->> 2)")}, m.value ->> 0, m.value ->> 3
        FROM {rows} CROSS JOIN json_each(messages(r.body, r.sealed)) AS m WHERE r.sealed IS NOT NULL"""


def guard(connection: driver.Connection, packer: Packer) -> driver.Connection:
    """Register the views and `unpack`, then shut everything but reading."""
    run = driver.cursor(connection, packer)
    connection.create_function("unpack", 1, lambda packed: _unpack(run, packed), deterministic=True)
    connection.create_function("messages", 2, lambda packed, n: _messages(run, packed, n), deterministic=True)
    connection.execute("PRAGMA query_only = OFF").fetchall()
    for name, text in views():
        connection.execute(f"CREATE TEMP VIEW {name} AS {text}")
    connection.execute("PRAGMA query_only = ON").fetchall()
    connection.set_authorizer(_authorize)
    return connection


def _authorize(action: int, _first: str | None, second: str | None, *_: object) -> int:
    if action == codes.SQLITE_FUNCTION and str(second).lower() in ("load_extension", "sqlcipher_export"):
        return codes.SQLITE_DENY
    return codes.SQLITE_OK if action in _READING else codes.SQLITE_DENY


def _unpack(run: driver.Cursor, packed: Any) -> str | None:
    if not packed:
        return None  # an owner without a document
    return body_io.unpack(run, bytes(packed)).decode()


def _messages(run: driver.Cursor, packed: Any, sealed: int) -> str:
    found = chunk_format.messages(body_io.unpack(run, bytes(packed)), sealed, "messages")
    return orjson.dumps([[*numbers, body.decode()] for body, *numbers in found]).decode()


def _refusal(error: Exception) -> LodestoreError:
    code = getattr(error, "sqlite_errorcode", None)
    if "user-defined function" in str(error):
        return CorruptError(
            "unpack: a body this statement reads fails its checksum; `lodestore verify` names the record"
        )
    if code == codes.SQLITE_AUTH or "prohibited" in str(error):
        return InvalidInputError(f"only read-only SQL is allowed: {error}")
    if code in (None, codes.SQLITE_ERROR, codes.SQLITE_MISMATCH, codes.SQLITE_RANGE):
        return InvalidInputError(f"SQL: {error}")
    return driver.renamed(error, "asking")
