"""Typingcloud importer: `{"data": {"chats": [...]}}` or one conversation, `{"messages": [...]}`, every field kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import InvalidInputError
from .json_arrays import elements, members
from .records import Bundle, ImportSource, Item, attempt, conversation, id_of, list_of, object_of, without
from .sources import MAX_TEXT, parse


def read(source: ImportSource) -> Iterator[Item]:
    if "messages" in members(source.stream.head()):
        yield attempt(source.label, _single, source)
        return
    for index, text in elements(source.stream, ("data", "chats")):
        yield attempt(f"{source.label}[{index}]", _chat, text, source)


def _single(where: str, source: ImportSource) -> Bundle:
    record = object_of(parse(source.stream.read(MAX_TEXT + 1)))
    return _bundle(where, record, _given_id(record) or source.stem, source)


def _chat(where: str, text: bytes, source: ImportSource) -> Bundle:
    record = object_of(parse(text))
    if (name := _given_id(record)) is None:
        raise InvalidInputError("a chat needs an id or a chatID")
    return _bundle(where, record, name, source)


def _given_id(record: dict[str, Any]) -> str | None:
    given = next((record[name] for name in ("id", "chatID") if record.get(name) is not None), None)
    return None if given is None else id_of(given)


def _bundle(where: str, record: dict[str, Any], name: str, source: ImportSource) -> Bundle:
    messages = list_of(record.get("messages"), "messages")
    document = without(record, "messages")
    return conversation(where, name, document, messages, source.time(document, messages))
