"""An export is the store: imported into an empty one and exported again it gives the same bytes."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import zstandard
from hypothesis import given, strategies as st

from lodestore.core.families import (
    CACHE,
    CATALOGUE,
    CONVERSATION,
    FAMILIES,
    MEMORY,
    RAW_MESSAGE,
    RESERVED,
    STATE,
    Family,
)
from lodestore.core.records import BODY, CREATED_AT, KEY, LAST_PLACE, Append, Copy, Drop, Key, Put, Write
from lodestore.encoding.json_codec import encode
from lodestore.errors import InvalidInputError, StorageFullError, UnavailableError
from lodestore.transfer.export import HEADER, export, open_output
from tests.support.importer_box import NOW, Box, jsonl, talk, write

names = st.sampled_from(["a", "b", "a/b", "ü", "\U0001f600", "x" * 200])
bodies = st.recursive(
    st.sampled_from([None, True, -0.0, 1e16, 5e-324, -(2**63), 2**64 - 1]) | st.floats(-9, 9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
documents = st.dictionaries(st.text(max_size=5), bodies, max_size=3).map(encode)
times = st.integers(0, NOW)


@st.composite
def writes(draw: st.DrawFn) -> Write:
    family = draw(st.sampled_from(FAMILIES))
    prefix: Key = tuple(draw(names) for _ in family.key[: -1 if family.log else None])
    at, body = draw(times), draw(documents)
    if draw(st.integers(0, 9)) == 0:
        return Drop(family, prefix[:1], at)
    if family.log:
        return Append(family, prefix, (body, *draw(st.lists(documents, max_size=3))), at)
    expires_at = draw(st.none() | st.integers(NOW - 5, 2**53)) if family.expires else None
    if draw(st.booleans()):
        place = draw(st.integers(0, LAST_PLACE)) if family.arrival else None
        return Copy(family, (body, None, draw(st.integers(0, at)), at, expires_at, place, *prefix))
    return Put(family, prefix, body, at, expires_at)


def apply(box: Box, *batch: Write) -> None:
    asyncio.run(box.backend.apply(batch))


def exported(box: Box, **options: Any) -> bytes:
    out = io.BytesIO()
    asyncio.run(export(box.backend, out, now=NOW, **options))
    return out.getvalue()


def restored(data: bytes, path: Path, **options: Any) -> Box:
    box = Box()
    report = box.take(write(path, data), **options)
    assert report.ok, report
    return box


@given(st.lists(writes(), max_size=12))
def test_import_is_the_inverse_of_export(tmp_path_factory: pytest.TempPathFactory, batch: list[Write]) -> None:
    box = Box()
    for one in batch:
        apply(box, one)
    data = exported(box)
    path = tmp_path_factory.getbasetemp() / "export.jsonl"
    again = restored(data, path)
    assert exported(again) == data
    again.backend.applied = []
    report = again.take(path)
    assert (report.ok, report.records, again.backend.applied) == (True, 0, [])


def put(family: Family, *key: str, at: int = 5, expires_at: int | None = None, **document: Any) -> Put:
    return Put(family, key, encode(document), at, expires_at)


def said(*contents: str, key: str = "c", at: int = 5) -> Append:
    return Append(RAW_MESSAGE, (key,), tuple(encode({"content": content}) for content in contents), at)


@pytest.fixture
def box() -> Box:
    box = Box()
    apply(box, said("1", "2"), put(CONVERSATION, "d", n=1), put(MEMORY, "c", "m"), put(CACHE, "k", expires_at=NOW + 1))
    apply(box, put(CACHE, "dead", expires_at=NOW), put(CATALOGUE["state"], "s", on=True))
    return box


class TestLines:
    def test_the_form(self, box: Box) -> None:
        lines = exported(box).splitlines(keepends=True)
        assert lines[0] == HEADER == b'{"lodestore":"export","version":1}\n'
        assert lines[1:] == [
            b'{"family":"conversation","key":["c"],"created_at":5,"written_at":5,"body":null}\n',
            b'{"family":"conversation","key":["d"],"created_at":5,"written_at":5,"body":{"n":1}}\n',
            b'{"family":"raw_message","key":["c",0],"created_at":5,"written_at":5,"place":0,"body":{"content":"1"}}\n',
            b'{"family":"raw_message","key":["c",1],"created_at":5,"written_at":5,"place":1,"body":{"content":"2"}}\n',
            b'{"family":"memory","key":["c","m"],"created_at":5,"written_at":5,"place":0,"body":{}}\n',
            b'{"family":"cache","key":["k"],"created_at":5,"written_at":5,"expires_at":%d,"body":{}}\n' % (NOW + 1),
            b'{"family":"state","key":["s"],"created_at":5,"written_at":5,"body":{"on":true}}\n',
        ]

    def test_families_and_figures(self, box: Box) -> None:
        out, told = io.BytesIO(), []
        chosen = ["memory", "conversation"]
        report = asyncio.run(
            export(box.backend, out, now=NOW, families=chosen, progress=lambda *step: told.append(step))
        )
        assert (report.records, report.bytes) == (3, len(out.getvalue()))
        assert report.families == {"conversation": 2, "memory": 1}
        assert [label for _, _, label in told] == ["conversation", "memory"]
        assert told[-1][:2] == (report.bytes, None)

    def test_wrong_names_are_refused(self, box: Box) -> None:
        for options in ({"families": ["messages"]}, {"format": "xml"}):
            with pytest.raises(InvalidInputError):
                exported(box, **options)

    def test_many_pages_of_rows_of_all_sizes(self, tmp_path: Path) -> None:
        box = Box()
        apply(box, said(*(str(n) * (1 + n % 7 * 40_000) for n in range(150)), *map(str, range(700))))
        data = exported(box)
        assert len(data.splitlines()) == 852
        assert exported(restored(data, tmp_path / "x")) == data


class TestOpenAI:
    def test_conversations_with_their_messages(self, box: Box) -> None:
        apply(box, put(CONVERSATION, "e", id=7, title="t"), said("x", key="e"))
        apply(box, put(CONVERSATION, "f", messages=[1]), put(CONVERSATION, "g", messages=[1]), said("y", key="g"))
        lines = [json.loads(line) for line in exported(box, format="openai-jsonl").splitlines()]
        assert lines == [
            {"id": "c", "messages": [{"content": "1"}, {"content": "2"}]},
            {"id": "d", "n": 1, "messages": []},
            {"id": 7, "title": "t", "messages": [{"content": "x"}]},
            {"id": "f", "messages": [1]},
            {"id": "g", "messages": [{"content": "y"}]},
        ]
        assert list(lines[1]) == ["id", "n", "messages"]

    def test_what_came_in_goes_out(self, tmp_path: Path) -> None:
        path = jsonl(tmp_path / "a.jsonl", *(talk(str(n), *map(str, range(n * 30)), model="m") for n in range(1, 9)))
        box = Box()
        box.take(path)
        out = exported(box, format="openai-jsonl")
        assert [json.loads(line) for line in out.splitlines()] == [
            json.loads(line) for line in path.read_bytes().splitlines()
        ]


class TestInto:
    """An export into a store that holds something already."""

    def test_the_tail_of_a_log_is_added(self, box: Box, tmp_path: Path) -> None:
        data = exported(box)
        shorter = Box()
        apply(shorter, said("1"))
        assert shorter.take(write(tmp_path / "x", data)).ok
        assert exported(shorter) == data

    def test_a_conflict_leaves_the_conversation_alone(self, box: Box, tmp_path: Path) -> None:
        other = Box()
        apply(other, said("1", "other"), put(CONVERSATION, "d", n=2))
        before = [other.rows(family) for family in (RAW_MESSAGE, MEMORY)]
        path = write(tmp_path / "x.jsonl", exported(box))
        report = other.take(path)
        assert [line.split(": ")[1] for line in report.conflicts] == ["conversation('d')", "raw_message('c', 1)"]
        assert [other.rows(family) for family in (RAW_MESSAGE, MEMORY)] == before
        assert len(other.rows(CACHE)) == 1
        assert other.take(path, on_conflict="overwrite").ok
        assert exported(other) == exported(box)

    def test_overwriting_mixes_no_two_logs(self, box: Box, tmp_path: Path) -> None:
        other = Box()
        apply(other, said("x", "2", "3", "4"))
        path = write(tmp_path / "x.jsonl", exported(box))
        assert other.take(path, on_conflict="overwrite").ok
        assert other.documents(RAW_MESSAGE) == [{"content": "1"}, {"content": "2"}]

    def test_what_has_expired_since_stays_out(self, box: Box, tmp_path: Path) -> None:
        data = exported(box).replace(b'"expires_at":%d' % (NOW + 1), b'"expires_at":%d' % NOW)
        report = Box().take(write(tmp_path / "x", data))
        assert (report.ok, report.expired, report.families["cache"]) == (True, 1, 0)


ROW = {"family": "conversation", "key": ["c"], "created_at": 5, "written_at": 5, "body": {}}
LOG = {**ROW, "family": "raw_message", "key": ["c", 0], "place": 0}
WRONG: dict[str, Any] = {
    "family": {**ROW, "family": "messages"},
    "family of a list": {**ROW, "family": []},
    "key": {**ROW, "key": "c"},
    "short key": {**LOG, "key": ["c"]},
    "key of numbers": {**ROW, "key": [1]},
    "empty id": {**ROW, "key": [""]},
    "position": {**LOG, "key": ["c", -1]},
    "true position": {**LOG, "key": ["c", True], "place": True},
    "place": {**LOG, "place": 1},
    "no place": {**LOG, "place": None},
    "time": {**ROW, "created_at": 1.5},
    "no time": {**ROW, "written_at": None},
    "the future": {**ROW, "written_at": NOW + 2 * 86_400_000},
    "expiry": {**ROW, "family": "cache", "expires_at": "x"},
    "body": {**ROW, "body": []},
    "no body": {name: ROW[name] for name in ROW if name != "body"},
    "null body": {**ROW, "family": "state", "body": None},
    "no object": [],
}


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_row_is_broken(tmp_path: Path, row: Any) -> None:
    box = Box()
    good = [{**ROW, "key": ["good"]}, {**ROW, "key": ["last"]}]
    lines = [json.dumps(record).encode() for record in (good[0], row, good[1])]
    report = box.take(write(tmp_path / "x", HEADER + b"\n".join(lines)))
    assert [line[:5] for line in report.broken] == ["x:3: "]
    assert box.ids() == ["good", "last"]


@pytest.mark.parametrize("key", RESERVED)
def test_what_is_reserved_does_not_come_in(tmp_path: Path, key: str) -> None:
    box = Box()
    mark = {"family": "state", "key": [key], "created_at": 1, "written_at": 1, "body": {}}
    lines = [json.dumps(record).encode() for record in (mark, {**mark, "key": ["mine"]})]
    report = box.take(write(tmp_path / "x", HEADER + b"\n".join(lines)))
    assert [("reserved" in line, line[:5]) for line in report.broken] == [(True, "x:2: ")]
    assert [row[KEY] for row in box.rows(STATE)] == ["mine"]


@pytest.mark.parametrize("header", ['{"lodestore":"export","version":2}', '{"lodestore":"backup"}', '{"a":1', "[]"])
def test_another_header_is_broken(tmp_path: Path, header: str) -> None:
    box = Box()
    report = box.take(write(tmp_path / "x", header + "\n" + json.dumps(ROW)), format="lodestore")
    assert (len(report.broken), box.ids()) == (1, [])


def unzstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


class TestOutput:
    @pytest.mark.parametrize(
        ("ending", "unpack"),
        [
            ("", bytes),
            (".gz", gzip.decompress),
            (".zst", unzstd),
        ],
    )
    def test_packed_as_the_name_ends(self, box: Box, tmp_path: Path, ending: str, unpack: Any) -> None:
        for name in ("one", "two"):
            with open_output(tmp_path / (name + ending)) as out:
                asyncio.run(export(box.backend, out, now=NOW))
        data = (tmp_path / ("one" + ending)).read_bytes()
        assert unpack(data) == exported(box)
        assert ending != ".gz" or data[3:8] == bytes(5)  # no name, no time
        assert data == (tmp_path / ("two" + ending)).read_bytes()
        assert exported(restored(data, tmp_path / "again")) == exported(box)

    def test_a_failed_export_leaves_what_was_there(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.zst", b"before")
        with pytest.raises(KeyError), open_output(path) as out:
            _write_and_fail(out)
        assert path.read_bytes() == b"before"
        assert os.listdir(tmp_path) == ["x.zst"]

    def test_standard_output_and_devices_stay_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        screen = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen))
        with open_output("-") as out:
            out.write(b"x")
        assert screen.getvalue() == b"x"
        with open_output("/dev/null") as out:
            out.write(b"x")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)

    def test_failures_are_ours(self, box: Box, tmp_path: Path) -> None:
        with pytest.raises(UnavailableError), open_output(tmp_path / "none" / "x"):
            raise AssertionError("opened")
        with pytest.raises(StorageFullError), open("/dev/full", "wb", buffering=0) as out:
            asyncio.run(export(box.backend, out, now=NOW))
        with pytest.raises(StorageFullError), open_output("/dev/full") as out:
            asyncio.run(export(box.backend, out, now=NOW))


def _write_and_fail(out: BinaryIO) -> None:
    out.write(b"half")
    raise KeyError


def test_ages_survive(box: Box, tmp_path: Path) -> None:
    again = restored(exported(box), tmp_path / "x")
    assert [row[CREATED_AT] for row in again.rows(RAW_MESSAGE)] == [5, 5]
    assert not again.rows(CONVERSATION, "c")[0][BODY]
