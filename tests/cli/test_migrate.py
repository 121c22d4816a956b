"""`lodestore migrate`: killed and resumed, beside a writer, in figures, and without a word of secrets."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

import lodestore
from lodestore.core.clock import system_clock
from lodestore.core.families import CACHE, FAMILIES, MEMORY, RAW_MESSAGE, STATE, UNFINISHED
from lodestore.core.records import VERSION, Append, Page, Put, Row, Write
from lodestore.encoding.json_codec import encode
from tests.cli.test_commands import CANARY, Answer, fill, on_terminal, process, url_at
from tests.support.scale import scaled
from tests.support.sqlite_tools import python
from tests.support.stores import Stores

# Fifty for the long form; a round is mostly the start of Python.
KILLS = int(os.environ.get("LODESTORE_KILLS", scaled(6, 2)))
SLOWER = [("file", 60), ("redis", 600), ("postgres", 200)]
TARGETS = [("sqlite", scaled(1200, 300)), *(pytest.param(*given, marks=pytest.mark.slow) for given in SLOWER)]
SOURCE = Path(lodestore.__file__).parents[1]


async def rows(url: str, **settings: str) -> dict[str, list[Row]]:
    async with lodestore.open(url, **settings) as store:
        now = system_clock()
        return {f.name: await store.backend.scan(Page(f, partial=True, alive_at=now)) for f in FAMILIES}


def holds(url: str, **settings: str) -> dict[str, list[Row]]:
    return asyncio.run(rows(url, **settings))


def fill_much(url: str, conversations: int) -> None:
    async def store_all() -> None:
        chance = random.Random(1)
        async with lodestore.open(url) as store:
            for n in range(conversations):
                said = tuple(b'{"text":"%s"}' % (b"%d " % k * chance.randrange(1, 400)) for k in range(12))
                await store.backend.apply(
                    [
                        Append(RAW_MESSAGE, (f"c{n:04}",), said, n),
                        Put(MEMORY, (f"c{n % 7:04}", f"m{n}"), b"{}", n),
                        Put(CACHE, (f"k{n}",), b"{}", n, 2**53 - n),
                        Put(STATE, (f"s{n}",), b"{}", n),
                    ]
                )

    asyncio.run(store_all())


# `lodestore migrate` that says a line at each step it tells of, and kills itself so many seconds after a certain one.
STEPPING = """
import contextlib, os, signal, sys, threading
from lodestore import cli
from lodestore.cli import migrate
last, pause, seen = int(sys.argv[1]), float(sys.argv[2]), [0]
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def told(*_):
    os.write(1, b"step\\n")
    seen[0] += 1
    if seen[0] == last:
        threading.Timer(pause, die).start() if pause else die()
@contextlib.contextmanager
def progress(*_, **__):
    yield told
migrate.progress = progress
os._exit(cli.main(["migrate", *sys.argv[3:]]))
"""


def stepping(*words: object, last: int = 0, pause: float = 0) -> subprocess.Popen[bytes]:
    """A migration that dies `pause` seconds after its step number `last`; without one it goes on to the end."""
    arguments = (str(last), str(pause), *map(str, words))
    return python(STEPPING, *arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def steps(child: subprocess.Popen[bytes]) -> int:
    """How many it told of until it ended."""
    return child.communicate()[0].count(b"step\n")


@pytest.mark.parametrize(
    ("kind", "size"), [("sqlite", 1200), *(pytest.param(*given, marks=pytest.mark.slow) for given in SLOWER)]
)
def test_killed_at_any_moment_and_resumed(tmp_path: Path, stores: Stores, kind: str, size: int) -> None:
    source, target = url_at("sqlite", tmp_path / "a.db"), stores.url(kind)
    fill_much(source, size)
    before = holds(source)
    chance = random.Random(KILLS)
    whole = steps(stepping(source, stores.url(kind)))
    assert whole > 2
    for number in range(KILLS):
        pause = chance.random() * 0.02 if number else 0
        child = stepping(source, target, "--resume", last=chance.randrange(1, whole), pause=pause)
        steps(child)
        assert child.returncode in (-signal.SIGKILL, 0 if pause else None), "killed, unless it was done by then"
    answer = process("migrate", source, target, "--resume", "--json").json
    assert (answer["ok"], answer["agreed"]) == (True, True)
    assert holds(target) == before
    assert process("migrate", source, target, "--resume", "--json").json["copied"] == 0


WRITER = """
import asyncio, os, sys, lodestore
async def main():
    async with lodestore.open(sys.argv[1]) as store:
        os.write(1, b"open\\n")
        for n in range(120):
            async with store.transaction() as tx:
                await tx.append_raw_messages("c0000", [{"late": n}])
                await tx.store_system_state("s0", {"late": n})
                await tx.delete_system_state(f"s{n + 1}")
                await tx.store_memory("c0001", f"late{n}", {"n": n})
            await asyncio.sleep(0.005)
asyncio.run(main())
"""


@pytest.mark.slow
def test_what_is_written_beside_arrives(tmp_path: Path) -> None:
    source, target = url_at("sqlite", tmp_path / "a.db"), url_at("sqlite", tmp_path / "b.db")
    fill_much(source, 1500)
    with python(WRITER, source, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        answer = process("migrate", source, target, "--json")
    assert writer.returncode == 0
    report = json.loads(answer.out)
    assert (answer.code, report["agreed"]) == (0, True)
    assert report["caught_up"]
    there = holds(target)
    for family, rows in holds(source).items():
        assert [row for row in rows if row[VERSION] <= report["as_of"] and row not in there[family]] == []
        assert all(row[VERSION] <= report["as_of"] for row in there[family])


def mark_unfinished(url: str, *writes: Write) -> None:
    """As if a migration of another run had stopped there, and then somebody wrote."""
    from lodestore.cli.migrate import _origin

    origin = _origin(url.removesuffix("b") + "a")
    mark = encode({"families": [family.name for family in FAMILIES], "origin": origin, "sequence": 0})

    async def write() -> None:
        async with lodestore.open(url) as store:
            await store.backend.apply([Put(STATE, (UNFINISHED,), mark, 0), *writes])

    asyncio.run(write())


@pytest.mark.slow
class TestTheCommand:
    def test_around_and_back(self, tmp_path: Path) -> None:
        a, b, c = (url_at(kind, tmp_path / name) for kind, name in (("sqlite", "a"), ("file", "b"), ("sqlite", "c")))
        fill(a)
        for source, target in ((a, b), (b, c)):
            answer = process("migrate", source, target)
            assert (answer.code, answer.error) == (0, "")
            assert answer.lines[-1] == "verified: both sides hold the same"
        assert holds(c) == holds(a)
        assert process("export", a).out == process("export", c).out
        assert not list((tmp_path / "b").rglob("*backup*"))

    def test_figures(self, tmp_path: Path) -> None:
        source, target = url_at("sqlite", tmp_path / "a"), url_at("sqlite", tmp_path / "b")
        fill(source)
        report = process("migrate", source, target, "--json").json
        assert (report["ok"], report["agreed"], report["passes"], report["versions_kept"]) == (True, True, 2, True)
        assert report["records"] == report["copied"] == sum(f["records"] for f in report["families"].values())
        memory = report["families"]["memory"]
        assert (memory["records"], memory["target_records"]) == (2, 2)
        assert memory["source_hash"] == memory["target_hash"] != report["families"]["state"]["source_hash"]
        assert len(memory["source_hash"]) == 64

    def test_a_dry_run_leaves_no_file(self, tmp_path: Path) -> None:
        source = url_at("sqlite", tmp_path / "a")
        fill(source)
        for scheme in ("sqlite", "file"):
            answer = process("migrate", source, url_at(scheme, tmp_path / "b"), "--dry-run")
            assert (answer.code, answer.lines[-1]) == (0, "dry run: nothing was written")
        assert os.listdir(tmp_path) == ["a"]

    def test_merging(self, tmp_path: Path) -> None:
        source, target = url_at("sqlite", tmp_path / "a"), url_at("file", tmp_path / "b")
        fill(source)
        fill(target)

        async def differ() -> None:
            async with lodestore.open(target) as store:
                await store.store_memory("ramen", "m1", {"text": "other"})

        asyncio.run(differ())
        before = holds(target)
        answer = process("migrate", source, target)
        assert (answer.code, answer.out) == (2, "")
        assert "not empty" in answer.error
        for policy in ("fail", "skip"):
            answer = process("migrate", source, target, "--merge", policy, "--families", "memory, state")
            assert answer.code == (policy == "fail"), "to skip is what was asked"
            assert "memory('ramen', 'm1'): the target holds a different record" in answer.lines
            assert holds(target)["memory"] == before["memory"]
        assert process("migrate", source, target, "--merge", "overwrite", "--families", "memory").code == 0
        assert [row[0] for row in holds(target)["memory"]] == [row[0] for row in holds(source)["memory"]]

    @pytest.mark.parametrize("inside", ["a", "a/b", "."])
    def test_not_into_itself(self, tmp_path: Path, inside: str) -> None:
        source = url_at("file", tmp_path / "a")
        fill(source)
        answer = process("migrate", source, url_at("file", tmp_path / inside))
        assert (answer.code, "lies inside the other" in answer.error) == (2, True)

    def test_a_store_in_memory_is_no_source(self, tmp_path: Path) -> None:
        answer = process("migrate", "memory:", url_at("sqlite", tmp_path / "b"), "--json")
        assert (answer.code, json.loads(answer.out)["class"], os.listdir(tmp_path)) == (2, "InvalidInputError", [])

    @pytest.mark.slow
    def test_an_unfinished_target_says_so(self, tmp_path: Path) -> None:
        source, target = url_at("sqlite", tmp_path / "a"), url_at("sqlite", tmp_path / "b")
        fill(source)
        fill(target)
        plain = process("stats", target, "--json").json
        mark_unfinished(target)
        health = process("health", target, "--json")
        assert (health.code, health.json["status"]) == (1, "degraded")
        assert "unfinished" in health.json["warnings"][0]
        stats = process("stats", target, "--json").json
        assert stats["unfinished_migration"] is True
        assert stats["state_count"] == plain["state_count"]
        assert "unfinished" in process("info", target).out
        assert process("info", target, "--json").json["records"] == process("info", source, "--json").json["records"]
        assert "warning: a migration into this store is unfinished" in process("verify", target).out
        answer = process("migrate", source, target, "--resume", "--json")
        assert (answer.code, answer.json["agreed"]) == (0, True)
        for words in (["health"], ["stats"], ["info"], ["verify"]):
            assert "migration" not in process(*words, target, "--json").out

    def test_strangers_are_named_and_dropped_only_on_demand(self, tmp_path: Path) -> None:
        source, target = url_at("sqlite", tmp_path / "a"), url_at("sqlite", tmp_path / "b")
        fill(source)
        fill(target)
        mark_unfinished(target, Put(STATE, ("mine",), b"{}", 5))
        answer = process("migrate", source, target, "--resume")
        assert answer.code == 2
        assert "state('mine')" in answer.error
        assert "--discard-foreign-writes" in answer.error
        assert "mine" in process("list", target, "state").lines
        assert process("migrate", source, target, "--discard-foreign-writes").code == 2
        assert process("migrate", source, target, "--resume", "--discard-foreign-writes").code == 0
        assert "mine" not in process("list", target, "state").lines

    def test_interrupted_in_a_long_write(self, capsys: pytest.CaptureFixture[str]) -> None:
        from lodestore.cli.migrate import _patiently
        from lodestore.transfer import MigrationReport

        async def slow() -> MigrationReport:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.5)  # a write that cannot be given up
            return MigrationReport()

        async def main() -> None:
            task = asyncio.create_task(_patiently(slow()))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        assert capsys.readouterr().err == "lodestore: finishing the write under way\n"

    def test_no_source(self, tmp_path: Path) -> None:
        answer = process("migrate", url_at("sqlite", tmp_path / "a"), url_at("sqlite", tmp_path / "b"))
        assert (answer.code, os.listdir(tmp_path)) == (1, [])

    def test_a_terminal_sees_rate_and_time_left(self, tmp_path: Path) -> None:
        source = url_at("sqlite", tmp_path / "a")
        fill_much(source, 300)
        text = on_terminal("migrate", source, url_at("sqlite", tmp_path / "b"), TERM="xterm", COLUMNS="120")
        assert "migrating" in text
        assert "/s" in text
        assert "0:00" in text
        assert "Traceback" not in text


@pytest.mark.slow
def test_peak_memory_stays_low(tmp_path: Path) -> None:
    source = url_at("sqlite", tmp_path / "a")

    async def store_all() -> None:
        async with lodestore.open(source, durability="process") as store:
            for n in range(40):
                said = tuple(b'{"text":"%s"}' % random.randbytes(6_000).hex().encode() for _ in range(200))
                await store.backend.apply([Append(RAW_MESSAGE, (f"c{n % 4}",), said, 5)])

    asyncio.run(store_all())  # 96 MB of bodies that do not compress further than by half
    idle, busy = (peak("stats", source), peak("migrate", source, url_at("sqlite", tmp_path / "b")))
    assert busy - idle < 64_000


def peak(*words: str) -> int:
    """The most memory a command held, in kB."""
    code = (
        "import resource, subprocess, sys; subprocess.run([sys.executable, '-m', 'lodestore', *sys.argv[1:]], "
        "check=True, stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    with python(code, *words, stdout=subprocess.PIPE) as child:
        shown, _ = child.communicate()
    assert child.returncode == 0
    return int(shown)


@pytest.mark.slow
class TestKeys:
    def test_from_plain_to_encrypted_and_back(self, tmp_path: Path) -> None:
        a, b, c, d = (url_at("sqlite", tmp_path / name) for name in "abcd")
        fill(a)
        steps = (
            (a, b, {"LODESTORE_TARGET_KEY": CANARY}),
            (b, c, {"LODESTORE_KEY": CANARY}),
            (c, d, {"LODESTORE_KEY": CANARY, "LODESTORE_TARGET_KEY": ""}),
        )
        for source, target, keys in steps:
            answer = process("migrate", source, target, **keys)
            assert (answer.code, answer.error) == (0, "")
            assert CANARY not in answer.out
        assert holds(a) == holds(b, key=CANARY) == holds(c, key=CANARY) == holds(d)

    def test_no_secret_is_ever_said(self, tmp_path: Path) -> None:
        a, b = (url_at("sqlite", tmp_path / name) for name in "ab")
        fill(a)
        keys = {"LODESTORE_TARGET_KEY": CANARY}
        answers: list[Answer] = [
            process("migrate", a, b, "--json", **keys),
            process("migrate", a, b, "--resume", **keys),
            process("migrate", a, b, **keys),
            process("migrate", b, a, LODESTORE_KEY=CANARY + "x"),
            process("migrate", a, f"{b}2?key={CANARY}"),
            process("migrate", f"{a}?key={CANARY}", b),
            process("migrate", a, f"postgresql://me:{CANARY}@127.0.0.1:1/db"),
        ]
        assert [answer.code for answer in answers] == [0, 0, 2, 2, 2, 2, 3]
        assert [answer for answer in answers if CANARY in answer.out + answer.error] == []
        assert CANARY not in on_terminal("migrate", a, url_at("sqlite", tmp_path / "c"), TERM="xterm", **keys)
        found = [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
        assert found == []
