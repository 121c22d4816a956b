"""Migration report: what a migration did, and the hash it proves itself by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from ..core.families import Family
from ..core.records import BODY, CREATED_AT, KEY, Row

# Told what was done so far, of how much where that is known, and what is being done.
Progress = Callable[[int, "int | None", str], None]

MAX_LISTED = 1_000  # conflicts named in a report; a store of nothing else must not fill the memory
_MODULUS = 2**256


def fingerprint(family: Family, row: Row) -> int:
    """SHA-256 over `[family, key, created_at, written_at, expires_at, place]` as JSON, a line feed, and the body."""
    head = orjson.dumps([family.name, row[KEY:], *row[CREATED_AT:KEY]])
    return int.from_bytes(sha256(head + b"\n" + row[BODY]).digest(), "big")


@dataclass(slots=True)
class FamilyReport:
    """One family on both sides, as the last pass saw it; what was written counts over all passes.

    `bytes` are those of the source's bodies. The hashes are sums of fingerprints, so order does not matter; they stay
    empty where nothing was verified.
    """

    records: int = 0
    target_records: int = 0
    bytes: int = 0
    copied: int = 0
    dropped: int = 0
    overwritten: int = 0
    source_hash: str = ""
    target_hash: str = ""


@dataclass(slots=True)
class MigrationReport:
    """The outcome. `agreed` is None where nobody looked; `versions_kept` whether the target took versions over.

    `as_of` is the number of the commit of the source that the target equals, where the source counts its commits.

    `caught_up` counts the records that were written or deleted in the source after its snapshot that was verified as a
    whole, and copied and compared one by one; the hashes are those of that snapshot. `conflicts` names the first
    thousand records the target holds otherwise and keeps, `omitted` counts the others.
    """

    families: dict[str, FamilyReport] = field(default_factory=dict)
    dry_run: bool = False
    merge: str | None = None
    passes: int = 0
    agreed: bool | None = None
    versions_kept: bool = True
    caught_up: int = 0
    as_of: int | None = None
    seconds: float = 0.0
    conflicts: list[str] = field(default_factory=list)
    omitted: int = 0
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether it did as was asked: a conflict that was to be skipped is told, and no failure."""
        return self.agreed is not False and not (self.conflicts and self.merge == "fail")

    def total(self, name: str) -> int:
        """The sum of a count over all families."""
        return sum(int(getattr(family, name)) for family in self.families.values())

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        sums = {name: self.total(name) for name in ("records", "bytes", "copied", "dropped", "overwritten")}
        return {"ok": self.ok, **sums, **asdict(self), "seconds": round(self.seconds, 3)}


class Tally:
    """The sum of fingerprints of the records of one family, on one side."""

    __slots__ = ("_family", "_sum")

    def __init__(self, family: Family) -> None:
        self._family = family
        self._sum = 0

    def add(self, row: Row) -> None:
        self._sum = (self._sum + fingerprint(self._family, row)) % _MODULUS

    def __str__(self) -> str:
        return f"{self._sum:064x}"
