"""Type checkers: mypy and pyright know the types of both doors, and see the mistakes of a user's program."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).with_name("programs")


def mypy(program: Path, cache: Path) -> dict[int, str]:
    """What `mypy --strict` reports, by line."""
    options = ["--strict", "--no-error-summary", "--no-pretty", "--hide-error-context", f"--cache-dir={cache}"]
    environment = {**os.environ, "MYPYPATH": ""}
    found = run([sys.executable, "-m", "mypy", *options, program.name], environment)
    lines = re.findall(r"^[^:\n]+:(\d+): error: (.*)$", found, re.MULTILINE)
    return {int(line): message for line, message in lines}


def pyright(program: Path, cache: Path) -> dict[int, str]:
    """What pyright reports in strict mode, by line."""
    options = ["--outputjson", "--pythonpath", sys.executable, "--project", "pyrightconfig.json"]
    found = json.loads(run([sys.executable, "-m", "basedpyright", *options], dict(os.environ)))
    errors = (one for one in found["generalDiagnostics"] if one["severity"] == "error")
    return {
        one["range"]["start"]["line"] + 1: one["message"] for one in errors if Path(one["file"]).name == program.name
    }


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=PROGRAMS, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


each_checker = pytest.mark.parametrize("checker", [mypy, pyright])
Checker = Callable[[Path, Path], dict[int, str]]


@each_checker
def test_a_correct_program_is_clean(checker: Checker, tmp_path: Path) -> None:
    assert checker(PROGRAMS / "correct.py", tmp_path) == {}


@each_checker
def test_mistakes_are_reported_and_nothing_else(checker: Checker, tmp_path: Path) -> None:
    program = PROGRAMS / "mistakes.py"
    lines = program.read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    found = checker(program, tmp_path)
    assert {n: lines[n - 1] for n in wrong - set(found)} == {}, "not reported"
    assert {n: found[n] for n in set(found) - wrong} == {}, "reported, though right"
