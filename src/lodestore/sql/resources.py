"""Packaged resources: where `schema/` and `migrations/` are, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def tree(name: str) -> Path:
    """The folder `migrations` or `schema`: inside the installed package, else beside `src/` in a checkout."""
    inside = _PACKAGE / f"_{name}"
    return inside if inside.is_dir() else _PACKAGE.parents[1] / name
