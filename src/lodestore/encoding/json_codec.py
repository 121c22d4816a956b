"""JSON codec: documents to canonical JSON and back. Values that would not round-trip are rejected.

What a backend does with the bytes is its own affair; those that store opaque bodies pack them (`packing`).
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from ..errors import InvalidInputError

MAX_BODY = 64 * 1024 * 1024
MAX_DEPTH = 200
_PLAIN = frozenset({str, int, bool, type(None)})

loads = orjson.loads


def encode(value: object, name: str = "data") -> bytes:
    """Canonical JSON of `value`, which must be an object (dict, dataclass or pydantic model).

    InvalidInputError, with the path of the offender as in `messages[3].usage.cost`, for anything that would not come
    back: NaN and infinities, integers beyond 64 bits, keys that are not text, bytes, half surrogate pairs, nesting
    deeper than 200, more than 64 MiB.
    """
    try:
        body = orjson.dumps(value, default=_model)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(_explain(value, name, str(error))) from None
    # orjson writes NaN as null and counts no levels: look closer only where the text leaves room for either.
    deep = len(body) > 2 * MAX_DEPTH and body.count(b"[") + body.count(b"{") > MAX_DEPTH
    if deep or (b"null" in body and _may_hold_nan(value) and loads(body) != value):
        for problem in _problems(value, name, 1):
            raise InvalidInputError(problem)
    if body[:1] != b"{":
        raise InvalidInputError(f"{name}: expected an object (a dict), not {type(value).__name__}")
    if len(body) > MAX_BODY:
        raise InvalidInputError(f"{name}: {len(body):,} bytes as JSON, above the limit of {MAX_BODY:,}")
    # What orjson returns keeps its work buffer: four kilobytes for a hundred bytes.
    return bytes(memoryview(body)) if len(body) < 4096 else body


def encode_all(values: Iterable[object], name: str) -> tuple[bytes, ...]:
    """`encode` of each; the message says which one was refused."""
    try:
        return tuple(map(encode, values))
    except InvalidInputError:
        return tuple(encode(value, f"{name}[{index}]") for index, value in enumerate(values))


def _may_hold_nan(value: object) -> bool:
    """Whether a float is not finite, or something is of no plain type: most real documents hold a null and neither."""
    left: list[Any] = [value] if type(value) is dict else [[value]]
    while left:
        holder = left.pop()
        for item in holder.values() if type(holder) is dict else holder:
            kind = type(item)
            if kind is dict or kind is list:
                left.append(item)
            elif kind not in _PLAIN and (kind is not float or not math.isfinite(item)):
                return True
    return False


def _model(value: Any) -> Any:
    if hasattr(value, "model_dump"):  # pydantic, without importing it
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def _explain(value: object, name: str, error: str) -> str:
    try:
        return next(_problems(value, name, 1), f"{name}: {error}")
    except Exception as problem:  # whatever a model of the caller's raises when it is asked for its fields
        return f"{name}: {type(problem).__name__}: {problem}"


def _problems(value: Any, path: str, depth: int) -> Iterator[str]:
    """Walk a value as orjson does and name what it cannot keep; a generator, most callers want the first."""
    if depth > MAX_DEPTH:
        yield f"{path[:80]}...: nested deeper than {MAX_DEPTH} levels"
        return
    if isinstance(value, enum.Enum):
        value = value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield f"{path}: the key {key!r} is {type(key).__name__}, JSON keys are text"
            elif problem := text_problem(key):
                yield f"{path}: a key {problem}"
            else:
                yield from _problems(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _problems(item, f"{path}[{index}]", depth + 1)
    elif problem := scalar_problem(value):
        yield f"{path}: {problem}"


def text_problem(text: str) -> str | None:
    """What keeps a text from being written as JSON, if anything does."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half a surrogate pair, which is no Unicode text"
    return None


def scalar_problem(value: Any) -> str | None:
    """What keeps a value that holds no others from coming back as it was, if anything does."""
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{'NaN' if value != value else 'infinity'} is not JSON"
    if isinstance(value, str):
        return text_problem(value)
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else f"{value} does not fit 64 bits"
    try:
        orjson.dumps(value, default=_model)
    except (TypeError, ValueError):
        return f"{type(value).__name__} is not JSON"
    return None
