"""Dictionary training: when to train one, from what, and whether it is worth keeping. It runs in the background.

The rule is one of bytes (docs/decisions/0010): a family gets its first dictionary when its records make 64 kB, and
another each time it has grown to eight times what the last one was trained at. A candidate is tried on records it was
not made from, and kept only if it saves more than it weighs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

import zstandard

from ..core.background import Job, Wants
from ..core.families import FAMILIES, Family
from ..core.records import Write
from ..errors import LodestoreError
from .body_format import MAX_DICTIONARIES
from .dictionaries import compress_dictionary
from .packer import LEVEL, Packer

FIRST = 64 * 1024  # bytes of records from which a dictionary can be made
GROWTH = 8
LARGEST = 112 * 1024  # bytes of a dictionary, before it is packed itself
SHARE = 3  # a dictionary is at most a third of the records it is made from
SAMPLE = 384 * 1024  # bytes of records looked at: training holds twice as much, and more made no better dictionary
PIECE = 16 * 1024  # bytes of one record looked at, so that one tool's output is not all there is to learn from
FEWEST = 20  # records, all different
WORTH = 0.97  # of the bytes without it: a dictionary that saves less is not kept
_SEGMENT, _MATCH = 400, 8  # of the cover algorithm: how long the pieces are that it chooses, and what counts as equal


class DictionaryTable(Protocol):
    """Where a backend keeps its dictionaries."""

    async def sample(self, family: Family, size: int) -> list[bytes]:
        """Bodies of a family, as recent as can be had, of about `size` bytes in all."""

    async def held(self, family: Family) -> int:
        """Bytes of a family's bodies as they are stored."""

    async def keep(self, family: Family, after: int, covered: int, pressed: bytes) -> bool:
        """Store a pressed dictionary under the next number, unless the family's newest is not `after`; learn all."""


class DictionaryTrainer(Job):
    """Trains what is due, one at a time; `problems` says why the last one failed, if it did."""

    name = "dictionary training"
    cancels = True  # a dictionary that is being stored is stored or not, as a whole

    def __init__(self, packer: Packer, dictionary_table: DictionaryTable, *, use: bool = True) -> None:
        self._packer = packer
        self._dict_table = dictionary_table
        self._use = use
        self._lock = asyncio.Lock()
        self._due = False
        self.problems: list[str] = []

    def open(self, patience: int = 0) -> None:
        """Take the dictionaries that are there as what was covered so far.

        The records of families without one are first looked at after `patience` bytes of them have been written.
        """
        for family in FAMILIES:
            newest = self._packer.newest(family)
            self._packer.expect(family, newest.covered * (GROWTH - 1) if newest else patience)

    def committed(self, writes: Sequence[Write]) -> None:
        # Not asked of the packer in `wants`: what makes a family due may be packed and not yet committed.
        self._due = self._use and bool(self._packer.due)

    def wants(self) -> Wants:
        return Wants.NOW if self._due else Wants.NOTHING

    async def run(self) -> None:
        """Train what is due."""
        self._due = False
        try:
            await self._train(self._packer.due & set(FAMILIES), thorough=False)
            self.problems = []
        except (LodestoreError, OSError) as error:
            # Nobody waits for this: what was to be stored is stored, only larger than it might be.
            self.problems = [f"training a dictionary failed: {error}"]
            for family in self._packer.due & set(FAMILIES):
                self._packer.expect(family, FIRST)

    async def train(self) -> int:
        """Train every family for which it pays now, counting what all of its records would save; how many were made."""
        return await self._train(FAMILIES, thorough=True) if self._use else 0

    async def _train(self, families: Iterable[Family], *, thorough: bool) -> int:
        made = 0
        for family in families:
            async with self._lock:
                made += await self._one(family, thorough)
        return made

    async def _one(self, family: Family, thorough: bool) -> int:
        packer, newest = self._packer, self._packer.newest(family)
        known = newest.covered if newest else 0
        bodies = await self._dict_table.sample(family, SAMPLE)
        size = sum(map(len, bodies))
        if size < FIRST or len(bodies) < FEWEST or packer.latest >= MAX_DICTIONARIES:
            packer.expect(family, max(FIRST - size, FIRST // 8))
            return 0
        covered = max(size, known * GROWTH)
        ahead = covered * (GROWTH - 1)  # the records to come until the next training
        if thorough:
            covered = ahead = max(size, await self._dict_table.held(family))  # the records that can be packed again
            if covered < known:
                return 0
        pressed = await asyncio.to_thread(_worth, packer, family, bodies, ahead)
        number = newest.number if newest else 0
        made = pressed is not None and await self._dict_table.keep(family, number, covered, pressed)
        packer.expect(family, covered * (GROWTH - 1) if made else covered)
        return int(made)


def distinct(bodies: Iterable[bytes], size: int) -> list[bytes]:
    """Different bodies in the order given, long ones cut, until they make `size` bytes."""
    found: dict[bytes, None] = {}
    for body in bodies:
        piece = body[:PIECE]
        if piece and piece not in found:
            found[piece] = None
            size -= len(piece)
            if size <= 0:
                break
    return list(found)


def train(bodies: Sequence[bytes]) -> bytes | None:
    """A dictionary of what different bodies have in common; None where that is too little."""
    size = min(LARGEST, sum(map(len, bodies)) // SHARE)
    try:
        return zstandard.train_dictionary(size, list(bodies), k=_SEGMENT, d=_MATCH).as_bytes()
    except (zstandard.ZstdError, ValueError):
        return None


def _worth(packer: Packer, family: Family, bodies: Sequence[bytes], ahead: int) -> bytes | None:
    """A dictionary, pressed, if over `ahead` more bytes of such bodies it saves more than it weighs."""
    content = train([body for index, body in enumerate(bodies) if index % 5])
    if content is None:
        return None
    tried = bodies[::5]
    common = zstandard.ZstdCompressionDict(content)
    compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=common, write_dict_id=False)
    before = sum(packer.weigh(family, body) for body in tried)
    after = sum(min(len(compressor.compress(body)) + 1, len(body) + 5) for body in tried)
    saved = (before - after) / sum(map(len, tried)) * ahead
    if after > WORTH * before:
        return None
    pressed = compress_dictionary(content)
    return pressed if saved > len(pressed) else None
