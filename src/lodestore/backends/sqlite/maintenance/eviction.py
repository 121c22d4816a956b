"""Cache eviction: keeps the stored cache below a bound, by dropping entries in short steps away from the writes.

Exact counts read the whole table, so they are rare: only when this handle has written a tenth of the bound since the
last one, or what was left of it. Until the count the cache may stand above the bound by as much, for each handle that
writes. Who goes first: what has expired, then what expires soonest, then what was written longest ago.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....core.background import Job, Wants
from ....core.families import CACHE
from ....core.records import Drop, Put, Write
from ..engine import driver
from ..engine.connection_thread import ConnectionThread
from ..engine.transaction import Commit, transact
from ..group_commit import SQLiteGroupCommit

PART = 10  # a tenth: what is written between two counts, and what is freed beyond the bound
CHOSEN = 10_000  # entries chosen at a time
STEP = 500  # entries dropped in one transaction

_WEIGHT = "SELECT coalesce(sum(length(body) + length(cache_key)), 0) FROM cache"
_ENDING = (
    "SELECT rowid, version, length(body) + length(cache_key) FROM cache "
    "WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT ?1"
)
_LASTING = (
    "SELECT rowid, version, length(body) + length(cache_key) FROM cache "
    "WHERE expires_at IS NULL ORDER BY written_at LIMIT ?1"
)
_DROP = "DELETE FROM cache WHERE rowid = ?1 AND version = ?2 RETURNING cache_key"

Victim = tuple[int, int, int]  # row, version, bytes


class Evictor(Job):
    """Keeps keys and packed bodies of the cache within about `limit` bytes; `size` gives those of the whole file."""

    name = "cache eviction"

    def __init__(
        self, limit: int, size: Callable[[], int], scanning: ConnectionThread, writer: SQLiteGroupCommit
    ) -> None:
        self._limit, self._size, self._scanning, self._writer = limit, size, scanning, writer
        self._written = 0  # bytes since the last look, before packing
        self._due = 0  # how many there may be before the next; the first write looks
        self.counts = 0  # how often the table was read

    def committed(self, writes: Sequence[Write]) -> None:
        for write in writes:
            if write.family is CACHE and isinstance(write, Put):
                self._written += len(write.body) + len(write.key[0])  # type: ignore[arg-type]

    def wants(self) -> Wants:
        return Wants.NOW if self._written > self._due else Wants.NOTHING

    async def run(self) -> None:
        """Look at what the cache holds, and shrink it where that is too much."""
        self._written, self._due = 0, self._limit // PART
        held = self._size()  # a whole file that is small enough needs no count
        if held > self._limit:
            held = await self._count()
        if held > self._limit:
            held = await self._shrink(held)
        self._due = max(self._due, self._limit - held)

    async def _count(self) -> int:
        self.counts += 1
        return await self._scanning.run("counting", lambda c: int(c.execute(_WEIGHT).fetchone()[0]))

    async def _shrink(self, held: int) -> int:
        target = self._limit - self._limit // PART
        while held > target and not self.stopping:
            excess = held - target
            victims = await self._scanning.run("choosing", lambda c, n=excess: choose(c, n))  # type: ignore[misc]
            if not victims:
                break
            for start in range(0, len(victims), STEP):
                if self.stopping:
                    break
                part = victims[start : start + STEP]
                await self._writer.chore(lambda c, part=part: drop(c, part), "evicting")  # type: ignore[misc]
                held -= sum(size for _, _, size in part)
        return held


def choose(connection: driver.Connection, excess: int) -> list[Victim]:
    """The first to go, enough of them to free `excess` bytes, or CHOSEN."""
    victims: list[Victim] = []
    for text in (_ENDING, _LASTING):
        for victim in connection.execute(text, (CHOSEN - len(victims),)).fetchall():
            if excess <= 0:
                return victims
            victims.append(victim)
            excess -= victim[2]
    return victims


def drop(connection: driver.Connection, victims: Sequence[Victim]) -> tuple[int, Commit]:
    """Drop those that nobody has written anew, as one transaction; how many. Runs in the writer's thread."""
    run = connection.cursor()

    def delete() -> list[str]:
        return [key for row, version, _ in victims for [key] in run.execute(_DROP, (row, version)).fetchall()]

    gone, commit = transact(run, delete)
    return len(gone), commit._replace(writes=[Drop(CACHE, (key,), 0) for key in gone])
