"""Text extraction: what of a document is searched, and shown when it is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..core.families import Family
from ..encoding import json_codec

MAX_TEXT = 100_000  # characters of one record; what follows is not searched

# What a message says, and what it calls tools with. The rest of it is about the message.
_SAID = ("name", "speaker", "content", "text", "parts", "reasoning_content", "tool_calls", "function_call")
# Keys below which there is nothing a person or a model wrote.
_ABOUT = (
    "type id call_id tool_call_id tool_use_id role media_type mime_type data file_data image_url signature"
    " encrypted_content"
)
_TECHNICAL = frozenset(_ABOUT.split())
# What `load_memories` adds: a memory that is stored again as it was loaded has the same text.
_ADDED = frozenset({"memory_id", "created_at"})


def text_of(family: Family, body: bytes) -> str:
    """The text of a record with this body, of 100,000 characters at most."""
    try:
        document = json_codec.loads(body)
    except ValueError:  # no body of ours; reading the record tells
        return ""
    pieces, size = [], 0
    for piece in _READERS[family.text](document):
        pieces.append(piece)
        size += len(piece) + 1
        if size > MAX_TEXT:
            break
    return "\n".join(pieces)[:MAX_TEXT]


def namespace_in(family: Family, body: bytes) -> str | None:
    """The namespace inside its owner that a record says it belongs to, in families that have such."""
    if not family.has_namespaces or b'"namespace"' not in body:
        return None
    try:
        part = json_codec.loads(body).get("namespace")
    except (ValueError, AttributeError):
        return None
    return part if isinstance(part, str) else None


def _message(document: Any) -> Iterator[str]:
    """Who speaks, the content as text or as parts, calls of tools and their results."""
    said = [document[key] for key in _SAID if key in document] if isinstance(document, dict) else [document]
    return _leaves(said or document, _TECHNICAL)


def _record(document: Any) -> Iterator[str]:
    """All text in a document but what we added to it."""
    if isinstance(document, dict):
        document = [value for key, value in document.items() if key not in _ADDED]
    return _leaves(document, frozenset())


def _leaves(value: Any, skipped: frozenset[str]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in skipped:
                yield from _leaves(inner, skipped)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, skipped)


def _item(document: Any) -> Iterator[str]:
    """What its caller gave as text; the metadata is about it."""
    return _leaves(document.get("text") if isinstance(document, dict) else document, frozenset())


_READERS: dict[str, Callable[[Any], Iterator[str]]] = {"message": _message, "leaves": _record, "item": _item}
