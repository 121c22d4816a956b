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
from tests.support.offenders import none

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


ALL_LOGS = {
    "count",
    "orphans",
    "changed",
    "held",
    "sample",
    "depth=0",
    "queue all",
    "numbers",
}  # read or write all logs
FEW = {"small packed", "large namespaces"}  # sort a few rows
LOGS = [family.name for family in FAMILIES if family.log]
WHOLE_TABLE = r"SCAN \w+(?! USING COVERING INDEX)(;|$)"


def named(*starts: str, having: tuple[str, ...] = ("",)) -> dict[str, str]:
    """The statements whose names begin so and have one of these words; at least one."""
    names = [n for n in STATEMENTS if n.startswith(starts) and any(word in n for word in having)]
    assert names
    return {name: STATEMENTS[name] for name in names}


def test_no_statement_sorts(connection: Any) -> None:
    rest = {name: text for name, text in STATEMENTS.items() if not name.startswith("search") and name not in FEW}
    none("no sorting", (name for name, text in rest.items() if "TEMP B-TREE" in plan(connection, text)))


def test_a_record_is_found_by_its_index(connection: Any) -> None:
    single = named("fetch", "version", "next_place", "at_place", "put", "copy").items()
    none("no scan for a record", (name for name, text in single if re.search(WHOLE_TABLE, plan(connection, text))))


def test_a_branch_is_found_by_its_index(connection: Any) -> None:
    branches = named("scan", having=("depth=1",)).items()
    none("a search", (name for name, text in branches if not plan(connection, text).startswith("SEARCH")))


def test_a_cursor_starts_where_it_points(connection: Any) -> None:
    cursors = named("scan", having=("after", "before")).items()
    none("a search", (name for name, text in cursors if not plan(connection, text).startswith("SEARCH")))


def test_the_sweep_goes_through_the_partial_expiry_index(connection: Any) -> None:
    plans = {f.name: plan(connection, STATEMENTS[f"sweep {f.name}"]) for f in FAMILIES if f.expires}
    wanted = {name: f"COVERING INDEX ix_{name}_expires_at (expires_at<?)" for name in plans}
    none("by expiry", (f"{name}: {found}" for name, found in plans.items() if wanted[name] not in found))
    assert plans


def test_deleting_an_owner_finds_what_it_owns_by_index(connection: Any) -> None:
    children = ("memory", "chunk_info")
    plans = {child: plan(connection, f"DELETE FROM {child} WHERE conversation_id = ?1") for child in children}
    none("a search", (child for child, found in plans.items() if not found.startswith(f"SEARCH {child} USING INDEX")))


def test_a_log_is_one_tree_and_every_way_into_it_is_a_search(connection: Any) -> None:
    indexes = connection.execute("SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'").fetchall()
    none("no index beside the tree", (name for table, name in indexes if table in LOGS))
    ways = [(log, name) for log in LOGS for name in STATEMENTS if log in name.split()]
    single = [(log, name) for log, name in ways if not any(word in name for word in ALL_LOGS)]
    scan = "SCAN ({}|[rc])( |;|$)"
    none("no scan of a log", (n for log, n in single if re.search(scan.format(log), plan(connection, STATEMENTS[n]))))
    assert {log for log, _ in single} == set(LOGS)


def test_a_search_reads_the_postings_of_its_range_and_sorts_what_matches(connection: Any) -> None:
    plans = {spans: plan(connection, STATEMENTS[f"search in {spans}"]) for spans in (1, 2, 3)}
    postings = "SCAN p VIRTUAL TABLE INDEX 0:M2><"  # match, from, to
    times = "SEARCH u USING INTEGER PRIMARY KEY (rowid<?)"
    none("a range for each span", (f"{n}: {found}" for n, found in plans.items() if found.count(postings) != n))
    none("times by number", (f"{n}: {found}" for n, found in plans.items() if found.count(times) != n))


def test_pages_over_all_logs_go_by_owner_and_then_by_id(connection: Any) -> None:
    pages = {name: text for log in LOGS for name, text in named(f"scan {log} depth=0").items()}
    steps = {name: plan(connection, text).split("; ") for name, text in pages.items()}
    owner = "(SCAN|SEARCH) o USING COVERING INDEX"
    row = "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    wrong = (name for name, (one, two, *_) in steps.items() if not (re.match(owner, one) and two.startswith(row)))
    none("by owner, then by id", wrong)
