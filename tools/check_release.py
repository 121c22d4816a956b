"""Release check: a tag names the version of the source, and each file built for it holds what an installation needs.

`python -m tools.check_release v1.2.3 [FILE ...]`
"""

from __future__ import annotations

import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
WHEEL = ("lodestore/py.typed", "lodestore/_schema/sqlite.sql", "lodestore/_migrations/env.py")
SOURCE = ("src/lodestore/py.typed", "schema/sqlite.sql", "migrations/env.py", "tests/conftest.py", "dev", "LICENSE")


def versions() -> dict[str, str]:
    """The version, by each file that says it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    code = (ROOT / "src/lodestore/__init__.py").read_text(encoding="utf-8")
    said = re.search(r'^__version__ = "(.+)"$', code, re.MULTILINE)
    return {"pyproject.toml": project["version"], "lodestore.__version__": said[1] if said else "none"}


def problems(tag: str, files: list[Path]) -> Iterator[str]:
    """What keeps a release back, one line each."""
    for where, version in versions().items():
        if tag != f"v{version}":
            yield f"the tag is {tag}, {where} says {version}"
    if len({file.suffix for file in files}) not in (0, 2):
        yield "a release is one wheel and one source distribution"
    for file in files:
        if not file.name.startswith(f"lodestore-{tag[1:]}"):
            yield f"{file.name} is not of version {tag[1:]}"
        yield from (f"{file.name} has no {name}" for name in missing(file))


def missing(file: Path) -> list[str]:
    """What a wheel or a source distribution should hold and does not."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            names = set(wheel.namelist())
        return [name for name in WHEEL if name not in names]
    with tarfile.open(file) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    return [name for name in SOURCE if name not in names]


if __name__ == "__main__":
    found = list(problems(sys.argv[1], [Path(name) for name in sys.argv[2:]]))
    print("\n".join(found) or f"{sys.argv[1]} may be released")
    sys.exit(bool(found))
