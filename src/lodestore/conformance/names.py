"""Id laws: an id comes back unchanged and never meets another; what is no id is rejected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from ..errors import InvalidInputError
from ..store.store import Store
from .kit import FakeClock, Kit
from .strategies import HOSTILE, ids

Call = Callable[[Store, Any], Awaitable[Any]]

NO_IDS: list[Any] = ["", "\0", "a\0b", "x" * 1025, "\u65e5" * 342, "\ud800", "a\udfff", None, 7, b"bytes", ["list"], ()]

# Each place an id is taken.
TAKES_ID: dict[str, Call] = {
    "store_conversation": lambda s, i: s.store_conversation(i, {}),
    "load_conversation": lambda s, i: s.load_conversation(i),
    "delete_conversation": lambda s, i: s.delete_conversation(i),
    "store_raw_messages": lambda s, i: s.store_raw_messages(i, [{}]),
    "append_raw_messages": lambda s, i: s.append_raw_messages(i, [{}]),
    "load_raw_messages": lambda s, i: s.load_raw_messages(i),
    "delete_raw_messages": lambda s, i: s.delete_raw_messages(i),
    "store_memory, outer": lambda s, i: s.store_memory(i, "m", {}),
    "store_memory, inner": lambda s, i: s.store_memory("c", i, {}),
    "load_memory, outer": lambda s, i: s.load_memory(i, "m"),
    "load_memory, inner": lambda s, i: s.load_memory("c", i),
    "load_memories": lambda s, i: s.load_memories(i),
    "delete_memory, outer": lambda s, i: s.delete_memory(i, "m"),
    "delete_memory, inner": lambda s, i: s.delete_memory("c", i),
    "store_reasoning_chain": lambda s, i: s.store_reasoning_chain(i, {}),
    "load_reasoning_chains": lambda s, i: s.load_reasoning_chains(i),
    "delete_reasoning_chains": lambda s, i: s.delete_reasoning_chains(i),
    "store_chunk_info": lambda s, i: s.store_chunk_info(i, {}),
    "load_chunk_info": lambda s, i: s.load_chunk_info(i),
    "delete_chunk_info": lambda s, i: s.delete_chunk_info(i),
    "store_cache_entry": lambda s, i: s.store_cache_entry(i, {}),
    "load_cache_entry": lambda s, i: s.load_cache_entry(i),
    "load_cache_entries": lambda s, i: s.load_cache_entries(["k", i]),
    "delete_cache_entry": lambda s, i: s.delete_cache_entry(i),
    "store_system_state": lambda s, i: s.store_system_state(i, {}),
    "load_system_state": lambda s, i: s.load_system_state(i),
    "delete_system_state": lambda s, i: s.delete_system_state(i),
    "load_result": lambda s, i: s.load_result(i),
    "delete_result": lambda s, i: s.delete_result(i),
    "version_of": lambda s, i: s.version_of("state", i),
}


class Names(Kit):
    """Ids are text of 1 to 1024 bytes without NUL, each its own."""

    def test_what_is_no_id_is_refused_everywhere(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for name, call in TAKES_ID.items():
                for wrong in NO_IDS:
                    try:
                        await call(store, wrong)
                    except InvalidInputError:
                        continue
                    pytest.fail(f"{name} takes {wrong!r:.40} for an id")
            for wrong in NO_IDS:
                if wrong is not None and not isinstance(wrong, (list, tuple)):
                    with pytest.raises(InvalidInputError):
                        await store.save_result({}, wrong)
                if isinstance(wrong, str):
                    with pytest.raises(InvalidInputError):
                        await store.store_cache_entries({"k": {}, wrong: {}})
            assert await store.list_conversations(include_partial=True) == await store.list_cache_keys() == []

        self.on_store(work)

    def test_hostile_ids_are_ids_like_others(self) -> None:
        async def work(store: Store, clock: FakeClock) -> None:
            for name in HOSTILE:
                await store.store_conversation(name, {"id": name})
                await store.store_raw_messages(name, [{"in": name}])
                await store.store_memory(name, name, {"in": name})
                await store.store_chunk_info(name, {"of": name})
                await store.store_reasoning_chain(name, {"by": name})
                await store.store_cache_entry(name, {"key": name})
                await store.store_system_state(name, {"state": name})
                assert await store.save_result({"result": name}, name) == name
            for name in HOSTILE:
                assert await store.load_conversation(name) == {"id": name}
                assert await store.load_raw_messages(name) == [{"in": name}]
                assert [(m["in"], m["memory_id"]) for m in await store.load_memories(name)] == [(name, name)]
                assert await store.load_chunk_info(name) == {"of": name}
                assert await store.load_reasoning_chains(name) == [{"by": name}]
                assert await store.load_cache_entry(name) == {"key": name}
                assert await store.load_system_state(name) == {"state": name}
                assert await store.load_result(name) == {"result": name}
            ordered = sorted(HOSTILE)
            assert await store.list_conversations() == await store.list_agents() == ordered
            assert await store.list_cache_keys() == await store.list_system_states() == ordered
            assert await store.list_results(None) == list(reversed(HOSTILE))

        self.on_store(work)

    def test_no_id_meets_another(self) -> None:
        with self.standing_store() as (store, run):

            def law(names: list[str]) -> None:
                for name in names:
                    run(store.store_system_state(name, {"name": name}))
                    run(store.store_memory("c", name, {"name": name}))
                for name in names:
                    assert run(store.load_system_state(name)) == {"name": name}
                    assert run(store.load_memory("c", name))["name"] == name
                assert run(store.delete_system_state(names[0]))
                assert run(store.load_system_state(names[0])) is None
                assert all(run(store.load_system_state(name)) for name in names[1:])

            self.for_all(law, st.lists(ids, min_size=2, max_size=4, unique=True))
