"""OpenAI importer: one conversation a line, an object with the `messages` of the chat API and any other members."""

from __future__ import annotations

from collections.abc import Iterator

from .records import Bundle, ImportSource, Item, attempt, conversation, id_of, list_of, made_id, object_of, without
from .sources import parse


def read(source: ImportSource) -> Iterator[Item]:
    for where, line in source.lines():
        yield attempt(where, _bundle, line, source)


def _bundle(where: str, line: bytes, source: ImportSource) -> Bundle:
    record = object_of(parse(line))
    messages = list_of(record.get("messages"), "messages")
    name = made_id("openai", record) if record.get("id") is None else id_of(record["id"])
    document = without(record, "messages")
    return conversation(where, name, document, messages, source.time(document, messages))
