"""PostgreSQL behind PgBouncer, mostly in transaction mode, where every transaction may run on another connection.

PgBouncer is no wheel: where it is not on PATH these tests do not run, except that under CI they then fail.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from lodestore.backends.postgres import PostgresBackend
from lodestore.conformance import InterfacePromises, KernelLaws
from lodestore.core.families import RAW_MESSAGE, STATE
from lodestore.core.records import Append, Page
from lodestore.errors import InvalidInputError, OutcomeUnknownError, UnavailableError
from tests.backends.postgres.test_postgres import Place, nothing, put
from tests.support import postgres_server
from tests.support.ports import free_port
from tests.support.postgres_server import Server
from tests.support.servers import wait_for

pytestmark = pytest.mark.slow

BINARY = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {mode}
default_pool_size = 3
max_client_conn = 200
server_login_retry = 1
"""


class Bouncer:
    """One PgBouncer before a server; its three connections are shared by all who come."""

    def __init__(self, server: Server, folder: Path, mode: str = "transaction") -> None:
        assert BINARY, "under CI the tests need PgBouncer: apt-get install pgbouncer"
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        users, self._settings = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text('"postgres" ""\n')
        self._settings.write_text(SETTINGS.format(server=server.port, port=self.port, users=users, mode=mode))
        for path in (folder, users, self._settings):
            path.chmod(0o755)

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [*postgres_server.as_user(), str(BINARY), "-q", str(self._settings)]
        with (self._settings.parent / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                wait_for(self._answers, "PgBouncer")
                yield
            finally:
                process.kill()
                process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if BINARY is None and "CI" not in os.environ:
        pytest.skip("PgBouncer is not on PATH: nothing was tested behind it (apt-get install pgbouncer)")
    with postgres_server.running("fsync=off", "synchronous_commit=off", "full_page_writes=off") as made:
        yield made


@pytest.fixture(scope="module")
def bouncer(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bouncer]:
    made = Bouncer(server, tmp_path_factory.mktemp("pgbouncer"))
    with made.running():
        yield made


class TestBehindPgBouncer(KernelLaws, InterfacePromises):
    examples = 2
    steps = 15
    url: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _behind(cls, bouncer: Bouncer) -> None:
        cls.url = bouncer.url

    def backend(self, folder: Path) -> PostgresBackend:
        namespace = f"lodestore_{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
        return PostgresBackend(self.url, namespace=namespace, pgbouncer=True)


def test_many_at_once_over_three_connections(bouncer: Bouncer, server: Server) -> None:
    async def work(handle: PostgresBackend, lane: int) -> None:
        for number in range(15):
            await handle.apply([put(f"{lane}-{number}", f'{{"n":{number}}}'.encode())])
            await handle.apply([Append(RAW_MESSAGE, ("c",), (b"{}", b"{}"), 1000)])
            assert (await handle.fetch(STATE, [(f"{lane}-{number}",)]))[0] is not None
            bodies = await handle.bodies(Page(STATE, limit=1))
            assert len(bodies) == 1

    async def main() -> None:
        handles = [PostgresBackend(bouncer.url, pgbouncer=True, pool_size=4) for _ in range(5)]
        await asyncio.gather(*(handle.open() for handle in handles))
        await asyncio.gather(*(work(handle, lane) for lane, handle in enumerate(handles * 2)))
        places = [place for _, place in await handles[0].keys(Page(RAW_MESSAGE))]
        assert places == list(range(300))
        assert await handles[0].verify() == []
        for handle in handles:
            await handle.close()

    asyncio.run(main())


def test_older_stores_are_upgraded(bouncer: Bouncer, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        # As another process: the driver counts its statements from one, and the pooler's connections remember names.
        monkeypatch.setattr(asyncpg.connection, "_uid", 0, raising=False)
        place = Place(server.url)
        version = f"CREATE TABLE {place.namespace}.alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        place.sql(f"CREATE SCHEMA {place.namespace}", version, "SELECT 1")
        place.url = bouncer.url
        place.on(nothing, pgbouncer=True)


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_in_either_mode_it_must_be_said(server: Server, tmp_path: Path, mode: str) -> None:
    async def work(handle: PostgresBackend) -> None:
        for number in range(3):
            await handle.apply([put(f"{number}"), Append(RAW_MESSAGE, ("c",), (b"{}",), 1000)])
            await asyncio.gather(*(handle.fetch(STATE, [(f"{number}",)]) for _ in range(5)))
        assert len(await handle.keys(Page(RAW_MESSAGE))) == 3
        assert await handle.verify() == []

    made = Bouncer(server, tmp_path, mode)
    with made.running():
        with pytest.raises(InvalidInputError, match="pgbouncer=true"):
            Place(made.url).on(nothing)
        place = Place(made.url)
        place.on(work, pgbouncer=True, pool_size=2)
        place.on(nothing, pgbouncer=True)


def test_a_pooler_that_goes_and_comes_back(server: Server, tmp_path: Path) -> None:
    made = Bouncer(server, tmp_path)

    async def work(handle: PostgresBackend) -> None:
        await handle.apply([put("k")])
        going.__exit__(None, None, None)
        for attempt in (handle.fetch(STATE, [("k",)]), handle.apply([put("j")])):
            with pytest.raises((UnavailableError, OutcomeUnknownError)):
                await attempt
        with made.running():
            assert len(await handle.keys(Page(STATE))) == 1
            assert await handle.apply([put("j")]) == [2]
            await handle.close()

    going = made.running()
    going.__enter__()
    Place(made.url).on(work, pgbouncer=True)
