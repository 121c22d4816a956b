"""The site is true and complete: recipes run, links lead somewhere, and pages list all there is to list."""

from __future__ import annotations

import argparse
import ast
import asyncio
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lodestore import Store
from lodestore.cli.parser import parser
from lodestore.config.registry import SCHEMES
from lodestore.core.backend import Capabilities
from tests.support.offenders import none

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = {path.relative_to(REPOSITORY).as_posix(): path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md"))}
TOP = {path.name: path.read_text("utf-8") for path in REPOSITORY.glob("*.md")}
RECIPES = [name for name in PAGES if name.startswith("docs/howto/") and "```python\n" in PAGES[name]]
OURS = (
    r"https://(?:github\.com/lodestore/lodestore/(?:blob|tree)|raw\.githubusercontent\.com/lodestore/lodestore)/main/"
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def shell(block: str) -> None:
    """Run the lines of a block that call lodestore."""
    for line in block.splitlines():
        if line.startswith("python -m lodestore"):
            words = [sys.executable, *shlex.split(line)[1:]]
            done = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT)
            assert done.returncode == 0, f"{line}\n{done.stderr}"


async def run_page(name: str) -> int:
    """Run the blocks of a page in order, as `python -m asyncio` and a shell do; how many there were."""
    names: dict[str, Any] = {}
    found = re.findall(r"```(python|sh)\n(.*?)```", PAGES[name], re.S)
    for number, (language, block) in enumerate(found, 1):
        if language == "sh":
            shell(block)
            continue
        code = compile(block, f"{name}, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        made = eval(code, names)  # noqa: S307  our own page
        if asyncio.iscoroutine(made):
            await made
    return len(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RECIPES, "docs/index.md", "docs/stores.md"])
def test_the_blocks_of_a_page_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert asyncio.run(run_page(name)) >= 1


@pytest.mark.slow
def test_the_commands_of_the_page_on_migration_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shell("python -m lodestore upgrade sqlite:///agent.db")
    assert asyncio.run(run_page("docs/howto/migrate.md")) >= 1


@pytest.mark.slow
def test_the_chat_app_remembers(tmp_path: Path) -> None:
    program = REPOSITORY / "examples" / "chat.py"
    assert len(program.read_text("utf-8").splitlines()) <= 50
    assert '--8<-- "examples/chat.py"' in PAGES["docs/tutorial.md"]

    def chat(*lines: str) -> list[str]:
        typed = "".join(f"{line}\n" for line in lines)
        words = [sys.executable, str(program)]
        done = subprocess.run(words, input=typed, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    first = chat("Book me a window seat to Oslo.", "/remember prefers window seats", "/find seat", "/list", "/help")
    assert "Messages: 1." in first[0]
    assert "chat-1: prefers window seats" in first
    assert "chat-1" in first
    assert chat()[0] == "user: Book me a window seat to Oslo."


def links() -> Iterator[tuple[str, str]]:
    """Every link and picture of every page, each with its page."""
    for name, text in (*PAGES.items(), *TOP.items()):
        yield from ((name, target) for target in re.findall(r"\]\(([^)\s]+)\)", text))


def test_relative_links_lead_somewhere() -> None:
    inside = [(name, target.partition("#")[0]) for name, target in links() if "://" not in target]
    missing = (f"{name}: {to}" for name, to in inside if to and not (REPOSITORY / name).parent.joinpath(to).exists())
    none("a link leads to a file", missing)


def test_links_to_the_repository_lead_somewhere() -> None:
    ours = [(name, match[1]) for name, target in links() if (match := re.match(f"{OURS}([^#]*)", target))]
    assert len(ours) > 30
    none("a link leads to a file", (f"{name}: {to}" for name, to in ours if not (REPOSITORY / to).exists()))


def test_pages_at_the_top_have_absolute_links() -> None:
    none("PyPI shows it too", (f"{name}: {to}" for name, to in links() if name in TOP and not to.startswith("https:")))


def test_modules_that_are_named_exist() -> None:
    rooms = "core|encoding|search|config|transfer|embedding|sql|backends|store|conformance|cli"
    found = [
        (page, name)
        for page, text in (*PAGES.items(), *TOP.items())
        for name in re.findall(rf"`((?:{rooms})/[\w/]*?(?:/|\.py|\.lua))`", text)
    ]
    assert len(found) > 20
    missing = (f"{page}: {name}" for page, name in found if not (REPOSITORY / "src" / "lodestore" / name).exists())
    none("a module that is named exists", missing)


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w./-]+\.md", (REPOSITORY / "mkdocs.yml").read_text("utf-8")))
    none("a page can be found", {name.removeprefix("docs/") for name in PAGES} ^ listed)


def test_every_decision_is_in_the_index() -> None:
    lines = re.findall(r"^(\d+)\. \[.+?\]\((\d{4}-[\w-]+\.md)\): \S.*\.$", PAGES["docs/decisions/README.md"], re.M)
    assert [int(number) for number, _ in lines] == list(range(1, len(lines) + 1))
    assert [name for _, name in lines] == sorted(path.name for path in (DOCS / "decisions").glob("0*.md"))
    for number, name in lines:
        assert PAGES[f"docs/decisions/{name}"].startswith(f"# {number}. ")


def test_the_glossary_has_a_line_for_each_term() -> None:
    entries = [line for line in PAGES["docs/glossary.md"].splitlines()[4:] if line]
    none("a term is one line", (line for line in entries if not re.fullmatch(r"- \*\*[^*]+\*\*: [^A-Z].*\.", line)))
    terms = [line.split("**")[1].casefold() for line in entries]
    assert terms == sorted(set(terms))


def test_the_page_on_the_command_line_is_complete() -> None:
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGES["docs/reference/cli.md"], re.M | re.S))
    [choice] = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    assert list(sections) == list(choice.choices)
    none(
        "an option is on the page",
        (
            f"{name} {option}"
            for name, command in choice.choices.items()
            for action in command._actions
            for option in action.option_strings
            if option not in ("-h", "--help", "--json") and f"`{option}" not in sections[name]
            if f"[{option}" not in sections[name] and f"{option} URL" not in sections[name]
        ),
    )


def test_the_reference_has_every_method_of_a_store() -> None:
    there = re.findall(r"^::: lodestore\.Store\.(\w+)$", PAGES["docs/reference/store.md"], re.M)
    methods = {name for name in dir(Store) if not name.startswith("_") and callable(getattr(Store, name))}
    none("a method is in the reference, once", methods ^ set(there) | {name for name in there if there.count(name) > 1})


def test_the_page_on_stores_has_every_scheme_and_setting() -> None:
    page = PAGES["docs/stores.md"]
    none("a scheme is on the page", (scheme for scheme in SCHEMES if f"{scheme}:" not in page))
    settings = {
        field.name
        for scheme in SCHEMES.values()
        for field in dataclasses.fields(scheme.settings)
        if field.name not in (scheme.path, scheme.whole)
    }
    none("a setting is on the page", (name for name in settings if f"| `{name}` |" not in page))


def test_the_page_on_backends_has_every_capability() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `", PAGES["docs/adding-a-backend.md"], re.M)
    assert sorted(rows) == sorted(field.name for field in dataclasses.fields(Capabilities))


def test_the_figures_of_the_readme_are_those_measured() -> None:
    results = json.loads((DOCS / "benchmarks" / "results.json").read_bytes())
    measured = {target["what"]: target["value"] for target in results["targets"]}
    last = measured["last 20, power: lodestore against openai-agents SQLiteSession"]
    assert f"**{last:.0f} times as fast**" in TOP["README.md"]
    assert f"**{measured['bytes on disk / raw byte, compacted']:.2f} bytes**" in TOP["README.md"]
    recall = PAGES["docs/benchmarks.md"].split("## Recall")[1]
    for name, said in (
        ("**both, the defaults**", "**{}**"),
        ("text alone", "{} by text"),
        ("vectors alone", "{} by vec"),
    ):
        [found] = re.findall(rf"^\| {re.escape(name)} \| \**([\d.]+)", recall, re.M)
        assert said.format(f"{float(found):.2f}") in TOP["README.md"]
