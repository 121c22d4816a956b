"""Validation of ids, limits and times to live: every value from outside is checked once, here.

Behind it a key is text of 1 to 1024 bytes in UTF-8 without NUL, so that no backend needs rules of its own.
"""

from __future__ import annotations

import math

from ..errors import InvalidInputError
from .families import RESERVED

MAX_ID_BYTES = 1024
_SURELY_SHORT = MAX_ID_BYTES // 4  # characters of at most 4 bytes each
_FAR_FUTURE = 2**53  # the largest millisecond every JSON reader keeps exact


def check_id(value: object, name: str) -> str:
    """Check an id; InvalidInputError names the argument."""
    if type(value) is str and 0 < len(value) <= _SURELY_SHORT and value.isascii() and "\0" not in value:
        return value
    return _check_slowly(value, name)


def _check_slowly(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"{name}: expected text, not {type(value).__name__}")
    if not value:
        raise InvalidInputError(f"{name}: the id is empty")
    if "\0" in value:
        raise InvalidInputError(f"{name}: the id contains a NUL character")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInputError(f"{name}: the id is not valid Unicode (half a surrogate pair)") from None
    if size > MAX_ID_BYTES:
        raise InvalidInputError(f"{name}: the id is {size} bytes in UTF-8; at most {MAX_ID_BYTES} are allowed")
    return str(value)


def check_unreserved(state_key: str) -> str:
    """Check that a state key is not one that lodestore keeps to itself."""
    if state_key in RESERVED:
        raise InvalidInputError(f"state_key: {state_key} is reserved for lodestore; choose another key")
    return state_key


def check_count(value: object, name: str) -> int | None:
    """Check a limit, offset or position: None or a whole number from 0."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInputError(f"{name}: expected a whole number or None, not {value!r}")
    if value < 0:
        raise InvalidInputError(f"{name}: expected 0 or more, not {value}")
    return min(value, _FAR_FUTURE)


def check_seconds(value: object, name: str) -> float:
    """Check a pause in seconds from 0, also as text from a URL or the environment."""
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise InvalidInputError(f"{name}: expected seconds from 0, not {value!r}")
    return seconds


def expiry(ttl: float | None, now: int) -> int | None:
    """Return the millisecond at which a record with `ttl` seconds to live expires; None for one that does not."""
    if ttl is None:
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not 0 < ttl < math.inf:
        raise InvalidInputError(f"ttl: expected seconds above 0, or None for no expiry, not {ttl!r}")
    return min(now + math.ceil(min(ttl, _FAR_FUTURE) * 1000), _FAR_FUTURE)
