"""What is committed in schema/, what the code renders and what the migrations build are one thing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lodestore.backends.sqlite.engine import driver, store_file
from lodestore.errors import LodestoreError, UnavailableError, UnsupportedError
from lodestore.sql import APPLICATION_ID, REVISION, revision_name, schema_files, statements, upgrade
from lodestore.sql.resources import tree
from tests.support.offenders import none


def connect(path: Path) -> Any:
    return driver.connect(str(path), None, timeout=5)


def old_store(path: Path) -> Path:
    """A store from before the first migration."""
    path.touch()
    connection = connect(path)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.close()
    return path


def structure(path: Path) -> list[tuple[Any, ...]]:
    """Every object of a database, its SQL without regard to white space."""
    connection = connect(path)
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    connection.close()
    return [(*row[:3], re.sub(r"\s+", "", row[3] or "")) for row in rows]


def pragma(path: Path, name: str) -> Any:
    connection = connect(path)
    try:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]
    finally:
        connection.close()


def test_committed_sql_is_what_the_code_renders() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in tree("schema").iterdir()}
    none(
        "it is what ./dev schema writes",
        (name for name, text in schema_files.rendered() if committed.get(name) != text),
    )


def test_the_schema_is_the_sum_of_the_migrations(tmp_path: Path) -> None:
    new, upgraded = tmp_path / "new.db", old_store(tmp_path / "old.db")
    store_file.create(new, None)
    upgrade.upgrade(upgraded, lambda: connect(upgraded))
    assert structure(upgraded) == structure(new)
    for name in ("user_version", "application_id"):
        assert pragma(upgraded, name) == pragma(new, name)
    assert pragma(new, "user_version") == REVISION


def test_the_newest_migration_has_the_number_the_code_knows() -> None:
    names = sorted(path.name for path in (tree("migrations") / "versions").glob("*.py"))
    assert names[-1].startswith(revision_name() + "_")


def test_alembic_finds_nothing_to_add(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    store_file.create(path, None)
    upgrade.check(lambda: connect(path))
    connection = connect(path)
    connection.execute("ALTER TABLE state ADD COLUMN extra INTEGER")
    connection.close()
    with pytest.raises(UnsupportedError, match="extra"):
        upgrade.check(lambda: connect(path))


def test_a_failed_migration_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = old_store(tmp_path / "old.db")
    connection = connect(path)
    connection.execute("CREATE TABLE result (surprise INTEGER)")  # in the way of the fourth table
    connection.close()
    before = structure(path)
    with pytest.raises(UnavailableError, match="result"):
        upgrade.upgrade(path, lambda: connect(path))
    assert structure(path) == before
    assert pragma(path, "user_version") == 0


def test_every_statement_compiles_against_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    store_file.create(path, None)
    connection = connect(path)
    try:
        for name, text in statements.statements():
            marks = max([int(n) for n in re.findall(r"\?(\d+)", text)], default=0)
            try:
                connection.execute(f"EXPLAIN {text}", (None,) * marks).fetchall()
            except driver.Error as error:
                pytest.fail(f"{name}: {error}\n{text}")
    finally:
        connection.close()


def test_a_store_of_the_future_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    store_file.create(path, None)
    connection = connect(path)
    connection.execute(f"PRAGMA user_version = {REVISION + 1}")
    with pytest.raises(LodestoreError, match="upgrade lodestore"):
        store_file.inspect(connection, path, None)
    connection.close()
