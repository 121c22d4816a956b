"""Record comparison: what a record of the source means for the target, in the three ways to see it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from ..core.families import Family
from ..core.records import BODY, CREATED_AT, EXPIRES_AT, KEY, LAST_PLACE, PLACE, VERSION, Key, Row, alive


class Verdict(Enum):
    """The answer for one record."""

    SAME = "both sides hold it"
    COPY = "it is to be written"
    CONFLICT = "the target holds a different record"
    BLOCKED = "it follows a conflict in a log and would mix two logs"


class RecordComparison(Protocol):
    """Compares records one by one, in the order of their family."""

    def compare(self, family: Family, row: Row, there: Row | None) -> Verdict:
        """What is to be done about `row`, where the target holds `there` under its key."""

    def essence(self, row: Row) -> Row:
        """What of a row has to be equal on both sides, besides the version; the rest is None."""


class ExactComparison:
    """The target becomes what the source is: times, places and, where it keeps them, versions.

    A place beyond the last that every backend keeps may have become another.
    """

    def __init__(self) -> None:
        self.versions = True

    def compare(self, family: Family, row: Row, there: Row | None) -> Verdict:
        if there is None:
            return Verdict.COPY
        same = row[VERSION] == there[VERSION] or not self.versions
        same = same and self.essence(row) == self.essence(there)
        kept = row[PLACE] == there[PLACE] or row[PLACE] > LAST_PLACE
        return Verdict.SAME if same and kept else Verdict.COPY

    def essence(self, row: Row) -> Row:
        return (row[BODY], None, *row[CREATED_AT:PLACE], None, *row[KEY:])


class BodyComparison:
    """The target becomes what the source says, at places, times and versions that may be its own."""

    def compare(self, family: Family, row: Row, there: Row | None) -> Verdict:
        return Verdict.SAME if there is not None and row[BODY] == there[BODY] else Verdict.COPY

    def essence(self, row: Row) -> Row:
        return (row[BODY], *(None,) * (KEY - 1), *row[KEY:])


class MergeComparison:
    """The target keeps what only it has. A record under one key with another body or expiry is a conflict.

    After a conflict the rest of that log is the business of whoever settles it: overwritten, or kept out.
    """

    def __init__(self, now: int, *, overwrite: bool) -> None:
        self.overwrite = overwrite
        self._now = now
        self._split: tuple[Family, Key] | None = None  # the log in which the two sides part ways

    def compare(self, family: Family, row: Row, there: Row | None) -> Verdict:
        if family.log and self._split == (family, row[KEY:-1]):
            return Verdict.COPY if self.overwrite else Verdict.BLOCKED
        if there is None or not alive(there, self._now) or (row[BODY] and not there[BODY]):
            return Verdict.COPY
        if not row[BODY] or self.essence(row) == self.essence(there):
            return Verdict.SAME
        if family.log:
            self._split = (family, row[KEY:-1])
        return Verdict.CONFLICT

    def essence(self, row: Row) -> Row:
        return (row[BODY], None, None, None, row[EXPIRES_AT], None, *row[KEY:])
