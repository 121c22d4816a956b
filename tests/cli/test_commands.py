"""The command line: every command on a SQLite file and on a folder, for people and for programs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lodestore
from lodestore import cli
from lodestore.cli import output
from lodestore.cli.parser import _COMMANDS, _FORMATS, _OUT
from lodestore.config import registry
from lodestore.core.families import CATALOGUE, FAMILIES
from lodestore.core.records import Page
from lodestore.search.tokenizers import TOKENIZERS
from lodestore.sql import revision_name
from lodestore.transfer import export, importers

SOURCE = Path(lodestore.__file__).parents[1]
CANARY = "canary-7f3e-do-not-print"
COMMANDS = [name for name, *_ in _COMMANDS]

LINES = [
    {"id": "ramen", "title": "博多でラーメン", "messages": [{"role": "user", "content": "tonkotsu?"}] * 3},
    {"id": "soup", "title": "Too much fennel", "messages": [{"role": "user", "content": "invoice"}]},
]


class Answer:
    """What a command left: exit code, standard output, standard error."""

    def __init__(self, code: int, out: str, error: str) -> None:
        self.code, self.out, self.error = code, out, error

    def __repr__(self) -> str:
        return f"<{self.code}\n{self.out}\n{self.error}>"

    @property
    def lines(self) -> list[str]:
        """What people see, whatever the width of the columns."""
        return [" ".join(line.split()) for line in self.out.splitlines()]

    @property
    def json(self) -> Any:
        assert self.error == ""
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process."""
    monkeypatch.delenv("LODESTORE_KEY", raising=False)

    def call(*words: object) -> Answer:
        capsys.readouterr()
        code = cli.main([str(word) for word in words])
        return Answer(code, *capsys.readouterr())

    return call


def process(*words: object, stdin: str = "", **environment: str) -> Answer:
    """Run a command as one would: in a process, its output in pipes."""
    done = subprocess.run(
        [sys.executable, "-m", "lodestore", *map(str, words)],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def write_lines(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines), "utf-8")
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "lines.jsonl", *LINES)


def url_at(scheme: str, path: Path) -> str:
    return f"{scheme}:///{path}"


@pytest.fixture(params=["sqlite", "file"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fill(url: str, **settings: Any) -> None:
    """One record of every family, by way of the library."""

    async def store_all() -> None:
        async with lodestore.open(url, **settings) as store:
            for line in LINES:
                await store.store_conversation(line["id"], {"title": line["title"]})
                await store.append_raw_messages(line["id"], line["messages"])
            await store.store_memory("ramen", "m2", {"text": "second in the alphabet"})
            await store.store_memory("ramen", "m1", {"text": "first in the alphabet"})
            await store.store_chunk_info("ramen", {"chunks": []})
            await store.store_reasoning_chain("ledger", {"steps": ["one"]})
            await store.store_cache_entry("forever", {"n": 1})
            await store.store_cache_entry("soon gone", {"n": 2}, ttl=0.001)
            await store.store_system_state("last_seen", {"at": 5})
            await store.save_result({"score": 1}, "r1")
            await store.append_raw_messages("without document", [{"role": "user", "content": "x"}])

    asyncio.run(store_all())


@pytest.fixture
def url(scheme: str, tmp_path: Path) -> str:
    """A store with one record of everything."""
    url = url_at(scheme, tmp_path / "store")
    fill(url)
    return url


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    url = url_at("sqlite", tmp_path / "agent.db")
    fill(url)
    return url


def rows_of(url: str) -> list[tuple[Any, ...]]:
    """Every row of a store with all its times, places and versions."""

    async def read() -> list[tuple[Any, ...]]:
        async with lodestore.open(url) as store:
            return [row for family in FAMILIES for row in await store.backend.scan(Page(family, partial=True))]

    return asyncio.run(read())


class TestUsage:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_help_names_every_argument(self, command: str, run: Run) -> None:
        answer = run(command, "--help")
        assert answer.code == 0
        expected = {
            "list": ["URL", "FAMILY", "PREFIX", "--limit", "--after", "--json"],
            "show": ["URL", "FAMILY", "KEY"],
            "import": ["FILE", "--into", "--format", "--on-conflict"],
            "export": ["URL", "--out", "--format", "--families"],
            "restore": ["PATH", "URL", "--force"],
            "backup": ["URL", "PATH"],
            "migrate": ["SRC", "DST", "--families", "--dry-run", "--no-verify", "--resume", "--merge"],
            "schema": ["--dialect", "--statements", "--write"],
            "sql": ["URL", "STATEMENT", "PARAM"],
            "demo": ["--at"],
        }.get(command, ["URL"])
        assert [word for word in expected if word not in answer.out] == []

    def test_help_names_every_command(self, run: Run) -> None:
        answer = run("--help")
        assert answer.code == 0
        assert [name for name in COMMANDS if f"\n    {name} " not in answer.out] == []

    def test_version(self, run: Run) -> None:
        assert run("--version").out == f"lodestore {lodestore.__version__}\n"

    @pytest.mark.parametrize(
        "words",
        [[], ["stats"], ["fly"], ["stats", "memory:", "--colour"], ["list", "memory:", "cache", "--limit", "-1"]],
    )
    def test_wrong_usage_is_one_line(self, words: list[str], run: Run) -> None:
        answer = run(*words)
        assert (answer.code, answer.out) == (2, "")
        assert answer.error.startswith("lodestore: ")
        assert answer.error.count("\n") == 1

    def test_formats_are_those_there_are(self) -> None:
        assert [name for name in importers.FORMATS if name not in _FORMATS] == []
        assert _OUT == export.FORMATS

    @pytest.mark.parametrize("words", [["--help"], ["--version"], ["list", "--help"]])
    def test_help_loads_nothing_heavy(self, words: list[str]) -> None:
        heavy = ("asyncio", "rich", "sqlcipher3", "orjson", "sqlalchemy", "dataclasses")
        script = (
            "import sys, lodestore.cli; lodestore.cli.main(sys.argv[1:]);"
            f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
        )
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        done = subprocess.run([sys.executable, "-c", script, *words], env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "[]\n")

    @pytest.mark.parametrize(
        "bad", ["agent.db", "sqlit:///a.db", "sqlite://host/a.db", "sqlite:///a.db?pace=1", "sqlite:///a.db?timeout=x"]
    )
    def test_a_wrong_url_is_wrong_usage(self, bad: str, run: Run, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.chdir(tmp_path)
        for words in (["stats", bad], ["upgrade", bad], ["restore", ".", bad], ["import", "-", "--into", bad]):
            answer = run(*words)
            assert answer.code == 2, answer
            assert answer.error.startswith("lodestore: ")
        assert list(tmp_path.iterdir()) == []


class TestAbsent:
    @pytest.mark.parametrize(
        "words",
        [
            ["info"],
            ["stats"],
            ["health"],
            ["list", "URL", "conversation"],
            ["show", "URL", "state", "x"],
            ["sql", "URL", "select 1"],
            ["export"],
            ["backup", "URL", "COPY"],
            ["verify"],
            ["purge"],
            ["compact"],
        ],
    )
    def test_nothing_is_created_by_looking(self, words: list[str], scheme: str, run: Run, tmp_path: Path) -> None:
        url = url_at(scheme, tmp_path / "nowhere")
        named = [{"URL": url, "COPY": str(tmp_path / "copy")}.get(word, word) for word in words]
        answer = run(*named, *([] if "URL" in words else [url]))
        assert answer.code == 1
        assert str(tmp_path / "nowhere") in answer.error
        assert answer.error.count("\n") == 1
        assert list(tmp_path.iterdir()) == []

    def test_any_folder_is_not_a_store(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "papers").mkdir()
        answer = run("stats", url_at("file", tmp_path))
        assert answer.code == 1
        assert [path.name for path in tmp_path.rglob("*")] == ["papers"]

    def test_no_backup(self, scheme: str, run: Run, tmp_path: Path) -> None:
        answer = run("restore", tmp_path / "nope", url_at(scheme, tmp_path / "store"))
        assert (answer.code, list(tmp_path.iterdir())) == (1, [])


class TestLooking:
    def test_info(self, url: str, scheme: str, run: Run, tmp_path: Path) -> None:
        found = run("info", url, "--json").json
        assert (found["backend"], found["path"], found["records"]) == (scheme, str(tmp_path / "store"), 14)
        assert found["lodestore"] == lodestore.__version__
        shown = run("info", url).lines
        assert f"path {tmp_path / 'store'}" in shown
        assert (f"schema {revision_name()}, up to date" in shown) == (scheme == "sqlite")

    def test_stats_are_those_of_the_store(self, url: str, run: Run) -> None:
        found = run("stats", url, "--json").json

        async def ask() -> Any:
            async with lodestore.open(url) as store:
                return await store.get_storage_stats()

        expected = asyncio.run(ask())
        assert list(found) == list(expected)
        assert {**found, "timestamp": 0, "total_bytes": 0} == {**expected, "timestamp": 0, "total_bytes": 0}
        assert "raw message 5" in run("stats", url).lines

    def test_health(self, url: str, run: Run) -> None:
        assert run("health", url, "--json").json["status"] == "healthy"
        assert run("health", url).out.startswith("status ")

    def test_a_broken_store_is_unhealthy(self, sqlite: str, run: Run, tmp_path: Path) -> None:
        with (tmp_path / "agent.db").open("r+b") as file:
            file.truncate(0)
        answer = run("health", sqlite, "--json")
        assert answer.code == 1
        assert answer.json["status"] == "unhealthy"
        assert run("stats", sqlite).code == 3

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["conversation"], ["ramen", "soup"]),
            (["conversation", "--partial"], ["ramen", "soup", "without document"]),
            (["conversation", "--limit", "1"], ["ramen"]),
            (["conversation", "--after", "ramen"], ["soup"]),
            (["raw_message", "ramen"], ["0", "1", "2"]),
            (["raw_message", "ramen", "--after", "0", "--limit", "1"], ["1"]),
            (["memory", "ramen"], ["m2", "m1"]),
            (["memory", "ramen", "--after", "m2"], ["m1"]),
            (["memory"], ["ramen\tm2", "ramen\tm1"]),
            (["agent"], ["ledger"]),
            (["cache"], ["forever"]),
            (["cache", "--limit", "0"], []),
        ],
    )
    def test_list(self, words: list[str], expected: list[str], url: str, run: Run) -> None:
        assert run("list", url, *words).out.splitlines() == expected

    def test_list_for_programs(self, url: str, run: Run) -> None:
        found = run("list", url, "memory", "ramen", "--json").json
        assert found["key"] == ["conversation_id", "memory_id"]
        assert found["keys"] == [["ramen", "m2"], ["ramen", "m1"]]

    @pytest.mark.parametrize("words", [["list", "URL", "message"], ["show", "URL", "message", "x"]])
    def test_an_unknown_family_lists_the_families(self, words: list[str], url: str, run: Run) -> None:
        answer = run(*(url if word == "URL" else word for word in words))
        assert answer.code == 2
        assert [name for name in CATALOGUE if name not in answer.error] == []

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["list", "URL", "conversation", "ramen"], 2),
            (["list", "URL", "memory", "--after", "m1"], 2),
            (["list", "URL", "raw_message", "ramen", "--after", "first"], 2),
            (["list", "URL", "memory", "ramen", "--after", "m9"], 1),
            (["show", "URL", "raw_message", "ramen", "9" * 30], 2),
            (["show", "URL", "raw_message", "ramen", "9"], 1),
            (["show", "URL", "memory", "soup"], 1),
            (["show", "URL", "cache", "soon gone"], 1),
            (["show", "URL", "conversation", "without document"], 1),
            (["show", "URL", "state", "a", "b"], 2),
            (["show", "URL", "state", ""], 2),
        ],
    )
    def test_what_is_not_there(self, words: list[str], code: int, url: str, run: Run) -> None:
        answer = run(*(url if word == "URL" else word for word in words))
        assert (answer.code, answer.out, answer.error.count("\n")) == (code, "", 1)

    def test_show(self, url: str, run: Run) -> None:
        assert run("show", url, "conversation", "ramen").out == '{\n  "title": "博多でラーメン"\n}\n'
        assert run("show", url, "raw_message", "ramen", "--json").json == LINES[0]["messages"]
        assert run("show", url, "raw_message", "ramen", "1").json == {"role": "user", "content": "tonkotsu?"}
        assert [memory["memory_id"] for memory in run("show", url, "memory", "ramen").json] == ["m2", "m1"]
        assert run("show", url, "memory", "ramen", "m1").json["text"] == "first in the alphabet"
        assert run("show", url, "reasoning_chain", "ledger").json == [{"steps": ["one"]}]
        assert run("show", url, "cache", "forever").json == {"n": 1}

    def test_ids_cannot_play_with_the_terminal(self, run: Run, tmp_path: Path) -> None:
        url = url_at("sqlite", tmp_path / "a.db")
        with lodestore.sync.open(url) as store:
            store.store_system_state("a\nb\x1b[31m\u202e", {})
        assert run("list", url, "state").out == "a\\nb\\x1b[31m\\u202e\n"
        assert run("show", url, "state", "c\nd").error.count("\n") == 1


class TestSql:
    def test_rows(self, sqlite: str, run: Run) -> None:
        query = (
            "SELECT conversation_id AS id, count(*) AS n FROM raw_messages GROUP BY id HAVING n >= ? ORDER BY n DESC, 1"
        )
        assert run("sql", sqlite, query, "1").out.splitlines() == [
            "id                n",
            "ramen             3",
            "soup              1",
            "without document  1",
        ]
        assert run("sql", sqlite, query, "2", "--json").json == [{"id": "ramen", "n": 3}]

    def test_wide_letters_stay_aligned(self, sqlite: str, run: Run) -> None:
        text = run("sql", sqlite, "SELECT data, 1 AS one FROM conversations WHERE data IS NOT NULL").out
        assert {output.columns(line[: line.rindex(" ")]) for line in text.splitlines()[1:]} == {28}

    def test_what_json_does_not_have(self, sqlite: str, run: Run) -> None:
        assert run("sql", sqlite, "SELECT x'0aff' AS b, NULL AS n, 1.5 AS f", "--json").json == [
            {"b": "0aff", "n": None, "f": 1.5}
        ]
        assert run("sql", sqlite, "SELECT x'0aff' AS b, NULL AS n, 'a\nb' AS c").out == "b     n  c\n0aff     a\\nb\n"

    @pytest.mark.parametrize(("text", "kind"), [("7", "integer"), ("007", "text"), ("1.5", "real"), ("x", "text")])
    def test_numbers_are_numbers(self, text: str, kind: str, sqlite: str, run: Run) -> None:
        assert run("sql", sqlite, "SELECT typeof(?) AS kind", text, "--json").json == [{"kind": kind}]

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM raw_message",
            "DROP TABLE state",
            "PRAGMA user_version = 9",
            "ATTACH 'x' AS x",
            "SELEC 1",
            "SELECT 1; SELECT 2",
            "SELECT '\udcff'",
        ],
    )
    def test_only_reading(self, statement: str, sqlite: str, run: Run) -> None:
        before = rows_of(sqlite)
        answer = run("sql", sqlite, statement)
        assert (answer.code, answer.out) == (2, "")
        assert rows_of(sqlite) == before

    def test_a_folder_has_none(self, run: Run, tmp_path: Path) -> None:
        url = url_at("file", tmp_path / "folder")
        fill(url)
        answer = run("sql", url, "SELECT 1")
        assert (answer.code, answer.out) == (3, "")


class TestImport:
    def test_twice(self, scheme: str, lines: Path, run: Run, tmp_path: Path) -> None:
        url = url_at(scheme, tmp_path / "new")
        found = run("import", lines, "--into", url, "--json").json
        assert (found["added"], found["records"], found["families"]) == (2, 6, {"conversation": 2, "raw_message": 4})
        again = run("import", lines, "--into", url)
        assert again.code == 0
        assert "unchanged 2" in again.lines
        assert any(line.startswith("records 0 in ") for line in again.lines)

    def test_broken_lines_are_named(self, run: Run, tmp_path: Path) -> None:
        bad = write_lines(tmp_path / "bad.jsonl", LINES[0], '{"id": "half', *["[]"] * 25, LINES[1])
        url = url_at("sqlite", tmp_path / "new")
        answer = run("import", bad, "--into", url)
        assert answer.code == 1
        assert "  bad.jsonl:2: " in answer.out
        assert "added 2" in answer.lines
        assert "  ... and 6 more\n" in answer.out
        assert len(run("import", bad, "--into", url, "--json").json["broken"]) == 26

    def test_conflicts(self, lines: Path, run: Run, tmp_path: Path) -> None:
        url = url_at("sqlite", tmp_path / "new")
        run("import", lines, "--into", url)
        other = write_lines(tmp_path / "other.jsonl", {**LINES[1], "messages": [{"role": "user", "content": "other"}]})
        answer = run("import", other, "--into", url)
        assert answer.code == 1
        assert "conflicts 1" in answer.lines
        assert run("import", other, "--into", url, "--on-conflict", "overwrite").code == 0
        assert run("show", url, "raw_message", "soup", "0").json["content"] == "other"

    @pytest.mark.parametrize("words", [["nope.jsonl"], ["-", "--format", "xml"]])
    def test_nothing_is_created_for_nothing(self, words: list[str], run: Run, tmp_path: Path) -> None:
        assert run("import", *words, "--into", url_at("sqlite", tmp_path / "new.db")).code == 2
        assert list(tmp_path.iterdir()) == []

    def test_from_standard_input(self, tmp_path: Path) -> None:
        text = "".join(json.dumps(line) + "\n" for line in LINES)
        answer = process("import", "-", "--into", url_at("sqlite", tmp_path / "new"), "--json", stdin=text)
        assert answer.json["added"] == 2


class TestExport:
    def test_reimport_is_identity(self, url: str, run: Run, tmp_path: Path) -> None:
        first, second = tmp_path / "one.jsonl.zst", tmp_path / "two.jsonl.zst"
        assert run("export", url, "--out", first, "--json").json["records"] == 16
        for kind in ("sqlite", "file"):
            copy = url_at(kind, tmp_path / kind)
            assert run("import", first, "--into", copy).code == 0
            assert run("export", copy, "--out", second).code == 0
            assert second.read_bytes() == first.read_bytes()

    def test_standard_output_carries_nothing_else(self, url: str, tmp_path: Path) -> None:
        answer = process("export", url)
        assert (answer.code, answer.error) == (0, "")
        assert len([json.loads(line) for line in answer.out.splitlines()]) == 17
        assert process("export", url, "--json").code == 2

    def test_some_families(self, url: str, run: Run, tmp_path: Path) -> None:
        found = run("export", url, "--families", "state, memory", "--out", tmp_path / "x", "--json").json
        assert found["families"] == {"memory": 2, "state": 1}
        assert run("export", url, "--families", "nope", "--out", tmp_path / "y").code == 2
        assert not (tmp_path / "y").exists()

    def test_for_openai(self, url: str, run: Run, tmp_path: Path) -> None:
        out = tmp_path / "x.jsonl"
        assert run("export", url, "--format", "openai-jsonl", "--out", out).code == 0
        first = json.loads(out.read_text("utf-8").splitlines()[0])
        assert (first["id"], first["messages"]) == ("ramen", LINES[0]["messages"])
        assert run("export", url, "--format", "openai-jsonl", "--families", "state").code == 2

    def test_never_over_the_store(self, url: str, scheme: str, run: Run, tmp_path: Path) -> None:
        before = rows_of(url)
        path = tmp_path / "store"
        for out in [path, tmp_path / "store-wal"] if scheme == "sqlite" else [path / "export.jsonl"]:
            assert run("export", url, "--out", out).code == 2
        assert rows_of(url) == before

    def test_a_reader_that_leaves(self, sqlite: str) -> None:
        for line in (f"export {sqlite}", f"list {sqlite} raw_message"):
            script = f"{sys.executable} -m lodestore {line} | true; echo ${{PIPESTATUS[0]}}"
            environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
            done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True)
            assert done.stderr == ""
            assert done.stdout in ("141\n", "0\n")  # 0 where everything fitted the pipe before the reader left

    def test_a_closed_pipe_is_quiet(self, sqlite: str) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        for words in (["export", sqlite], ["list", sqlite, "raw_message"], ["stats", sqlite, "--json"]):
            command = [sys.executable, "-m", "lodestore", *words]
            done = subprocess.run(command, env=environment, stdout=writing, stderr=subprocess.PIPE, text=True)
            assert (done.returncode, done.stderr) == (141, "")
        os.close(writing)


class TestBackup:
    def test_there_and_back(self, url: str, scheme: str, run: Run, tmp_path: Path) -> None:
        copy = tmp_path / "backup"
        found = run("backup", url, copy, "--json").json
        assert (found["path"], found["verified"]) == (str(copy), True)
        assert found["bytes"] > 0
        assert run("backup", url, copy).code == 2  # never overwritten
        for kind in ("sqlite", "file"):
            restored = url_at(kind, tmp_path / f"restored-{kind}")
            answer = run("restore", copy, restored, "--json").json
            assert (answer["restored"], answer["records"], answer["moved_aside"]) == (True, 15, None)
            assert rows_of(restored) == rows_of(url)
        assert [path.name for path in tmp_path.iterdir() if ".new-" in path.name] == []
        assert not (tmp_path / "restored-file" / ".lodestore" / "backups").exists()

    def test_force_keeps_what_was_there(self, url: str, scheme: str, run: Run, tmp_path: Path) -> None:
        copy = tmp_path / "backup"
        run("backup", url, copy)
        with lodestore.sync.open(url) as store:
            store.store_system_state("since", {"the": "backup"})
        changed = rows_of(url)
        assert run("restore", copy, url).code == 2
        assert rows_of(url) == changed
        answer = run("restore", copy, url, "--force")
        assert answer.code == 0
        assert f"the old store was renamed to {tmp_path / 'store.old-1'}\n" in answer.out
        assert len(rows_of(url)) == len(changed) - 1
        assert rows_of(url_at(scheme, tmp_path / "store.old-1")) == changed
        again = run("restore", copy, url, "--force", "--json").json
        assert again["moved_aside"] == str(tmp_path / "store.old-2")

    def test_the_log_goes_with_the_file(self, sqlite: str, run: Run, tmp_path: Path) -> None:
        copy = tmp_path / "backup"
        run("backup", sqlite, copy)
        script = (
            "import lodestore.sync, os, sys; store = lodestore.sync.open(sys.argv[1]);"
            "store.store_system_state('only in', {'the': 'log'}); os._exit(9)"
        )
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        subprocess.run([sys.executable, "-c", script, sqlite], env=environment)
        assert (tmp_path / "agent.db-wal").stat().st_size > 0
        assert run("restore", copy, sqlite, "--force").code == 0
        assert run("show", sqlite, "state", "only in").code == 1
        assert run("show", url_at("sqlite", tmp_path / "agent.db.old-1"), "state", "only in").json == {"the": "log"}

    def test_a_log_left_alone_is_in_the_way(self, sqlite: str, run: Run, tmp_path: Path) -> None:
        """SQLite would play a log that is there into any new file of that name."""
        (tmp_path / "new.db-wal").write_bytes(b"left behind")
        url = url_at("sqlite", tmp_path / "new.db")
        assert run("restore", tmp_path / "agent.db", url).code == 2
        assert run("restore", tmp_path / "agent.db", url, "--force").code == 0
        assert (tmp_path / "new.db.old-1-wal").read_bytes() == b"left behind"

    def test_a_damaged_backup_changes_nothing(self, sqlite: str, run: Run, tmp_path: Path) -> None:
        copy = tmp_path / "backup"
        run("backup", sqlite, copy)
        content = copy.read_bytes()
        at = content.index(b"second in the alphabet")
        copy.write_bytes(content[:at] + b"S" + content[at + 1 :])
        before = rows_of(sqlite)
        answer = run("restore", copy, sqlite, "--force")
        assert answer.code == 1
        assert "memory('ramen', 'm2')" in answer.out
        assert rows_of(sqlite) == before
        assert run("restore", copy, sqlite, "--force", "--json").json["restored"] is False
        assert sorted(path.name for path in tmp_path.iterdir() if "old" in path.name or "new" in path.name) == []

    def test_into_itself(self, url: str, scheme: str, run: Run, tmp_path: Path) -> None:
        assert run("restore", tmp_path / "store", url, "--force").code == 2
        assert run("restore", tmp_path / "store", "memory:").code == 2
        if scheme == "file":
            assert run("restore", tmp_path / "store", url_at("file", tmp_path / "store" / "deeper")).code == 2

    def test_something_else_is_no_backup(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("no database, just text\n" * 50)
        answer = run("restore", tmp_path / "notes.txt", url_at("sqlite", tmp_path / "new.db"))
        assert answer.code == 2
        assert not (tmp_path / "new.db").exists()


class TestKeeping:
    def test_verify(self, url: str, run: Run) -> None:
        assert run("verify", url, "--json").json["ok"] is True
        assert run("verify", url).out.startswith("ok")

    def test_verify_names_what_is_broken(self, sqlite: str, run: Run, tmp_path: Path) -> None:
        run("compact", sqlite)  # everything into the file itself
        path = tmp_path / "agent.db"
        content = path.read_bytes()
        at = content.index(b"first in the alphabet")
        path.write_bytes(content[:at] + b"F" + content[at + 1 :])
        answer = run("verify", sqlite)
        assert (answer.code, answer.out.count("\n")) == (1, 1)
        assert "memory('ramen', 'm1')" in answer.out
        assert run("verify", sqlite, "--json").code == 1
        assert run("show", sqlite, "memory", "ramen", "m1").code == 3

    def test_purge(self, url: str, run: Run) -> None:
        assert run("purge", url, "--json").json == {"purged": 1}
        assert run("purge", url).out == "0 expired records removed\n"

    def test_compact(self, url: str, run: Run) -> None:
        assert run("compact", url, "--json").json["purged"] == 1
        assert run("compact", url).out.startswith("purged")

    def test_upgrade_creates(self, run: Run, tmp_path: Path) -> None:
        url = url_at("sqlite", tmp_path / "new.db")
        assert run("upgrade", url).out.startswith(f"created {tmp_path / 'new.db'} with schema {revision_name()}")
        assert run("upgrade", url).out.startswith("nothing to do")
        assert run("upgrade", url, "--json").json == {"from": revision_name(), "to": revision_name(), "changed": False}

    def test_a_schema_that_is_behind(self, sqlite: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lodestore.cli.inspect.schema_number", lambda _: 0)
        monkeypatch.setattr("lodestore.cli.maintain.schema_number", lambda _: 0)
        assert (
            f"schema 0000; {revision_name()} is the newest, and opening the store upgrades it"
            in run("info", sqlite).lines
        )
        assert run("upgrade", sqlite).out.endswith(f": 0000 -> {revision_name()}\n")

    def test_upgrade_of_a_folder(self, run: Run, tmp_path: Path) -> None:
        assert run("upgrade", url_at("file", tmp_path / "folder")).out.startswith("nothing to do")
        assert list(tmp_path.iterdir()) == []

    def test_a_database_that_is_not_ours(self, run: Run, tmp_path: Path) -> None:
        import sqlite3

        with sqlite3.connect(tmp_path / "other.db") as connection:
            connection.execute("CREATE TABLE t (x)")
        connection.close()
        for command in ("upgrade", "stats", "info"):
            answer = run(command, url_at("sqlite", tmp_path / "other.db"))
            assert answer.code == 2
            assert "not a lodestore store" in answer.error

    def test_schema(self, run: Run) -> None:
        committed = Path(__file__).parents[2] / "schema"
        assert run("schema").out == (committed / "sqlite.sql").read_text("utf-8")
        assert run("schema", "--statements").out == (committed / "statements.sqlite.sql").read_text("utf-8")
        assert run("schema", "--json").json["sql"] == (committed / "sqlite.sql").read_text("utf-8")

    def test_schema_written_anew(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "schema"
        folder.mkdir()
        monkeypatch.setattr("lodestore.cli.maintain.tree", lambda name: tmp_path / name)
        names = ("sqlite.sql", "statements.sqlite.sql", "postgres.sql", "statements.postgres.sql")
        assert run("schema", "--write").out.splitlines() == [f"written {folder / name}" for name in names]
        assert run("schema", "--write", "--json").json == {"folder": str(folder), "changed": []}
        monkeypatch.setattr("lodestore.cli.maintain.tree", lambda name: tmp_path / f"_{name}")
        assert run("schema", "--write").code == 2


class TestSecrets:
    @pytest.mark.slow
    def test_the_key_is_never_said(
        self, lines: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LODESTORE_KEY", CANARY)
        url, copy = url_at("sqlite", tmp_path / "secret.db"), tmp_path / "copy"
        commands = [
            ["import", lines, "--into", url],
            ["info", url],
            ["health", url],
            ["sql", url, "SELECT * FROM pragma_database_list"],
            ["backup", url, copy],
            ["restore", copy, url_at("sqlite", tmp_path / "again.db")],
            ["stats", f"{url}?key={CANARY}"],
            ["stats", f"{url}?timeout={CANARY}"],
            ["sql", url, "PRAGMA key"],
        ]
        answers = [process(*commands[0]), *(run(*words) for words in commands[1:])]
        assert [answer.code for answer in answers[:3]] == [0, 0, 0]
        assert [answer.code for answer in answers[4:7]] == [0, 0, 2]
        assert [answer for answer in (*answers[:7], answers[8]) if CANARY in answer.out + answer.error] == []
        assert CANARY.encode() not in (tmp_path / "secret.db").read_bytes()

    @pytest.mark.slow
    def test_a_wrong_key(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        url = url_at("sqlite", tmp_path / "secret.db")
        fill(url, key="right")
        assert run("stats", url).code == 2
        monkeypatch.setenv("LODESTORE_KEY", "wrong")
        answer = run("stats", url)
        assert answer.code == 2
        assert "the key is wrong" in answer.error
        monkeypatch.setenv("LODESTORE_KEY", "right")
        assert run("stats", url, "--json").json["conversation_count"] == 2
        assert "encrypted yes" in run("info", url).lines

    def test_the_key_is_for_sqlite_alone(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        url = url_at("file", tmp_path / "folder")
        fill(url)
        monkeypatch.setenv("LODESTORE_KEY", CANARY)
        assert run("stats", url).code == 0


class TestErrorsForPrograms:
    @pytest.mark.parametrize(
        ("words", "code", "kind"),
        [
            (["stats", "sqlite:////nowhere/at/all.db"], 1, "Negative"),
            (["stats", "nonsense://x"], 2, "InvalidInputError"),
            (["migrate", "sqlite:////nowhere/a.db", "sqlite:////nowhere/b.db"], 1, "Negative"),
            (["export", "memory:"], 2, "InvalidInputError"),
        ],
    )
    def test_an_error_is_an_object_too(self, run: Run, words: list[str], code: int, kind: str) -> None:
        answer, plain = run(*words, "--json"), run(*words)
        found = json.loads(answer.out)
        assert (answer.code, found) == (code, {"error": found["error"], "class": kind})
        assert answer.error == f"lodestore: {found['error']}\n"
        assert words[0] == "export" or (plain.out, plain.error) == ("", answer.error)


class TestOutput:
    @pytest.mark.parametrize(
        ("count", "said"),
        [
            (0, "0 bytes"),
            (1023, "1,023 bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (5 * 2**30, "5.0 GiB"),
            (2**52, "4,096.0 TiB"),
        ],
    )
    def test_sizes(self, count: int, said: str) -> None:
        assert output.size(count) == said

    @pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"FORCE_COLOR": "1", "TERM": "xterm"}])
    def test_pipes_get_plain_text(self, environment: dict[str, str], sqlite: str) -> None:
        for words in (["stats", sqlite], ["sql", sqlite, "SELECT 1 AS one"], ["verify", sqlite]):
            answer = process(*words, **environment)
            assert (answer.code, answer.error) == (0, "")
            assert "\x1b" not in answer.out

    def test_a_terminal_without_colour(self, sqlite: str) -> None:
        text = on_terminal("sql", sqlite, "SELECT 'a' AS one", NO_COLOR="1", TERM="xterm")
        assert "─" in text
        assert text.count("one") == 1
        assert "\x1b[3" not in text

    def test_progress_is_for_terminals(self, sqlite: str, lines: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        for words, doing in (
            (["import", str(lines), "--into", url_at("sqlite", tmp_path / "new")], "importing"),
            (["export", sqlite, "--out", str(tmp_path / "out")], "exporting"),
            (["backup", sqlite, str(copy)], "copying"),
            (["restore", str(copy), url_at("sqlite", tmp_path / "again")], "restoring"),
        ):
            text = on_terminal(*words, TERM="xterm")
            assert doing in text
            assert "Traceback" not in text

    def test_interrupted(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(_: object) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr("lodestore.cli.maintain.schema", interrupt)
        answer = run("schema")
        assert (answer.code, answer.error) == (130, "lodestore: interrupted\n")

    def test_a_narrow_code_page(self, sqlite: str) -> None:
        answer = process("show", sqlite, "conversation", "ramen", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert answer.json == {"title": "博多でラーメン"}

    def test_every_scheme_can_be_asked_for(self, run: Run) -> None:
        assert list(registry.SCHEMES)[:3] == ["sqlite", "file", "memory"]
        assert run("stats", "memory:", "--json").json["backend"] == "memory"


def on_terminal(*words: str, **environment: str) -> str:
    """What a command shows on a terminal."""
    import pty

    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "lodestore", *words],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # how Linux tells that the other end is closed
        pass
    child.wait()
    os.close(ours)
    return shown.decode()


@pytest.mark.parametrize("as_json", [False, True])
def test_health_of_what_cannot_be_opened_is_a_negative_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    (tmp_path / "junk.db").write_bytes(b"neither a database nor empty, and long enough to be looked at" * 50)
    code = cli.main(["health", f"sqlite:////{tmp_path}/junk.db", *(["--json"] if as_json else [])])
    said = capsys.readouterr().out
    assert code == 1
    assert "unhealthy" in said
    assert "cannot be read" in said


class TestSearch:
    def test_hits_one_a_line(self, run: Run, url: str) -> None:
        answer = run("search", url, "alphabet")
        assert answer.code == 0
        assert sorted(answer.out.splitlines()) == [
            "memory ramen m1\tfirst in the alphabet",
            "memory ramen m2\tsecond in the alphabet",
        ]
        [line] = run("search", url, "tonkotsu invoice", "--namespace", "soup", "--explain").out.splitlines()
        score, legs, name, snippet = line.split("\t")
        assert (legs, name, snippet) == (f"text #1 {score}", "raw_message soup 0", "invoice")
        assert float(score) > 0
        assert len(run("search", url, "tonkotsu", "--limit", "2").out.splitlines()) == 2
        assert len(run("search", url, "tonkotsu", "--offset", "1").out.splitlines()) == 2

    def test_for_programs(self, run: Run, url: str) -> None:
        [hit] = run("search", url, "first -tonkotsu", "--json", "--family", "memory", "--family", "result").json
        assert (hit["family"], hit["key"], hit["marks"], hit["legs"]) == ("memory", ["ramen", "m1"], [[0, 5]], None)
        assert hit["data"]["text"] == "first in the alphabet"

    def test_nothing_found_is_no(self, run: Run, url: str) -> None:
        answer = run("search", url, "nowhere")
        assert (answer.code, answer.out, answer.error) == (1, "", "lodestore: nothing found for 'nowhere'\n")
        answer = run("search", url, "nowhere", "--json")
        assert (answer.code, answer.json) == (1, [])
        assert run("search", url, "a", "--family", "cache").code == 2

    def test_a_filter_is_json(self, run: Run, url: str) -> None:
        answer = run("search", url, "alphabet", "--where", '{"text": {"$contains": "second"}}')
        assert answer.out == "memory ramen m2\tsecond in the alphabet\n"
        for wrong in ("{", "[]", '{"a": {"$near": 1}}'):
            answer = run("search", url, "alphabet", "--where", wrong)
            assert (answer.code, "where" in answer.error) == (2, True)

    def test_matches_stand_out_on_a_terminal(self, sqlite: str) -> None:
        text = on_terminal("search", sqlite, "alphabet first", TERM="xterm")
        assert "memory ramen m1" in text
        assert re.search(r"\x1b\[[\d;]*mfirst\x1b\[0m", text)

    def test_what_has_no_vector_gets_one(
        self, run: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "of_mine.py").write_text("def embed(texts):\n    return [[len(text), 1.0] for text in texts]\n")
        monkeypatch.syspath_prepend(tmp_path)
        assert run("reindex", url, "--pending").code == 2
        for wrong in ("of_mine", "of_mine:nothing", "nowhere:embed", "json:__name__"):
            assert run("reindex", url, "--pending", "--embedder", wrong).code == 2
        assert run("reindex", url, "--pending", "--embedder", "of_mine:embed").out == "7 records embedded\n"
        assert run("reindex", url, "--pending", "--embedder", "of_mine:embed", "--json").json == {"embedded": 0}
        answer = run(
            "search", url, "alphabet", "--mode", "vector", "--embedder", "of_mine:embed", "--explain", "--json"
        )
        assert len(answer.json) == 7
        assert all(hit["legs"].keys() == {"vector"} for hit in answer.json)
        assert run("search", url, "alphabet", "--mode", "vector").code == 2

    def test_the_index_is_built_anew(self, run: Run, url: str) -> None:
        assert run("reindex", url).out == "8 records indexed\n"
        assert run("reindex", url, "--json").json == {"indexed": 8}
        for tokenizer in TOKENIZERS:
            assert run("reindex", url, "--tokenizer", tokenizer).code == 0
            assert run("stats", url, "--json").json["tokenizer"] == tokenizer
        assert run("reindex", url, "--tokenizer", "porter").code == 2
