"""Promises on families that nobody has thought of yet: an entry in the catalogue is all that search asks of one."""

from __future__ import annotations

from io import BytesIO
from typing import Any, NamedTuple

import orjson
from hypothesis import strategies as st

from ..core.families import CATALOGUE, SEARCHABLE, VECTORS, Family, extended, owner_of
from ..core.records import KEY, Append, Drop, Page, Put, Write
from ..encoding.json_codec import encode
from ..encoding.vector_codec import StoredVector, content_digest
from ..search.vectors import vector_of
from ..store.store import Store
from ..transfer.export import export
from ..transfer.migration import migrate
from .kit import FakeClock, Kit, folder
from .search import Name, names

BINDER = Family("binder", ("binder_id",))
OWNERS = {"binder": "binder_id", "conversation": "conversation_id", "collection": "collection_id"}
WORDS = ("bak", "dom")
AXES = ([1.0, 0.0], [0.0, 1.0])


def _owned(name: str, owner: str, text: str) -> Family:
    return Family(name, (OWNERS[owner], f"{name}_id"), arrival=True, owner=owner, text=text)


def _alone(name: str, _: str, text: str) -> Family:
    return Family(name, (f"{name}_id",), arrival=True, text=text)


def _log(name: str, owner: str, text: str) -> Family:
    return Family(name, (OWNERS[owner], "position"), log=True, owner=owner, text=text)


_kinds = st.lists(st.sampled_from([_owned, _alone, _log]), max_size=2).flatmap(
    lambda more: st.permutations([_owned, _alone, _log, *more])
)
_traits = st.tuples(st.sampled_from(sorted(OWNERS)), st.sampled_from(["message", "leaves"]))
# New objects each time, for two stores of one catalogue are not to share what was made for another.
_entries = st.builds(
    lambda kinds, traits: [
        kind(name, *trait)
        for kind, trait, name in zip(kinds, traits, ("note", "trail_step", "page2", "memo", "z"), strict=False)
    ],
    _kinds,
    st.lists(_traits, min_size=5, max_size=5),
)
_steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"),
            st.integers(0, 4),
            st.sampled_from("ab"),
            st.sampled_from("xy"),
            st.lists(st.sampled_from(WORDS), max_size=2),
            st.none() | st.sampled_from(AXES),
        ),
        st.tuples(st.just("drop"), st.integers(0, 4), st.sampled_from("ab"), st.integers(0, 1)),
        st.tuples(st.just("clear"), st.sampled_from(sorted(OWNERS)), st.sampled_from("ab")),
        st.tuples(st.just("look"), st.sampled_from(WORDS)),
    ),
    min_size=4,
    max_size=16,
)


class Said(NamedTuple):
    """What a record says, and the vector of it."""

    words: list[str]
    vector: list[float] | None


class GeneratedFamilies(Kit):
    """A family with a new entry is found by its text and vectors, apart from all others, and goes where they go."""

    def test_a_family_of_any_kind_is_searched_by_its_entry(self) -> None:
        def law(entries: list[Family], steps: list[tuple[Any, ...]]) -> None:
            with extended(BINDER, *entries):
                self.on_store(lambda store, clock: self._live(store, clock, entries, steps))

        self.for_all(law, _entries, _steps)

    async def _live(self, store: Store, clock: FakeClock, entries: list[Family], steps: list[tuple[Any, ...]]) -> None:
        history = History(store, clock, entries)
        await history.begin()
        for step in steps:
            await history.take(*step)
        await history.look(store)
        assert (await store.verify())["problems"] == []
        await store.reindex()
        await history.look(store)
        await history.look_at_export()
        with folder() as path:
            async with Store(self.backend(path), clock=clock) as other:
                report = await migrate(store.backend, other.backend, now=clock())
                assert report.agreed
                await history.look(other)


class History:
    """Steps done to a store and to what should be there; beside the generated families the others say the same."""

    def __init__(self, store: Store, clock: FakeClock, entries: list[Family]) -> None:
        self._store, self._clock, self._entries = store, clock, entries
        self._there: dict[Name, Said] = {}
        self._written = 0

    async def begin(self) -> None:
        """A record of each family there is anyway."""
        store, text = self._store, " ".join(WORDS)
        for axis in AXES:
            [position] = await store.append_raw_messages("a", [{"content": text}], vectors=[axis])
            self._there["raw_message", ("a", position)] = Said(list(WORDS), axis)
        await store.store_memory("a", "x", {"text": text}, vector=AXES[0])
        await store.save_result({"text": text}, "x", vector=AXES[0])
        self._there |= {("memory", ("a", "x")): Said(list(WORDS), AXES[0])}
        self._there |= {("result", ("x",)): Said(list(WORDS), AXES[0])}
        assert len(await store.search("bak", limit=None)) == 4

    async def take(self, what: str, *rest: Any) -> None:
        """One step."""
        match what, *rest:
            case "put", number, owner, inner, words, vector:
                await self._put(self._entries[number % len(self._entries)], owner, inner, Said(words, vector))
            case "drop", number, owner, at:
                await self._drop(self._entries[number % len(self._entries)], owner, at)
            case "clear", owner, name:
                await self._store.backend.apply([Drop(CATALOGUE[owner], (name,), self._clock())])
                self._forget(lambda family, key: family.owner == owner and key[0] == name)
            case "look", word:
                await self._compare(self._store, self._saying(word), query=word)

    async def _put(self, family: Family, owner: str, inner: str, said: Said) -> None:
        """A record, under a body that none had before, so that no vector but its own can be of it."""
        self._written += 1
        body = encode({"text": " ".join(said.words), "n": self._written})
        made = b"" if said.vector is None else _vector(said.vector, body)
        prefix, now = ((owner,) if family.owner else ()), self._clock()
        writes: list[Write] = [Append(family, prefix, (body,), now, (made,))]
        key = (*prefix, inner)
        if not family.log:
            writes = [Put(family, key, body, now), *([Put(VECTORS[family], key, made, now)] if made else [])]
        [result, *_] = await self._store.backend.apply(writes)
        self._there[family.name, (*prefix, result) if family.log else key] = said

    async def _drop(self, family: Family, owner: str, at: int) -> None:
        key = (*((owner,) if family.owner else ()), at if family.log else "xy"[at])
        vector = Drop(VECTORS[family], tuple(map(str, key)), self._clock())
        await self._store.backend.apply([vector, Drop(family, key, self._clock())])
        self._forget(lambda other, name: (other, name) == (family, key))

    def _forget(self, gone: Any) -> None:
        self._there = {name: said for name, said in self._there.items() if not gone(CATALOGUE[name[0]], name[1])}

    async def look(self, store: Store) -> None:
        """All that is there is found, and nothing else: by words, by vectors, in families and in namespaces."""
        for word in WORDS:
            await self._compare(store, self._saying(word), query=word)
        for axis in AXES:
            near = [name for name, said in self._there.items() if said.vector == axis]
            await self._compare(store, near, vector=axis, mode="vector")

    def _saying(self, word: str) -> list[Name]:
        return [name for name, said in self._there.items() if word in said.words]

    async def _compare(self, store: Store, expected: list[Name], **asked: Any) -> None:
        async def found(**where: Any) -> list[Name]:
            hits = await store.search(limit=None, **asked, **where)
            return sorted(names([hit for hit in hits if "vector" not in asked or hit.score > 0.9]), key=str)

        expected = sorted(expected, key=str)
        assert await found() == expected
        for family in SEARCHABLE:
            assert await found(families=[family.name]) == [name for name in expected if name[0] == family.name]
        inside = [name for name in expected if owner_of(CATALOGUE[name[0]]) and name[1][0] == "a"]
        assert await found(namespace="a") == inside

    async def look_at_export(self) -> None:
        """An export has the records, and so has the backend, each family in its order."""
        out = BytesIO()
        await export(self._store.backend, out, now=self._clock())
        lines = [orjson.loads(line) for line in out.getvalue().splitlines()[1:]]
        for family in SEARCHABLE:
            there = [key for name, key in self._there if name == family.name]
            rows = await self._store.backend.scan(Page(family))
            assert sorted(row[KEY:] for row in rows) == sorted(there)
            told = [tuple(line["key"]) for line in lines if line["family"] == family.name]
            assert told == [row[KEY:] for row in rows]


def _vector(numbers: list[float], body: bytes) -> bytes:
    return StoredVector("default", content_digest(body), vector_of(numbers, "vector", "cosine")).body
