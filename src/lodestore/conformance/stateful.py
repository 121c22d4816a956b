"""Stateful laws: whatever is done to a backend, through either of two handles, it stays equal to the memory model."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ..backends.memory import MemoryBackend
from ..core.backend import Backend
from ..core.clock import HighWaterClock
from ..core.families import FAMILIES, Family
from ..core.records import BODY, KEY, VERSION, WRITTEN_AT, Copy, Drop, Key, Page, Put, Write
from . import assertions, strategies
from .kit import START, folder

T = TypeVar("T")

hands = st.integers(0, 1)
deltas = st.sampled_from([0, 0, 1, 9, 10, 1000, 60_000, -1, -500])
batches = st.runner().flatmap(lambda machine: strategies.batches(machine.focus, machine.pool, 1))
pages = st.runner().flatmap(lambda machine: strategies.pages(machine.focus, machine.pool, machine.clock()))
records = st.runner().flatmap(
    lambda machine: st.sampled_from(machine.focus).flatmap(
        lambda f: st.tuples(st.just(f), strategies.keys(f, machine.pool))
    )
)
unlogged = records.filter(lambda record: not record[0].log)


def written(write: Write) -> int:
    """The time a write carries."""
    if isinstance(write, Copy):
        return int(write.row[WRITTEN_AT])
    return write.at if isinstance(write, Drop) else write.written_at


class Pair(RuleBasedStateMachine):
    """A store with two open handles beside its model."""

    make: Callable[[Path], Backend]
    focus: strategies.Families = tuple(FAMILIES)

    def __init__(self) -> None:
        super().__init__()
        self._folder = folder()
        self._path = self._folder.__enter__()
        self._runner = asyncio.Runner()
        self._source = START
        self.clock = HighWaterClock(lambda: self._source)
        self.latest = 0
        self.pool: strategies.Ids = ()
        self.writes = 0
        self.versions: defaultdict[tuple[Family, Key], set[int]] = defaultdict(set)
        self.model = MemoryBackend()
        self.handles = [self.make(self._path), self.make(self._path)]
        self.turn = 0
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _open(self) -> None:
        await self.model.open()
        for handle in self.handles:
            latest = await handle.open()
            assert latest >= self.latest, f"open() answers {latest}, but a write carried {self.latest}"

    def hand(self, hand: int) -> Backend:
        """One of the two handles; the other one is looked through next."""
        self.turn = 1 - hand
        return self.handles[hand]

    @initialize(pool=st.lists(strategies.ids, min_size=2, max_size=3, unique=True))
    def choose_ids(self, pool: list[str]) -> None:
        self.pool = tuple(pool)

    @precondition(lambda self: self.writes > 3)
    @rule()
    def reopen(self) -> None:
        self.writes = 0
        for handle in self.handles:
            self.run(handle.close())
        self.handles = [self.make(self._path), self.make(self._path)]
        self.run(self._open())

    @invariant()
    def equal(self) -> None:
        self.run(self._compare(self.handles[self.turn]))

    async def _compare(self, handle: Backend) -> None:
        now = self.clock()
        found, expected = await assertions.contents(handle), await assertions.contents(self.model)
        assertions.same(found, expected, "as the other handle sees it")
        for family in self.focus:
            await assertions.compare_reads(handle, self.model, Page(family, alive_at=now))
            await assertions.check_fetch(handle, family, found[family])
        await assertions.compare_counts(handle, self.model, now)
        for family, rows in found.items():
            for row in rows:
                self.versions[family, row[KEY:]].add(row[VERSION])

    def teardown(self) -> None:
        for handle in self.handles:
            self.run(handle.close())
        self._runner.close()
        self._folder.__exit__(None, None, None)


class Histories(Pair):
    """Everything a backend can be asked, in any order."""

    @rule(steps=batches, delta=deltas)
    def write_here(self, steps: list[strategies.Step], delta: int) -> None:
        self._source += delta
        self.run(self._write(self.hand(0), steps))

    @rule(steps=batches, delta=deltas)
    def write_there(self, steps: list[strategies.Step], delta: int) -> None:
        self._source += delta
        self.run(self._write(self.hand(1), steps))

    async def _write(self, handle: Backend, steps: list[strategies.Step]) -> None:
        now = self.clock()
        self.writes += 1
        wanted = await assertions.realise(self.model, steps, now)
        writes = await assertions.realise(handle, steps, now)
        expected = await assertions.outcome(self.model, wanted)
        results = await assertions.outcome(handle, writes)
        assert assertions.comparable(writes, results) == assertions.comparable(wanted, expected), "the results differ"
        if results is not None:
            self.latest = max([self.latest, *map(written, writes)])
            await self._check_versions(handle, assertions.last_puts(writes, results))

    async def _check_versions(self, handle: Backend, puts: dict[tuple[Family, Key], int]) -> None:
        for (family, key), version in puts.items():
            assert version not in self.versions[family, key], f"version {version} of {key} was there before"
            row = (await handle.fetch(family, [key]))[0]
            assert row is None or not row[BODY] or row[VERSION] == version, "apply answers another version than fetch"

    @rule(steps=batches, record=unlogged, hand=hands)
    def fail(self, steps: list[strategies.Step], record: tuple[Family, Key], hand: int) -> None:
        """A precondition that fails anywhere in a batch undoes all of it."""
        self.run(
            self._fail(self.hand(hand), [s for s in steps if not isinstance(s.write, Put) or s.expect == "any"], record)
        )

    async def _fail(self, handle: Backend, steps: list[strategies.Step], record: tuple[Family, Key]) -> None:
        writes = await assertions.realise(handle, steps, self.clock())
        bad = Put(*record, b'{"torn":1}', self.clock(), None, assertions.NEVER)
        before = await assertions.contents(handle)
        for position in range(len(writes) + 1):
            batch = [*writes[:position], bad, *writes[position:]]
            assert await assertions.outcome(handle, batch) is None, f"no Conflict for write {position} of {len(batch)}"
        assert await assertions.contents(handle) == before, "a batch that met a Conflict left something"

    @rule(page=pages, size=st.integers(1, 3), hand=hands)
    def read(self, page: Page, size: int, hand: int) -> None:
        handle = self.hand(hand)
        self.run(assertions.compare_reads(handle, self.model, page))
        if len(page.prefix) < len(page.family.key):
            whole = self.run(handle.scan(page._replace(limit=None)))
            assert self.run(assertions.walk(handle, page, size)) == whole, f"paging differs for {page}"

    @rule(limit=st.integers(0, 3), hand=hands)
    def sweep(self, limit: int, hand: int) -> None:
        now, handle = self.clock(), self.hand(hand)
        removed = self.run(handle.sweep(now, limit))
        expected = self.run(self.model.sweep(now, strategies.FAR))
        assert removed == min(limit, expected), f"sweep({limit}) of {expected} expired removed {removed}"
        assert self.run(handle.sweep(now, strategies.FAR)) == expected - removed, "the sweep left or invented something"

    @rule(hand=hands)
    def compact(self, hand: int) -> None:
        """Giving space back changes nothing; the invariant looks."""
        self.run(self.hand(hand).compact())
