"""Schema files: renders `schema/`, the SQL a reviewer reads and an empty store is created from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.dialects import registry, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable

from . import (
    APPLICATION_ID,
    REVISION,
    dialect as sql,
    postgres_bulk,
    postgres_fts,
    postgres_vectors,
    revision_name,
    sqlite_fts,
    sqlite_numbers,
    sqlite_vectors,
)
from .statements import statements
from .tables import alembic_version, ddl

_HEAD = (
    "-- Rendered from src/lodestore/core/families.py by `./dev schema`; a test fails when it differs. Do not edit.\n"
)


def sqlite_schema() -> str:
    """`schema/sqlite.sql`: an empty store, run as one transaction."""
    version = str(CreateTable(alembic_version()).compile(dialect=sqlite.dialect())).strip()
    parts = [
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {REVISION}",
        *ddl(),
        sqlite_fts.TABLE,
        *sqlite_vectors.tables(),
        version,
        *_rows(),
        f"INSERT INTO unindexed (first, last) VALUES ({sqlite_numbers.FIRST}, {sqlite_numbers.END})",
    ]
    return _HEAD + "\n" + "".join(f"{_tidy(part)};\n\n" for part in parts)


def postgres_schema() -> str:
    """`schema/postgres.sql`: an empty store, run as one transaction with the namespace as search path."""
    dialect: Dialect = registry.load("postgresql")()
    version = str(CreateTable(alembic_version()).compile(dialect=dialect)).strip()
    parts = [*ddl(dialect), *postgres_fts.CONFIGURATION, version, *_rows()]
    return _HEAD + "\n" + "".join(f"{_tidy(part)};\n\n" for part in parts)


def _rows() -> list[str]:
    return [
        "INSERT INTO store (id, commits, latest) VALUES (1, 0, 0)",
        f"INSERT INTO alembic_version (version_num) VALUES ('{revision_name()}')",
    ]


def all_statements(dialect: sql.Dialect = sql.SQLITE) -> str:
    """`schema/statements.*.sql`: every statement run on records."""
    every = list(statements(dialect))
    if dialect is not sql.SQLITE:
        every += [
            *postgres_bulk.statements(dialect),
            *postgres_fts.statements(dialect),
            *postgres_vectors.statements(dialect),
        ]
    return _HEAD + "".join(f"\n-- {name}\n{text};\n" for name, text in every)


def _tidy(statement: str) -> str:
    lines = (line.rstrip().replace("\t", "    ") for line in statement.splitlines())
    return "\n".join(line for line in lines if line).replace("\n)\n STRICT", "\n) STRICT")


EMPTY = {"sqlite.sql": sqlite_schema, "postgres.sql": postgres_schema}


def rendered() -> Iterator[tuple[str, str]]:
    """File name and content of everything in `schema/` that is rendered."""
    yield "sqlite.sql", sqlite_schema()
    yield "statements.sqlite.sql", all_statements()
    yield "postgres.sql", postgres_schema()
    yield "statements.postgres.sql", all_statements(sql.POSTGRES)


def write(folder: Path) -> list[str]:
    """Write `schema/` anew; the names of the files that changed."""
    changed = []
    for name, content in rendered():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            changed.append(name)
    return changed
