"""The shape of the house: imports go down, modules stay small, and importing lodestore costs next to nothing."""

from __future__ import annotations

import ast
import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from lodestore.core.families import Family

SOURCE = Path(__file__).parents[2] / "src"
PACKAGE = SOURCE / "lodestore"

# By the first name below the package: `backends/sqlite/writer.py` lives on the floor of `backends`.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "clock", "resources"}),
    frozenset(
        {
            "catalogue",
            "codec",
            "filters",
            "floats",
            "keys",
            "moments",
            "packing",
            "snippets",
            "texts",
            "tokenizers",
            "urls",
            "words",
        }
    ),
    frozenset({"kernel", "interface", "turns", "training", "recent", "tokenizing", "embedding"}),
    frozenset({"backends", "sql", "search", "schema_upgrade", "vectors"}),
    frozenset({"guards"}),
    frozenset(
        {
            "store",
            "writing",
            "counting",
            "purging",
            "finding",
            "fusion",
            "items",
            "pending",
            "retrieval",
            "spaces",
        }
    ),
    frozenset({"registry", "settings", "factory", "importers", "export", "transfer", "sync", "opening", "memoizing"}),
    frozenset({"cli", "demo", "__main__"}),
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
STORE_FLOOR, TOP_FLOOR = FLOOR["store"], FLOOR["cli"]
ROOT = ""  # the package's own __init__: the public face, which may hand out anything lazily
CONFORMANCE = "conformance"  # stands beside the house
KNOWN = {*FLOOR, ROOT, CONFORMANCE}

LINES_IN_MODULE, LINES_IN_FUNCTION, METHODS_IN_CLASS, FIELDS_IN_FAMILY = 400, 50, 20, 8
RUNS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
GOES_OUT = {"urllib.request", "http.client", "requests", "httpx", "aiohttp", "smtplib", "ftplib"}
HEAVY = ("sqlalchemy", "alembic", "rich", "sqlcipher3", "hypothesis", "aiosqlite", "redis", "asyncpg", "numpy")


def dotted(path: Path) -> str:
    """The module's name below the package: "" for the package itself, "backends.memory", ..."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in PATHS.items()}
each_module = pytest.mark.parametrize("name", [pytest.param(name, id=name or "lodestore") for name in PATHS])


def imports(name: str) -> Iterator[str]:
    """Full dotted names of all a module imports, at its top or inside its functions."""
    package = ["lodestore", *name.split(".")] if name else ["lodestore"]
    if PATHS[name].name != "__init__.py":
        package.pop()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            stem = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def inner_imports(name: str) -> Iterator[str]:
    """The modules of our own that a module imports; `from .errors import Full` names `errors`."""
    for full in imports(name):
        head, _, rest = full.partition(".")
        if head == "lodestore":
            yield rest if rest in PATHS else rest.rpartition(".")[0]


def room(name: str) -> str:
    return name.partition(".")[0]


def may_import(importer: str, imported: str) -> bool:
    """Whether the house rules allow the one to import the other."""
    here, there = room(importer), room(imported)
    if here in {ROOT, there} or not {here, there} <= KNOWN:  # another test speaks for the unknown
        return True
    if there == ROOT:  # for the version and the public names
        return here == CONFORMANCE or FLOOR[here] == TOP_FLOOR
    if there == CONFORMANCE:
        return FLOOR[here] == TOP_FLOOR
    if here == CONFORMANCE:
        return FLOOR[there] <= FLOOR["kernel"] or FLOOR[there] == STORE_FLOOR or imported == "backends.memory"
    return FLOOR[there] <= FLOOR[here]


def backend_of(name: str) -> str | None:
    """The backend a module belongs to, if any: "sqlite" for `backends.sqlite.writer`."""
    parts = name.split(".")
    return parts[1] if parts[0] == "backends" and len(parts) > 1 else None


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


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for name, tree in TREES.items():
        yield from ((name or "lodestore", node) for node in ast.walk(tree) if isinstance(node, kinds))


class TestFloors:
    @each_module
    def test_every_module_has_a_floor(self, name: str) -> None:
        where = f"give `{room(name)}` a place in FLOORS of tests/architecture/test_layers.py"
        assert room(name) in KNOWN, f"lodestore.{name} is on no floor: {where}"

    @each_module
    def test_imports_go_down(self, name: str) -> None:
        assert [other for other in inner_imports(name) if not may_import(name, other)] == []

    def test_backends_never_import_one_another(self) -> None:
        pairs = ((name, other) for name in PATHS for other in inner_imports(name))
        assert [
            (name, other)
            for name, other in pairs
            if backend_of(name) and backend_of(other) and backend_of(name) != backend_of(other)
        ] == []

    def test_no_circles(self) -> None:
        graph = {name: set(inner_imports(name)) - {ROOT, name} for name in PATHS if name != ROOT}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as circle:
            pytest.fail(" -> ".join(circle.args[1]))

    def test_the_reading_of_imports(self) -> None:
        assert "errors" in set(inner_imports("kernel"))
        assert "kernel" in set(inner_imports("backends.memory"))

    def test_the_rule(self) -> None:
        assert may_import("store", "kernel")
        assert may_import("conformance.laws", "backends.memory")
        assert not may_import("errors", "kernel")
        assert not may_import("kernel", "backends.memory")
        assert not may_import("conformance.laws", "backends.files")
        assert not may_import("store", "conformance.laws")


class TestSafety:
    @each_module
    def test_nothing_read_becomes_code(self, name: str) -> None:
        assert {full.partition(".")[0] for full in imports(name)} & RUNS_CODE == set()
        assert set(calls_of(TREES[name])) & {"eval", "exec"} == set()

    @each_module
    def test_nothing_goes_out(self, name: str) -> None:
        assert [full for full in imports(name) if any(f"{full}.".startswith(f"{out}.") for out in GOES_OUT)] == []

    def test_nothing_is_swallowed(self) -> None:
        found = nodes(ast.ExceptHandler, ast.Call)
        assert [f"{name}:{node.lineno}" for name, node in found if swallows(node)] == []  # type: ignore[attr-defined]

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
    def test_what_counts_as_swallowed(self, code: str, bad: bool) -> None:
        assert any(swallows(node) for node in ast.walk(ast.parse(code))) is bad


class TestSize:
    @each_module
    def test_modules_are_short(self, name: str) -> None:
        assert len(PATHS[name].read_text(encoding="utf-8").splitlines()) <= LINES_IN_MODULE

    def test_functions_are_short(self) -> None:
        lengths = {
            f"{name}.{node.name}": node.end_lineno - node.lineno + 1  # type: ignore[attr-defined]
            for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        }
        assert {where: lines for where, lines in lengths.items() if lines > LINES_IN_FUNCTION} == {}

    def test_classes_are_small(self) -> None:
        counts = {
            f"{name}.{node.name}": sum(isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in node.body)
            for name, node in nodes(ast.ClassDef)
            if isinstance(node, ast.ClassDef) and node.name not in {"Store", "StorageInterface"}  # wide on purpose
        }
        assert {where: methods for where, methods in counts.items() if methods > METHODS_IN_CLASS} == {}

    def test_a_family_stays_a_few_words(self) -> None:
        assert len(dataclasses.fields(Family)) <= FIELDS_IN_FAMILY


def test_importing_lodestore_is_cheap() -> None:
    script = f"import lodestore, sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
