"""Sizes: modules, functions, classes and families that stay small enough to be read at once."""

from __future__ import annotations

import ast
import dataclasses

from lodestore.core.families import Family
from tests.support.offenders import none
from tests.support.source_tree import PATHS, nodes

LINES_IN_MODULE, LINES_IN_FUNCTION, METHODS_IN_CLASS, FIELDS_IN_FAMILY = 400, 49, 20, 8
GENERATED = "SyncStore"  # its module, from Store, and as long as that makes it
WIDE = {"Store", "StorageInterface", GENERATED, "SyncWriteMethods"}  # on purpose: the public surface

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_modules_are_short() -> None:
    generated = {name for name, node in nodes(ast.ClassDef) if node.name == GENERATED}  # type: ignore[attr-defined]
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in PATHS.items()}
    long = (f"{name}: {n}" for name, n in lines.items() if n > LINES_IN_MODULE and name not in generated)
    none(f"a module has at most {LINES_IN_MODULE} lines", long)


def test_functions_are_short() -> None:
    lengths = {
        f"{name}.{node.name}": lines_of(node)  # type: ignore[attr-defined, arg-type]
        for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
    }
    long = (f"{where}: {lines}" for where, lines in lengths.items() if lines > LINES_IN_FUNCTION)
    none(f"a function has at most {LINES_IN_FUNCTION} lines beside its docstring", long)


def lines_of(node: Function) -> int:
    """The lines of a function without its docstring, which is as long as its parameters are many."""
    first = node.body[0]
    told = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) else 0  # type: ignore[operator]
    return node.end_lineno - node.lineno + 1 - told  # type: ignore[operator, no-any-return]


def test_the_counting_of_lines() -> None:
    code = 'def f():\n    """one\n\n    two\n    """\n    return 1'
    assert [lines_of(node) for node in ast.parse(code).body if isinstance(node, Function)] == [2]


def test_classes_are_small() -> None:
    counts = {
        f"{name}.{node.name}": sum(isinstance(item, Function) for item in node.body)
        for name, node in nodes(ast.ClassDef)
        if isinstance(node, ast.ClassDef) and node.name not in WIDE
    }
    wide = (f"{where}: {methods}" for where, methods in counts.items() if methods > METHODS_IN_CLASS)
    none(f"a class has at most {METHODS_IN_CLASS} methods", wide)


def test_a_family_stays_a_few_words() -> None:
    assert len(dataclasses.fields(Family)) <= FIELDS_IN_FAMILY
