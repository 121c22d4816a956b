"""Packaged resources: where `schema/` and `migrations/` are, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from ..core.families import is_extended

_PACKAGE = Path(__file__).resolve().parents[1]


def schema(name: str) -> str:
    """The SQL of an empty store, as committed in `schema/`; rendered where a test has extended the catalogue."""
    if is_extended():
        from .schema_files import EMPTY

        return EMPTY[name]()
    return (tree("schema") / name).read_text(encoding="utf-8")


def tree(name: str) -> Path:
    """The folder `migrations` or `schema`: inside the installed package, else beside `src/` in a checkout."""
    inside = _PACKAGE / f"_{name}"
    return inside if inside.is_dir() else _PACKAGE.parents[1] / name
