"""Record families: every kind of record an agent leaves behind, each stated once.

The SQL, the numbers and vectors of the search index, the file layout, the conformance tests, the export and the command
line all follow from this page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TypeVar, cast

from ..errors import InvalidInputError

Made = TypeVar("Made", bound=Callable[..., object])

MAX_SEARCHABLE = 64  # families

_NAME = re.compile("[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")


@dataclass(frozen=True, eq=False, slots=True)
class Family:
    """One kind of record. Compared by identity: there is one object per family.

    `key`      names of the key columns, outermost first; all text, but the last one of a log is a number.
    `log`      records are appended; the backend hands out the next position (0, 1, 2, ...) within the outer key.
    `arrival`  records come back in the order in which their keys were first stored, not in key order.
    `owner`    name of the family whose key is the outer part of this one: writing here creates the owner's record
               (empty) where there is none, and dropping the owner drops these too.
    `expires`  records may carry an expiry time.
    `text`     what of a record is searched, as `search.text` reads it: "message", "leaves" (all text in it), "item", ""
               for nothing. What is searched has a family of vectors too, made from this entry.
    `of`       name of the family whose records these are the vectors of: each has the key of its record, as text.
    """

    name: str
    key: tuple[str, ...]
    log: bool = False
    arrival: bool = False
    owner: str | None = None
    expires: bool = False
    text: str = ""
    of: str = ""

    def __post_init__(self) -> None:
        if wrong := [name for name in (self.name, *self.key) if not _NAME.fullmatch(name)]:
            raise InvalidInputError(f"family {self.name}: {wrong[0]!r} names no table or column, as note_id would")
        if self.text and (problem := self._unsearchable()):
            raise InvalidInputError(f"family {self.name}: it cannot be searched, for {problem}")

    def _unsearchable(self) -> str | None:
        """Why the index could not tell its records by numbers, and what to do about it."""
        if not self.placed:
            return "its records have no place: say arrival=True, or log=True for a log"
        if self.expires:
            return "the index keeps no expiry times: say expires=False"
        if self.log and not self.owner:
            return "a log is numbered by its owner: say owner=..."
        if len(self.key) != (2 if self.owner else 1):
            return "its key is to be one column, behind that of its owner if it has one"
        return None

    @property
    def placed(self) -> bool:
        """Whether a number, not the key, orders the records within the outer key."""
        return self.log or self.arrival

    @property
    def has_namespaces(self) -> bool:
        """Whether a record may say which namespace inside its owner it belongs to."""
        return self.text == "item"


CONVERSATION = Family("conversation", ("conversation_id",))
RAW_MESSAGE = Family("raw_message", ("conversation_id", "position"), log=True, owner="conversation", text="message")
MEMORY = Family("memory", ("conversation_id", "memory_id"), arrival=True, owner="conversation", text="leaves")
CHUNK_INFO = Family("chunk_info", ("conversation_id",), owner="conversation")
AGENT = Family("agent", ("agent_id",))
REASONING_CHAIN = Family("reasoning_chain", ("agent_id", "position"), log=True, owner="agent")
CACHE = Family("cache", ("cache_key",), expires=True)
STATE = Family("state", ("state_key",))
RESULT = Family("result", ("result_id",), arrival=True, text="leaves")
COLLECTION = Family("collection", ("collection_id",))
ITEM = Family("item", ("collection_id", "item_id"), arrival=True, owner="collection", text="item")

# Owners stand before what they own: this is the order of creation, of export and of migration. What is searched has its
# number in the index by its order here, so a new one goes behind the others.
_ENTRIES = (
    *(CONVERSATION, RAW_MESSAGE, MEMORY, CHUNK_INFO, AGENT, REASONING_CHAIN, CACHE, STATE, RESULT, COLLECTION, ITEM),
)

_families: list[Family] = []
_searchable: list[Family] = []
_catalogue: dict[str, Family] = {}
_vectors: dict[Family, Family] = {}
_owned: dict[Family, tuple[Family, ...]] = {}
_made: list[Callable[[], None]] = []

FAMILIES: Sequence[Family] = _families  # the entries, then a family of vectors for each that is searched
SEARCHABLE: Sequence[Family] = _searchable
CATALOGUE: Mapping[str, Family] = _catalogue
VECTORS: Mapping[Family, Family] = _vectors  # where a family's records have theirs
OWNED: Mapping[Family, tuple[Family, ...]] = _owned


def owner_of(family: Family) -> Family | None:
    """Return the family that owns `family`, if any."""
    return CATALOGUE[family.owner] if family.owner else None


@cache
def _vectors_of(base: Family) -> Family:
    """Make the family of the vectors of records; a log's calls the position by the last word of its name."""
    last = base.name.rpartition("_")[2] if base.log else base.key[-1]
    return Family(f"{base.name}_vector", (*base.key[:-1], last), owner=base.owner, of=base.name)


def catalogue_cache(make: Made) -> Made:
    """`functools.cache` for what is made from the whole catalogue."""
    kept = cache(make)
    _made.append(kept.cache_clear)
    return cast(Made, kept)


def _fill(entries: Sequence[Family]) -> None:
    """Make `entries` the catalogue, in place: who imported a part of it sees the change."""
    vectors = {family: _vectors_of(family) for family in entries if family.text}
    whole = (*entries, *vectors.values())
    _families[:], _searchable[:] = whole, vectors
    for mapping in (_catalogue, _vectors, _owned):
        mapping.clear()
    _catalogue.update((family.name, family) for family in whole)
    _vectors.update(vectors)
    _owned.update((family, tuple(f for f in whole if f.owner == family.name)) for family in whole)
    for forget in _made:
        forget()


@contextmanager
def extended(*entries: Family) -> Iterator[None]:
    """Use a catalogue with more entries, for tests of what is said of every family; stores made in it have them.

    InvalidInputError where an entry does not fit in.
    """
    before = tuple(family for family in FAMILIES if not family.of)
    _check((*before, *entries))
    _fill((*before, *entries))
    try:
        yield
    finally:
        _fill(before)


def is_extended() -> bool:
    """Whether a test has more families than the schema that is committed."""
    return len(FAMILIES) > len(_ENTRIES) + sum(bool(family.text) for family in _ENTRIES)


def _check(entries: Sequence[Family]) -> None:
    seen: dict[str, Family] = {}
    for family in entries:
        owner = seen.get(family.owner or "")
        if family.name in seen:
            raise InvalidInputError(f"family {family.name}: there is one of that name")
        if family.owner and (owner is None or owner.key != family.key[: len(owner.key)]):
            raise InvalidInputError(
                f"family {family.name}: its owner stands before it and its key begins with that one's"
            )
        if owner and (owner.owner or owner.placed or len(owner.key) > 1):
            raise InvalidInputError(f"family {family.name}: an owner has a key of one column, no owner and no places")
        seen[family.name] = family
    if sum(bool(family.text) for family in entries) > MAX_SEARCHABLE:
        raise InvalidInputError(f"{MAX_SEARCHABLE} families can be searched, and no more")


_check(_ENTRIES)
_fill(_ENTRIES)

MESSAGE_VECTOR, MEMORY_VECTOR, RESULT_VECTOR, ITEM_VECTOR = (VECTORS[f] for f in (RAW_MESSAGE, MEMORY, RESULT, ITEM))

UNFINISHED = "lodestore:migration"  # the state that stands in a store while a migration into it is unfinished
TOKENIZER = "lodestore:tokenizer"  # the state that says what the index of text is made of, where that is not words
RESERVED = (UNFINISHED, TOKENIZER)  # no states of a user
