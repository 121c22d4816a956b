"""What a peer must do to be compared in searching by vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..vectors import Records, Scope
from .base import Peer


class Record(NamedTuple):
    """One more record, with a text."""

    number: int
    vector: Any
    user: int
    group: int
    text: str


class Nearest(Peer):
    """A store of records with vectors, compared by cosine. `open`, `fill`, `near`, `write`, `size`.

    `efforts` are settings of what it looks at, from quick to thorough, where it does not look at everything; `scopes`
    the kinds of searches it can do. `recall` is what it found of the nearest, with the effort that is set.
    """

    durability = "power"
    efforts: Sequence[int] = (0,)
    effort = 0
    knob = ""  # what the effort is called there
    scopes = frozenset({"user", "group", "all"})
    recall: float | None = None

    @abstractmethod
    async def fill(self, records: Records) -> None:
        """Store all; the index is usable afterwards."""

    @abstractmethod
    async def near(self, vector: Any, scope: Scope) -> list[int]:
        """The ids of the ten nearest; `vector` is an array of float32, as an embedder gives it."""

    @abstractmethod
    async def write(self, record: Record) -> Any:
        """Store one, durably."""

    @abstractmethod
    async def setting(self) -> str:
        """What makes a write durable there."""

    async def size(self) -> int:
        """Bytes on disk."""
        return self.bytes_on_disk()

    async def strive(self, effort: int) -> None:
        """Set what is looked at from here on."""
        self.effort = effort

    async def write_and_find(self, record: Record) -> None:
        """Store one and search for it."""
        await self.write(record)
        found = await self.near(record.vector, Scope(user=record.user))
        if record.number not in found:
            raise AssertionError(f"{self.name} does not find what it has just stored")

    async def guarantee(self) -> str:
        if self.recall is None:
            return await self.setting()
        return f"recall@10 {self.recall:.3f}" + (f", {self.knob} {self.effort}" if self.knob else "")
