"""Every format comes in with nothing lost, twice is as good as once, and what differs is never mixed."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from lodestore.core.clock import milliseconds
from lodestore.core.families import CONVERSATION, RAW_MESSAGE
from lodestore.core.records import CREATED_AT, KEY, WRITTEN_AT, Append, Drop
from lodestore.encoding.json_codec import encode
from lodestore.errors import InvalidInputError
from lodestore.transfer.importers import FORMATS
from tests.support.importer_box import NOW, OLD, Box, jsonl, talk, write


@pytest.fixture
def box() -> Box:
    return Box()


CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
TOOLS = {
    "model": "m",
    "id": "tools",
    "reward": None,
    "started_at": "2024-05-15T15:00:00Z",
    "messages": [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": ""},
    ],
}


class TestOpenAI:
    def test_everything_is_kept(self, box: Box, tmp_path: Path) -> None:
        report = box.take(jsonl(tmp_path / "a.jsonl", TOOLS))
        assert (report.added, report.records, report.ok) == (1, 3, True)
        assert report.families == {"conversation": 1, "raw_message": 2}
        (document,) = box.documents(CONVERSATION)
        assert list(document) == ["model", "id", "reward", "started_at"]
        assert box.documents(RAW_MESSAGE, "tools") == TOOLS["messages"]

    def test_a_record_is_as_old_as_it_says(self, box: Box, tmp_path: Path) -> None:
        spoken = {"id": "spoken", "messages": [{"content": "x"}, {"content": "y", "ts": OLD + 5}]}
        stamped = {"id": "ms", "createdAt": (OLD + 7) * 1000, "messages": []}
        later = {"id": "later", "created_at": "2999-01-01T00:00:00Z", "messages": []}
        box.take(jsonl(tmp_path / "a.jsonl", TOOLS, talk("silent", "x"), spoken, stamped, later))
        ages = {row[KEY]: row[CREATED_AT] for row in box.rows(CONVERSATION)}
        assert ages == {
            "tools": milliseconds("2024-05-15T15:00:00Z"),
            "silent": OLD * 1000,
            "spoken": (OLD + 5) * 1000,
            "ms": (OLD + 7) * 1000,
            "later": NOW,
        }
        assert {row[WRITTEN_AT] for row in box.rows(RAW_MESSAGE, "spoken")} == {(OLD + 5) * 1000}

    def test_ids_are_made_from_numbers_and_from_the_content(self, box: Box, tmp_path: Path) -> None:
        nameless = {"messages": [{"content": "x"}]}
        report = box.take(jsonl(tmp_path / "a.jsonl", talk(7, "x"), nameless, nameless))
        assert (report.added, report.unchanged) == (2, 1)
        made = "openai-" + hashlib.sha256(encode(nameless)).hexdigest()[:16]
        assert box.ids() == ["7", made]

    def test_one_file_gives_equal_stores(self, tmp_path: Path) -> None:
        path = jsonl(tmp_path / "a.jsonl", TOOLS, talk("b", "x"))
        boxes = Box(), Box()
        for box in boxes:
            box.take(path)
        assert boxes[0].exported() == boxes[1].exported()


class TestAgain:
    def test_a_second_run_writes_nothing(self, box: Box, tmp_path: Path) -> None:
        path = jsonl(tmp_path / "a.jsonl", TOOLS, talk("b", "x"), talk("empty"))
        box.take(path)
        before, box.backend.applied = box.exported(), []
        report = box.take(path)
        assert (report.added, report.updated, report.unchanged, report.records) == (0, 0, 3, 0)
        assert box.backend.applied == []
        assert box.exported() == before

    def test_a_grown_conversation_gets_its_tail(self, box: Box, tmp_path: Path) -> None:
        box.take(jsonl(tmp_path / "a.jsonl", talk("a", "1", "2")))
        report = box.take(jsonl(tmp_path / "b.jsonl", talk("a", "1", "2", "3", "4")))
        assert (report.updated, report.records, report.ok) == (1, 2, True)
        assert [m["content"] for m in box.documents(RAW_MESSAGE, "a")] == ["1", "2", "3", "4"]

    def test_a_shorter_one_changes_nothing(self, box: Box, tmp_path: Path) -> None:
        box.take(jsonl(tmp_path / "a.jsonl", talk("a", "1", "2", "3")))
        for contents in (["1", "2"], []):
            report = box.take(jsonl(tmp_path / "b.jsonl", talk("a", *contents)))
            assert (report.unchanged, report.records, report.ok) == (1, 0, True)

    @pytest.mark.parametrize("other", [talk("a", "1", "other"), talk("a", "1", "2", title="other")])
    def test_what_differs_is_a_conflict(self, box: Box, tmp_path: Path, other: Any) -> None:
        box.take(jsonl(tmp_path / "a.jsonl", talk("a", "1", "2", "3")))
        before = box.exported()
        path = jsonl(tmp_path / "b.jsonl", other, talk("b", "x"))
        report = box.take(path)
        assert (report.added, report.ok, len(report.conflicts)) == (1, False, 1)
        assert report.conflicts[0].startswith("b.jsonl:1: conversation('a')")
        assert box.exported().startswith(before[:40])
        assert [m["content"] for m in box.documents(RAW_MESSAGE, "a")] == ["1", "2", "3"]
        report = box.take(path, on_conflict="overwrite")
        assert (report.updated, report.unchanged, report.ok) == (1, 1, True)
        assert "other" in json.dumps(box.documents(RAW_MESSAGE, "a") + box.documents(CONVERSATION, "a"))
        assert box.take(path).unchanged == 2 or other.get("title")

    def test_overwriting_a_longer_one_leaves_no_mix(self, box: Box, tmp_path: Path) -> None:
        box.take(jsonl(tmp_path / "a.jsonl", talk("a", "1", "2", "3")))
        box.take(jsonl(tmp_path / "b.jsonl", talk("a", "1", "x")), on_conflict="overwrite")
        assert [m["content"] for m in box.documents(RAW_MESSAGE, "a")] == ["1", "x"]

    @pytest.mark.parametrize("gone", [0, 1])
    def test_a_log_with_a_hole_is_a_conflict(self, box: Box, tmp_path: Path, gone: int) -> None:
        path = jsonl(tmp_path / "a.jsonl", talk("a", "1", "2", "3"))
        box.take(path)
        asyncio.run(box.backend.apply([Drop(RAW_MESSAGE, ("a", gone), NOW)]))
        assert len(box.take(path).conflicts) == 1
        assert len(box.rows(RAW_MESSAGE)) == 2
        assert box.take(path, on_conflict="overwrite").ok
        assert [m["content"] for m in box.documents(RAW_MESSAGE, "a")] == ["1", "2", "3"]

    def test_a_log_that_begins_later_is_a_conflict(self, box: Box, tmp_path: Path) -> None:
        box.take(jsonl(tmp_path / "a.jsonl", talk("a", *map(str, range(9)))))
        asyncio.run(box.backend.apply([Drop(RAW_MESSAGE, ("a", position), NOW) for position in range(6)]))
        assert len(box.take(jsonl(tmp_path / "b.jsonl", talk("a", "0", "1"))).conflicts) == 1
        assert len(box.rows(RAW_MESSAGE)) == 3

    def test_both_states_of_a_conversation_in_one_file(self, box: Box, tmp_path: Path) -> None:
        report = box.take(jsonl(tmp_path / "a.jsonl", talk("a", "1"), talk("a", "1", "2"), talk("a", "1")))
        assert (report.added, report.updated, report.unchanged, report.records) == (1, 1, 1, 3)

    def test_a_document_fills_a_conversation_that_had_none(self, box: Box, tmp_path: Path) -> None:
        body = encode({"role": "user", "content": "1"})
        asyncio.run(box.backend.apply([Append(RAW_MESSAGE, ("a",), (body,), 5)]))
        report = box.take(jsonl(tmp_path / "a.jsonl", talk("a", "1", "2")))
        assert (report.added, report.updated, report.records) == (0, 1, 2)
        assert box.documents(CONVERSATION) == [{"id": "a"}]


def node(name: str, parent: str | None, text: str | None, *children: str) -> dict[str, Any]:
    message = None if text is None else {"id": name, "author": {"role": "user"}, "content": {"parts": [text]}}
    return {"id": name, "message": message, "parent": parent, "children": [*children]}


def chatgpt(**more: Any) -> dict[str, Any]:
    nodes = [
        node("root", None, None, "a"),
        node("a", "root", "question", "b", "c"),
        node("b", "a", "dead answer"),
        node("c", "a", "live answer"),
    ]
    mapping = {entry["id"]: entry for entry in nodes}
    tree = {"title": 'a "mapping": of {[', "create_time": OLD + 0.5, "mapping": mapping, "current_node": "c"}
    return {**tree, "id": "gpt", **more}


class TestChatGPT:
    def test_the_live_branch_and_the_rest(self, box: Box, tmp_path: Path) -> None:
        path = write(tmp_path / "conversations.json", json.dumps([chatgpt(), chatgpt(id="two")]))
        assert box.take(path).added == 2
        assert [m["content"]["parts"] for m in box.documents(RAW_MESSAGE, "gpt")] == [["question"], ["live answer"]]
        document = box.documents(CONVERSATION, "gpt")[0]
        messages = iter(box.documents(RAW_MESSAGE, "gpt"))
        whole = {
            name: entry if "message" in entry else {**entry, "message": next(messages)}
            for name, entry in document["mapping"].items()
        }
        assert {**document, "mapping": whole} == chatgpt()
        assert box.rows(CONVERSATION, "gpt")[0][CREATED_AT] == OLD * 1000 + 500

    def test_a_loop_is_broken_and_the_rest_comes_in(self, box: Box, tmp_path: Path) -> None:
        looped = chatgpt(id="loop")
        looped["mapping"]["root"]["parent"] = "c"
        path = write(tmp_path / "c.json", json.dumps([looped, {"no": "mapping"}, chatgpt()], indent=1))
        report = box.take(path)
        assert box.ids() == ["gpt"]
        assert [line.split(":")[0] for line in report.broken] == ["c.json[0]", "c.json[1]"]

    def test_a_syntax_error_ends_the_file(self, box: Box, tmp_path: Path) -> None:
        text = json.dumps([chatgpt(), chatgpt(id="two")])
        report = box.take(write(tmp_path / "c.json", text[:-30]))
        assert box.ids() == ["gpt"]
        assert len(report.broken) == 1
        assert "element 1" in report.broken[0]


def test_what_is_said_in_a_text_tells_no_format(box: Box, tmp_path: Path) -> None:
    export = {"uuid": "u", "name": 'the "mapping": of "chats":', "chat_messages": []}
    assert box.take(write(tmp_path / "c.json", json.dumps([export]))).added == 1


def test_a_single_line_is_told_by_the_name_of_its_file(box: Box, tmp_path: Path) -> None:
    line = '{"messages": [{"content": "x"}]}'
    assert box.take(write(tmp_path / "one.json", line), write(tmp_path / "two.jsonl", line)).added == 2
    assert [name.partition("-")[0] for name in box.ids()] == ["one", "openai"]


def test_claude(box: Box, tmp_path: Path) -> None:
    messages = [
        {"uuid": "m", "sender": "human", "text": "hi", "content": [{"type": "text", "text": "hi"}], "files": []}
    ]
    export = {"uuid": "u", "name": "", "created_at": "2024-01-02T03:04:05.678901Z", "chat_messages": messages}
    report = box.take(write(tmp_path / "conversations.json", json.dumps([export])))
    assert report.added == 1
    assert box.documents(CONVERSATION) == [{name: export[name] for name in ("uuid", "name", "created_at")}]
    assert box.documents(RAW_MESSAGE, "u") == messages
    assert box.rows(CONVERSATION)[0][CREATED_AT] == milliseconds("2024-01-02T03:04:05.678Z")


SUMMARY = {"type": "summary", "summary": "s", "leafUuid": "x"}


def said(session: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "user", "timestamp": "2025-01-01T00:00:00Z", "sessionId": session, "message": text, **more}


class TestClaudeCode:
    def test_every_line_in_order(self, box: Box, tmp_path: Path) -> None:
        lines = [SUMMARY, said("s", "1"), said("s", "2")]
        box.take(jsonl(tmp_path / "file.jsonl", *lines))
        assert box.ids() == ["s"]
        assert box.documents(RAW_MESSAGE, "s") == lines
        assert box.rows(CONVERSATION)[0][CREATED_AT] == milliseconds("2025-01-01T00:00:00Z")
        assert box.take(jsonl(tmp_path / "file.jsonl", *lines, said("s", "3"))).updated == 1

    def test_the_file_names_a_resumed_session_and_a_helper(self, box: Box, tmp_path: Path) -> None:
        box.take(jsonl(tmp_path / "new.jsonl", said("old", "1"), said("new", "2")))
        box.take(jsonl(tmp_path / "agent-1.jsonl", said("old", "1", isSidechain=True)))
        box.take(jsonl(tmp_path / "nameless.jsonl", SUMMARY))
        assert box.ids() == ["agent-1", "nameless", "new"]

    def test_a_document_of_loglines(self, box: Box, tmp_path: Path) -> None:
        entries = [{"type": "user", "timestamp": "2025-01-01T00:00:00Z", "message": {"role": "user"}}]
        box.take(write(tmp_path / "run.json", json.dumps({"title": "t", "loglines": entries}, indent=2)))
        assert (box.ids(), box.documents(CONVERSATION)) == (["run"], [{"title": "t"}])
        assert box.documents(RAW_MESSAGE, "run") == entries

    def test_a_broken_line_is_left_out(self, box: Box, tmp_path: Path) -> None:
        path = jsonl(tmp_path / "s.jsonl", said("s", "1"))
        write(path, path.read_bytes() + b"{oops\n" + json.dumps(said("s", "2")).encode())
        report = box.take(path)
        assert len(box.rows(RAW_MESSAGE, "s")) == 2
        assert report.broken[0].startswith("s.jsonl:2: not JSON")


CHAT: dict[str, Any] = {
    "id": "chat",
    "model": "m",
    "chatID": "other",
    "preview": "",
    "createdAt": "2024-01-01T00:00:00.000Z",
    "deletedAt": None,
    "chatParams": {"maxTokens": "4000", "topP": None},
    "linkedPlugins": [],
}


class TestTypingcloud:
    def test_exactly_the_same_fields(self, box: Box, tmp_path: Path) -> None:
        messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": [{"text": "b", "type": "text"}]}]
        chats = [{**CHAT, "messages": messages}, {"chatID": "two", "messages": []}, {"messages": []}]
        text = json.dumps({"version": {"a": [1]}, "data": {"folders": [], "chats": chats, "n": 1}}, indent=1)
        report = box.take(write(tmp_path / "export.json", text))
        assert box.ids() == ["chat", "two"]
        (document,) = box.documents(CONVERSATION, "chat")
        assert list(document.items()) == list(CHAT.items())
        assert box.documents(RAW_MESSAGE, "chat") == messages
        assert len(report.broken) == 1
        assert report.broken[0].startswith("export.json[2]: ")

    @pytest.mark.parametrize("indent", [None, 2])
    def test_one_conversation_is_named_by_its_file(self, box: Box, tmp_path: Path, indent: int | None) -> None:
        path = write(tmp_path / "one.json", json.dumps({"messages": [{"content": "x"}]}, indent=indent))
        box.take(path)
        assert (box.ids(), box.documents(CONVERSATION)) == (["one"], [{}])


class TestSources:
    @pytest.mark.parametrize("pack", [gzip.compress, lambda d: b"".join(map(zstandard.compress, (d[:50], d[50:])))])
    def test_packed_files_are_known_by_their_content(self, box: Box, tmp_path: Path, pack: Any) -> None:
        text = jsonl(tmp_path / "a.jsonl", TOOLS, talk("b", "x")).read_bytes()
        assert box.take(write(tmp_path / "noname", pack(text))).added == 2

    def test_standard_input(self, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        text = json.dumps(talk("a", "x")).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert box.take("-").added == 1
        assert box.rows(CONVERSATION)[0][CREATED_AT] == NOW

    def test_several_files_in_order_with_progress(self, box: Box, tmp_path: Path) -> None:
        paths = [jsonl(tmp_path / f"{n}.jsonl", talk(str(n), "x")) for n in range(3)]
        told: list[tuple[int, int | None, str]] = []
        report = box.take(*paths, progress=lambda *step: told.append(step))
        total = sum(path.stat().st_size for path in paths)
        assert report.bytes == total
        assert told[-1] == (total, total, "")
        assert [label for _, _, label in told] == ["0.jsonl", "1.jsonl", "2.jsonl", ""]
        assert told == sorted(told, key=lambda step: step[0])

    @pytest.mark.parametrize("text", ["", " \n\n", "[]"])
    def test_an_empty_file_is_fine(self, box: Box, tmp_path: Path, text: str) -> None:
        report = box.take(write(tmp_path / "empty", text))
        assert (report.ok, report.records) == (True, 0)

    @pytest.mark.parametrize("text", ["hello", '{"a": 1}', '[{"text": "x"}]', '{"type": "x"}', "\x89PNG\r\n", "12"])
    def test_what_is_no_format_is_refused(self, box: Box, tmp_path: Path, text: str) -> None:
        good = jsonl(tmp_path / "good.jsonl", TOOLS)
        with pytest.raises(InvalidInputError, match=r"openai-jsonl.*connectome-tree"):
            box.take(good, write(tmp_path / "x", text))
        assert box.ids() == []

    def test_wrong_calls_are_refused(self, box: Box, tmp_path: Path) -> None:
        path = jsonl(tmp_path / "a.jsonl", TOOLS)
        for options in ({"format": "csv"}, {"on_conflict": "merge"}, {"format": "connectome-tree"}):
            with pytest.raises(InvalidInputError):
                box.take(path, **options)
        for missing in (tmp_path / "none", tmp_path):
            with pytest.raises(InvalidInputError):
                box.take(missing)
        assert box.take(path, format="openai-jsonl").added == 1
        assert FORMATS[0] == "auto"


@pytest.mark.slow
def test_recorded_transcripts(box: Box, data_dir: Path) -> None:
    path = data_dir / "agent_transcripts.jsonl.zst"
    first = box.take(path)
    assert (first.added, first.ok, len(box.ids())) == (2534, True, 2534)
    box.backend.applied = []
    second = box.take(path)
    assert (second.unchanged, second.records, box.backend.applied) == (2534, 0, [])
