"""Claude Code importer: a session is one JSON object a line, or one document with `loglines`; a file is a conversation.

Every line is kept as a raw message, in the order of the file, also those that are no message (summaries, snapshots):
a session that has grown since is then the same one with a tail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.families import CONVERSATION, RAW_MESSAGE
from ...core.records import Append, Put
from ...encoding.json_codec import MAX_BODY
from ...errors import InvalidInputError
from .json_arrays import members
from .records import (
    BrokenRecord,
    Bundle,
    ImportSource,
    Item,
    attempt,
    conversation,
    encoded,
    id_of,
    list_of,
    object_of,
    told_time,
    without,
)
from .sources import MAX_TEXT, parse

MAX_SESSION = 4 * MAX_BODY  # one session is stored at once, so it is held in memory


def read(source: ImportSource) -> Iterator[Item]:
    if "loglines" in members(source.stream.head()):
        yield attempt(source.label, _document, source)
    else:
        yield from _lines(source)


def _document(where: str, source: ImportSource) -> Bundle:
    record = object_of(parse(source.stream.read(MAX_TEXT + 1)))
    entries = [object_of(entry, f"loglines[{n}]") for n, entry in enumerate(list_of(record["loglines"], "loglines"))]
    document = without(record, "loglines")
    return conversation(where, _name(source, entries), document, entries, source.time(document, entries))


def _lines(source: ImportSource) -> Iterator[Item]:
    bodies: list[bytes] = []
    marks: list[dict[str, Any]] = []  # what names the session, of each line that says it
    began, size = None, 0
    for where, line in source.lines():
        try:
            entry = object_of(parse(line))
            bodies.append(encoded(entry))
        except InvalidInputError as error:
            yield BrokenRecord(where, str(error))
            continue
        began = told_time(entry) if began is None else began
        _mark(marks, entry)
        size += len(bodies[-1])
        if size > MAX_SESSION:
            yield BrokenRecord(where, f"the session is longer than the cap of {MAX_SESSION:,} bytes")
            return
    if bodies:
        yield attempt(source.label, _session, source, bodies, marks, source.time(began and began / 1000))


def _session(where: str, source: ImportSource, bodies: list[bytes], marks: list[dict[str, Any]], at: int) -> Bundle:
    name = _name(source, marks)
    key = (name,)
    document = Put(CONVERSATION, key, encoded({"sessionId": name}), at)
    return Bundle(where, CONVERSATION, key, [document], [Append(RAW_MESSAGE, key, tuple(bodies), at)])


def _mark(marks: list[dict[str, Any]], entry: dict[str, Any]) -> None:
    mark = {"sessionId": entry.get("sessionId"), "isSidechain": entry.get("isSidechain") is True}
    if isinstance(mark["sessionId"], str) and mark not in marks[-8:]:
        marks.append(mark)


def _name(source: ImportSource, entries: list[dict[str, Any]]) -> str:
    """The session's id; but the file's name for a helper's log, and where lines of an older session lead a new one."""
    named = [entry for entry in entries if isinstance(entry.get("sessionId"), str)]
    if not named or named[0].get("isSidechain") is True or any(entry["sessionId"] == source.stem for entry in named):
        return id_of(source.stem, "sessionId")
    return id_of(named[0]["sessionId"], "sessionId")
