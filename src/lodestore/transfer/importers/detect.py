"""Format detection: which format a source is in, told by its head alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ...errors import CorruptError, InvalidInputError
from . import connectome_db, connectome_tree
from .json_arrays import members
from .records import ImportSource
from .sources import parse

# Inside a text the quotes are escaped, so these find names of members only.
_MAPPING = re.compile(rb'"mapping"\s*:')
_CHAT_MESSAGES = re.compile(rb'"chat_messages"\s*:')
_ARRAYS = (("chatgpt", _MAPPING), ("claude", _CHAT_MESSAGES))
_CHATS = re.compile(rb'"chats"\s*:')
_SESSION = {"sessionId", "timestamp", "message", "leafUuid"}  # a line of a session has a type and one of these


def detect(source: ImportSource, formats: Sequence[str]) -> str:
    """The name of the format; InvalidInputError, naming the formats there are, where it is none of them."""
    if found := _folder(source.path) if source.path and source.path.is_dir() else _file(source):
        return found
    raise InvalidInputError(f"{source.label}: format not recognised; choose with --format: {', '.join(formats)}")


def _folder(path: Path) -> str | None:
    return "connectome-tree" if any((path / name).is_dir() for name in connectome_tree.FOLDERS) else None


def _file(source: ImportSource) -> str | None:
    head = source.stream.head()
    if head.startswith(connectome_db.MAGIC):
        return "connectome-db" if source.path and _has_tables(source.path) else None
    head = head.lstrip()
    if head.startswith(b"["):
        return _array(head)
    if not head:
        return "openai-jsonl"  # nothing to import is fine in any format
    return _lines(head, source) or _document(head, source)


def _has_tables(path: Path) -> bool:
    """Whether Connectome's tables are in the file, or it is too damaged to tell: then its reader reports that."""
    try:
        return bool(connectome_db.tables(path))
    except CorruptError:
        return True


def _array(head: bytes) -> str | None:
    hits = [(hit.start(), name) for name, mark in _ARRAYS if (hit := mark.search(head))]
    return min(hits)[1] if hits else "chatgpt" if head[1:].lstrip().startswith(b"]") else None


def _lines(head: bytes, source: ImportSource) -> str | None:
    """The format that the first whole line of JSON tells; lines before it may be broken."""
    lines = head.splitlines()
    for line in lines:
        if line.startswith(b"{") and (found := _object(_names(line), line, source, len(lines) == 1)):
            return found
    return None


def _names(line: bytes) -> set[str]:
    try:
        return set(parse(line))
    except InvalidInputError:
        return set()


def _document(head: bytes, source: ImportSource) -> str | None:
    """The format of the one document that the file is, or that it begins with on a line longer than the head."""
    names = set(members(head)) if head.startswith(b"{") else set()
    if "messages" in names and b"\n" in head.strip():
        return "typingcloud"
    return _object(names, head, source, alone=True)


def _object(names: set[str], text: bytes, source: ImportSource, alone: bool) -> str | None:
    if "lodestore" in names:
        return "lodestore"
    if "loglines" in names:
        return "claude-code"
    if "data" in names and _CHATS.search(text):
        return "typingcloud"
    if "messages" in names:
        return "typingcloud" if alone and "id" not in names and not _says_lines(source) else "openai-jsonl"
    return "claude-code" if "type" in names and names & _SESSION else None


def _says_lines(source: ImportSource) -> bool:
    """Whether the file's name says JSON lines: one such line alone looks like a Typingcloud document."""
    return source.path is None or bool({".jsonl", ".ndjson"} & set(source.path.suffixes))
