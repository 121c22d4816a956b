"""Source tree: the modules of lodestore as parsed text, for the tests of its architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "src"
PACKAGE = SOURCE / "lodestore"
ROOT = ""  # the package's own __init__


def dotted(path: Path) -> str:
    """The module's name below the package: "" for the package itself, "backends.memory", ..."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in PATHS.items()}


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


def inner_pairs() -> Iterator[tuple[str, str]]:
    """Every import of one module of ours by another: (importer, imported)."""
    yield from sorted({(name, other) for name in PATHS for other in inner_imports(name) if other != name})


def room(name: str) -> str:
    """The first name below the package."""
    return name.partition(".")[0]


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """All nodes of these kinds, each with its module."""
    for name, tree in TREES.items():
        yield from ((name or "lodestore", node) for node in ast.walk(tree) if isinstance(node, kinds))


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """A circle in a graph, as the names along it; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        return list(reversed(found.args[1]))  # each imports the next
    return []


def siblings(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, set[str]]]:
    """For each package the graph of what lies directly in it: `a.b.c` imports `a.d.e` is an arrow from b to d in a."""
    graphs: dict[str, dict[str, set[str]]] = {}
    for importer, imported in pairs:
        one, other = importer.split("."), imported.split(".")
        shared = 0
        while shared < min(len(one), len(other)) and one[shared] == other[shared]:
            shared += 1
        if shared < min(len(one), len(other)) and one[shared] and other[shared]:
            graph = graphs.setdefault(".".join(one[:shared]), {})
            graph.setdefault(one[shared], set()).add(other[shared])
    return graphs
