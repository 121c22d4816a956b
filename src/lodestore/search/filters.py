"""Filters: `where=` parsed into a small tree, and what the tree means for a document.

`matches` is the definition; the rules are told to users in `docs/filters.md`. A document is JSON as it was loaded.
"""

from __future__ import annotations

import enum
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from operator import ge, gt, le, lt
from typing import Any, Literal, TypeAlias

from ..encoding import json_codec
from ..errors import InvalidInputError
from . import timestamps

MAX_DEPTH = 32  # levels of operators and values, and keys of one path
MAX_NODES = 1000  # conditions, and values that stand in lists and objects
MAX_MEMBERS = 10_000  # values of one $in or $nin

Operator = Literal["<", "<=", ">", ">="]
_SIGNS: dict[str, Operator] = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_COMPARE = {"<": lt, "<=": le, ">": gt, ">=": ge}
_LOGIC = ("$and", "$or", "$not")
_OPERATORS = ("$eq", "$ne", *_SIGNS, "$in", "$nin", "$exists", "$contains", "$not")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time, in microseconds since 1970 (UTC); `text` as the caller wrote it, None for a date object."""

    at: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectValue:
    """An object, as pairs of key and value."""

    pairs: tuple[tuple[str, FilterValue], ...]


@dataclass(frozen=True, slots=True)
class And:
    """True where all parts are; with none, everywhere."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True where one part is; with none, nowhere."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True where the part is not: nothing is neither."""

    part: Filter


@dataclass(frozen=True, slots=True)
class Equals:
    """The field is one of the values; a field that is missing is None."""

    path: Path
    values: tuple[FilterValue, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The field stands so to the value; never where they are not of one kind."""

    path: Path
    sign: Operator
    value: int | float | str | Timestamp


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there, be it null."""

    path: Path


@dataclass(frozen=True, slots=True)
class Contains:
    """The field is a list with the value in it, or a text with the text in it."""

    path: Path
    value: FilterValue


Path: TypeAlias = tuple[str, ...]
FilterValue: TypeAlias = "bool | int | float | str | Timestamp | ObjectValue | tuple[FilterValue, ...] | None"
Filter: TypeAlias = And | Or | Not | Equals | Comparison | Exists | Contains


def matches(tree: Filter, document: dict[str, Any]) -> bool:
    """Check if a filter is true of a document.

    Args:
        tree: A filter from `parse`.
        document: The document, as it was loaded.

    Returns:
        True or False: there is no third value, whatever is missing.
    """
    match tree:
        case And(parts):
            return all(matches(part, document) for part in parts)
        case Or(parts):
            return any(matches(part, document) for part in parts)
        case Not(part):
            return not matches(part, document)
    found = _find(tree.path, document)
    match tree:
        case Equals(_, values):
            return any(_same(value, None if found is _MISSING else found) for value in values)
        case Comparison(_, sign, value):
            return _ordered(sign, value, found)
        case Exists():
            return found is not _MISSING
        case Contains(_, value):
            return _holds(value, found)


def _find(path: Path, document: Any) -> Any:
    for key in path:
        if not isinstance(document, dict) or key not in document:
            return _MISSING
        document = document[key]
    return document


def _same(value: FilterValue, found: Any) -> bool:
    match value:
        case None | bool():
            return found is value
        case int() | float():
            return type(found) in (int, float) and bool(found == value)
        case str():
            return type(found) is str and found == value
        case Timestamp(at):
            return type(found) is str and timestamps.parse_timestamp(found) == at
        case ObjectValue(pairs):
            return isinstance(found, dict) and len(found) == len(pairs) and all(
                key in found and _same(item, found[key]) for key, item in pairs
            )  # fmt: skip
        case _:
            return isinstance(found, list) and len(found) == len(value) and all(map(_same, value, found))


def _ordered(sign: Operator, value: int | float | str | Timestamp, found: Any) -> bool:
    kinds = (int, float) if isinstance(value, (int, float)) else (str,)
    if type(found) not in kinds:
        return False
    if not isinstance(value, Timestamp):
        return bool(_COMPARE[sign](found, value))
    at = timestamps.parse_timestamp(found)
    if at is not None:
        return bool(_COMPARE[sign](at, value.at))
    return value.text is not None and bool(_COMPARE[sign](found, value.text))


def _holds(value: FilterValue, found: Any) -> bool:
    if isinstance(found, list):
        return any(_same(value, item) for item in found)
    text = text_of(value)
    return text is not None and type(found) is str and text in found


def text_of(value: FilterValue) -> str | None:
    """Return the text a value was written as, if it was."""
    return value.text if isinstance(value, Timestamp) else value if isinstance(value, str) else None


def field(*keys: str) -> str:
    r"""Write the path of a field as filters spell it: `field("user", "first.name")` is `user.first\.name`.

    Args:
        *keys: The keys, outermost first.

    Returns:
        The path, with dots and dollars in keys escaped.
    """
    return ".".join(re.sub(r"([\\.])", r"\\\1", key).replace("$", "\\$") for key in keys)


def parse(where: object, name: str = "where") -> Filter:
    """Check a filter and parse it.

    Args:
        where: The filter, as it is passed to `search(where=...)`.
        name: What error messages call it.

    Returns:
        The parsed filter, for `matches`.

    Raises:
        InvalidInputError: It is not a filter: an unknown operator, a value that is not JSON, more than 32 levels or
            1000 conditions. The message names the path, as in `where.$or[1].age.$gt`, and what would be right there.
    """
    return _Reader().mapping(where, name, 1)


class _Reader:
    """One reading of a filter; `nodes` counts its conditions, and the values within lists and objects."""

    def __init__(self) -> None:
        self.nodes = 0

    def enter(self, path: str, depth: int, nodes: int) -> None:
        self.nodes += nodes
        if depth > MAX_DEPTH:
            raise InvalidInputError(f"{path[:80]}...: nested deeper than {MAX_DEPTH} levels")
        if self.nodes > MAX_NODES:
            raise InvalidInputError(
                f"{path[:80]}: more than {MAX_NODES} conditions and values; many values of a field go in $in"
            )

    def mapping(self, where: object, path: str, depth: int) -> Filter:
        if not isinstance(where, Mapping):
            raise InvalidInputError(f"{path}: expected a mapping of fields to values, not {type(where).__name__}")
        self.enter(path, depth, 0 if where else 1)
        return _every(self.entry(key, item, path, depth) for key, item in where.items())

    def entry(self, key: object, item: object, path: str, depth: int) -> Filter:
        path = _below(path, key)
        if key in _LOGIC:
            return self.logic(str(key), item, path, depth)
        if str(key).startswith("$"):
            right = (
                "stands below a field" if key in _OPERATORS else f"is not an operator; there are {', '.join(_LOGIC)}"
            )
            raise InvalidInputError(f"{path}: {_shown(key)} {right}. A dollar that begins a field is written \\$")
        keys = _keys(str(key), path)
        if isinstance(item, Mapping):
            return self.operators(keys, item, path, depth + 1)
        return Equals(keys, (self.value(item, path, depth + 1),))

    def logic(self, key: str, item: object, path: str, depth: int) -> Filter:
        if isinstance(item, Mapping) and key == "$not":
            return Not(self.mapping(item, path, depth + 1))
        if not isinstance(item, (list, tuple)) or not item:
            raise InvalidInputError(f"{path}: expected a list of filters with one or more, not {_shown(item)}")
        parts = tuple(self.mapping(part, f"{path}[{index}]", depth + 1) for index, part in enumerate(item))
        return Or(parts) if key == "$or" else Not(_every(parts)) if key == "$not" else _every(parts)

    def operators(self, keys: Path, item: Mapping[Any, Any], path: str, depth: int) -> Filter:
        self.enter(path, depth, 0)
        if not item:
            raise InvalidInputError(
                f'{path}: expected a value or operators, not {{}}; the empty object is {{"$eq": {{}}}}'
            )
        return _every(self.operator(keys, key, value, _below(path, key), depth) for key, value in item.items())

    def operator(self, keys: Path, key: str, item: object, path: str, depth: int) -> Filter:
        if key not in _OPERATORS:
            right = "an object is compared by $eq, and a field within one is written with a dot"
            right = f"there are {', '.join(_OPERATORS)}" if key.startswith("$") else right
            raise InvalidInputError(f"{path}: {_shown(key)} is not an operator; {right}")
        if key in _SIGNS:
            return self.order(keys, _SIGNS[key], item, path, depth)
        if key in ("$in", "$nin"):
            self.enter(path, depth, 1)
            within = Equals(keys, self.members(item, path, depth))
            return within if key == "$in" else Not(within)
        if key == "$exists":
            self.enter(path, depth, 1)
            if not isinstance(item, bool):
                raise InvalidInputError(f"{path}: expected True or False, not {_shown(item)}")
            return Exists(keys) if item else Not(Exists(keys))
        if key == "$not":
            if not isinstance(item, Mapping):
                raise InvalidInputError(
                    f'{path}: expected operators, as in {{"$not": {{"$gt": 5}}}}, not {_shown(item)}'
                )
            return Not(self.operators(keys, item, path, depth + 1))
        value = self.value(item, path, depth + 1)
        if key == "$contains":
            return Contains(keys, value)
        return Equals(keys, (value,)) if key == "$eq" else Not(Equals(keys, (value,)))

    def order(self, keys: Path, sign: Operator, item: object, path: str, depth: int) -> Filter:
        value = self.value(item, path, depth + 1)
        if value is None:
            return Or(())  # nothing is greater than None, and nothing less
        if isinstance(value, (bool, tuple, ObjectValue)):
            raise InvalidInputError(f"{path}: expected a number, a text, a date or a datetime, not {_shown(item)}")
        return Comparison(keys, sign, value)

    def members(self, item: object, path: str, depth: int) -> tuple[FilterValue, ...]:
        if not isinstance(item, (list, tuple)):
            raise InvalidInputError(f"{path}: expected a list of values, not {_shown(item)}")
        if len(item) > MAX_MEMBERS:
            raise InvalidInputError(f"{path}: {len(item):,} values; at most {MAX_MEMBERS:,} are allowed")
        return tuple(self.member(member, f"{path}[{index}]", depth + 1) for index, member in enumerate(item))

    def member(self, item: object, path: str, depth: int) -> FilterValue:
        if isinstance(item, (Mapping, list, tuple)):
            return self.value(item, path, depth)
        return _scalar(item, path)  # not counted: many of them make one condition

    def value(self, item: object, path: str, depth: int) -> FilterValue:
        self.enter(path, depth, 1)
        if isinstance(item, Mapping):
            return ObjectValue(tuple((str(k), self.value(v, _below(path, k), depth + 1)) for k, v in item.items()))
        if isinstance(item, (list, tuple)):
            return tuple(self.value(member, f"{path}[{index}]", depth + 1) for index, member in enumerate(item))
        return _scalar(item, path)


def _scalar(item: object, path: str) -> FilterValue:
    if isinstance(item, enum.Enum):
        item = item.value
    if isinstance(item, date):
        return Timestamp(timestamps.microseconds_of(item))
    if not isinstance(item, (str, int, float, uuid.UUID, type(None))):
        raise InvalidInputError(f"{path}: {type(item).__name__} is not JSON, nor a date, a datetime or a UUID")
    if problem := json_codec.scalar_problem(item):
        raise InvalidInputError(f"{path}: {problem}")
    if isinstance(item, (str, uuid.UUID)):
        text = str(item)
        at = timestamps.parse_timestamp(text)
        return text if at is None else Timestamp(at, text)
    if item is None or isinstance(item, bool):
        return item
    return float(item) if isinstance(item, float) else int(item)


def _every(parts: Iterable[Filter]) -> Filter:
    parts = tuple(parts)
    return parts[0] if len(parts) == 1 else And(parts)


def _shown(item: object) -> str:
    """Show a scalar itself, of anything else the type: it may be deep, or fail to show itself."""
    if isinstance(item, (str, int, float, type(None))):
        return repr(item) if len(repr(item)) <= 60 else f"{repr(item)[:57]}..."
    return f"{'an empty ' if item in ([], (), {}) else ''}{type(item).__name__}"


def _below(path: str, key: object) -> str:
    """Return the path of what stands under `key`, which must be text."""
    if not isinstance(key, str):
        raise InvalidInputError(f"{path}: the key {_shown(key)} is {type(key).__name__}, expected text")
    if problem := json_codec.text_problem(key):
        raise InvalidInputError(f"{path}: a key {problem}")
    return f"{path}.{key if len(key) <= 80 else key[:77] + '...'}"


def _keys(text: str, path: str) -> Path:
    """Split a dotted path into keys: a backslash takes the meaning from a dot, a dollar and a backslash."""
    if re.search(r"\\(?![.$\\])", text.replace("\\\\", "")):
        raise InvalidInputError(
            f"{path}: a backslash stands before a dot, a dollar or a backslash only; one alone is \\\\"
        )
    keys = [""]
    for token in re.findall(r"(?s)\\.|[^\\.]+|[.]", text):
        if token == ".":
            keys.append("")
        else:
            keys[-1] += token[1:] if token[0] == "\\" else token
    if len(keys) > MAX_DEPTH:
        raise InvalidInputError(f"{path}: the path has more than {MAX_DEPTH} keys")
    return tuple(keys)
