"""Hostile sources: cut, damaged, endless, not what they say. Each is reported where it stands and costs little."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import zstandard
from hypothesis import given, strategies as st

from lodestore.core.families import CONVERSATION, RAW_MESSAGE
from lodestore.core.records import Write
from lodestore.encoding.json_codec import encode
from lodestore.errors import CorruptError, InvalidInputError
from lodestore.transfer.importers import import_files, json_arrays, sources
from lodestore.transfer.importers.apply import MAX_LISTED
from tests.support.importer_box import NOW, Box, Watched, jsonl, talk, write


@pytest.fixture
def box() -> Box:
    return Box()


GOOD = json.dumps(talk("good", "x")).encode()
HOSTILE = {
    "not JSON": b"{oops}",
    "invalid UTF-8": b'{"id": "u", "messages": [{"content": "\xff\xfe"}]}',
    "half a pair": b'{"id": "u", "messages": [{"content": "\\ud800"}]}',
    "an array": b"[1, 2]",
    "no messages": b'{"id": "n"}',
    "messages of text": b'{"id": "n", "messages": ["x"]}',
    "messages of a map": b'{"id": "n", "messages": {"a": 1}}',
    "too deep": b'{"id": "d", "messages": [], "x": ' + b"[" * 300 + b"]" * 300 + b"}",
    "far too deep": b'{"id": "d", "messages": [], "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep and long": b'{"id": 1234567890123456789, "x": ' + b"[" * 99999 + b"]" * 99999 + b"}",
    "a long number": b'{"id": "n", "messages": [], "x": 123456789012345678901234567890}',
    "infinity": b'{"id": "n", "messages": [], "x": 1e999}',
    "not a number": b'{"id": "n", "messages": [], "x": NaN, "y": 12345678901234567890123}',
    "an empty id": b'{"id": "", "messages": []}',
    "a long id": b'{"id": "%s", "messages": []}' % (b"x" * 1025),
    "an id with NUL": b'{"id": "a\\u0000b", "messages": []}',
    "a true id": b'{"id": true, "messages": []}',
    "an id of a list": b'{"id": [1], "messages": []}',
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_bad_line_is_reported_and_the_rest_comes_in(box: Box, tmp_path: Path, line: bytes) -> None:
    after = json.dumps(talk("after", "y")).encode()
    report = box.take(write(tmp_path / "file.jsonl", b"\n".join([GOOD, b"", line, after])))
    assert (report.added, len(report.broken), report.ok) == (2, 1, False)
    assert report.broken[0].startswith("file.jsonl:3: ")
    assert box.ids() == ["after", "good"]
    assert len(box.rows(RAW_MESSAGE)) == 2


def test_big_whole_numbers_survive(box: Box, tmp_path: Path) -> None:
    big = talk("big", "1234567890123456789012345", n=2**64 - 1, m=-(2**63))
    box.take(jsonl(tmp_path / "a.jsonl", big))
    assert box.documents(CONVERSATION) == [{"id": "big", "n": 2**64 - 1, "m": -(2**63)}]


def test_a_line_above_the_cap_is_not_read_into_memory(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_TEXT", 1000)
    long = json.dumps(talk("long", "x" * 5_000_000)).encode()
    path = write(tmp_path / "file.jsonl", b"\n".join([GOOD, long, GOOD.replace(b"good", b"last")]))
    tracemalloc.start()
    report = box.take(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (report.added, [line[:13] for line in report.broken]) == (2, ["file.jsonl:2:"])
    assert peak < 3_000_000


def test_a_bomb_unfolds_in_small_steps() -> None:
    bomb = zstandard.compress(bytes(300_000_000), 19)
    tracemalloc.start()
    unpacked = sources.Input(io.BytesIO(bomb), "bomb")
    assert unpacked.read(10) == bytes(10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


def test_garbage_without_end_fills_no_memory(box: Box, tmp_path: Path) -> None:
    report = box.take(write(tmp_path / "a.jsonl", b"x\n" * (MAX_LISTED + 50)), format="openai-jsonl")
    assert (len(report.broken), report.omitted) == (MAX_LISTED, 50)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_cut_file_is_never_taken_for_a_shorter_one(box: Box, tmp_path: Path, pack: Any) -> None:
    noise = random.Random(1)
    text = b"".join(json.dumps(talk(str(n), noise.randbytes(500).hex())).encode() + b"\n" for n in range(1500))
    whole = pack(text)
    report = box.take(write(tmp_path / "a.jsonl", whole[:-3]))
    assert any("cut short" in line for line in report.broken)
    assert report.added > 0
    damaged = whole[:9000] + bytes(64) + whole[9064:]
    report = Box().take(write(tmp_path / "b.jsonl", damaged))
    assert report.broken


def test_a_damaged_file_does_not_stop_the_others(box: Box, tmp_path: Path) -> None:
    report = box.take(write(tmp_path / "a", gzip.compress(GOOD)[:12]), write(tmp_path / "b.jsonl", GOOD))
    assert (report.added, len(report.broken)) == (1, 1)
    damaged = write(tmp_path / "c.db", b"SQLite format 3\0" + b"\xff" * 5000)
    report = box.take(damaged, write(tmp_path / "b.jsonl", GOOD))
    assert (report.unchanged, len(report.broken)) == (1, 1)


def test_a_byte_order_mark_is_no_part_of_the_text(box: Box, tmp_path: Path) -> None:
    assert box.take(write(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + GOOD)).ok
    chats = json.dumps({"data": {"chats": [{"id": "x", "messages": []}]}}).encode()
    assert box.take(write(tmp_path / "b.json", b"\xef\xbb\xbf" + chats)).added == 1
    assert box.take(write(tmp_path / "c.json", b"\xef\xbb\xbf" + b'[{"chat_messages": [], "uuid": "y"}]')).added == 1


class Drops(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step = io.BytesIO(data), step

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(self._step)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(json_values), st.sampled_from([None, 1]), st.booleans(), st.integers(1, 20))
def test_an_array_in_drops_is_the_array(values: list[Any], indent: int | None, ascii: bool, step: int) -> None:
    text = json.dumps({"a": {"[": '{"'}, "b": {"c": 1, "d": values, "e": []}}, indent=indent, ensure_ascii=ascii)
    found = list(json_arrays.elements(cast(BinaryIO, Drops(text.encode(), step)), ("b", "d")))
    assert [index for index, _ in found] == list(range(len(values)))
    assert [json.loads(element) for _, element in found] == values


@given(st.lists(json_values, min_size=1), st.data())
def test_an_array_cut_anywhere_is_corrupt(values: list[Any], data: st.DataObject) -> None:
    text = json.dumps(values).encode()
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises((CorruptError, InvalidInputError)):
        assert [sources.parse(element) for _, element in json_arrays.elements(io.BytesIO(cut))] != values


@pytest.mark.parametrize("text", [b"[1 2]", b"[,]", b"[1,]", b"{}", b"", b"[}", b"[{};{}]", b'["a" "b"]'])
def test_what_is_no_array_is_corrupt(text: bytes) -> None:
    with pytest.raises(CorruptError):
        list(json_arrays.elements(io.BytesIO(text)))


def test_an_element_above_the_cap_ends_the_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_arrays, "MAX_TEXT", 1_000_000)
    endless = io.BytesIO(b'["' + b"x" * 20_000_000)
    with pytest.raises(CorruptError, match="longer than the limit"):
        list(json_arrays.elements(endless))
    assert endless.tell() < 4_000_000


class Bottomless(Watched):
    """Takes everything and keeps nothing, so that what is measured is the import alone."""

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        self.applied.append(len(writes))
        return [0] * len(writes)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["openai-jsonl", "chatgpt"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, form: str) -> None:
    peaks = [_peak(tmp_path, form, megabytes) for megabytes in (6, 24)]
    assert peaks[1] < 10_000_000
    assert peaks[1] < peaks[0] * 1.5


def _peak(folder: Path, form: str, megabytes: int) -> int:
    path = folder / f"{form}-{megabytes}"
    with open(path, "wb") as file:
        file.write(b"[" if form == "chatgpt" else b"")
        for number in range(megabytes * 10):
            file.write(_conversation(form, number) + (b",\n" if form == "chatgpt" else b"\n"))
        file.write(b'{"id": "z", "mapping": {}}]' if form == "chatgpt" else b"")
    backend = Bottomless()
    asyncio.run(backend.open())
    tracemalloc.start()
    report = asyncio.run(import_files(backend, [path], now=NOW))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.ok
    assert report.added >= megabytes * 10
    assert max(backend.applied) <= 8200
    return peak


def _conversation(form: str, number: int) -> bytes:
    messages = [{"role": "user", "content": f"{number} \\ {n} [" + "word " * 190} for n in range(100)]
    if form == "openai-jsonl":
        return encode({"id": str(number), "messages": messages})
    nodes = {str(n): {"parent": str(n - 1), "message": message} for n, message in enumerate(messages)}
    return encode({"id": str(number), "mapping": nodes, "current_node": "99"})
