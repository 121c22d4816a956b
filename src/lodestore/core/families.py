"""Record families: every kind of record an agent leaves behind, each stated once.

The SQL, the file layout, the conformance tests, the export and the command line all follow from this page.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False, slots=True)
class Family:
    """One kind of record. Compared by identity: there is one object per family.

    `key`      names of the key columns, outermost first; all text, but the last one of a log is a number.
    `log`      records are appended; the backend hands out the next position (0, 1, 2, ...) within the outer key.
    `arrival`  records come back in the order in which their keys were first stored, not in key order.
    `owner`    name of the family whose key is the outer part of this one: writing here creates the owner's record
               (empty) where there is none, and dropping the owner drops these too.
    `expires`  records may carry an expiry time.
    `text`     what of a record is searched, as `texts` reads it: "message", "leaves" (all text in it), "item", "" for
               nothing.
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

    @property
    def placed(self) -> bool:
        """Whether a number, not the key, orders the records within the outer key."""
        return self.log or self.arrival


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

MESSAGE_VECTOR = Family("raw_message_vector", ("conversation_id", "message"), owner="conversation", of="raw_message")
MEMORY_VECTOR = Family("memory_vector", ("conversation_id", "memory_id"), owner="conversation", of="memory")
RESULT_VECTOR = Family("result_vector", ("result_id",), of="result")
ITEM_VECTOR = Family("item_vector", ("collection_id", "item_id"), owner="collection", of="item")

# Owners stand before what they own: this is the order of creation, of export and of migration.
FAMILIES = (
    *(CONVERSATION, RAW_MESSAGE, MEMORY, CHUNK_INFO, AGENT, REASONING_CHAIN, CACHE, STATE, RESULT, COLLECTION, ITEM),
    *(MESSAGE_VECTOR, MEMORY_VECTOR, RESULT_VECTOR, ITEM_VECTOR),
)
CATALOGUE = {family.name: family for family in FAMILIES}
SEARCHABLE = tuple(family for family in FAMILIES if family.text)
VECTORS = {CATALOGUE[family.of]: family for family in FAMILIES if family.of}  # where a family's records have theirs

UNFINISHED = "lodestore:migration"  # the state that stands in a store while a migration into it is unfinished
TOKENIZER = "lodestore:tokenizer"  # the state that says what the index of text is made of, where that is not words
RESERVED = (UNFINISHED, TOKENIZER)  # no states of a user


def owner_of(family: Family) -> Family | None:
    """The family that owns `family`, if any."""
    return CATALOGUE[family.owner] if family.owner else None


OWNED = {family: tuple(f for f in FAMILIES if f.owner == family.name) for family in FAMILIES}
