"""Claude importer: its data export, a list of conversations with their `chat_messages`."""

from __future__ import annotations

from collections.abc import Iterator

from .json_arrays import elements
from .records import Bundle, ImportSource, Item, attempt, conversation, id_of, list_of, object_of, without
from .sources import parse


def read(source: ImportSource) -> Iterator[Item]:
    for index, text in elements(source.stream):
        yield attempt(f"{source.label}[{index}]", _bundle, text, source)


def _bundle(where: str, text: bytes, source: ImportSource) -> Bundle:
    record = object_of(parse(text))
    messages = list_of(record.get("chat_messages"), "chat_messages")
    name = id_of(record.get("uuid"), "uuid")
    document = without(record, "chat_messages")
    return conversation(where, name, document, messages, source.time(document, messages))
