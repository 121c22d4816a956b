"""Applying a batch in PostgreSQL: a handful of statements, however many writes there are.

A batch is cut into runs. Of each, first its drops go; then what its writes must know is asked, a question for each
family; then the rows they make are stored, a statement for each family and way of storing. A run ends before a drop
that would meet what the run writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from ...core.families import FAMILIES, OWNED, VECTORS, Family
from ...core.records import BODY, EXPIRES_AT, KEY, PLACE, Append, Copy, Drop, Key, Put, Row, Write
from ...encoding.packer import Packer
from ...sql import postgres_bulk
from ...sql.dialect import Dialect
from . import indexer
from .driver import Connection
from .indexer import IndexState
from .write_batch import PostgresWriteBatch, key_of

ROWS, BYTES = 5_000, 16 * 1024 * 1024  # in one statement; a message to the server ends at a gigabyte


class PendingWrite(NamedTuple):
    """One write: the version for what it stores, and where its result goes."""

    write: Any
    version: int
    results: list[int]
    at: int

    def done(self, result: int) -> None:
        self.results[self.at] = result


async def apply_writes(
    run: Connection, d: Dialect, packer: Packer, steps: Sequence[PendingWrite], kept: IndexState
) -> None:
    """Do all steps in order, inside a transaction that holds the row of `store`, which says what index is kept."""
    while steps:
        drops, writes, steps = cut(steps)
        for some in _alike(drops):
            await _drop(run, d, some, kept)
        while writes:
            batch = await _informed(run, d, [step.write for step in writes])
            writes = writes[_take_in(batch, writes) :]
            await _store(run, d, packer, batch, kept)


def cut(steps: Sequence[PendingWrite]) -> tuple[list[PendingWrite], list[PendingWrite], Sequence[PendingWrite]]:
    """The drops and the writes of the first run, and the steps after it. Drops may go first: they meet no write."""
    if not any(type(step.write) is Drop for step in steps):
        return [], list(steps), ()
    drops: list[PendingWrite] = []
    writes: list[PendingWrite] = []
    touched: set[tuple[Family, Key]] = set()
    for number, step in enumerate(steps):
        if type(step.write) is not Drop:
            writes.append(step)
            touched.update(_branches(step.write))
        elif _meets(step.write, touched):
            return drops, writes, steps[number:]
        else:
            drops.append(step)
    return drops, writes, ()


def _width(family: Family) -> int:
    # Records of a placed family depend on one another within their outer key: through the next free place.
    return len(family.key) - 1 if family.placed else len(family.key)


def _branches(write: Put | Append | Copy) -> Iterator[tuple[Family, Key]]:
    key = key_of(write)
    yield from ((write.family, key[:depth]) for depth in range(_width(write.family) + 1))
    if type(write) is Append and write.vectors and write.family in VECTORS:
        yield from ((VECTORS[write.family], key[:depth]) for depth in range(len(key) + 1))


def _meets(drop: Drop, touched: set[tuple[Family, Key]]) -> bool:
    return any((f, drop.prefix[: _width(f)]) in touched for f in (drop.family, *OWNED[drop.family]))


def _alike(drops: Sequence[PendingWrite]) -> Iterator[list[PendingWrite]]:
    """Drops that one statement can do: neighbours of one family and depth, all different."""
    for _, same in groupby(drops, lambda step: (step.write.family, len(step.write.prefix))):
        some: dict[Key, PendingWrite] = {}
        for step in same:
            if step.write.prefix in some:
                yield list(some.values())
                some = {}
            some[step.write.prefix] = step
        yield list(some.values())


async def _drop(run: Connection, d: Dialect, steps: Sequence[PendingWrite], kept: IndexState) -> None:
    family, prefix, _ = steps[0].write
    asked = _columns((*step.write.prefix, step.write.at) for step in steps)
    counts = dict(map(tuple, await run.fetch(postgres_bulk.drop(family, len(prefix), d), *asked)))
    for number, step in enumerate(steps, 1):
        step.done(counts.get(number, 0))
    await indexer.forget(run, d, kept, family, [step.write.prefix for step in steps])


async def _informed(run: Connection, d: Dialect, writes: Iterable[Write]) -> PostgresWriteBatch:
    """A batch that knows what these writes depend on."""
    batch = PostgresWriteBatch()
    logs: dict[Family, dict[Key, None]] = {}
    asking: dict[Family, list[Put | Copy]] = {}
    for write in writes:
        if type(write) is Append:
            logs.setdefault(write.family, {})[write.prefix] = None
        elif write.family.arrival or (type(write) is Put and write.expect is not None):
            asking.setdefault(write.family, []).append(write)  # type: ignore[arg-type]
    for family, prefixes in logs.items():
        places = await run.fetch(postgres_bulk.next_places(family, d), *_columns(prefixes))
        for prefix, (place,) in zip(prefixes, places, strict=True):
            batch.tell_next_place(family, prefix, place)
    for family, some in asking.items():
        for write, found in zip(
            some, await run.fetch(postgres_bulk.standing(family, d), *_asked(family, some)), strict=True
        ):
            batch.tell_standing(write, found)
    return batch


def _asked(family: Family, writes: Sequence[Put | Copy]) -> list[list[Any]]:
    keys = _columns(map(key_of, writes))
    return [*keys, [w.row[PLACE] if type(w) is Copy else None for w in writes]] if family.arrival else keys


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _take_in(batch: PostgresWriteBatch, steps: Sequence[PendingWrite]) -> int:
    """Write steps into a batch while it is ready for them; how many were."""
    for number, step in enumerate(steps):
        if not batch.ready(step.write):
            return number
        batch.version = step.version
        step.done(batch.add(step.write))
    return len(steps)


async def _store(run: Connection, d: Dialect, packer: Packer, batch: PostgresWriteBatch, kept: IndexState) -> None:
    for family in FAMILIES:  # owners stand before what they own
        entries = sorted(batch.rows.get(family, {}).values(), key=itemgetter(0))
        for how, some in groupby(entries, itemgetter(0)):
            for part in _parts(_packed(packer, family, row) for _, row in some):
                await run.execute(postgres_bulk.insert(family, how, d), *_columns(part))
        await indexer.take(run, d, kept, family, [row for _, row in entries])


def _packed(packer: Packer, family: Family, row: Row) -> Row:
    """A row as `postgres_bulk.insert` binds it."""
    expiry = (row[EXPIRES_AT],) if family.expires else ()
    place = (row[PLACE],) if family.arrival else ()
    return (*row[KEY:], packer.pack(family, row[BODY]), *row[1:EXPIRES_AT], *expiry, *place)


def _parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Rows in portions that one statement can carry."""
    part, size = [], 0
    for row in rows:
        part.append(row)
        size += next(len(value) for value in row if type(value) is bytes)
        if len(part) >= ROWS or size >= BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
