"""Clock: whole milliseconds since the epoch that never run backwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
_END_OF_TIME = 253_402_300_799_999  # the last millisecond of the year 9999, beyond which there is no ISO text


def system_clock() -> int:
    """Wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


class HighWaterClock:
    """A clock that holds still while its source steps back, so that nothing expired comes back to life."""

    __slots__ = ("_latest", "_source")

    def __init__(self, source: Clock = system_clock) -> None:
        self._source = source
        self._latest = 0

    def __call__(self) -> int:
        """Return the time in milliseconds, never less than before."""
        now = self._source()
        if now > self._latest:
            self._latest = now
        return self._latest

    def advance(self, seen: int) -> None:
        """Never answer less than `seen`: the newest time a store already carries."""
        self._latest = max(self._latest, seen)


def iso(milliseconds: int) -> str:
    """ISO 8601 in UTC with milliseconds, as `2026-11-20T09:30:00.000+00:00`."""
    return datetime.fromtimestamp(min(milliseconds, _END_OF_TIME) / 1000, UTC).isoformat(timespec="milliseconds")


def milliseconds(text: str | float | None) -> int | None:
    """Milliseconds of an ISO 8601 text or of a UNIX time in seconds; None where it is neither."""
    if isinstance(text, bool) or text is None:
        return None
    try:
        if isinstance(text, (int, float)):
            return max(0, int(text * 1000))
        when = datetime.fromisoformat(text)
        return max(0, int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000))
    except (ValueError, OverflowError, TypeError):
        return None
