"""ChatGPT importer: `conversations.json`, in which a conversation is a tree of messages with one live branch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import InvalidInputError
from .json_arrays import elements
from .records import Bundle, ImportSource, Item, attempt, conversation, id_of, made_id, object_of, without
from .sources import parse


def read(source: ImportSource) -> Iterator[Item]:
    for index, text in elements(source.stream):
        yield attempt(f"{source.label}[{index}]", _bundle, text, source)


def _bundle(where: str, text: bytes, source: ImportSource) -> Bundle:
    record = object_of(parse(text))
    mapping = object_of(record.get("mapping"), "mapping")
    live = _live_branch(mapping, record.get("current_node"))
    given = record.get("conversation_id", record.get("id"))
    name = made_id("chatgpt", record) if given is None else id_of(given)
    # The document keeps the whole tree, and each message once: those of the live branch are the raw messages.
    pruned = {node: without(entry, "message") if node in live else entry for node, entry in mapping.items()}
    messages = [mapping[node]["message"] for node in reversed(live)]
    return conversation(where, name, {**record, "mapping": pruned}, messages, source.time(record, messages))


def _live_branch(mapping: dict[str, Any], node: Any) -> dict[str, None]:
    """The nodes from `node` up to the root that hold a message, in that order."""
    walked: set[str] = set()
    live: dict[str, None] = {}
    while isinstance(node, str) and node in mapping:
        if node in walked:
            raise InvalidInputError(f"mapping: the node {node!r} is its own ancestor")
        walked.add(node)
        entry = object_of(mapping[node], f"mapping.{node}")
        if isinstance(entry.get("message"), dict):
            live[node] = None
        node = entry.get("parent")
    return live
