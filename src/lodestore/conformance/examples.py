"""Example store: something of every family, and pages of every shape over it."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ..core.families import FAMILIES, OWNED, Family
from ..core.records import Append, Key, Page, Put, Write
from .kit import START
from .strategies import FAR

POOL = ("a", "A", "a/b", "a_b", "\uffff", "\U0001d11e")


def gallery() -> list[Write]:
    """Writes that put records of each family under ids of POOL; some expire, some owners stay without a body."""
    writes: list[Write] = []
    for family in FAMILIES:
        for number, name in enumerate(POOL):
            body = b'{"number":%d}' % number
            if family.log:
                writes.append(Append(family, (name,), (body,) * (number + 1), START))
            elif len(family.key) == 2:
                writes += [Put(family, (name, other), body, START) for other in POOL[number:] + POOL[:2]]
            elif not OWNED[family] or number % 2:
                writes.append(Put(family, (name,), body, START, START + number if family.expires and number else None))
    return writes


def shapes(count: int = 150) -> Iterator[Page]:
    """So many pages of each family: any prefix, bounds, limit and direction."""
    dice = random.Random(11)
    for family in FAMILIES:
        for _ in range(count):
            yield _shape(family, dice)


def _shape(family: Family, dice: random.Random) -> Page:
    prefix = _order(family, dice)[: dice.randrange(len(family.key))]
    after, before = (_order(family, dice)[len(prefix) :] if dice.random() < 0.4 else None for _ in range(2))
    limit = dice.choice((None, None, 0, 1, 3, FAR))
    moment = dice.choice((None, START, START + 2, START + 3))
    return Page(family, prefix, after, before, limit, dice.random() < 0.5, moment, dice.random() < 0.5)


def _order(family: Family, dice: random.Random) -> Key:
    """Where a row might stand."""
    names: list[str | int] = [dice.choice((*POOL, "a.", "b")) for _ in family.key]
    return (*names[:-1], dice.choice((0, 1, 2, 3, 9, FAR))) if family.placed else tuple(names)
