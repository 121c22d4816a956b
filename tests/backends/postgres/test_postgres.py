"""What is special about PostgreSQL: many makers at once, other people's tables, servers that go away, secrets."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import lodestore
from lodestore.backends.postgres import PostgresBackend, driver, schema
from lodestore.config import registry
from lodestore.core.families import CACHE, RAW_MESSAGE, STATE
from lodestore.core.records import Append, Put
from lodestore.errors import (
    ConflictError,
    InvalidInputError,
    OutcomeUnknownError,
    StorageFullError,
    UnavailableError,
    UnsupportedError,
)
from lodestore.sql import REVISION, postgres_bulk, revision_name, statements, upgrade
from lodestore.sql.dialect import POSTGRES

CANARY = "hunter2-canary"


class Place:
    """A namespace of its own on the shared server."""

    def __init__(self, url: str) -> None:
        self.url, self.namespace = url, f"lodestore_{secrets.token_hex(6)}"

    def backend(self, **settings: Any) -> PostgresBackend:
        return PostgresBackend(self.url, namespace=self.namespace, **settings)

    def sql(self, *statements: str) -> list[Any]:
        """Run statements with the namespace as search path; the rows of the last."""

        async def main() -> list[Any]:
            connection = await asyncpg.connect(self.url, server_settings={"search_path": self.namespace})
            try:
                for statement in statements[:-1]:
                    await connection.execute(statement)
                return [tuple(row) for row in await connection.fetch(statements[-1])]
            finally:
                await connection.close()

        return asyncio.run(main())

    def on(self, work: Callable[[PostgresBackend], Awaitable[Any]], **settings: Any) -> Any:
        """Run `work` on an open handle."""

        async def main() -> Any:
            handle = self.backend(**settings)
            await handle.open()
            try:
                return await work(handle)
            finally:
                await handle.close()

        return asyncio.run(main())

    def structure(self) -> list[Any]:
        """Columns, constraints and indexes, without the name of the namespace."""
        columns = self.sql(
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text, collation_name::text,"
            " column_default::text, ordinal_position::int FROM information_schema.columns"
            f" WHERE table_schema = '{self.namespace}' ORDER BY 1, 7"
        )
        constraints = self.sql(
            "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint"
            f" WHERE connamespace = '{self.namespace}'::regnamespace ORDER BY 1, 2"
        )
        indexes = self.sql(
            f"SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = '{self.namespace}' ORDER BY 1"
        )
        return [columns, constraints, [(n, d.replace(self.namespace, "")) for n, d in indexes]]


@pytest.fixture
def place(postgres_url: str) -> Iterator[Place]:
    made = Place(postgres_url)
    yield made
    made.sql(f"DROP SCHEMA IF EXISTS {made.namespace} CASCADE", "SELECT 1")


async def nothing(handle: PostgresBackend) -> None:
    """Only open and close."""


def put(key: str, body: bytes = b"{}") -> Put:
    return Put(STATE, (key,), body, 1000)


class TestOpening:
    def test_the_schema_is_the_sum_of_the_migrations(self, place: Place) -> None:
        place.on(nothing)
        made = place.structure()
        version = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        version += "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        again = f"CREATE SCHEMA {place.namespace}"
        place.sql(f"DROP SCHEMA {place.namespace} CASCADE", again, version, "SELECT 1")
        place.on(nothing)  # an empty version table is a store from before the first migration
        assert place.structure() == made
        assert len(made[0]) > 50
        assert place.sql("SELECT version_num FROM alembic_version") == [(revision_name(),)]
        assert place.sql("SELECT id, commits, latest FROM store") == [(1, 0, 0)]

    def test_alembic_finds_nothing_to_add(self, place: Place) -> None:
        place.on(nothing)
        connect = place.backend()._address.connect
        asyncio.run(upgrade.check_postgres(connect, place.namespace))
        place.sql("ALTER TABLE state ADD COLUMN extra BIGINT", "SELECT 1")
        with pytest.raises(UnsupportedError, match="extra"):
            asyncio.run(upgrade.check_postgres(connect, place.namespace))

    def test_many_create_at_once(self, place: Place) -> None:
        async def main() -> None:
            handles = [place.backend() for _ in range(8)]
            assert await asyncio.gather(*(handle.open() for handle in handles)) == [0] * 8
            found = await asyncio.gather(*(h.apply([put("k")]) for h in handles for _ in range(5)))
            assert sorted(found) == [[n] for n in range(1, 41)]
            await asyncio.gather(*(handle.close() for handle in handles))

        asyncio.run(main())

    def test_a_store_of_the_future_is_left_alone(self, place: Place) -> None:
        place.on(nothing)
        place.sql(f"UPDATE alembic_version SET version_num = '{REVISION + 1:04d}'", "SELECT 1")
        with pytest.raises(UnsupportedError, match="upgrade lodestore"):
            place.on(nothing)

    def test_other_peoples_tables_are_left_alone(self, place: Place) -> None:
        place.sql(f"CREATE SCHEMA {place.namespace}", "CREATE TABLE agent (theirs INT)", "SELECT 1")
        with pytest.raises(InvalidInputError, match="agent"):
            place.on(nothing)
        place.sql("CREATE TABLE alembic_version (version_num TEXT)", "SELECT 1")
        place.sql("INSERT INTO alembic_version VALUES ('a1b2c3')", "SELECT 1")
        with pytest.raises(InvalidInputError, match="another application"):
            place.on(nothing)
        assert place.sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1") == [
            ("agent",),
            ("alembic_version",),
        ]

    def test_two_namespaces_are_two_stores(self, place: Place, postgres_url: str) -> None:
        other = Place(postgres_url)
        other.namespace = f'{place.namespace} "q"'
        place.on(lambda handle: handle.apply([put("here")]))
        assert other.on(lambda handle: handle.fetch(STATE, [("here",)])) == [None]
        assert asyncio.run(_drop(postgres_url, other.namespace)) is None

    def test_opening_needs_no_sqlalchemy(self, place: Place) -> None:
        place.on(nothing)
        script = (
            "import asyncio, sys\nfrom lodestore.backends.postgres import PostgresBackend\n"
            f"async def main():\n    b = PostgresBackend({place.url!r}, namespace={place.namespace!r})\n"
            "    await b.open(); await b.apply([]); await b.close()\nasyncio.run(main())\n"
            "print([n for n in ('sqlalchemy', 'alembic') if n in sys.modules])"
        )
        source = str(Path(lodestore.__file__).parents[1])
        done = subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
        )
        assert done.stdout == "[]\n"


async def _drop(url: str, namespace: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"DROP SCHEMA {schema.quoted(namespace)} CASCADE")
    await connection.close()


def test_every_statement_compiles_against_the_schema(place: Place) -> None:
    place.on(nothing)

    async def main() -> None:
        connection = await asyncpg.connect(place.url, server_settings={"search_path": place.namespace})
        for name, text in [*statements.statements(POSTGRES), *postgres_bulk.statements(POSTGRES)]:
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}\n{text}")
        await connection.close()

    asyncio.run(main())


class TestWriting:
    def test_tasks_share_transactions(self, place: Place) -> None:
        async def work(handle: PostgresBackend) -> None:
            before = await _transactions(handle)
            appends = [handle.apply([Append(RAW_MESSAGE, ("c",), (b"{}",), n)]) for n in range(200)]
            assert await asyncio.gather(*appends) == [[n] for n in range(200)]
            assert 1 <= await _transactions(handle) - before < 20

        place.on(work)

    def test_only_the_culprit_fails(self, place: Place) -> None:
        async def work(handle: PostgresBackend) -> None:
            wrong = Put(STATE, ("k3",), b"{}", 1, None, 77)
            units = [[put(f"k{n}")] if n != 3 else [put("half"), wrong] for n in range(6)]
            found = await asyncio.gather(*map(handle.apply, units), return_exceptions=True)
            assert [type(result) for result in found] == [list, list, list, ConflictError, list, list]
            rows = await handle.fetch(STATE, [(f"k{n}",) for n in range(6)] + [("half",)])
            assert [row is None for row in rows] == [False, False, False, True, False, False, True]

        place.on(work)

    def test_rivals_leave_no_gap(self, place: Place) -> None:
        async def main() -> None:
            handles = [place.backend() for _ in range(3)]
            for handle in handles:
                await handle.open()
            jobs = [h.apply([Append(RAW_MESSAGE, ("c",), (b"{}",) * 2, 1)]) for _ in range(15) for h in handles]
            assert sorted(await asyncio.gather(*jobs)) == [[n] for n in range(0, 90, 2)]
            for handle in handles:
                await handle.close()

        asyncio.run(main())

    def test_works_without_prepared_statements(self, place: Place) -> None:
        async def work(handle: PostgresBackend) -> None:
            assert await handle.apply([put("k", b'{"a":1}')]) == [1]
            assert await handle.apply([Put(CACHE, ("k",), b"{}", 1, 5), put("j")]) == [2, 2]
            assert [row[0] for row in await handle.fetch(STATE, [("k",)])] == [b'{"a":1}']  # type: ignore[index]

        place.on(work, pgbouncer=True)


async def _transactions(handle: PostgresBackend) -> int:
    """The number of the last transaction that wrote to a store; others on the server may add a few."""
    text = f"SELECT xmin::text::bigint FROM {handle._d.schema}store"
    return int(await handle._read(lambda run: run.fetchval(text)))


class TestFailing:
    def test_waiting_for_a_connection_ends(self, place: Place) -> None:
        async def work(handle: PostgresBackend) -> None:
            async with handle._pool.connection():
                with pytest.raises(UnavailableError, match="pool_size"):
                    await handle.fetch(STATE, [("k",)])
                with pytest.raises(UnavailableError, match="pool_size"):
                    await handle.apply([put("k")])
            assert await handle.fetch(STATE, [("k",)]) == [None]

        place.on(work, pool_size=1, pool_wait=0.05)

    def test_a_slow_statement_is_unavailable(self, place: Place) -> None:
        async def work(handle: PostgresBackend) -> None:
            blocker = await asyncpg.connect(place.url)
            async with blocker.transaction():
                await blocker.execute(f"SELECT 1 FROM {handle._d.schema}store FOR UPDATE")
                with pytest.raises(UnavailableError, match="57014"):
                    await handle.apply([put("k"), put("j")])
            await blocker.close()
            assert await handle.fetch(STATE, [("k",)]) == [None]
            assert await handle.apply([put("k")]) == [1]

        place.on(work, timeout=0.3)

    def test_connections_cut_while_idle_are_replaced(self, place: Place) -> None:
        async def work(handle: PostgresBackend) -> None:
            for write in ([put("a")], [put("b"), put("c")]):
                await handle.apply(write)
                await asyncio.to_thread(
                    place.sql,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lodestore'",
                )
                await asyncio.sleep(0.05)
            assert len(await handle.keys(lodestore.core.records.Page(STATE))) == 3

        place.on(work)

    @pytest.mark.parametrize(
        ("state", "kind"),
        [
            ("53100", StorageFullError),
            ("57014", UnavailableError),
            ("53300", UnavailableError),
            ("40001", UnavailableError),
            ("28P01", InvalidInputError),
            ("42501", InvalidInputError),
            ("42P01", lodestore.Corrupt),
            ("XX001", lodestore.Corrupt),
        ],
    )
    def test_each_state_has_its_class(self, state: str, kind: type[Exception]) -> None:
        error = asyncpg.PostgresError.new({"C": state, "M": "words of the server"})
        assert type(driver.renamed(error, "writing")) is kind
        assert type(driver.renamed(error, "writing", committing=True)) is kind  # the server says it did not happen

    def test_a_connection_lost_while_committing_is_unknown(self) -> None:
        for error in (ConnectionResetError("gone"), asyncpg.ConnectionDoesNotExistError("gone"), TimeoutError()):
            assert type(driver.renamed(error, "writing", committing=True)) is OutcomeUnknownError
            assert type(driver.renamed(error, "writing")) is UnavailableError

    def test_a_damaged_body_is_named(self, place: Place) -> None:
        place.on(lambda handle: handle.apply([put("good"), put("bad")]))
        place.sql("UPDATE state SET body = set_byte(body, 1, 0) WHERE state_key = 'bad'", "SELECT 1")
        assert place.on(lambda handle: handle.verify()) == ["state('bad'): record: the stored body fails its checksum"]


class TestSecrets:
    def test_no_password_in_errors_and_reprs(self) -> None:
        urls = [
            f"postgresql://me:{CANARY}@127.0.0.1:1/db",
            f"postgresql://me:{CANARY}@127.0.0.1:port/db",
            f"postgresql://me:a/{CANARY}?x@127.0.0.1:1/db",
            f"postgresql://me:{CANARY}@127.0.0.1:1/db#fragment",
            f"postgresql://me:{CANARY}@127.0.0.1:1/db?nonsense=1",
            f"postgresql://me@127.0.0.1:1/db?password={CANARY}",
        ]
        for url in urls:
            with pytest.raises(lodestore.LodestoreError) as caught:
                asyncio.run(_open(url))
            assert CANARY not in "".join(traceback.format_exception(caught.value.__class__, caught.value, None)), url
            assert CANARY not in registry.describe(url)
        backend = registry.backend(urls[0])
        assert CANARY not in repr(vars(backend)) + repr(backend)

    def test_a_password_may_stand_beside_the_url(self, postgres_url: str, place: Place) -> None:
        made = registry.backend(f"{postgres_url}?namespace={place.namespace}&pool_size=2", password=CANARY)
        assert isinstance(made, PostgresBackend)
        assert asyncio.run(_open_close(made)) == 0


async def _open(url: str) -> None:
    await lodestore.open(url)


async def _open_close(backend: PostgresBackend) -> int:
    latest = await backend.open()
    await backend.close()
    return latest
