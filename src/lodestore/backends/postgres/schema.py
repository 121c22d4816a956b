"""Store schema: creates a store in a namespace (a schema) of a database, and tells one from other tables."""

from __future__ import annotations

import zlib

from ...errors import CorruptError, InvalidInputError, UnsupportedError
from ...sql import REVISION, revision_name
from ...sql.resources import schema
from .driver import Connection, PostgresAddress


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


async def prepare(run: Connection, address: PostgresAddress, namespace: str) -> None:
    """Create the store where there is none, upgrade an older one, refuse what this lodestore cannot read."""
    if await run.fetchval("SHOW server_encoding") != "UTF8":
        raise InvalidInputError("the database does not store text as UTF-8: create one WITH ENCODING 'UTF8'")
    number = await revision(run, namespace)
    if number is None:
        await _create(run, namespace)
        number = await revision(run, namespace)
    if number is None or number > REVISION:
        found = "none" if number is None else revision_name(number)
        raise UnsupportedError(
            f"namespace {namespace} has schema {found}, newer than {revision_name()}: upgrade lodestore"
        )
    if number < REVISION:
        from ...sql.upgrade import upgrade_postgres

        await upgrade_postgres(address.connect, namespace, lock_of(namespace))


async def revision(run: Connection, namespace: str) -> int | None:
    """The schema number of the store in a namespace; 0 before the first migration; None where there is no store."""
    table = f"{quoted(namespace)}.alembic_version"
    # Not by to_regclass: it answers from a cache that waiting for an advisory lock does not refresh.
    there = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'alembic_version'"
    if await run.fetchval(there, namespace) is None:
        return None
    names = [row[0] for row in await run.fetch(f"SELECT version_num FROM {table}")]
    if not names:
        return 0
    if len(names) > 1 or not names[0].isdigit():
        raise InvalidInputError(f"namespace {namespace} holds another application's tables: choose another ?namespace=")
    return int(names[0])


async def _create(run: Connection, namespace: str) -> None:
    schema = quoted(namespace)
    async with run.transaction():
        # Of many processes that create at once one does; the others wait here and find it done.
        await run.execute("SELECT pg_advisory_xact_lock($1)", lock_of(namespace))
        if await revision(run, namespace) is not None:
            return
        if not await run.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", namespace):
            await run.execute(f"CREATE SCHEMA {schema}")
        elif taken := await run.fetchval("SELECT tablename FROM pg_tables WHERE schemaname = $1", namespace):
            raise InvalidInputError(
                f"namespace {namespace} has tables that do not belong to a lodestore store ({taken}): choose another"
            )
        await run.execute(f"SET LOCAL search_path TO {schema}")
        await run.execute(schema_text())


def schema_text() -> str:
    """The SQL of an empty store, as committed in `schema/postgres.sql`."""
    return schema("postgres.sql")


def lock_of(namespace: str) -> int:
    """The number of the advisory lock under which a namespace is made or upgraded."""
    return zlib.crc32(b"lodestore " + namespace.encode())


async def latest(run: Connection, schema: str) -> int:
    """The newest time any write has carried."""
    found = await run.fetchval(f"SELECT latest FROM {schema}store")
    if found is None:
        raise CorruptError("the table `store` is empty: restore a backup")
    return int(found)
