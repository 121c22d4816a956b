"""Layers: imports go down, never in a circle, and each room keeps out of what is not its business."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.offenders import none
from tests.support.source_tree import PATHS, ROOT, SOURCE, circle, inner_imports, inner_pairs, room, siblings

# By the first name below the package, from the ground up; the root and its public faces stand above the store.
LAYERS = (
    {"errors"},
    {"core"},
    {"encoding"},
    {"search", "config", "transfer"},
    {"embedding", "sql"},
    {"backends"},
    {"store"},
    {ROOT, "sync", "filters"},
    {"conformance", "cli", "__main__"},
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
HEAVY = ("sqlalchemy", "alembic", "rich", "sqlcipher3", "hypothesis", "aiosqlite", "redis", "asyncpg", "numpy")


def may_import(importer: str, imported: str) -> bool:
    """Whether the one may import the other."""
    here, there = room(importer), room(imported)
    if here == there or not {here, there} <= set(LAYER):  # another test speaks for the unknown
        return True
    if here == "conformance":  # for any backend: it knows the contract, the store, what moves one, and the model
        known = {ROOT, "errors", "core", "encoding", "search", "transfer", "embedding", "store"}
        return there in known or imported == "backends.memory"
    if there == "conformance":
        return here == "cli"
    return LAYER[there] <= LAYER[here]


def backend_of(name: str) -> str | None:
    """The backend a module belongs to, if any: "sqlite" for `backends.sqlite.backend`."""
    parts = name.split(".")
    known = {path.stem for path in (SOURCE / "lodestore" / "backends").iterdir() if is_backend(path.stem)}
    return parts[1] if parts[0] == "backends" and len(parts) > 1 and parts[1] in known else None


def is_backend(name: str) -> bool:
    """Whether a name directly in `backends` is a backend's: a folder with a `backend` module, or the one of memory."""
    return name == "memory" or f"backends.{name}.backend" in PATHS


def test_every_module_is_on_a_layer() -> None:
    none("its folder has a place in LAYERS", (name for name in PATHS if room(name) not in LAYER))


def test_imports_go_down() -> None:
    none("imports go down", (f"{name} -> {other}" for name, other in inner_pairs() if not may_import(name, other)))


def test_backends_never_import_one_another() -> None:
    pairs = [(backend_of(name), backend_of(other), f"{name} -> {other}") for name, other in inner_pairs()]
    none("backends stand alone", (told for one, other, told in pairs if one and other and one != other))


def test_search_imports_no_backend() -> None:
    pairs = [(name, other) for name, other in inner_pairs() if room(name) == "search"]
    none("search knows no backend", (f"{n} -> {other}" for n, other in pairs if room(other) in {"backends", "sql"}))


def test_no_module_imports_itself_in_a_circle() -> None:
    none("no circle", circle({name: set(inner_imports(name)) - {ROOT, name} for name in PATHS if name}))


def test_no_package_imports_itself_in_a_circle() -> None:
    """In each package the folders and modules directly in it, the rooms of `backends.sqlite` among them."""
    found = {package or "lodestore": circle(graph) for package, graph in siblings(inner_pairs()).items()}
    none("no circle", (f"in {package}: {' -> '.join(names)}" for package, names in found.items() if names))


def test_importing_lodestore_is_cheap() -> None:
    script = f"import lodestore, sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


class TestTheTestsThemselves:
    def test_the_reading_of_imports(self) -> None:
        assert "errors" in set(inner_imports("core.interface")) | set(inner_imports("core.records"))
        assert "core.records" in set(inner_imports("backends.memory"))
        assert {"memory", "sqlite", "files", "redis", "postgres"} == {n for p in PATHS if (n := backend_of(p))}

    def test_the_order(self) -> None:
        assert may_import("store.store", "core.records")
        assert may_import("conformance.kit", "backends.memory")
        assert may_import("cli.inspect", "conformance.kit")
        assert not may_import("errors", "core.records")
        assert not may_import("core.records", "backends.memory")
        assert not may_import("transfer.migration", "store.store")
        assert not may_import("store.store", ROOT)
        assert not may_import("conformance.kit", "backends.files")
        assert not may_import("store.store", "conformance.kit")

    def test_what_is_a_circle(self) -> None:
        pairs = [("a.b.c", "a.d.e"), ("a.d.f", "a.b.g"), ("h", "a.b.c")]
        assert siblings(pairs) == {"a": {"b": {"d"}, "d": {"b"}}, "": {"h": {"a"}}}
        assert circle(siblings(pairs)["a"]) in (["b", "d", "b"], ["d", "b", "d"])
        assert circle(siblings(pairs)[""]) == []
