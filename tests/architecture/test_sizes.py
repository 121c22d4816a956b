"""Sizes: modules, functions, classes and families that stay small enough to be read at once."""

from __future__ import annotations

import ast
import dataclasses

from lodestore.core.families import Family
from tests.support.offenders import none
from tests.support.source_tree import PATHS, nodes

LINES_IN_MODULE, LINES_IN_FUNCTION, METHODS_IN_CLASS, FIELDS_IN_FAMILY = 400, 49, 20, 8
GENERATED = "store.sync_store"  # from Store, and as long as that makes it
WIDE = {"Store", "StorageInterface"}  # on purpose: the public surface

Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines_of(function: ast.AST) -> int:
    """The lines of a function but for its docstring: what a public method promises may take a page."""
    assert isinstance(function, Function)
    first, *rest = function.body
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and rest
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_modules_are_short() -> None:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in PATHS.items()}
    long = (f"{name}: {n}" for name, n in lines.items() if n > LINES_IN_MODULE and name != GENERATED)
    none(f"a module has at most {LINES_IN_MODULE} lines", long)


def test_functions_are_short() -> None:
    lengths = ((name, node, lines_of(node)) for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef))
    long = (f"{name}.{node.name}: {n}" for name, node, n in lengths if n > LINES_IN_FUNCTION)  # type: ignore[attr-defined]
    none(f"a function has at most {LINES_IN_FUNCTION} lines", long)


def test_classes_are_small() -> None:
    counts = {
        f"{name}.{node.name}": sum(isinstance(item, Function) for item in node.body)
        for name, node in nodes(ast.ClassDef)
        if isinstance(node, ast.ClassDef) and node.name not in WIDE and name != GENERATED
    }
    wide = (f"{where}: {methods}" for where, methods in counts.items() if methods > METHODS_IN_CLASS)
    none(f"a class has at most {METHODS_IN_CLASS} methods", wide)


def test_a_family_stays_a_few_words() -> None:
    assert len(dataclasses.fields(Family)) <= FIELDS_IN_FAMILY
