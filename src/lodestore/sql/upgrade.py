"""Schema upgrades: brings the schema of one store up to date, by Alembic.

Imported only when a store is older than this lodestore: Alembic and SQLAlchemy cost a third of a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ..errors import UnavailableError, UnsupportedError
from .resources import tree

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


def upgrade(path: Path, connect: Callable[[], Any], revision: str = "head") -> None:
    """Run every migration the store at `path` lacks, each in a transaction; `connect` opens it."""
    engine = _engine(connect)
    try:
        with engine.connect() as connection:
            command.upgrade(configuration(connection), revision)
    except (DBAPIError, CommandError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise UnavailableError(f"upgrading {path}: {reason}; the store is as it was") from error
    finally:
        engine.dispose()


def check(connect: Callable[[], Any]) -> None:
    """UnsupportedError when the tables of a store differ from what the catalogue says."""
    engine = _engine(connect)
    try:
        with engine.connect() as connection:
            command.check(configuration(connection))
    except CommandError as error:
        raise UnsupportedError(f"the schema differs from the catalogue: {error}") from error
    finally:
        engine.dispose()


async def upgrade_postgres(connect: Callable[[], Awaitable[Any]], namespace: str, lock: int) -> None:
    """Run every migration the store in a namespace lacks, in one transaction, one process at a time."""
    engine = _async_engine(connect)
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql("SELECT pg_advisory_xact_lock($1)", (lock,))
            await connection.run_sync(_in_namespace, namespace, lambda config: command.upgrade(config, "head"))
    except (DBAPIError, CommandError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise UnavailableError(f"upgrading namespace {namespace}: {reason}; the store is as it was") from error
    finally:
        await engine.dispose()


async def check_postgres(connect: Callable[[], Awaitable[Any]], namespace: str) -> None:
    """UnsupportedError when the tables in a namespace differ from what the catalogue says."""
    engine = _async_engine(connect)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_in_namespace, namespace, command.check)
    except CommandError as error:
        raise UnsupportedError(f"the schema differs from the catalogue: {error}") from error
    finally:
        await engine.dispose()


def _in_namespace(connection: Connection, namespace: str, work: Callable[[Config], None]) -> None:
    escaped = namespace.replace('"', '""')
    connection.exec_driver_sql(f'SET LOCAL search_path TO "{escaped}"')
    connection.dialect.default_schema_name = namespace
    work(configuration(connection))


def _async_engine(connect: Callable[[], Awaitable[Any]]) -> AsyncEngine:
    # Wants greenlet, which the postgres extra brings: a SQLite store is upgraded without it.
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)


def configuration(connection: Connection) -> Config:
    """Alembic without an ini file, on a connection that is open already."""
    config = Config()
    config.set_main_option("script_location", str(tree("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _engine(connect: Callable[[], Any]) -> Engine:
    import sqlcipher3.dbapi2 as sqlcipher

    # Our own driver and connection: a second SQLite library on the same file would drop its locks.
    engine = create_engine("sqlite://", module=sqlcipher, creator=connect, poolclass=NullPool)

    # DDL inside the transaction: a migration that fails leaves nothing behind.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
