"""What stands on the disk: readable files, Connectome's trees as they are, and nothing wrong ever read back."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from lodestore.backends.files import FileBackend, file_formats, layout
from lodestore.core import families
from lodestore.core.clock import milliseconds
from lodestore.core.families import (
    AGENT,
    CACHE,
    CHUNK_INFO,
    CONVERSATION,
    FAMILIES,
    MEMORY,
    RAW_MESSAGE,
    REASONING_CHAIN,
    RESULT,
    STATE,
    Family,
)
from lodestore.core.records import BODY, CREATED_AT, EXPIRES_AT, KEY, Append, Copy, Drop, Page, Put, Row
from lodestore.errors import CorruptError, LodestoreError

WHEN = "2025-06-01T12:00:00+00:00"
THEN = milliseconds(WHEN)
LATER = "2025-06-01T13:00:00+00:00"


def with_store(folder: Path, task: Callable[[FileBackend], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        file = FileBackend(folder, **settings)
        await file.open()
        try:
            await task(file)
        finally:
            await file.close()

    asyncio.run(run())


def put(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def connectome_tree(root: Path) -> None:
    """A tree as Connectome's own file storage leaves it."""
    envelope = {"stored_at": WHEN, "storage_backend": "file"}
    for name in ("Conv.001", "a/b", "plain"):
        home = root / "conversations" / name
        put(home / "current.json", {"n": name, "z": None, "_storage_metadata": {**envelope, "conversation_id": name}})
        put(home / "current.20250601_120000.backup.json", {"n": "old"})
        messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [], "created_at": LATER}]
        put(home / "raw_messages.json", {"messages": messages, "_metadata": {"stored_at": WHEN, "message_count": 2}})
    memories = [
        {"memory_id": "m1", "created_at": WHEN, "v": 1},
        {"memory_id": "m2", "created_at": LATER},
        {"memory_id": "m1", "created_at": WHEN, "v": 2},
    ]
    put(root / "conversations/Only/memories.json", {"memories": memories, "_metadata": {"last_updated": LATER}})
    put(root / "conversations/plain/chunks.json", {"chunks": [1], "_metadata": {"stored_at": WHEN}})
    chains = {"chains": [{"stored_at": WHEN, "c": 1}, {"stored_at": LATER, "c": 2}], "_metadata": {"chain_count": 2}}
    put(root / "agents/Agent X/reasoning_chains.json", chains)
    put(root / "cache/a_b.json", {"cache_key": "a/b", "data": {"n": 1}, "stored_at": WHEN, "expires_at": LATER})
    put(root / "cache/Key.1.json", {"cache_key": "Key.1", "data": {"n": 2}, "stored_at": WHEN, "expires_at": None})
    put(root / "system/s_1.json", {"state_key": "s_1", "data": {"n": 3}, "stored_at": WHEN})
    put(root / "system/s_1.20250601_120000.backup.json", {"state_key": "s_1", "data": {}, "stored_at": WHEN})


async def rows(file: FileBackend, family: Family, partial: bool = False) -> list[Row]:
    return await file.scan(Page(family, partial=partial))


async def found(file: FileBackend, family: Family) -> dict[Any, bytes]:
    return {row[KEY:] if len(row) > KEY + 1 else row[KEY]: row[BODY] for row in await rows(file, family)}


def test_a_connectome_tree_is_read_as_it_stands(tmp_path: Path) -> None:
    connectome_tree(tmp_path)

    async def check(file: FileBackend) -> None:
        whole = {name: b'{"n":"%b","z":null}' % name.encode() for name in ("Conv.001", "a/b", "plain")}
        assert await found(file, CONVERSATION) == whole
        assert await file.keys(Page(CONVERSATION, partial=True)) == [("Conv.001",), ("Only",), ("a/b",), ("plain",)]
        (row,) = await file.fetch(CONVERSATION, [("Conv.001",)])
        assert row is not None
        assert row[CREATED_AT] == THEN
        messages = await file.scan(Page(RAW_MESSAGE, ("a/b",)))
        assert messages[0][BODY] == b'{"role":"user","content":"hi"}'
        assert [m[CREATED_AT] for m in messages] == [THEN, milliseconds(LATER)]
        memories = await file.scan(Page(MEMORY))
        assert [m[-1] for m in memories] == ["m1", "m2"]
        assert memories[0][BODY] == orjson.dumps({"memory_id": "m1", "created_at": WHEN, "v": 2})
        assert await found(file, CHUNK_INFO) == {"plain": b'{"chunks":[1]}'}
        assert [c[BODY] for c in await file.scan(Page(REASONING_CHAIN, ("Agent X",)))][1].endswith(b'"c":2}')
        assert await found(file, CACHE) == {"a/b": b'{"n":1}', "Key.1": b'{"n":2}'}
        (entry, other) = await file.fetch(CACHE, [("a/b",), ("a_b",)])
        assert other is None
        assert entry is not None
        assert entry[EXPIRES_AT] == milliseconds(LATER)
        assert await found(file, STATE) == {"s_1": b'{"n":3}'}
        assert await file.verify() == []
        assert (await file.vitals(THEN)).counts["raw_message"] == 6

    with_store(tmp_path, check)


def test_the_first_write_makes_a_foreign_record_ours(tmp_path: Path) -> None:
    connectome_tree(tmp_path)

    async def check(file: FileBackend) -> None:
        (old,) = await file.fetch(CONVERSATION, [("Conv.001",)])
        assert old is not None
        writes = [
            Put(CONVERSATION, ("Conv.001",), b'{"n":1}', THEN + 9, expect=old[1]),
            Append(RAW_MESSAGE, ("a/b",), (b'{"n":2}',), THEN + 9),
            Put(MEMORY, ("Only", "m1"), b'{"n":3}', THEN + 9),
            Put(CACHE, ("a_b",), b'{"n":4}', THEN + 9),
            Append(REASONING_CHAIN, ("Agent X",), (b'{"n":5}',), THEN + 9),
        ]
        assert (await file.apply(writes))[1] == 2
        assert (await file.fetch(CONVERSATION, [("Conv.001",)]))[0][CREATED_AT] == THEN
        assert len(await file.scan(Page(RAW_MESSAGE, ("a/b",)))) == 3
        assert [m[BODY][:7] for m in await rows(file, MEMORY)] == [b'{"n":3}', b'{"memor']
        assert (await found(file, CACHE))["a/b"] == b'{"n":1}', "the file was taken over, its record moved"
        assert (await found(file, CACHE))["a_b"] == b'{"n":4}'
        await file.apply([Drop(CONVERSATION, ("a/b",), THEN), Drop(MEMORY, ("Only",), THEN)])
        keys = await file.keys(Page(CONVERSATION, partial=True))
        assert keys == [("Conv.001",), ("Only",), ("plain",)], "an owner outlives what it owned"
        assert await file.verify() == []

    with_store(tmp_path, check)
    assert b'"lodestore": 1' in (tmp_path / "conversations/Conv.001/current.json").read_bytes()
    assert not (tmp_path / "conversations/%43onv%2e001").exists()
    assert (tmp_path / "cache/a%2fb.json").exists()


def test_files_are_where_connectome_has_them_and_readable(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await file.apply(
            [
                Put(CONVERSATION, ("c",), b'{"b":1,"a":null}', THEN),
                Append(RAW_MESSAGE, ("c",), (b'{"role":"user"}',), THEN),
                Put(MEMORY, ("c", "m"), b'{"x":1}', THEN),
                Put(CHUNK_INFO, ("c",), b'{"_metadata":7}', THEN),
                Append(REASONING_CHAIN, ("g",), (b'{"step":1}',), THEN),
                Put(CACHE, ("k",), b'{"v":1}', THEN, THEN + 1000),
                Put(STATE, ("s",), b'{"v":1}', THEN),
                Put(RESULT, ("r",), b'{"v":1}', THEN),
            ]
        )

    with_store(tmp_path, check)
    names = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file() and ".lode" not in str(p))
    assert names == [
        "agents/g/.owner.json",
        "agents/g/reasoning_chains.json",
        "cache/k.json",
        "conversations/c/chunks.json",
        "conversations/c/current.json",
        "conversations/c/memories.json",
        "conversations/c/raw_messages.json",
        "results/r.json",
        "system/s.json",
    ]
    home = tmp_path / "conversations/c"
    current = orjson.loads((home / "current.json").read_bytes())
    assert list(current) == ["b", "a", "_storage_metadata"]
    assert current["_storage_metadata"]["conversation_id"] == "c"
    assert orjson.loads((home / "chunks.json").read_bytes())["data"] == {"_metadata": 7}
    memory = orjson.loads((home / "memories.json").read_bytes())
    assert memory["memories"] == [{"memory_id": "m", "created_at": "2025-06-01T12:00:00.000+00:00", "x": 1}]
    raw = (home / "raw_messages.json").read_text()
    assert raw.startswith('{\n  "messages": [\n    {\n      "role": "user"')
    assert orjson.loads(raw)["_metadata"]["message_count"] == 1
    entry = orjson.loads((tmp_path / "cache/k.json").read_bytes())
    assert list(entry) == ["cache_key", "data", "stored_at", "expires_at", "_metadata"]
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "conversations").rglob("*")}
    assert modes == {0o600, 0o700}


def test_long_ids_keep_their_true_name_inside(tmp_path: Path) -> None:
    long = ["é" * 500, "X" * 181, "X" * 182]

    async def check(file: FileBackend) -> None:
        await file.apply([Put(family, (name,), b"{}", THEN) for family in (CONVERSATION, CACHE) for name in long])
        assert await file.keys(Page(CONVERSATION)) == [(name,) for name in sorted(long)]
        assert await file.keys(Page(CACHE)) == [(name,) for name in sorted(long)]
        await file.apply([Drop(CONVERSATION, (long[0],), THEN)])
        path = next(p for p in (tmp_path / ".lodestore/backups/conversations").iterdir())
        await file.restore_backup(f"conversations/{path.name}/current.json")
        assert await file.keys(Page(CONVERSATION)) == [(name,) for name in sorted(long)]

    with_store(tmp_path, check)


def test_a_name_in_our_spelling_is_not_taken_for_a_raw_id(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await file.apply([Put(CONVERSATION, ("A",), b"{}", THEN), Put(CACHE, ("A",), b"{}", THEN)])
        assert await file.fetch(CONVERSATION, [("%41",)]) == [None]
        assert await file.fetch(CACHE, [("%41",)]) == [None]

    with_store(tmp_path, check)


def test_a_new_family_needs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = Family("note", ("user", "id"))
    trace = Family("trace", ("run", "position"), log=True)
    label = Family("label", ("conversation_id", "label"), owner="conversation")
    monkeypatch.setitem(families.CATALOGUE, "note", note)

    async def check(file: FileBackend) -> None:
        writes = [
            Put(note, ("U/1", "B"), b'{"n":1}', THEN),
            Put(note, ("U/1", "a"), b'{"n":2}', THEN),
            Append(trace, ("R 1",), (b'{"n":3}', b'{"n":4}'), THEN),
            Put(label, ("c", "b c\nd"), b'{"n":5}', THEN),
            Put(label, ("c", "a"), b'{"n":6}', THEN),
        ]
        await file.apply(writes)
        assert await found(file, note) == {("U/1", "B"): b'{"n":1}', ("U/1", "a"): b'{"n":2}'}
        assert await file.bodies(Page(note, ("U/1",), after=("B",))) == [b'{"n":2}']
        assert await file.keys(Page(trace)) == [("R 1", 0), ("R 1", 1)]
        assert await file.keys(Page(label, ("c",))) == [("c", "a"), ("c", "b c\nd")]
        assert await file.keys(Page(CONVERSATION, partial=True)) == [("c",)]
        await file.apply([Drop(note, ("U/1",), THEN), Drop(trace, ("R 1", 0), THEN)])
        assert await found(file, note) == {}
        assert await file.bodies(Page(trace)) == [b'{"n":4}']

    with_store(tmp_path, check)


BODIES = {
    CONVERSATION: b'{"a":1,"data":{"x":[null,"\\u0000"]}}',
    CHUNK_INFO: b'{"_metadata":{"lodestore":1}}',
    RAW_MESSAGE: b'{"role":"user"}',
    MEMORY: b'{"v":1.5}',
    REASONING_CHAIN: b"{}",
    CACHE: b'{"a":"b_c"}',
    STATE: b'{"data":{}}',
    RESULT: b'{"id":"r_1"}',
}


@pytest.mark.parametrize("family", BODIES, ids=lambda family: family.name)
@pytest.mark.parametrize("pretty", [True, False])
def test_any_flipped_bit_is_seen_or_harmless(tmp_path: Path, family: Family, pretty: bool) -> None:
    """Times and the version stand outside the checksum: a flip there changes them and nothing else."""
    where = layout.layout_of(family)
    key = ("k_1", *((3,) if family.log else ("m 1",) if len(family.key) > 1 else ()))
    group = key[: where.depth]
    body = BODIES[family]
    row = (body, 5, 11, 12, 13 if family.expires else None, 3 if family.placed else None, *key)
    content = file_formats.write(where, group, [row], pretty)
    accepted = 0
    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            (read,) = file_formats.read(where, group, bytes(flipped), "path")
        except CorruptError:
            continue
        accepted += 1
        assert read[BODY] == body
        assert read[KEY - 1 :] == row[KEY - 1 :], "key and place are under the checksum too"
    assert 0 < accepted < len(content) * 4


def test_flips_in_the_file_reach_the_caller(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await file.apply([Put(CACHE, ("a_b",), b'{"v":1}', THEN), Put(CACHE, ("c_d",), b'{"v":2}', THEN)])
        path = tmp_path / "cache/a_b.json"
        content = path.read_bytes()
        for bit in range(0, len(content) * 8, 3):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            outcome = (await asyncio.gather(file.fetch(CACHE, [("a_b",), ("c_d",)]), return_exceptions=True))[0]
            if isinstance(outcome, list):
                assert outcome[0] is not None
                assert outcome[0][BODY] == b'{"v":1}'
            else:
                assert isinstance(outcome, CorruptError)
                assert "cache/a_b.json" in str(outcome)
                assert len(await file.verify()) == 1

    with_store(tmp_path, check)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b'{"messages":5}', b'{"a":1}', b'{"messages":[1]}']
)
def test_torn_and_foreign_files_are_corrupt_never_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "conversations/c/raw_messages.json"

    async def check(file: FileBackend) -> None:
        await file.apply([Append(RAW_MESSAGE, ("c",), (b"{}",), THEN)])
        path.write_bytes(content)
        with pytest.raises(CorruptError, match=r"raw_message\('c'\).*raw_messages\.json"):
            await file.scan(Page(RAW_MESSAGE, ("c",)))
        with pytest.raises(CorruptError):
            await file.apply([Append(RAW_MESSAGE, ("c",), (b"{}",), THEN)])
        assert path.read_bytes() == content
        (problem,) = await file.verify()
        assert "raw_messages.json" in problem

    with_store(tmp_path, check)


def test_a_hand_may_edit_what_it_unseals(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await file.apply([Put(STATE, ("s",), b'{"v":1}', THEN), Append(RAW_MESSAGE, ("c",), (b'{"v":1}',), THEN)])
        for path in (tmp_path / "system/s.json", tmp_path / "conversations/c/raw_messages.json"):
            path.write_text(path.read_text().replace('"v": 1', '"v": 2'))
        for family in (STATE, RAW_MESSAGE):
            with pytest.raises(CorruptError, match="remove its crc32"):
                await file.scan(Page(family))
        state = orjson.loads((tmp_path / "system/s.json").read_bytes())
        del state["_metadata"]["crc32"]
        put(tmp_path / "system/s.json", state)
        raw = orjson.loads((tmp_path / "conversations/c/raw_messages.json").read_bytes())
        raw["_metadata"]["records"] = [
            " ".join(p for p in r.split() if "crc" not in p) for r in raw["_metadata"]["records"]
        ]
        put(tmp_path / "conversations/c/raw_messages.json", raw)
        assert await file.bodies(Page(STATE)) == await file.bodies(Page(RAW_MESSAGE)) == [b'{"v":2}']

    with_store(tmp_path, check)


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    put(secret, {"state_key": "s", "data": {"secret": 1}})
    root = tmp_path / "store"

    async def check(file: FileBackend) -> None:
        (root / "system").mkdir()
        (root / "system/s.json").symlink_to(secret)
        with pytest.raises(CorruptError):
            await file.fetch(STATE, [("s",)])
        (root / "system/t.json").symlink_to(secret)
        assert len(await file.verify()) == 2

    with_store(root, check)


def test_every_problem_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def check() -> None:
        for root in (tmp_path / "file", tmp_path / "file/below"):
            with pytest.raises(LodestoreError):
                await FileBackend(root).open()
        file = FileBackend(tmp_path / "s")
        await file.open()
        (tmp_path / "s/conversations/c/current.json").mkdir(parents=True)
        with pytest.raises(CorruptError):
            await file.apply([Put(CONVERSATION, ("c",), b"{}", THEN)])
        await file.apply([Copy(AGENT, (b"{}", 9, 1, 2, None, None, "g"))])
        assert (await file.vitals(THEN)).counts["agent"] == 1
        await file.close()

    asyncio.run(check())
    assert {family.name for family in FAMILIES} >= {"agent"}
