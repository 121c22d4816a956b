"""Query plans: reads and sweeps go through an index and never sort."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lodestore.backends.sqlite.engine import driver, store_file
from lodestore.core.families import FAMILIES
from lodestore.sql import statements

STATEMENTS = dict(statements.statements())


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path: Path = tmp_path_factory.mktemp("plans") / "empty.db"
    store_file.create(path, None)
    opened = driver.connect(str(path), None, timeout=5)
    yield opened
    opened.close()


def plan(connection: Any, text: str) -> str:
    marks = max([int(n) for n in re.findall(r"\?(\d+)", text)], default=0)
    return "; ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * marks))


FEW = ("small packed", "large namespaces")  # rows that these sort


@pytest.mark.parametrize("name", [name for name in STATEMENTS if not name.startswith("search") and name not in FEW])
def test_no_statement_sorts(connection: Any, name: str) -> None:
    assert "TEMP B-TREE" not in plan(connection, STATEMENTS[name])


@pytest.mark.parametrize(
    "name", [n for n in STATEMENTS if n.startswith(("fetch", "version", "next_place", "at_place", "put", "copy"))]
)
def test_a_record_is_found_by_its_index(connection: Any, name: str) -> None:
    assert not re.search(r"SCAN \w+(?! USING COVERING INDEX)(;|$)", plan(connection, STATEMENTS[name]))


@pytest.mark.parametrize("name", [n for n in STATEMENTS if n.startswith("scan") and "depth=1" in n])
def test_a_branch_is_found_by_its_index(connection: Any, name: str) -> None:
    assert plan(connection, STATEMENTS[name]).startswith("SEARCH")


@pytest.mark.parametrize("name", [n for n in STATEMENTS if n.startswith("scan") and ("after" in n or "before" in n)])
def test_a_cursor_starts_where_it_points(connection: Any, name: str) -> None:
    assert plan(connection, STATEMENTS[name]).startswith("SEARCH")


@pytest.mark.parametrize("family", [f.name for f in FAMILIES if f.expires])
def test_the_sweep_goes_through_the_partial_expiry_index(connection: Any, family: str) -> None:
    assert f"COVERING INDEX ix_{family}_expires_at (expires_at<?)" in plan(connection, STATEMENTS[f"sweep {family}"])


def test_deleting_an_owner_finds_what_it_owns_by_index(connection: Any) -> None:
    for child in ("memory", "chunk_info"):
        text = f"DELETE FROM {child} WHERE conversation_id = ?1"
        assert plan(connection, text).startswith(f"SEARCH {child} USING INDEX")


LOGS = [f.name for f in FAMILIES if f.log]
WHOLE = (
    "count",
    "orphans",
    "changed",
    "held",
    "sample",
    "depth=0",
    "queue all",
    "numbers",
)  # what is about all logs, or writes all of them


@pytest.mark.parametrize("family", LOGS)
def test_a_log_is_one_tree_and_every_way_into_it_is_a_search(connection: Any, family: str) -> None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE tbl_name = ? AND type = 'index'", (family,))
    assert tables.fetchall() == []
    for name, text in STATEMENTS.items():
        if family in name.split() and not any(word in name for word in WHOLE):
            assert not re.search(rf"SCAN ({family}|[rc])( |;|$)", plan(connection, text)), name


@pytest.mark.parametrize("spans", [1, 2, 3])
def test_a_search_reads_the_postings_of_its_range_and_sorts_what_matches(connection: Any, spans: int) -> None:
    found = plan(connection, STATEMENTS[f"search in {spans}"])
    assert found.count("SCAN p VIRTUAL TABLE INDEX 0:M2><") == spans  # match, from, to
    assert found.count("SEARCH u USING INTEGER PRIMARY KEY (rowid<?)") == spans


@pytest.mark.parametrize("family", LOGS)
def test_pages_over_all_logs_go_by_owner_and_then_by_id(connection: Any, family: str) -> None:
    for name in (n for n in STATEMENTS if n.startswith(f"scan {family} depth=0")):
        first, second, *_ = plan(connection, STATEMENTS[name]).split("; ")
        assert re.match(r"(SCAN|SEARCH) o USING COVERING INDEX", first), name
        assert second.startswith("SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), name
