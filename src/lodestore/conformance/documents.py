"""Document laws: what is loaded equals what was stored; what would not is rejected."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Awaitable, Callable, Coroutine
from copy import deepcopy
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from ..core.clock import iso
from ..encoding.json_codec import MAX_BODY, MAX_DEPTH
from ..errors import InvalidInputError
from ..store.store import Store
from .kit import START, FakeClock, Kit
from .strategies import documents

Document = dict[str, Any]
Write = Callable[[Store, Any], Coroutine[Any, Any, Any]]
Read = Callable[[Store], Coroutine[Any, Any, Any]]


async def _last(documents: Awaitable[list[Document]]) -> Document | None:
    return next(reversed(await documents), None)


async def _entry(entries: Awaitable[dict[str, Document]]) -> Document | None:
    return (await entries).get("many")


# Each way to store one document, and the way to load it. Memories add their id and birth, and stand apart.
KINDS: dict[str, tuple[Write, Read]] = {
    "conversation": (lambda s, d: s.store_conversation("c", d), lambda s: s.load_conversation("c")),
    "messages": (lambda s, d: s.store_raw_messages("c", [d]), lambda s: _last(s.load_raw_messages("c"))),
    "appended": (lambda s, d: s.append_raw_messages("log", [d]), lambda s: _last(s.load_raw_messages("log"))),
    "chain": (lambda s, d: s.store_reasoning_chain("a", d), lambda s: _last(s.load_reasoning_chains("a"))),
    "chunk info": (lambda s, d: s.store_chunk_info("c", d), lambda s: s.load_chunk_info("c")),
    "cache": (lambda s, d: s.store_cache_entry("k", d), lambda s: s.load_cache_entry("k")),
    "cache entries": (
        lambda s, d: s.store_cache_entries({"many": d}),
        lambda s: _entry(s.load_cache_entries(["many"])),
    ),
    "state": (lambda s, d: s.store_system_state("k", d), lambda s: s.load_system_state("k")),
    "result": (lambda s, d: s.save_result(d, "r"), lambda s: s.load_result("r")),
}
WRITES: dict[str, Write] = {
    **{kind: write for kind, (write, _) in KINDS.items()},
    "memory": lambda s, d: s.store_memory("c", "m", d),
}

FROM_LIFE: list[Document] = [
    {},
    {"z": 1, "a": None, "": "", "content": "text", "extra": {"tool_calls": [], "unknown": {"deep": [None, "", 0]}}},
    {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image", "data": None}]},
    {
        "least": -(2**63),
        "most": 2**64 - 1,
        "safe": 2**53 + 1,
        "float": 0.1,
        "tiny": 5e-324,
        "huge": 1.7976931348623157e308,
    },
    {"one": 1, "float": 1.0, "true": True, "minus zero": -0.0, "text": "1"},
    {"nul": "\0", "line": "\u2028\u2029\r\n", "astral": "\U0001f600", "marks": "e\u0301 \u202e \ufeff", "\0": "\0"},
    {"_metadata": {"version": 1}, "_id": 1, "memory_id": "mine", "created_at": None, "expires_at": 0, "version": "x"},
    {"content": "the same words again and again. " * 4000},
    {"type": "document", "__class__": "os.system", "py/object": "builtins.print", "$ref": "#"},
]


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Model:
    """What a pydantic model looks like from outside."""

    def model_dump(self, mode: str = "python") -> Document:
        return {"mode": mode}


def spoilt() -> list[tuple[Any, str]]:
    """Values that would not come back equal, and where the fault is, as the message must say."""
    deep: Any = 0
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    return [
        ({"a": {"b": [1, math.nan]}}, ".a.b[1]"),
        ({"a": math.inf}, ".a"),
        ({"a": [{"b": -math.inf}]}, ".a[0].b"),
        ({"a": 2**64}, ".a"),
        ({"a": [-(2**63) - 1]}, ".a[0]"),
        ({"a": {1: "x"}}, ".a"),
        ({"a": {None: "x"}}, ".a"),
        ({"a": "\ud800"}, ".a"),
        ({"a": {"\udfff": 1}}, ".a"),
        ({"a": [b"bytes"]}, ".a[0]"),
        ({"a": {1, 2}}, ".a"),
        ({"a": object()}, ".a"),
        ({"a": deep}, ".a[0][0]"),
    ]


def same(found: Any, expected: Any) -> bool:
    """Equal in value, in type and in the order of keys: 1, 1.0 and True differ."""
    return repr(found) == repr(expected)


class Documents(Kit):
    """What is stored comes back, or is refused before anything changes."""

    def test_any_document_comes_back_as_it_was(self) -> None:
        with self.standing_store() as (store, run):

            def law(document: Document) -> None:
                for kind, (write, read) in KINDS.items():
                    run(write(store, document))
                    assert same(run(read(store)), document), f"{kind} came back changed"

            self.for_all(law, documents)

    def test_documents_from_life_come_back_as_they_were(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for document in FROM_LIFE:
                for kind, (write, read) in KINDS.items():
                    await write(store, document)
                    assert same(await read(store), document), f"{kind} came back changed"

        self.on_store(work)

    def test_any_memory_comes_back_with_its_id_and_birth(self) -> None:
        with self.standing_store() as (store, run):

            def law(document: Document) -> None:
                run(store.store_memory("c", "m", document))
                expected = {"created_at": iso(START), **document, "memory_id": "m"}
                for found in (run(store.load_memory("c", "m")), *run(store.load_memories("c"))):
                    assert found == expected
                    kept = [key for key in document if key != "memory_id"]
                    assert same([found[key] for key in kept], [document[key] for key in kept])

            self.for_all(law, documents)

    def test_created_at_is_when_a_memory_was_first_stored(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_memory("c", "m", {"n": 1})
            clock.now += 5000
            await store.store_memory("c", "m", {"n": 2, "memory_id": "other"})
            await store.store_memory("c", "own", {"created_at": "my own"})
            expected = [
                {"n": 2, "memory_id": "m", "created_at": iso(START)},
                {"created_at": "my own", "memory_id": "own"},
            ]
            assert await store.load_memories("c") == expected

        self.on_store(work)

    def test_what_was_never_stored_is_none(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            assert [await read(store) for _, read in KINDS.values()] == [None] * len(KINDS)
            assert await store.load_memory("c", "m") is None
            assert (await store.load_memories("c"), await store.load_cache_entries([])) == ([], {})
            assert (await store.load_raw_messages("c"), await store.load_reasoning_chains("a")) == ([], [])

        self.on_store(work)

    def test_the_callers_objects_are_not_shared(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for kind, (write, read) in KINDS.items():
                mine: Document = {"list": [1], "inner": {"a": 1}}
                kept = deepcopy(mine)
                await write(store, mine)
                assert mine == kept, f"storing a {kind} changed the caller's object"
                mine["list"].append(2)
                loaded = await read(store)
                assert loaded == kept, f"a {kind} follows the object it was stored from"
                loaded["inner"]["a"] = 2
                assert await read(store) == kept, f"a {kind} follows an object it was loaded into"

        self.on_store(work)

    def test_values_json_lacks_arrive_as_orjson_writes_them(self) -> None:
        given = {
            "datetime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "date": date(2026, 1, 2),
            "uuid": UUID(int=1),
            "enum": Colour.RED,
            "dataclass": Point(1, 2.5),
            "tuple": (1, (2,)),
            "model": Model(),
        }
        expected = {
            "datetime": "2026-01-02T03:04:05+00:00",
            "date": "2026-01-02",
            "uuid": "00000000-0000-0000-0000-000000000001",
            "enum": "red",
            "dataclass": {"x": 1, "y": 2.5},
            "tuple": [1, [2]],
            "model": {"mode": "json"},
        }

        async def work(store: Store, clock: FakeClock) -> None:
            for write, read in KINDS.values():
                for value, plain in (
                    (given, expected),
                    (Point(1, 2.5), {"x": 1, "y": 2.5}),
                    (Model(), {"mode": "json"}),
                ):
                    await write(store, value)
                    assert await read(store) == plain

        self.on_store(work)

    def test_what_would_not_come_back_is_refused_with_its_path(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for kind, write in WRITES.items():
                for value, path in spoilt():
                    with pytest.raises(InvalidInputError) as refusal:
                        await write(store, value)
                    assert path in str(refusal.value), f"{kind}: no path {path} in {refusal.value}"
                for value in (None, [], "text", 1, b"{}"):
                    with pytest.raises(InvalidInputError):
                        await write(store, value)
            assert all(not n for name, n in (await store.get_storage_stats()).items() if name.endswith("_count"))

        self.on_store(work)

    def test_a_refused_value_leaves_what_was_there(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for write, _ in KINDS.values():
                await write(store, {"kept": True})
            good, bad = {"n": 1}, {"n": math.nan}
            for write, read in KINDS.values():
                with pytest.raises(InvalidInputError):
                    await write(store, bad)
                assert await read(store) == {"kept": True}
            for call in (store.store_raw_messages, store.append_raw_messages):
                with pytest.raises(InvalidInputError, match=r"\[1\]\.n"):
                    await call("c", [good, bad, good])
            with pytest.raises(InvalidInputError):
                await store.store_cache_entries({"k": good, "many": bad, "new": good})
            assert await store.load_cache_entries(["k", "many", "new"]) == {"k": {"kept": True}, "many": {"kept": True}}
            assert await store.load_raw_messages("c") == [{"kept": True}]

        self.on_store(work)

    def test_a_body_over_the_cap_is_refused(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            await store.store_system_state("k", {"kept": True})
            with pytest.raises(InvalidInputError):
                await store.store_system_state("k", {"text": "x" * MAX_BODY})
            assert await store.load_system_state("k") == {"kept": True}

        self.on_store(work)
