"""What Connectome's own storages hold comes in whole: its folder of JSON files, and its SQLite file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlcipher3 import dbapi2

from lodestore.core.clock import milliseconds
from lodestore.core.families import CACHE, CATALOGUE, CONVERSATION, MEMORY, RAW_MESSAGE, REASONING_CHAIN, STATE
from lodestore.core.records import BODY, CREATED_AT, EXPIRES_AT, KEY, Put
from lodestore.encoding.json_codec import loads
from tests.support.importer_box import NOW, Box, write


@pytest.fixture
def box() -> Box:
    return Box()


def tree(root: Path) -> Path:
    meta = {"stored_at": "2024-01-01T00:00:00+00:00"}
    there = root / "conversations" / "space" / "1"
    write(there / "current.json", json.dumps({"a": None, "_storage_metadata": meta}))
    write(there / "raw_messages.json", json.dumps({"messages": [{"content": "x"}], "_metadata": meta}))
    memories = [
        {"memory_id": "m2", "created_at": "2024-02-02T00:00:00+00:00", "v": 1},
        {"memory_id": "m1", "created_at": "2024-02-03T00:00:00+00:00"},
        {"memory_id": "m2", "created_at": "2024-02-04T00:00:00+00:00", "v": 2},
    ]
    write(there / "memories.json", json.dumps({"memories": memories, "_metadata": meta}))
    write(there / "chunks.json", json.dumps({"edges": [1], "_metadata": meta}))
    write(there / "current.20240101_000000.backup.json", "{torn")
    chains = [{"stored_at": f"2024-03-0{n}T00:00:00+00:00", "n": n} for n in (1, 2)]
    write(root / "agents" / "me" / "reasoning_chains.json", json.dumps({"chains": chains, "_metadata": meta}))
    cache = {"data": {"v": 1}, "stored_at": "2024-01-01T00:00:00+00:00"}
    write(root / "cache" / "a_b.json", json.dumps({"cache_key": "a/b", **cache, "expires_at": "2040-01-01T00:00:00Z"}))
    write(root / "cache" / "old.json", json.dumps({"cache_key": "old", **cache, "expires_at": "2024-01-02T00:00:00Z"}))
    state = {"state_key": "s", "stored_at": meta["stored_at"]}
    write(root / "system" / "s.20240101_000000.backup.json", json.dumps({**state, "data": {"on": False}}))
    write(root / "system" / "s.json", json.dumps({**state, "data": {"on": True}}))
    return root


def database(path: Path) -> Path:
    """The tables of Connectome's SQLite storage."""
    connection = dbapi2.connect(str(path))
    connection.executescript(
        """
        CREATE TABLE conversations (conversation_id TEXT PRIMARY KEY, data TEXT, created_at TEXT, updated_at TEXT);
        CREATE TABLE raw_messages (id INTEGER PRIMARY KEY AUTOINCREMENT, conversation_id TEXT, message_data TEXT,
            message_index INTEGER, created_at TEXT);
        CREATE TABLE memories (id INTEGER PRIMARY KEY AUTOINCREMENT, conversation_id TEXT, memory_id TEXT,
            memory_data TEXT, created_at TEXT);
        CREATE TABLE reasoning_chains (id INTEGER PRIMARY KEY, agent_id TEXT, chain_data TEXT, created_at TEXT);
        CREATE TABLE chunk_info (conversation_id TEXT PRIMARY KEY, chunk_data TEXT, created_at TEXT, updated_at TEXT);
        CREATE TABLE cache_entries (cache_key TEXT PRIMARY KEY, cache_data TEXT, created_at TEXT, expires_at TEXT);
        CREATE TABLE system_state (state_key TEXT PRIMARY KEY, state_data TEXT, created_at TEXT, updated_at TEXT);
        INSERT INTO conversations VALUES ('space/1', '{"a": null}', '2024-01-01T00:00:00+00:00', '');
        INSERT INTO raw_messages VALUES (1, 'space/1', '{"content":"y"}', 1, '2024-01-01T00:00:02+00:00'),
            (2, 'space/1', '{"content":"x"}', 0, '2024-01-01T00:00:01+00:00'),
            (3, 'orphan', '{"content":"z"}', 0, '2024-01-01T00:00:03+00:00');
        INSERT INTO memories VALUES (1, 'space/1', 'm2', '{"v":2}', '2024-02-02T00:00:00+00:00'),
            (2, 'space/1', 'm1', '{}', '2024-02-03T00:00:00+00:00');
        INSERT INTO reasoning_chains VALUES (1, 'me', '{"n":1}', '2024-03-01T00:00:00+00:00'),
            (2, 'me', '{"n":2}', '2024-03-02T00:00:00+00:00');
        INSERT INTO chunk_info VALUES ('space/1', '{"edges":[1]}', '2024-01-01T00:00:00+00:00', '');
        INSERT INTO cache_entries VALUES ('a/b', '{"v":1}', '2024-01-01T00:00:00+00:00', '2040-01-01T00:00:00Z'),
            ('old', '{"v":1}', '2024-01-01T00:00:00+00:00', '2024-01-02T00:00:00+00:00');
        INSERT INTO system_state VALUES ('s', '{"on":true}', '2024-01-01T00:00:00+00:00', '');
        """
    )
    connection.close()
    return path


@pytest.mark.parametrize("build", [tree, database])
class TestConnectome:
    def test_every_kind_comes_in_with_its_age(self, box: Box, tmp_path: Path, build: Any) -> None:
        report = box.take(build(tmp_path / "source"))
        assert (report.ok, report.expired) == (True, 1)
        assert box.documents(CONVERSATION, "space/1") == [{"a": None}]
        assert box.documents(RAW_MESSAGE, "space/1")[0] == {"content": "x"}
        memories = box.rows(MEMORY, "space/1")
        assert [row[KEY + 1] for row in memories] == ["m2", "m1"]
        assert loads(memories[0][BODY])["v"] == 2
        assert [row[CREATED_AT] for row in memories] == [milliseconds("2024-02-02"), milliseconds("2024-02-03")]
        assert box.documents(CATALOGUE["chunk_info"]) == [{"edges": [1]}]
        assert [chain["n"] for chain in box.documents(REASONING_CHAIN, "me")] == [1, 2]
        assert [row[CREATED_AT] for row in box.rows(REASONING_CHAIN)][1] == milliseconds("2024-03-02")
        assert [(row[KEY], row[EXPIRES_AT]) for row in box.rows(CACHE)] == [("a/b", milliseconds("2040-01-01"))]
        assert box.documents(STATE) == [{"on": True}]

    def test_an_entry_that_had_expired_is_there_again(self, box: Box, tmp_path: Path, build: Any) -> None:
        asyncio.run(box.backend.apply([Put(CACHE, ("a/b",), b'{"old":1}', 5, NOW - 1)]))
        assert box.take(build(tmp_path / "source")).ok
        assert box.documents(CACHE) == [{"v": 1}]

    def test_a_second_run_writes_nothing(self, box: Box, tmp_path: Path, build: Any) -> None:
        path = build(tmp_path / "source")
        box.take(path)
        box.backend.applied = []
        report = box.take(path)
        assert (report.added, report.updated, report.records, report.conflicts) == (0, 0, 0, [])
        assert box.backend.applied == []


def test_a_torn_file_of_a_tree_breaks_its_conversation_alone(box: Box, tmp_path: Path) -> None:
    root = tree(tmp_path / "t")
    write(root / "conversations" / "torn" / "current.json", "{}")
    write(root / "conversations" / "torn" / "memories.json", '{"memories": [{"memory')
    report = box.take(root)
    assert [line[:40] for line in report.broken] == ["t/conversations/torn: memories.json: not"]
    assert box.ids() == ["space/1"]


def test_a_database_keeps_the_age_of_each_message_and_its_orphans(box: Box, tmp_path: Path) -> None:
    box.take(database(tmp_path / "c.db"))
    assert [row[CREATED_AT] % 10_000 for row in box.rows(RAW_MESSAGE)] == [3000, 1000, 2000]
    assert [(row[KEY], bool(row[BODY])) for row in box.rows(CONVERSATION)] == [("orphan", False), ("space/1", True)]


def test_bad_rows_of_a_database_are_named(box: Box, tmp_path: Path) -> None:
    path = database(tmp_path / "c.db")
    connection = dbapi2.connect(str(path))
    connection.executescript(
        "INSERT INTO system_state VALUES ('n', NULL, '', ''), ('u', CAST(x'7bff7d' AS TEXT), '', '');"
        "INSERT INTO system_state VALUES (x'ff', '{}', '', '')"
    )
    connection.close()
    report = box.take(path)
    assert [line.partition(": ")[2][:16] for line in report.broken] == [
        "state('n'): stat",
        "state('u'): not ",
        "state('�'): stat",
    ]
    assert len(box.rows(STATE)) == 1


def test_rows_in_the_journal_of_a_database_in_use_are_seen(box: Box, tmp_path: Path) -> None:
    path = database(tmp_path / "c.db")
    writer = dbapi2.connect(str(path))
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO system_state VALUES ('fresh', '{}', '', '')")
    writer.commit()
    box.take(path)
    writer.close()
    assert [row[KEY] for row in box.rows(STATE)] == ["fresh", "s"]
