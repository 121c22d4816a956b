"""Connectome database importer: a SQLite file with seven tables of JSON texts, read in the order of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from ...core.families import AGENT, CACHE, CHUNK_INFO, CONVERSATION, MEMORY, RAW_MESSAGE, REASONING_CHAIN, STATE, Family
from ...core.records import Append, Key, Put
from ...errors import CorruptError, InvalidInputError
from .records import Bundle, ImportSource, Item, attempt, check_text, encoded, told_time
from .sources import parse

MAGIC = b"SQLite format 3\0"
_OWNED = ("raw_messages", "memories", "chunk_info")
_TABLES = {"conversations", "reasoning_chains", "cache_entries", "system_state", *_OWNED}


def connect(path: Path) -> Any:
    """A read-only connection that gives texts as bytes, so that one bad text does not end the whole file.

    `immutable` asks for no locks and no side files; with a journal beside it the newest rows would be missed, so
    then the file is opened the ordinary way.
    """
    from sqlcipher3 import dbapi2

    journal = path.with_name(path.name + "-wal")
    immutable = "" if journal.exists() and journal.stat().st_size else "&immutable=1"
    try:
        connection = dbapi2.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro{immutable}", uri=True, check_same_thread=False
        )
        connection.text_factory = bytes
        return connection
    except dbapi2.Error as error:
        raise CorruptError(f"cannot be opened ({error})") from None


def tables(path: Path) -> set[str]:
    """The tables in the file that are Connectome's."""
    database = _Database(path)
    try:
        return database.tables
    finally:
        database.close()


def read(source: ImportSource) -> Iterator[Item]:
    database = _Database(cast(Path, source.path))
    try:
        for conversation_id in database.owners("conversations", "conversation_id", _OWNED):
            yield attempt(
                _where(source, CONVERSATION, conversation_id), _conversation, conversation_id, database, source
            )
        for agent_id in database.owners("agents", "agent_id", ("reasoning_chains",)):
            yield attempt(_where(source, AGENT, agent_id), _chains, agent_id, database, source)
        columns = "cache_key, cache_data, created_at, expires_at"
        for row in database.rows("cache_entries", columns, ""):
            yield attempt(_where(source, CACHE, row[0]), _single, CACHE, row, source)
        for row in database.rows("system_state", "state_key, state_data, created_at, NULL", ""):
            yield attempt(_where(source, STATE, row[0]), _single, STATE, row, source)
    finally:
        database.close()
    source.consumed = cast(Path, source.path).stat().st_size


def _where(source: ImportSource, family: Family, key: Any) -> str:
    name = key.decode(errors="replace") if isinstance(key, bytes) else key
    return f"{source.label}: {family.name}({name!r})"


class _Database:
    """Rows of the tables that are there; the one point where the driver's errors become ours."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        names = self._run("SELECT name FROM sqlite_master WHERE type = 'table'", ())
        self.tables = {name.decode(errors="replace") for (name,) in names} & _TABLES

    def rows(self, table: str, columns: str, rest: str, *arguments: Any) -> Iterator[tuple[Any, ...]]:
        if table in self.tables:
            yield from self._run(f"SELECT {columns} FROM {table} {rest or 'ORDER BY rowid'}", arguments)

    def owners(self, table: str, key: str, owned: tuple[str, ...]) -> Iterator[Any]:
        """Ids in the order of their rows; then those that exist only through what they own."""
        for (name,) in self.rows(table, key, ""):
            yield name
        known = f" EXCEPT SELECT {key} FROM {table}" if table in self.tables else ""
        selects = [f"SELECT {key} FROM {name}" for name in owned if name in self.tables]
        if selects:
            yield from (name for (name,) in self._run(" UNION ".join(selects) + known + " ORDER BY 1", ()))

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str, arguments: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        from sqlcipher3 import dbapi2

        try:
            yield from self._connection.execute(statement, arguments)
        except dbapi2.Error as error:
            raise CorruptError(f"SQLite cannot read it ({error})") from None


def _conversation(where: str, conversation_id: Any, database: _Database, source: ImportSource) -> Bundle:
    key = (check_text(conversation_id, "conversation_id"),)
    bundle = Bundle(where, CONVERSATION, key)
    here = "WHERE conversation_id = ? ORDER BY "
    for data, created in database.rows("conversations", "data, created_at", here + "rowid", *key):
        bundle.singles.append(_put(CONVERSATION, key, data, created, source))
    order = here + "message_index, rowid"
    messages = database.rows("raw_messages", "message_data, created_at", order, *key)
    bundle.log = _log(RAW_MESSAGE, key, messages, source)
    columns = "memory_id, memory_data, created_at"
    for name, data, created in database.rows("memories", columns, here + "rowid", *key):
        memory = (*key, check_text(name, "memory_id"))
        bundle.singles.append(_put(MEMORY, memory, data, created, source))
    for data, created in database.rows("chunk_info", "chunk_data, created_at", here + "rowid", *key):
        bundle.singles.append(_put(CHUNK_INFO, key, data, created, source))
    return bundle


def _chains(where: str, agent_id: Any, database: _Database, source: ImportSource) -> Bundle:
    key = (check_text(agent_id, "agent_id"),)
    rest = "WHERE agent_id = ? ORDER BY rowid"
    chains = database.rows("reasoning_chains", "chain_data, created_at", rest, *key)
    return Bundle(where, AGENT, key, [], _log(REASONING_CHAIN, key, chains, source))


def _single(where: str, family: Family, row: tuple[Any, ...], source: ImportSource) -> Bundle:
    name, data, created, expires = row
    key = (check_text(name, family.key[0]),)
    put = _put(family, key, data, created, source)
    if expires is not None:
        if (expires_at := told_time(_decoded(expires))) is None:
            raise InvalidInputError(f"expires_at: {expires!r} is not a time")
        put = put._replace(expires_at=expires_at)
    return Bundle(where, family, key, [put])


def _put(family: Family, key: Key, data: Any, created: Any, source: ImportSource) -> Put:
    return Put(family, key, _body(data, family.name), source.time(_decoded(created)))


def _log(family: Family, key: Key, rows: Iterator[tuple[Any, Any]], source: ImportSource) -> list[Append]:
    """Appends of neighbours of one age, so that each record keeps its own."""
    records = ((source.time(_decoded(created)), _body(data, family.name)) for data, created in rows)
    runs = groupby(records, key=lambda record: record[0])
    return [Append(family, key, tuple(body for _, body in run), at) for at, run in runs]


def _body(data: Any, name: str) -> bytes:
    if not isinstance(data, bytes):
        raise InvalidInputError(f"{name}: expected a JSON text, not {type(data).__name__}")
    return encoded(parse(data), name)


def _decoded(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
