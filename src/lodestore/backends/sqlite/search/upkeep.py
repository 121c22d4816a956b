"""Index upkeep: takes what writes left in the queue into the index, when the store is idle or much of it waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ....core.background import Job, Wants
from ....core.records import Append, Drop, Write

MANY = 2000  # records written and not taken in, from which on that is done beside the writes


class IndexUpkeep(Job):
    """Runs `keep_up`. `backlog` counts the records this handle wrote since the last walk through the queue began."""

    name = "keeping the index of text and vectors"

    def __init__(self, keep_up: Callable[[], Awaitable[None]]) -> None:
        self._keep_up = keep_up
        self.backlog = 0

    def committed(self, writes: Sequence[Write]) -> None:
        self.backlog += sum(map(_records, writes))

    def wants(self) -> Wants:
        if not self.backlog:
            return Wants.NOTHING
        return Wants.NOW if self.backlog >= MANY else Wants.IDLE

    async def run(self) -> None:
        """Take in what waits; what cannot be taken in now the next search takes in, or says why not."""
        await self._keep_up()


def _records(write: Write) -> int:
    if not (write.family.text or isinstance(write, Drop)):
        return 0
    return len(write.bodies) if isinstance(write, Append) else 1
