"""Who may enter a PostgreSQL store, by password, role and certificate, and what is said to who may not."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme

import lodestore
from lodestore.backends.postgres import PostgresBackend
from lodestore.core.families import CACHE, MEMORY, RAW_MESSAGE, STATE
from lodestore.core.records import Append, Copy, Drop, Page, Put
from lodestore.errors import InvalidInputError, LodestoreError, UnavailableError
from lodestore.sql import REVISION
from tests.backends.postgres.test_postgres import Place, nothing, put
from tests.support import postgres_server
from tests.support.postgres_server import Server
from tests.support.servers import Proxy

pytestmark = pytest.mark.slow

PASSWORD = "hunter2-canary p@ss/w%rd?€"
NOW = 1000
HBA = """
host all secure 127.0.0.1/32 scram-sha-256
host all barred 127.0.0.1/32 reject
host all all    127.0.0.1/32 trust
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server.running("fsync=off", "synchronous_commit=off") as made:
        (made.data / "pg_hba.conf").write_text(HBA)
        Place(made.url).sql(
            f"CREATE ROLE secure LOGIN PASSWORD '{PASSWORD}'",
            "CREATE ROLE barred LOGIN",
            "CREATE ROLE tenant LOGIN",
            "CREATE ROLE worker LOGIN",
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
            "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
            "GRANT CONNECT ON DATABASE postgres TO secure, tenant, worker",
            "GRANT CREATE ON DATABASE postgres TO secure",
            "SELECT pg_reload_conf()",
        )
        yield made


@pytest.fixture
def place(server: Server) -> Place:
    return Place(server.url)


def as_role(place: Place, role: str) -> Place:
    """The same namespace, seen by another role."""
    seen = Place(place.url.replace("postgres@", f"{role}@"))
    seen.namespace = place.namespace
    return seen


def refused(url: str, **settings: Any) -> str:
    """What is said, in whatever way, to who is refused."""
    with pytest.raises(LodestoreError) as caught:
        asyncio.run(_open(url, **settings))
    assert type(caught.value) is InvalidInputError
    return "".join(traceback.format_exception(caught.value))


async def _open(url: str, **settings: Any) -> None:
    opening = lodestore.open(url, **settings)
    assert "canary" not in repr(opening)
    async with opening as store:
        assert "canary" not in repr(store) + repr(store.backend) + repr(vars(store.backend))
        await store.store_system_state("k", {"n": 1})
        assert await store.load_system_state("k") == {"n": 1}


class TestPasswords:
    @pytest.fixture(autouse=True)
    def _none_of_ours(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("PGPASSWORD", raising=False)
        monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))

    def test_it_opens_however_it_is_given(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        host = f"127.0.0.1:{server.port}/postgres"
        asyncio.run(_open(f"postgresql://secure:{quote(PASSWORD, safe='')}@{host}"))
        asyncio.run(_open(f"postgresql://secure@{host}", password=PASSWORD))
        (tmp_path / "pgpass").write_text(f"127.0.0.1:{server.port}:*:secure:{PASSWORD}\n", encoding="utf-8")
        (tmp_path / "pgpass").chmod(0o600)
        asyncio.run(_open(f"postgresql://secure@{host}"))
        (tmp_path / "pgpass").unlink()
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        asyncio.run(_open(f"postgresql://secure@{host}"))

    def test_who_is_wrong_is_refused_and_nothing_is_repeated(
        self, server: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        host, right = f"127.0.0.1:{server.port}", quote(PASSWORD, safe="")
        cases = [
            ("28P01", f"postgresql://secure:wrong-canary@{host}/postgres", None),
            ("28P01", f"postgresql://secure@{host}/postgres", "wrong-canary"),
            ("28P01", f"postgresql://secure@{host}/postgres", None),
            ("28P01", f"postgresql://nobody:{right}@{host}/postgres", None),
            ("3D000", f"postgresql://postgres:{right}@{host}/nowhere", None),
            ("28000", f"postgresql://barred:{right}@{host}/postgres", None),
            ("42501", f"postgresql://tenant:{right}@{host}/postgres", None),
            ("UTF-8", f"postgresql://postgres:{right}@{host}/latin", None),
        ]
        for state, url, password in cases:
            if "nobody" in url:  # whom the server trusts until it finds that there is no such role
                state = "28000"
            said = refused(url, **({"password": password} if password else {}))
            assert state in said, url
            assert "canary" not in said + caplog.text, url

    def test_a_missing_password_is_asked_for(self, server: Server) -> None:
        url = f"postgresql://secure@127.0.0.1:{server.port}/postgres"
        where = r"LODESTORE_PASSWORD .*LODESTORE_TARGET_PASSWORD.*password="
        assert re.search(where, refused(url))
        assert re.search(where, refused(url, password=""))
        assert not re.search(where, refused(url, password="wrong"))
        assert not re.search(where, refused(url.replace("@", ":wrong@")))

    def test_a_password_that_changes_under_way(self, server: Server) -> None:
        def say(what: str) -> None:
            close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'secure'"
            Place(server.url).sql(f"ALTER ROLE secure PASSWORD '{what}'", close)

        async def main() -> None:
            url = f"postgresql://secure@127.0.0.1:{server.port}/postgres"
            handle = PostgresBackend(url, password=PASSWORD, namespace="changing")
            await handle.open()
            await handle.apply([put("k")])
            await asyncio.to_thread(say, "another")
            await asyncio.sleep(0.05)
            for attempt in (handle.fetch(STATE, [("k",)]), handle.apply([put("j")]), handle.apply([put("j")] * 2)):
                with pytest.raises(InvalidInputError, match="28P01"):
                    await attempt
            await asyncio.to_thread(say, PASSWORD)
            assert await handle.apply([put("j")]) == [2]
            await handle.close()

        asyncio.run(main())


class TestRights:
    def test_owning_the_schema_is_enough(self, place: Place) -> None:
        place.sql(f"CREATE SCHEMA {place.namespace} AUTHORIZATION tenant", "SELECT 1")
        tenant = as_role(place, "tenant")
        version = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        version += "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        tenant.sql(version, "SELECT 1")  # a store from before the first migration, to be upgraded
        tenant.on(everything)
        assert tenant.sql("SELECT version_num FROM alembic_version") == [(f"{REVISION:04d}",)]
        tenant.sql(f"DROP SCHEMA {place.namespace} CASCADE", f"SELECT '{place.namespace}'")

    def test_an_empty_schema_of_ones_own_becomes_a_store(self, place: Place) -> None:
        place.sql(f"CREATE SCHEMA {place.namespace} AUTHORIZATION tenant", "SELECT 1")
        as_role(place, "tenant").on(everything)

    def test_who_may_only_write_rows_can_do_all_but_create(self, place: Place) -> None:
        place.on(nothing)
        worker = as_role(place, "worker")
        rights = f"ALL TABLES IN SCHEMA {place.namespace}"
        place.sql(
            f"GRANT USAGE ON SCHEMA {place.namespace} TO worker",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {rights} TO worker",
            "SELECT 1",
        )
        worker.on(everything)

        async def loses(handle: PostgresBackend) -> None:
            for attempt in (lambda: handle.apply([put("k")]), lambda: handle.apply([put("k"), put("j")])):
                await asyncio.to_thread(place.sql, f"REVOKE INSERT, UPDATE ON {rights} FROM worker", "SELECT 1")
                with pytest.raises(InvalidInputError, match="42501"):
                    await attempt()
                await asyncio.to_thread(place.sql, f"GRANT INSERT, UPDATE ON {rights} TO worker", "SELECT 1")
                assert await attempt()

        worker.on(loses)

    def test_a_namespace_of_somebody_else_is_refused(self, place: Place) -> None:
        place.on(nothing)
        with pytest.raises(InvalidInputError, match="42501"):
            as_role(place, "tenant").on(nothing)


async def everything(handle: PostgresBackend) -> None:
    """Each kind of write, of read and of upkeep, once."""
    assert len(await handle.apply([put("k")])) == 1
    done = await handle.apply(
        [
            Put(MEMORY, ("c", "m"), b"{}", NOW),
            Append(RAW_MESSAGE, ("c",), (b"{}", b"{}"), NOW),
            Put(CACHE, ("old",), b"{}", NOW, NOW + 1),
            Copy(STATE, (b"{}", 50, NOW, NOW, None, None, "copied")),
            Drop(STATE, ("k",), NOW),
        ]
    )
    assert done[1:] == [0, 2, 50, 1]
    assert await handle.sweep(NOW + 5, 10) == 1
    assert await handle.keys(Page(STATE)) == [("copied",)]
    assert await handle.bodies(Page(RAW_MESSAGE)) == [b"{}", b"{}"]
    assert (await handle.vitals(NOW)).counts["state"] == 1
    assert await handle.verify() == []
    assert "warnings" in await handle.probe()
    await handle.apply([Drop(STATE, (), NOW)])


class TestTLS:
    """The wheel's server has no TLS compiled in, so a proxy speaks it for the server."""

    AUTHORITY, STRANGER = trustme.CA(), trustme.CA()

    @pytest.fixture
    def ca(self, tmp_path: Path) -> str:
        path = tmp_path / "trusted authorities.pem"
        self.AUTHORITY.cert_pem.write_to_path(path)
        return str(path)

    def proxied(self, server: Server, host: str, signed: trustme.CA, work: Callable[[str], Awaitable[None]]) -> None:
        import ssl

        async def main() -> None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            signed.issue_cert(host).configure_cert(context)
            proxy = Proxy(server.port, context)
            async with proxy.running():
                await work(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?namespace=tls")

        asyncio.run(main())

    @pytest.mark.parametrize("mode", ["", "prefer", "require", "verify-ca", "verify-full"])
    def test_a_server_with_a_good_certificate_is_used(self, server: Server, ca: str, mode: str) -> None:
        async def work(url: str) -> None:
            proof = {"sslrootcert": ca} if mode != "prefer" else {}
            await _open(url, **proof, **({"sslmode": mode} if mode else {}))

        self.proxied(server, "127.0.0.1", self.AUTHORITY, work)

    def test_settings_stand_in_the_url_too(self, server: Server, ca: str) -> None:
        async def work(url: str) -> None:
            await _open(f"{url}&sslmode=verify-full&sslrootcert={quote(ca)}")

        self.proxied(server, "127.0.0.1", self.AUTHORITY, work)

    @pytest.mark.parametrize(
        ("mode", "host", "known"),
        [
            (None, "elsewhere.example", True),
            ("verify-full", "elsewhere.example", True),
            ("verify-full", "127.0.0.1", False),
            ("verify-ca", "127.0.0.1", False),
            ("require", "127.0.0.1", False),  # as in libpq, naming authorities makes it verify-ca
        ],
    )
    def test_a_certificate_that_proves_nothing_is_refused(
        self, server: Server, ca: str, mode: str | None, host: str, known: bool
    ) -> None:
        async def work(url: str) -> None:
            with pytest.raises(InvalidInputError, match="certificate cannot be verified"):
                await _open(url, sslrootcert=ca, sslmode=mode)

        self.proxied(server, host, self.AUTHORITY if known else self.STRANGER, work)

    def test_a_wrong_host_is_no_matter_to_verify_ca(self, server: Server, ca: str) -> None:
        async def work(url: str) -> None:
            await _open(url, sslrootcert=ca, sslmode="verify-ca")

        self.proxied(server, "elsewhere.example", self.AUTHORITY, work)

    def test_the_authorities_of_the_machine(self, server: Server, ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
        async def good(url: str) -> None:
            await _open(url, sslrootcert="system")

        async def bad(url: str) -> None:
            with pytest.raises(InvalidInputError, match="certificate cannot be verified"):
                await good(url)

        monkeypatch.setenv("SSL_CERT_FILE", ca)
        self.proxied(server, "127.0.0.1", self.AUTHORITY, good)
        self.proxied(server, "127.0.0.1", self.STRANGER, bad)
        self.proxied(server, "elsewhere.example", self.AUTHORITY, bad)

    @pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
    def test_a_server_without_tls_is_refused(self, server: Server, ca: str, mode: str) -> None:
        assert "offers no TLS" in refused(server.url, sslmode=mode, sslrootcert=ca)

    def test_a_server_without_tls_is_used_unless_told_otherwise(self, server: Server) -> None:
        for mode in ("disable", "allow", "prefer"):
            asyncio.run(_open(server.url, sslmode=mode, namespace="plain"))

    def test_a_connection_lost_in_the_handshake_is_unavailable(self, server: Server, ca: str) -> None:
        async def main() -> None:
            proxy = Proxy(server.port)
            async with proxy.running():
                proxy.cut("answer")
                with pytest.raises(UnavailableError):
                    await _open(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres", sslrootcert=ca)

        asyncio.run(main())

    def test_settings_that_prove_nothing_are_refused(
        self, server: Server, ca: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "empty.pem").write_text("")
        for settings, words in (
            ({"sslmode": "verify_full"}, "expected disable or"),
            ({"sslmode": "prefer", "sslrootcert": ca}, "has no effect"),
            ({"sslmode": "verify-ca", "sslrootcert": "system"}, "use verify-full"),
            ({"sslmode": "verify-full"}, "give a file of them"),
            ({"sslrootcert": str(tmp_path / "none.pem")}, "none.pem cannot be used"),
            ({"sslrootcert": str(tmp_path / "empty.pem")}, "empty.pem cannot be used"),
        ):
            assert words in refused(server.url, **settings)


def test_vectors_can_be_had(server: Server, place: Place) -> None:
    place.sql("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public", "SELECT 1")
    assert place.sql("SELECT '[1,2]'::public.vector OPERATOR(public.<->) '[1,4]'") == [(2.0,)]


PLAIN = """
AND AS BIGINT BY CASCADE CASE CHECK CONSTRAINT CREATE DELETE DESC ELSE END FOREIGN FROM GROUP IN INDEX INTO IS KEY
NOT NULL ON OR ORDER PRIMARY REFERENCES SELECT SET TABLE THEN UNIQUE VALUES VARCHAR WHEN WHERE coalesce count max sum
"""


def test_all_that_is_not_plain_sql_is_in_the_docs() -> None:
    root = Path(__file__).parents[3]
    section = (root / "docs/postgres.md").read_text().partition("## What is used beyond plain SQL")[2]
    files = [root / "schema/postgres.sql", root / "schema/statements.postgres.sql"]
    rendered = re.sub(r"^--.*$", "", "".join(file.read_text() for file in files), flags=re.MULTILINE)
    used = set(re.findall(r"[A-Z]{2,}|[a-z_]+(?=\()|ctid|::", rendered))
    code = "".join(file.read_text() for file in (root / "src/lodestore/backends/postgres").glob("*.py"))
    used |= set(re.findall(r"\bpg_(?!dump)\w+|SHOW|SET LOCAL|cursor(?=\()", code))
    assert len(used) > 40
    missing = {word for word in used - set(PLAIN.split()) if not re.search(rf"(?<!\w){word}", section)}
    assert missing == set()
    named = set(re.findall(r"pg_\w+", section)) - {"pg_dump"}
    assert {name for name in named if name not in code} == set()
