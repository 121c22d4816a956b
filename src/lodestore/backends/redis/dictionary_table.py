"""Dictionary table in Redis: trained dictionaries in a hash beside the records, and old bodies repacked with them.

<tag>:d   hash   number -> family, a space, bytes covered, a line feed, the dictionary as it is kept
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from ...core.families import FAMILIES, Family
from ...core.records import BODY, KEY, VERSION, Page, Row, following
from ...encoding.body_format import MAX_DICTIONARIES
from ...encoding.dictionaries import Dictionary, close_dictionary
from ...encoding.dictionary_training import distinct
from ...encoding.packer import Packer, UnknownDictionary
from ...errors import CorruptError
from . import wire_format
from .client import Client
from .scripts import PAGE, REPACK, SAVE_DICTIONARY, STATS
from .wire_format import Word

T = TypeVar("T")

STEP_ROWS = 256  # looked at in one question
STEPS = 16  # of these a sample may take


class RedisDictionaries:
    """The hash of dictionaries, for the trainer and for reading."""

    def __init__(self, client: Client, tag: str, packer: Packer) -> None:
        self._client = client
        self._tag = tag
        self._packer = packer

    async def learn(self) -> None:
        """Tell the packer of every dictionary it does not know yet."""
        self._packer.learn(await self.kept(self._packer.latest))

    async def kept(self, after: int) -> list[Dictionary]:
        """The dictionaries with numbers above `after`."""
        numbers = range(after + 1, MAX_DICTIONARIES + 1)
        if not numbers:
            return []
        found = zip(numbers, await self._client.ask("HMGET", f"{self._tag}:d", *numbers), strict=True)
        return [_dictionary(number, value) for number, value in found if value is not None]

    async def unpacking(self, work: Callable[[], T]) -> T:
        """Do what unpacks; once more when another process has trained a dictionary since."""
        try:
            return work()
        except UnknownDictionary:
            await self.learn()
        return work()

    async def sample(self, family: Family, size: int) -> list[bytes]:
        """Bodies of a family, the last in its order, of about `size` bytes in all."""
        await self.learn()
        page, found = Page(family, limit=STEP_ROWS, newest=True), dict.fromkeys((b"",))
        for _ in range(STEPS):
            stored = await self._rows(page)
            for body in filter(None, (self._packer.readable(row[BODY]) for row in stored)):
                found[body] = None
            if len(stored) < STEP_ROWS or sum(map(len, found)) >= size:
                break
            page = page._replace(before=following(page, stored[-1]).after)
        return distinct(found, size)

    async def held(self, family: Family) -> int:
        """Bytes of a family's bodies as they are stored."""
        told = await self._client.run(STATS, self._tag, [0, family.name])
        return int(told[2])

    async def keep(self, family: Family, after: int, covered: int, pressed: bytes) -> bool:
        """Store a dictionary under the next number, unless the family's newest is not `after`; learn what is there."""
        await self.learn()
        newest, number = self._packer.newest(family), self._packer.latest + 1
        won = False
        if (newest.number if newest else 0) == after and number <= MAX_DICTIONARIES:
            # Whoever was quicker, with whatever family, has taken the number.
            value = b"%b %d\n%b" % (family.name.encode(), covered, close_dictionary(number, pressed))
            won = bool(await self._client.run(SAVE_DICTIONARY, self._tag, [number, value], writes=True))
        await self.learn()
        return won

    async def repack(self) -> int:
        """Pack again, with effort and the newest dictionary, every body that becomes smaller; how many did."""
        count = 0
        for family in FAMILIES:
            page = Page(family, limit=STEP_ROWS, partial=True)
            while found := await self._rows(page):
                await self.learn()
                for words in await asyncio.to_thread(self._smaller, family, found):
                    count += await self._replace(words)
                page = following(page, found[-1])
        return count

    async def _rows(self, page: Page) -> list[Row]:
        return wire_format.stored_rows(
            page, await self._client.run(PAGE, self._tag, wire_format.question(page, "rows"))
        )

    async def _replace(self, words: list[Word]) -> int:
        return int(await self._client.run(REPACK, self._tag, words, writes=True))

    def _smaller(self, family: Family, found: Sequence[Row]) -> list[list[Word]]:
        """What to replace, a list for each outer key."""
        return [
            [family.name, outer, *(word for _, *words in some for word in words)]
            for outer, some in groupby(self._again(family, found), lambda words: str(words[0]))
        ]

    def _again(self, family: Family, found: Sequence[Row]) -> Iterator[list[Word]]:
        for row in found:
            body = self._packer.readable(row[BODY])
            if body and (again := self._packer.repack(family, row[BODY], body)):
                yield [*wire_format.outer_and_inner(row[KEY:]), row[VERSION], again]


def _dictionary(number: int, value: bytes) -> Dictionary:
    head, _, stored = value.partition(b"\n")
    family, _, covered = head.partition(b" ")
    if not covered.isdigit():
        raise CorruptError(f"dictionary {number} is damaged: it does not say of what")
    return Dictionary(number, family.decode(errors="replace"), int(covered), stored)
