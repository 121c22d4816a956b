"""Migration lock: whose unfinished migration a target holds, what it may remove, and that one run alone goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.backend import Backend, RecordReader
from ..core.families import STATE
from ..core.records import ABSENT, BODY, VERSION, Copy, Drop, Put, Row, Write, alive
from ..encoding.json_codec import encode, loads
from ..errors import ConflictError, InvalidInputError
from .batching import LOCK_KEY


async def migration_record(backend: RecordReader) -> Row | None:
    """The record that says a migration into this store is unfinished; None where none is."""
    [row] = await backend.fetch(STATE, [LOCK_KEY])
    return row


class MigrationLock:
    """Held by one run. Each batch renews it under the version it had, so a run that lost it writes nothing more.

    `bound` is the highest version a record copied by the migration carries, where that is known. It is put into the
    target as the version of the lock before anything else, so that what others write there gets a higher one: what
    stands at or below it in the target was copied, never written by a user.
    """

    def __init__(self, target: Backend, about: dict[str, Any], sequence: int | None, *, strangers: bool) -> None:
        self._target, self._about, self._sequence = target, about, sequence
        self._strangers = strangers or sequence is None
        self._version = ABSENT
        self._proves = sequence is not None
        self.bound: int | None = None

    async def begin(self) -> None:
        """Take a target nobody has locked."""
        self.bound = self._sequence
        await self._raise("another migration into the target has begun: let it finish, or resume it")

    async def take_over(self, row: Row) -> None:
        """Take the lock a run that ended has left. What it says stays, until `advance`."""
        about = loads(row[BODY])
        self.bound = about.pop("sequence", None)
        if about != self._about:
            raise InvalidInputError("the unfinished migration in the target has another source, or other families")
        self._version = row[VERSION]
        await self._raise("another run of this migration is under way: let it finish")

    def advance(self) -> None:
        """From now on records up to the commit this run reads may be copied: the next batch says so, too."""
        self.bound = max(self.bound or 0, self._sequence or 0) if self._proves else None

    def copied(self, row: Row, now: int) -> bool:
        """Whether a record of the target that the source does not hold came from this migration, or goes anyway."""
        return not alive(row, now) or (self.bound is not None and row[VERSION] <= self.bound)

    def removable(self, row: Row, now: int) -> bool:
        """Whether this run may drop it."""
        return self._strangers or self.copied(row, now)

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        """As the target's own `apply`, while the lock is ours."""
        return await self._apply(writes, "another run of this migration has taken over, or the lock was removed")

    async def finish(self) -> None:
        """Say that the target is complete."""
        await self.apply([Drop(STATE, LOCK_KEY, 0)])

    async def _raise(self, taken: str) -> None:
        copy = Copy(STATE, (self._body(), self._sequence, 0, 0, None, None, *LOCK_KEY))
        results = await self._apply([copy] if self._sequence else [], taken)
        if results:
            self._version = found = results[-1]
            await self._apply([], taken)  # a version nobody else has seen
            if found != self._sequence or self._version <= found:  # versions of its own prove nothing
                self._proves, self.bound = False, None

    async def _apply(self, writes: Sequence[Write], lost: str) -> list[int]:
        # At time 0: it leaves no trace in the newest time either.
        renewal = Put(STATE, LOCK_KEY, self._body(), 0, expect=self._version)
        try:
            [self._version, *results] = await self._target.apply([renewal, *writes])
        except ConflictError as error:
            raise InvalidInputError(lost) from error
        return results

    def _body(self) -> bytes:
        return encode({**self._about, "sequence": self.bound})
