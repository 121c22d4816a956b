"""The demo: it runs, and its kill really kills and really looks."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lodestore
from lodestore import cli
from lodestore.cli.demo import crash, run, story
from lodestore.cli.demo.figures import Story
from lodestore.cli.demo.writer import CALLERS, CONVERSATION

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(lodestore.__file__).parents[1])}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str]]:
    """One run: its figures and its lines."""
    lines: list[str] = []
    return run(str(tmp_path_factory.mktemp("demo") / "here"), lines.append), lines


def test_the_story(told: tuple[dict[str, Any], list[str]]) -> None:
    figures, lines = told
    assert figures["ok"] is True
    assert figures["imported"]["conversation"] == 36
    assert [row["id"] for row in figures["found"]][0:1] != []
    assert [line.strip()[0] for line in lines if line.startswith("\n") and line[1].isdigit()] == list("1234567")
    assert figures["hits"][0][1] == "travel-refund-lisbon"


def test_the_kill_lost_nothing(told: tuple[dict[str, Any], list[str]]) -> None:
    figures, _ = told
    assert figures["acknowledged"] >= CALLERS
    assert (figures["lost"], figures["verified"]) == (0, True)
    assert 0 <= figures["unacknowledged"] <= CALLERS

    async def count() -> int:
        async with lodestore.open(figures["url"]) as store:
            return len(await store.load_raw_messages(CONVERSATION))

    assert asyncio.run(count()) == figures["acknowledged"] + figures["unacknowledged"]


def test_both_exports_are_there_and_equal(told: tuple[dict[str, Any], list[str]]) -> None:
    folder = Path(told[0]["folder"])
    exports = [(folder / f"{name}.jsonl.zst").read_bytes() for name in ("export", "export-of-copy")]
    assert exports[0] == exports[1] != b""
    assert told[0]["exports_equal"] is True


def test_what_to_try_next_works(told: tuple[dict[str, Any], list[str]]) -> None:
    for command in told[0]["next"]:
        words = shlex.split(command)
        assert words[1:3] == ["-m", "lodestore"]
        done = subprocess.run([sys.executable, *words[1:]], env=ENVIRONMENT, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout


def test_a_lost_message_is_shouted_about(tmp_path: Path) -> None:
    lines: list[str] = []
    tale = Story(tmp_path, lines.append)

    async def store_two() -> None:
        async with lodestore.open(tale.url) as store:
            await store.append_raw_messages(CONVERSATION, [{"content": "a"}, {"content": "c"}])

    asyncio.run(store_two())
    assert asyncio.run(crash._check(tale, {0: "a", 1: "c"})) is True
    assert asyncio.run(crash._check(tale, {0: "a", 1: "b"})) is False
    assert asyncio.run(crash._check(tale, {0: "a", 1: "c", 2: "d"})) is False
    assert "   LOST: positions [2]" in lines
    assert tale.figures["lost"] == 1


def test_a_broken_promise_is_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(story, "kill_a_writer", lambda _: False)
    assert cli.main(["demo", "--at", str(tmp_path / "new")]) == 1
    assert "A PROMISE WAS BROKEN" in capsys.readouterr().out


def test_a_writer_that_cannot_start(tmp_path: Path) -> None:
    lines: list[str] = []
    tale = Story(tmp_path, lines.append)
    tale.url = "sqlite://"
    assert crash.kill_a_writer(tale) is False
    assert any("THE WRITER NEVER WROTE" in line and "the path is missing" in line for line in lines)


def test_the_writer_was_killed_not_finished(tmp_path: Path) -> None:
    """Whatever is acknowledged can be read by another process while the writer lives."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    command = [sys.executable, "-m", "lodestore.cli.demo.writer", url]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        position, text = writer.stdout.readline().decode().rstrip("\n").split(" ", 1)
        with lodestore.sync.open(url) as store:
            assert store.load_raw_messages(CONVERSATION)[int(position)]["content"] == text
        assert writer.poll() is None
        writer.kill()
    assert writer.returncode != 0


def test_for_programs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lodestore", "demo", "--json"]
    done = subprocess.run(command, env={**ENVIRONMENT, "TMPDIR": str(tmp_path)}, capture_output=True, text=True)
    figures = json.loads(done.stdout)
    assert (done.returncode, done.stderr, figures["ok"]) == (0, "", True)
    assert Path(figures["folder"]).name.startswith("lodestore-demo-")


def test_a_folder_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").touch()
    assert cli.main(["demo", "--at", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
