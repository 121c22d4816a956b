"""The documentation is true: its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.offenders import none

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def tour() -> dict[str, Any]:
    """Run every Python block of the README in order, one namespace, one event loop, as `python -m asyncio` does."""
    names: dict[str, Any] = {}

    async def run_all() -> None:
        for number, block in enumerate(blocks(README, "python"), 1):
            code = compile(block, f"README block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            made = eval(code, names)  # noqa: S307  our own README
            if asyncio.iscoroutine(made):
                await made

    asyncio.run(run_all())
    return names


def test_the_tour_runs_and_then_its_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = tour()
    assert names["seen"] > 0
    said = capsys.readouterr().out
    assert "messages[0].usage.cost: NaN is not JSON" in said
    assert "state('cursor'): expected version" in said
    commands = [line for block in blocks(README, "sh") for line in block.splitlines() if "-m lodestore" in line]
    assert len(commands) >= 6
    for line in commands:
        words = shlex.split(line)
        assert words[0] == "python"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert (tmp_path / "agent" / "conversations" / "chat-1" / "raw_messages.json").exists()


def test_the_examples_of_the_page_on_search_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (REPOSITORY / "docs" / "search.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks(text, "python"), 1):
        exec(compile(block, f"search.md block {number}", "exec"), names)  # noqa: S102  our own page
    assert number >= 3


def test_the_readme_lists_the_commands_there_are() -> None:
    from lodestore.cli.parser import parser

    help_text = parser().format_help()
    real = re.findall(r"^    (\w+)  ", help_text, re.M)
    listed = re.findall(r"`(\w+)`", README.split("## Commands")[1].split(";")[0])
    assert set(listed) == set(real)


def found_in_pages(pattern: str) -> Iterator[tuple[Path, str]]:
    """What a pattern finds in all pages, each with its page."""
    yield from ((page, found) for page in PAGES for found in re.findall(pattern, page.read_text(encoding="utf-8")))


def test_files_that_are_named_are_there() -> None:
    named = found_in_pages(r"`((?:tests|schema|migrations|docs|src|benchmarks)/[\w./-]+\.\w+)`")
    none("what is named is there", (f"{page.name}: {name}" for page, name in named if not (REPOSITORY / name).exists()))


def test_the_five_lines_of_the_kit_are_five() -> None:
    [block] = blocks((REPOSITORY / "docs" / "adding-a-backend.md").read_text(encoding="utf-8"), "")
    assert len([line for line in block.splitlines() if line.strip()]) <= 5
    compile(block, "adding-a-backend", "exec")
