"""SQL as a door: anything may be asked, nothing may be changed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from lodestore.backends.memory import MemoryBackend
from lodestore.backends.sqlite import sql_console
from lodestore.core.families import FAMILIES
from lodestore.errors import InvalidInputError, UnavailableError, UnsupportedError
from lodestore.store.store import Store
from tests.support.sqlite_tools import python, run


async def fill(store: Store) -> None:
    await store.store_conversation("c1", {"title": "Flight refund", "tags": ["travel"]})
    await store.append_raw_messages("c1", [{"role": "user", "content": "refund please"}, {"role": "tool", "n": 7}])
    await store.append_raw_messages("c2", [{"role": "user", "content": "x" * 5000}])
    await store.store_memory("c1", "m1", {"text": "likes window seats"})
    await store.store_cache_entry("k", {"v": 1}, ttl=60)


def ask(path: Path, statement: str, *parameters: Any) -> list[dict[str, Any]]:
    async def work(store: Store) -> list[dict[str, Any]]:
        await fill(store)
        return await store.sql(statement, parameters)

    result: list[dict[str, Any]] = run(work, path)
    return result


def test_views_show_ids_times_and_json(tmp_path: Path) -> None:
    [row] = ask(tmp_path / "a.db", "SELECT * FROM conversations WHERE conversation_id = ?", "c1")
    assert json.loads(row["data"]) == {"title": "Flight refund", "tags": ["travel"]}
    assert row["created_at"].endswith("Z")
    assert len(row["created_at"]) == len("2026-11-20T09:30:00.000Z")


def test_json_functions_reach_into_the_data(tmp_path: Path) -> None:
    statement = """
        SELECT conversation_id, position, data ->> 'content' AS content FROM raw_messages
        WHERE data ->> 'role' = 'user' AND length(content) < ? ORDER BY 1, 2
    """
    assert ask(tmp_path / "a.db", statement, 100) == [
        {"conversation_id": "c1", "position": 0, "content": "refund please"}
    ]


def test_unpack_reads_a_packed_body_of_a_table(tmp_path: Path) -> None:
    statement = """
        SELECT unpack(r.body) AS body FROM raw_message AS r JOIN conversation AS o ON o.id = r.id >> 32
        WHERE conversation_id = ?
    """
    [row] = ask(tmp_path / "a.db", statement, "c2")
    assert json.loads(row["body"])["content"] == "x" * 5000


def test_a_partial_conversation_has_no_data(tmp_path: Path) -> None:
    [row] = ask(tmp_path / "a.db", "SELECT data FROM conversations WHERE conversation_id = 'c2'")
    assert row == {"data": None}


def test_every_family_has_a_view(tmp_path: Path) -> None:
    assert len(dict(sql_console.views())) == len(FAMILIES)
    for name, _ in sql_console.views():
        ask(tmp_path / f"{name}.db", f"SELECT * FROM {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM raw_message",
        "UPDATE conversation SET body = x''",
        "INSERT INTO state VALUES ('k', 1, 1, 1, x'')",
        "INSERT INTO conversations DEFAULT VALUES",
        "DROP TABLE memory",
        "DROP VIEW conversations",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        "ATTACH DATABASE 'other.db' AS other",
        "DETACH DATABASE temp",
        "PRAGMA query_only = OFF",
        "PRAGMA key = 'x'",
        "SELECT * FROM pragma_table_info('memory')",
        "VACUUM INTO 'copy.db'",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "SAVEPOINT s",
        "REINDEX",
        "ANALYZE",
        "SELECT load_extension('evil')",
        "SELECT sqlcipher_export('other')",
        "SELECT 1; DELETE FROM raw_message",
        "WITH x AS (SELECT 1) DELETE FROM raw_message",
        "EXPLAIN DELETE FROM raw_message",
        "not sql",
        "",
    ],
)
def test_nothing_but_reading(tmp_path: Path, statement: str) -> None:
    async def work(store: Store) -> None:
        await fill(store)
        before = await store.get_storage_stats()
        try:
            answered = await store.sql(statement)
        except InvalidInputError:
            answered = []
        assert answered == []
        after = await store.get_storage_stats()
        assert {k: v for k, v in after.items() if k.endswith("count")} == {
            k: v for k, v in before.items() if k.endswith("count")
        }
        await store.store_system_state("still", {"works": True})
        assert await store.sql("SELECT count(*) AS n FROM raw_message") == [{"n": 3}]

    run(work, tmp_path / "a.db")
    assert [p.name for p in tmp_path.iterdir()] == ["a.db"]


@pytest.mark.parametrize("statement", ["DELETE FROM raw_message", "ATTACH 'x' AS y", "PRAGMA query_only = OFF"])
def test_refusals_say_what_is_allowed(tmp_path: Path, statement: str) -> None:
    with pytest.raises(InvalidInputError, match="only read-only SQL"):
        ask(tmp_path / "a.db", statement)


def test_a_wrong_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        ask(tmp_path / "a.db", "SELECT ?", object())
    with pytest.raises(InvalidInputError):
        ask(tmp_path / "b.db", "SELECT ?, ?", 1)


def test_asking_sees_what_was_just_written(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        for n in range(5):
            await store.store_system_state("k", {"n": n})
            assert await store.sql("SELECT data ->> 'n' AS n FROM system_states") == [{"n": n}]

    run(work, tmp_path / "a.db")


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"


def test_a_cancelled_question_ends(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.sql(ENDLESS), 0.1)
        assert await asyncio.wait_for(store.sql("SELECT 1 AS n"), 60) == [{"n": 1}]

    run(work, tmp_path / "a.db")


@pytest.mark.parametrize("turns", range(12))
def test_one_that_is_cancelled_at_any_moment_ends(tmp_path: Path, turns: int) -> None:
    async def work(store: Store) -> None:
        await store.sql("SELECT 1 AS n")  # connects
        asking = asyncio.create_task(store.sql(ENDLESS))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await store.sql("SELECT 1 AS n") == [{"n": 1}]

    run(work, tmp_path / "a.db")


def test_cancelling_one_that_waits_leaves_the_one_that_runs_alone(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        running = asyncio.create_task(store.sql(ENDLESS.replace("FROM c)", "FROM c WHERE x < 300000)")))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(store.sql("SELECT 1 AS n"))
        await asyncio.sleep(0)
        waiting.cancel()
        assert await running == [{"max(x)": 300000}]

    run(work, tmp_path / "a.db")


def test_closing_refuses_those_that_wait(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        running, waiting = (asyncio.create_task(store.sql(ENDLESS)) for _ in range(2))
        await asyncio.sleep(0.1)
        await store.shutdown()
        for asking in (running, waiting):
            with pytest.raises(UnavailableError):
                await asking

    run(work, tmp_path / "a.db")


def test_a_script_that_asked_and_forgets_to_close_still_exits(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import asyncio, sys, lodestore
        async def main():
            global store
            store = await lodestore.open(f"sqlite:///{sys.argv[1]}")
            assert await store.sql("SELECT 1 AS n") == [{"n": 1}]
        asyncio.run(main())
    """)
    child = python(code, str(tmp_path / "a.db"), stderr=subprocess.PIPE)
    _, errors = child.communicate(timeout=30)
    assert child.returncode == 0, errors.decode()


def test_closing_does_not_wait_for_a_question_without_end(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        asking = asyncio.create_task(store.sql(ENDLESS))
        await asyncio.sleep(0.1)
        await asyncio.wait_for(store.shutdown(), 60)
        with pytest.raises(UnavailableError, match="interrupt"):
            await asking

    run(work, tmp_path / "a.db")


@pytest.mark.parametrize("bad", [(2**64,), ("\ud800",), None, 5], ids=["too large", "half a surrogate", "none", "five"])
def test_what_cannot_be_bound_is_refused(tmp_path: Path, bad: Any) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(InvalidInputError, match="SQL"):
            await store.sql("SELECT ?", bad)
        with pytest.raises(InvalidInputError, match="SQL"):
            await store.sql("SELECT 1\0, ?", (1,))

    run(work, tmp_path / "a.db")


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="AS"):
        ask(tmp_path / "a.db", "SELECT 1 AS n, 2 AS n")


def test_the_view_of_the_cache_hides_what_has_expired(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        await store.store_cache_entry("short", {}, ttl=0.001)
        await store.store_cache_entry("long", {}, ttl=1000)
        await store.store_cache_entry("ever", {})
        await asyncio.sleep(0.01)
        rows = await store.sql("SELECT cache_key FROM cache_entries ORDER BY 1")
        assert [row["cache_key"] for row in rows] == ["ever", "long"]

    run(work, tmp_path / "a.db")


def test_a_backend_without_sql_says_so() -> None:
    async def work() -> None:
        async with Store(MemoryBackend()) as store:
            with pytest.raises(UnsupportedError, match="memory"):
                await store.sql("SELECT 1")

    asyncio.run(work())
