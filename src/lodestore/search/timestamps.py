"""Timestamps: one form of ISO 8601 text, parsed to microseconds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_LEAP = "(?:0[48]|[2468][048]|[13579][26])"  # 04 to 96 by fours
_DAYS = (
    "(?!0000)[0-9]{4}-(?:"
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|(?:[0-9]{{2}}{_LEAP}|{_LEAP}00)-02-29"
)
_HOUR, _MINUTE = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_TIME = f"[T ]{_HOUR}:{_MINUTE}(?::{_MINUTE}(?:[.][0-9]{{1,9}})?)?(?:Z|[+-]{_HOUR}:{_MINUTE})?"

# A day, or a day with a time of day to the minute, second or fraction, with or without an offset. It is a regular
# expression of Python and of PostgreSQL alike.
ISO = f"^(?:{_DAYS})(?:{_TIME})?$"

_ISO = re.compile(ISO)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_timestamp(text: str) -> int | None:
    """Microseconds since 1970 in UTC of the moment that `text` tells, or None where it tells none.

    A day is its midnight; without an offset the time is UTC; what a fraction has beyond microseconds is cut off.
    """
    if len(text) < 10 or text[4] != "-" or not _ISO.fullmatch(text):
        return None
    return microseconds_of(datetime.fromisoformat(text))


def microseconds_of(when: date) -> int:
    """The same of a date or datetime."""
    if not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day)
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
