"""Safety of the code itself: nothing that was read becomes code, nothing goes out, no error is swallowed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.support.offenders import none
from tests.support.source_tree import PATHS, TREES, imports, nodes

RUNS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
GOES_OUT = {"urllib.request", "http.client", "requests", "httpx", "aiohttp", "smtplib", "ftplib"}


def calls_of(tree: ast.AST) -> Iterator[str]:
    yield from (
        node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )


def swallows(node: ast.AST) -> bool:
    """Whether a node catches every exception and does nothing about it."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        return any(ast.unparse(arg) in {"Exception", "BaseException"} for arg in node.args)
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)} if node.type else {"Exception"}
    idle = all(isinstance(step, (ast.Pass, ast.Continue)) or is_constant(step) for step in node.body)
    return idle and bool(caught & {"Exception", "BaseException"})


def is_constant(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant)


def test_nothing_read_becomes_code() -> None:
    taken = [(name, full) for name in PATHS for full in imports(name)]
    none("no pickles", (f"{name}: {full}" for name, full in taken if full.partition(".")[0] in RUNS_CODE))
    called = [(name, call) for name, tree in TREES.items() for call in calls_of(tree)]
    none("no eval", (f"{name}: {call}()" for name, call in called if call in {"eval", "exec"}))


def test_nothing_goes_out() -> None:
    taken = [(name, full) for name in PATHS for full in imports(name)]
    found = (f"{name}: {full}" for name, full in taken if any(f"{full}.".startswith(f"{out}.") for out in GOES_OUT))
    none("no client of the network", found)


def test_nothing_is_swallowed() -> None:
    found = nodes(ast.ExceptHandler, ast.Call)
    none("an error has a consequence", (f"{name}:{node.lineno}" for name, node in found if swallows(node)))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        ("try: f()\nexcept Exception: pass", True),
        ("try: f()\nexcept (ValueError, BaseException): ...", True),
        ("try: f()\nexcept: pass", True),
        ("with contextlib.suppress(Exception): f()", True),
        ("try: f()\nexcept FileNotFoundError: pass", False),
        ("try: f()\nexcept Exception as error: raise Corrupt() from error", False),
    ],
)
def test_what_counts_as_swallowed(code: str, bad: bool) -> None:
    assert any(swallows(node) for node in ast.walk(ast.parse(code))) is bad
