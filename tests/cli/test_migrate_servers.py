"""`lodestore migrate` between servers and files: the long way round, dying servers, passwords, looking first."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lodestore.core.families import FAMILIES
from tests.cli.test_commands import Answer, fill, process, url_at, write_lines
from tests.cli.test_migrate import fill_much, holds, stepping, steps
from tests.support import postgres_server, servers
from tests.support.stores import Stores

pytestmark = pytest.mark.slow

WAY = ("postgres", "redis", "file", "sqlite")


def around(stores: Stores, source: str) -> dict[str, float]:
    """Migrate along WAY; each step proves itself, and the last store exports as the first. Seconds by step."""
    here, seconds = source, {}
    for kind in WAY:
        there = stores.url(kind)
        began = time.perf_counter()
        answer = process("migrate", here, there)
        seconds[kind] = time.perf_counter() - began
        assert (answer.code, answer.error) == (0, ""), kind
        assert answer.lines[-1] == "verified: both sides hold the same"
        assert any(line.startswith("raw_message ") for line in answer.lines), "no line for each family"
        here = there
    assert process("export", here).out == process("export", source).out
    return seconds


class TestTheLongWayRound:
    def test_a_small_store_of_everything(self, stores: Stores, tmp_path: Path) -> None:
        source = url_at("sqlite", tmp_path / "a.db")
        said = [{"role": "user", "content": f"line {n}"} for n in range(40)]
        lines = write_lines(tmp_path / "in.jsonl", *({"id": f"c{n}", "messages": said} for n in range(30)))
        assert process("import", lines, "--into", source).code == 0
        fill(source)
        around(stores, source)

    def test_real_conversations(
        self, stores: Stores, tmp_path: Path, data_dir: Path, record_property: Callable[[str, object], None]
    ) -> None:
        source = url_at("sqlite", tmp_path / "a.db")
        assert process("import", data_dir / "agent_transcripts.jsonl.zst", "--into", source).code == 0
        for kind, seconds in around(stores, source).items():
            record_property(f"seconds to {kind}", round(seconds, 2))


@contextmanager
def mortal(kind: str) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A server of its own that forgets nothing: its URL, what kills it, what starts it again."""
    with ExitStack() as stack:
        if kind == "postgres":
            server = postgres_server.Server("fsync=off", "full_page_writes=off")
            stack.callback(server.stop)
            server.start()
            yield server.url, server.kill, server.start
        else:
            binary = next(iter(servers.redis_binaries().values()))
            other = stack.enter_context(servers.redis_server(binary, "--appendonly", "yes", "--appendfsync", "always"))
            yield other.url, other.kill, other.start


@pytest.mark.parametrize("kind", ["redis", "postgres"])
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_server_killed_and_started_again_under_a_migration(tmp_path: Path, kind: str, side: str) -> None:
    origin = url_at("sqlite", tmp_path / "a.db")
    fill_much(origin, 300)
    before = holds(origin)
    with mortal(kind) as (url, kill, start):
        if side == "source":
            assert process("migrate", origin, url).code == 0
        for n, step in enumerate((1, 5)):
            source, target = (url, url_at("sqlite", tmp_path / f"{n}.db")) if side == "source" else (origin, url)
            target += f"?namespace=n{n}" if side == "target" else ""
            child = stepping(source, target)
            assert child.stdout is not None
            assert [child.stdout.readline() for _ in range(step)] == [b"step\n"] * step
            running = child.poll() is None
            kill()
            time.sleep(0.2)  # in which it meets nobody
            start()
            child.communicate()
            code = child.returncode
            assert code in (0, 3), "it neither finished nor said that the store failed"
            assert code == 0 or running
            again = process("migrate", source, target, "--resume", "--json").json
            assert (again["ok"], again["agreed"]) == (True, True)
            assert holds(target) == before


class TestLookingFirst:
    @pytest.mark.parametrize("kind", ["redis", "cluster", "postgres"])
    def test_a_dry_run_and_an_absent_source_make_nothing(self, stores: Stores, tmp_path: Path, kind: str) -> None:
        source, target = url_at("sqlite", tmp_path / "a.db"), stores.url(kind)
        fill(source)
        answer = process("migrate", source, target, "--dry-run", "--json")
        assert (answer.code, answer.json["dry_run"], answer.json["copied"]) == (0, True, 0)
        assert answer.json["records"] == sum(map(len, holds(source).values()))
        for words in (("migrate", target, source, "--merge", "skip"), ("stats", target), ("info", target)):
            absent = process(*words)
            assert (absent.code, "no store at" in absent.error) == (1, True), words

    @pytest.mark.parametrize("kind", ["redis", "postgres"])
    def test_not_into_itself(self, stores: Stores, kind: str) -> None:
        url = stores.url(kind)
        answer = process("migrate", url, f"{url}&timeout=7")
        assert (answer.code, "are the same store" in answer.error) == (2, True)

    @pytest.mark.parametrize("kind", ["redis", "postgres"])
    def test_choices(self, stores: Stores, tmp_path: Path, kind: str) -> None:
        """One family, without verification; then the rest merged; then a refusal to overwrite."""
        source, target = url_at("sqlite", tmp_path / "a.db"), stores.url(kind)
        fill(source)
        first = process("migrate", source, target, "--families", "memory", "--no-verify", "--json").json
        assert (first["ok"], first["agreed"], list(first["families"])) == (True, None, ["memory"])
        assert process("migrate", source, target).code == 2
        rest = process("migrate", source, target, "--merge", "fail", "--json").json
        assert (rest["ok"], rest["agreed"], rest["conflicts"]) == (True, True, [])
        assert contents_of(target) == contents_of(source)
        assert process("migrate", source, target, "--dry-run", "--merge", "skip").code == 0

    def test_a_source_on_a_server_is_known_again(self, stores: Stores) -> None:
        """A migration is resumed from the same namespace only, whatever else the URL says."""
        from lodestore.cli.migrate import _origin

        url = "postgresql://me:secret@host:5432/db?namespace=a"
        same = ("postgres://me@host:5432/db?namespace=a", f"{url}&pool_size=2")
        others = (url.replace("=a", "=b"), url.replace("/db", "/db2"), url.replace("host", "other"))
        assert {_origin(one) for one in same} == {_origin(url)}
        assert _origin(url) not in {_origin(other) for other in others}


def contents_of(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Bodies by key: what a merge promises."""
    found = holds(url)
    return {f.name: sorted((row[6:], row[0]) for row in found[f.name]) for f in FAMILIES}


class TestPasswords:
    @pytest.fixture
    def guarded(self) -> Iterator[tuple[str, str]]:
        """Two servers with passwords of their own."""
        binary = next(iter(servers.redis_binaries().values()))
        with (
            servers.redis_server(binary, "--requirepass", "first") as one,
            servers.redis_server(binary, "--requirepass", "second") as two,
        ):
            yield one.url, two.url

    def test_each_store_has_its_own(self, tmp_path: Path, guarded: tuple[str, str]) -> None:
        one, two = guarded
        source = url_at("sqlite", tmp_path / "a.db")
        fill(source)
        both = {"LODESTORE_PASSWORD": "first", "LODESTORE_TARGET_PASSWORD": "second"}
        answers: list[Answer] = [
            process("migrate", source, one, LODESTORE_PASSWORD="first"),
            process("migrate", one, two, **both),
            process("migrate", one.replace("//", "//:first@"), two.replace("//", "//:second@"), "--resume"),
            process("migrate", two, url_at("sqlite", tmp_path / "b.db"), LODESTORE_PASSWORD="second"),
            process("stats", two, LODESTORE_PASSWORD="second"),
        ]
        assert [(answer.code, answer.error) for answer in answers] == [(0, "")] * 5
        assert holds(url_at("sqlite", tmp_path / "b.db")) == holds(source)

    def test_the_password_of_one_server_is_not_for_another(self, guarded: tuple[str, str]) -> None:
        one, two = guarded
        fill(one, password="first")
        for target in (two, f"{one}?namespace=which-it-would-open"):
            answer = process("migrate", one, target, LODESTORE_PASSWORD="first")
            assert (answer.code, "password" in answer.error or "authenticat" in answer.error.lower()) == (2, True)
        wrong = process("migrate", one, two, LODESTORE_PASSWORD="first", LODESTORE_TARGET_PASSWORD="first")
        assert wrong.code == 2
        assert "first" not in wrong.error

    def test_the_one_in_the_url_comes_first(self, guarded: tuple[str, str]) -> None:
        fill(guarded[0], password="first")
        good = process("stats", guarded[0].replace("//", "//:first@"), "--json", LODESTORE_PASSWORD="wrong")
        assert good.code == 0
        assert json.loads(good.out)["memory_count"] == 2


def test_a_script_that_is_killed_leaves_no_server_waiting(stores: Stores, tmp_path: Path) -> None:
    """The mark and the locks of a killed migration are nobody's obstacle: others read and write at once."""
    source, target = url_at("sqlite", tmp_path / "a.db"), stores.url("postgres")
    fill_much(source, 200)
    child = stepping(source, target, last=3)
    steps(child)
    assert child.returncode == -signal.SIGKILL
    assert process("migrate", source, target, "--resume").code == 0
    fill(target)


def other_names(kind: str, url: str, tmp_path: Path) -> list[str]:
    """The same store under other names."""
    path, mark, query = url.partition("?")
    if kind == "redis":  # of the tests' own server, or of one that is given
        base, slash, number = path.removeprefix("redis://").partition("/")
        names = [f"redis://{host}{slash}{number}" for host in (base.replace("127.0.0.1", "localhost"), f"{base},h:1")]
        return [f"{name}{mark}{query}" for name in names] + [f"{url}&db={number or 0}"]
    if kind == "postgres":
        bare = f"{path.removesuffix('/postgres')}{mark}{query}"
        return [url.replace("127.0.0.1", "localhost"), bare, url.replace("postgresql:", "postgres:")]
    linked = tmp_path / "linked.db"
    linked.hardlink_to(path.removeprefix("sqlite:///"))
    return [f"sqlite:///{linked}"]


@pytest.mark.parametrize("kind", ["redis", "postgres", "sqlite"])
def test_one_store_by_another_name_is_no_target(stores: Stores, tmp_path: Path, kind: str) -> None:
    url = stores.url(kind)
    fill(url)
    for other in other_names(kind, url, tmp_path):
        for source, target in ((url, other), (other, url)):
            for how in (["--merge", "overwrite"], ["--merge", "skip", "--dry-run"]):
                answer = process("migrate", source, target, *how)
                assert (answer.code, "are the same store" in answer.error) == (2, True), (other, answer.error)
    different = stores.url(kind)
    assert process("migrate", url, different).code == 0
