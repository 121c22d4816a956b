"""The tests themselves: none judges by the clock, and each lies in a folder that says what it is about."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.offenders import none

TESTS = Path(__file__).parents[1]
FILES = {path.relative_to(TESTS).as_posix(): path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("*.py"))}
CLOCKS = (
    "time.time",
    "time.monotonic",
    "time.perf_counter",
    "time.process_time",
    "loop.time",
    "get_running_loop().time",
)
SECONDS = {"seconds", "elapsed", "duration", "took"}


def reads_clock(node: ast.AST, tainted: set[str]) -> bool:
    """Whether a clock, or what was computed from one, is read in an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in tainted:
            return True
        if isinstance(part, ast.Call) and ast.unparse(part.func).removesuffix("_ns").endswith(CLOCKS):
            return True
    return False


def names_of(target: ast.AST) -> Iterator[str]:
    yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def judged_by_the_clock(tree: ast.AST) -> Iterator[int]:
    """The lines where an assertion depends on a clock, or a difference of its readings is compared with anything."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        tainted: set[str] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and reads_clock(node.value, tainted):
                tainted |= {name for target in node.targets for name in names_of(target)}
        for node in ast.walk(function):
            if (isinstance(node, ast.Assert) and (reads_clock(node.test, tainted) or compares_seconds(node.test))) or (
                isinstance(node, ast.Compare) and any(is_difference(side, tainted) for side in sides(node))
            ):
                yield node.lineno


def sides(node: ast.Compare) -> list[ast.expr]:
    return [node.left, *node.comparators]


def is_difference(node: ast.AST, tainted: set[str]) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and reads_clock(node, tainted)


def compares_seconds(test: ast.AST) -> bool:
    """Whether `figures["seconds"] < 10` or the like stands there."""
    orders = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    return any(
        isinstance(side, ast.Subscript) and isinstance(side.slice, ast.Constant) and side.slice.value in SECONDS
        for node in ast.walk(test)
        if isinstance(node, ast.Compare) and any(isinstance(op, orders) for op in node.ops)
        for side in sides(node)
    )


def test_no_test_judges_by_the_clock() -> None:
    likely = {name: text for name, text in FILES.items() if re.search(r"\btime\(|monotonic|perf_counter|seconds", text)}
    found = ((name, line) for name, text in likely.items() for line in judged_by_the_clock(ast.parse(text)))
    none("no assertion on wall time", (f"tests/{name}:{line}" for name, line in sorted(set(found))))


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        ("begun = time.monotonic()\n    f()\n    assert time.monotonic() - begun < 5", True),
        (
            "begun = time.perf_counter_ns()\n    f()\n    took = time.perf_counter_ns() - begun\n    assert took < 5",
            True,
        ),
        ("if time.time() - begun > 1: fail()", True),
        ("assert figures['seconds'] < 10", True),
        ("end = time.monotonic() + 60\n    while time.monotonic() < end: f()", False),
        ("begun = time.time()\n    note(time.time() - begun)\n    assert f() == 3", False),
        ("assert row['seconds'] == 3", False),
    ],
)
def test_what_judges_by_the_clock(code: str, bad: bool) -> None:
    assert bool(list(judged_by_the_clock(ast.parse(f"def test():\n    {code}")))) is bad


def late_imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What functions, and scripts that are strings, import from our packages: (module, name)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and re.match("lodestore|tests|benchmarks", node.module or ""):
            yield from ((str(node.module), alias.name) for alias in node.names)
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    for text in texts:
        for module, names in re.findall(r"^ *from ((?:lodestore|tests)[\w.]*) import ([\w, ]+)$", text, re.M):
            yield from ((module, name.split(" as ")[0].strip()) for name in names.split(","))


def is_there(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name) or bool(importlib.util.find_spec(f"{module}.{name}"))
    except ImportError:
        return False


def test_what_is_imported_late_is_there() -> None:
    found = ((file, *pair) for file, text in FILES.items() for pair in late_imports(ast.parse(text)))
    gone = (f"tests/{file}: {module}.{name}" for file, module, name in found if not is_there(module, name))
    none("it can be imported", gone)


def test_every_test_is_in_a_folder() -> None:
    none("tests lie in folders", (name for name in FILES if "/" not in name and Path(name).name.startswith("test_")))


def test_every_file_of_tests_says_what_it_is_about() -> None:
    plain = (name for name, text in FILES.items() if text and not ast.get_docstring(ast.parse(text)))
    none("a file has a docstring", plain)
