"""Names: one name is one type, and every module says what it is."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from tests.support.offenders import none
from tests.support.source_tree import TREES, room

# One name, one thing, told twice on purpose: why.
TWINS: dict[str, str] = {
    "Connection": "a connection of the driver, of asyncpg and of SQLite",
    "Error": "the base of the errors of the driver, of asyncpg and of SQLite",
}


def types_of(tree: ast.Module) -> Iterator[str]:
    """The classes of a module, and its type aliases: what is assigned to a name in CamelCase."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).endswith("TypeAlias"):
            yield ast.unparse(node.target)
        elif isinstance(node, ast.Assign):
            yield from (name for target in node.targets if is_camel(name := ast.unparse(target)))


def is_camel(name: str) -> bool:
    plain = name.lstrip("_")
    return plain.isidentifier() and plain[0].isupper() and any(letter.islower() for letter in plain)


def test_one_name_is_one_type() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for module, tree in TREES.items():
        if room(module) != "conformance":
            for name in types_of(tree):
                found[name].add(module)
    twice = {name: ", ".join(sorted(modules)) for name, modules in found.items() if len(modules) > 1}
    none("one name is one type", (f"{name}: {where}" for name, where in sorted(twice.items()) if name not in TWINS))
    none("what is a twin has one", (name for name in TWINS if name not in twice))


def test_every_module_says_what_it_is() -> None:
    none(
        "a module has a docstring", (name or "lodestore" for name, tree in TREES.items() if not ast.get_docstring(tree))
    )


def test_the_reading_of_types() -> None:
    code = (
        "class A: ...\nB: TypeAlias = int\nSome = tuple[int]\n_Own = int\nSQL = ''\nx = 1\ndef f():\n    class C: ..."
    )
    assert list(types_of(ast.parse(code))) == ["A", "B", "Some", "_Own"]
