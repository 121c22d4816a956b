"""Import records: the bundles that belong together which readers hand over, and reports of what is broken."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ...core.clock import milliseconds
from ...core.families import CONVERSATION, RAW_MESSAGE, STATE, Family
from ...core.records import Append, Copy, Key, Put
from ...core.validation import check_id, check_unreserved
from ...encoding.json_codec import encode
from ...errors import InvalidInputError
from .sources import Input, lines, open_input

# Where sources say how old something is, the surest first.
TIMES = (
    "create_time",
    "created_at",
    "createdAt",
    "started_at",
    "startedAt",
    "stored_at",
    "timestamp",
    "ts",
    "last_updated",
    "update_time",
    "updated_at",
    "updatedAt",
)
_SURELY_MILLISECONDS = 10**11  # as seconds this would be the year 5138


@dataclass(slots=True)
class Bundle:
    """Records that are stored together or not at all: `singles` under their whole keys, `log` at the end of one log.

    `where` is the place in the source; `family` and `key` name the bundle.
    """

    where: str
    family: Family
    key: Key
    singles: list[Put | Copy] = field(default_factory=list)
    log: list[Append] = field(default_factory=list)

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of the log, in order."""
        return [body for append in self.log for body in append.bodies]


class BrokenRecord(NamedTuple):
    """Something that cannot be imported: where it stands and what is wrong with it."""

    where: str
    reason: str


Item = Bundle | BrokenRecord


class ImportSource:
    """One file, folder or standard input, with what its readers need to know of it.

    `modified` stands in for times the source does not give. No time is later than `now`: a record from the future
    would stop the clock of the store, and with it let its cache expire.
    """

    def __init__(self, path: Path | None, label: str, now: int) -> None:
        self.path, self.label, self.now = path, label, now
        self.consumed = 0
        self.modified = now if path is None else min(now, path.stat().st_mtime_ns // 1_000_000)
        self._stream: Input | None = None

    @property
    def stem(self) -> str:
        """The file's name without its endings."""
        name = self.path.name if self.path else self.label
        for ending in (".zst", ".gz", ".jsonl", ".ndjson", ".json"):
            name = name.removesuffix(ending)
        return name or self.label

    @property
    def stream(self) -> Input:
        if self._stream is None:
            self._stream = open_input(self.path or "-")
        return self._stream

    def close(self) -> None:
        """Let go of the file; what was not read of standard input stays to be read."""
        if self._stream is not None and self.path is not None:
            self._stream.close()
            self._stream = None

    def progress(self) -> int:
        """Bytes of the source read by now."""
        return self._stream.consumed if self._stream is not None else self.consumed

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Lines with text, each with its place: `file.jsonl:17`."""
        for number, line in lines(self.stream):
            yield f"{self.label}:{number}", line

    def time(self, *candidates: Any) -> int:
        """The first of `candidates` that tells a time, as milliseconds; else the age of the file."""
        for candidate in candidates:
            if (found := told_time(candidate)) is not None:
                return min(found, self.now)
        return self.modified


def told_time(value: Any) -> int | None:
    """Milliseconds of a time, or of the first time a document names; None where there is none."""
    if isinstance(value, dict):
        return next((at for name in TIMES if (at := told_time(value.get(name))) is not None), None)
    if isinstance(value, list):
        return next((at for item in value if isinstance(item, dict) and (at := told_time(item)) is not None), None)
    if isinstance(value, (int, float)) and value >= _SURELY_MILLISECONDS:
        value = value / 1000
    return milliseconds(value) if isinstance(value, (str, int, float)) else None


def attempt(where: str, build: Callable[..., Bundle], *arguments: Any) -> Item:
    """What `build` makes, or the report of why it refuses."""
    try:
        bundle = build(where, *arguments)
        if bundle.family is STATE:
            check_unreserved(str(bundle.key[0]))
        return bundle
    except InvalidInputError as error:
        return BrokenRecord(where, str(error))


def object_of(value: Any, what: str = "record") -> dict[str, Any]:
    """`value` if it is an object, else InvalidInputError."""
    if not isinstance(value, dict):
        raise InvalidInputError(f"{what}: expected an object, not {_kind(value)}")
    return value


def list_of(value: Any, what: str) -> list[Any]:
    """`value` if it is a list, else InvalidInputError."""
    if not isinstance(value, list):
        raise InvalidInputError(f"{what}: expected a list, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__


def id_of(value: Any, name: str = "id") -> str:
    """An id as text: a number becomes its text. InvalidInputError where it is neither."""
    return check_id(str(value) if type(value) in (int, float) else value, name)


def check_text(value: Any, name: str) -> str:
    """An id that comes as bytes of UTF-8; InvalidInputError where it is anything else."""
    try:
        return check_id(value.decode() if isinstance(value, bytes) else value, name)
    except UnicodeDecodeError:
        raise InvalidInputError(f"{name}: the id is not valid UTF-8") from None


def made_id(prefix: str, document: Any) -> str:
    """An id for a document that has none, the same one for the same document."""
    return f"{prefix}-{hashlib.sha256(encode(document)).hexdigest()[:16]}"


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The document less one member."""
    return {key: value for key, value in document.items() if key != name}


def encoded(value: Any, name: str = "record") -> bytes:
    """Canonical JSON in memory of its own size; the encoder's own result keeps its work space, 4 KiB and more."""
    return bytes(memoryview(encode(value, name)))


def conversation(
    where: str, conversation_id: str, document: dict[str, Any] | None, messages: Sequence[Any], at: int
) -> Bundle:
    """The bundle of a conversation whose records are all as old as `at`."""
    key = (check_id(conversation_id, "id"),)
    bundle = Bundle(where, CONVERSATION, key)
    if document is not None:
        bundle.singles.append(Put(CONVERSATION, key, encoded(document, "conversation"), at))
    if messages:
        bodies = tuple(encoded(message, f"messages[{n}]") for n, message in enumerate(messages))
        bundle.log.append(Append(RAW_MESSAGE, key, bodies, at))
    return bundle
