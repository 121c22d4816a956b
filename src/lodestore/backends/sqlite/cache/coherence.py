"""Cache coherence: whether what this process has cached is still what the file holds, by the commit number.

The row of `store` counts the commits of every handle and process. The cache holds what the file held when that number
was `_seen`. Three rules keep it so:

- With each commit of this handle, the writer tells the numbers before and after it, and what it wrote. If the number
  before is `_seen`, nobody else wrote in between, and the cache learns these writes; otherwise it drops everything.
- The first read of each event-loop iteration, and any read later than `staleness` after the last check, checks the
  file: PRAGMA data_version, which changes when another connection has committed, then the commit number. A number that
  this handle's commits do not explain drops everything; so does a file that changed without it (written by hand).
- A number that changed while commits of this handle are under way proves nothing: reads then go to the file.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from time import monotonic

from ....core.records import Write
from ..engine import driver
from ..engine.transaction import Commit

MAX_STALENESS = 1.0  # milliseconds


class CoherentCache(ABC):
    """What holds a part of the file in the process. Lives on the event loop alone.

    `check` raises where the handle may not be used; `staleness` is in milliseconds, 0 looks before every read.
    """

    def __init__(self, reading: driver.Cursor, check: Callable[[], None], staleness: float) -> None:
        self._reading = reading
        self._check = check
        self._staleness = staleness / 1000
        self._loop = asyncio.get_running_loop()
        self._until = 0.0  # up to when reads need no look
        self._armed = False  # the end of this iteration of the event loop will be noticed
        self._moved: int | None = None  # PRAGMA data_version when what is held was last known to be true
        self._seen: int | None = None  # the commit sequence it stands for
        self._true = False  # what is read from the file now may be kept
        self._told = False  # commits of this handle were taken in since `_moved`
        self._pending = 0  # batches of this handle that are under way

    @abstractmethod
    def drop(self) -> None:
        """Forget everything."""

    @abstractmethod
    def learn(self, write: Write) -> None:
        """Do to what is held what a write did to the file."""

    def hand_over(self) -> None:
        """The writer begins a batch of this handle."""
        self._pending += 1

    def take_in(self, commits: Iterable[Commit]) -> None:
        """A batch has been decided, by these commits."""
        self._pending -= 1
        for before, after, writes in commits:
            if before != self._seen or writes is None:
                self.drop()
            self._seen = None if after < 0 else after
            for write in writes or ():
                self.learn(write)
            self._told = True
        self._true, self._until = False, 0.0  # whatever comes next looks first

    def fits(self, sequence: int) -> bool:
        """Whether what was read as of a commit may be kept."""
        return self._true and sequence == self._seen

    def _look(self) -> bool:
        self._check()
        now = monotonic()  # before looking: what is written after the look counts against it
        try:
            self._true = self._compare()
        except driver.Error as error:
            raise driver.renamed(error, "reading") from error
        if self._true and self._staleness:
            self._until = now + self._staleness
            if not self._armed:
                self._armed = True
                self._loop.call_soon(self._iteration_ended)
        return self._true

    def _compare(self) -> bool:
        moved = self._reading.execute("PRAGMA data_version").fetchone()[0]
        if moved != self._moved:
            [sequence] = self._reading.execute("SELECT commits FROM store").fetchone()
            if sequence != self._seen and self._pending:
                return False
            if sequence != self._seen or not self._told:
                self.drop()
            self._seen, self._moved, self._told = sequence, moved, False
        return True

    def _iteration_ended(self) -> None:
        self._armed, self._until = False, 0.0
