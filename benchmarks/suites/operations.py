"""What the single operations of a replay take, clocked where they happen: among all the others, not alone.

Of many sessions at once each takes its turn at the event loop before it asks, as one whose model has just answered
would: the time from there to the answer holds what the others made it wait. Else a peer that stops the loop, or a
read of ours, would look as if it cost nobody anything.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

from ..bench import Bench, settle
from ..interleave import Timing, Variant, interleave
from ..peers.base import History
from ..reports.report import Scenario
from ..workload import Conversation, steps
from . import sessions
from .messages import POWER

SUITE = "operations"
APPEND, LOAD, LAST = "append", "load whole", f"last {sessions.LAST}"
T = TypeVar("T")


class Clock:
    """Microseconds of each operation by its name, in the blocks of a run, of which the first is the warm-up."""

    def __init__(self, turns: bool = False) -> None:
        self.blocks: list[dict[str, list[float]]] = [defaultdict(list)]
        self._lifecycle = turns  # whether others wait for the loop too

    def cut(self) -> None:
        """A new block begins, if there was anything in the last."""
        if self.blocks[-1]:
            self.blocks.append(defaultdict(list))

    async def __call__(self, name: str, operation: Awaitable[T]) -> T:
        """Await the operation and keep what it took."""
        begun = time.perf_counter()
        if self._lifecycle:
            await asyncio.sleep(0)
        found = await operation
        self.blocks[-1][name].append((time.perf_counter() - begun) * 1e6)
        return found

    def timing(self, variant: str, name: str) -> Timing:
        """The mean of each block that has such an operation, and all of them one by one; without the warm-up."""
        blocks = [block[name] for block in self.blocks[1:] if block.get(name)]
        return Timing(variant, [statistics.fmean(block) for block in blocks], [us for block in blocks for us in block])

    def count(self, name: str) -> int:
        """How many there were, those of the warm-up included."""
        return sum(len(block.get(name, ())) for block in self.blocks)


Session = Callable[[Any, Clock, str, Conversation], Awaitable[None]]  # of a peer, under a name


async def run(bench: Bench, recorded: list[Conversation]) -> None:
    """What every peer has."""
    settle()
    async with bench.opened(POWER) as peers:
        for count in (1, 8, 64):
            await measure(bench, recorded, peers, session, count, "messages alone")


async def session(peer: History, clock: Clock, name: str, conversation: Conversation) -> None:
    """Before each answer of the model the context is read, in turns whole and its last twenty messages.

    Half of the sessions begin with the one, half with the other, so that not all do the same at the same time.
    """
    whole = len(conversation.messages) % 2 == 0
    for batch, asks in steps(conversation.messages):
        if asks:
            await (clock(LOAD, peer.load(name)) if whole else clock(LAST, peer.last(name, sessions.LAST)))
            whole = not whole
        await clock(APPEND, peer.append(name, batch))


async def measure(
    bench: Bench, recorded: list[Conversation], peers: Sequence[Any], session: Session, count: int, what: str
) -> None:
    """So many sessions at once, the peers in turns: a scenario for each operation, and appends a second."""
    clocks = {peer.name: Clock(turns=count > 1) for peer in peers}
    each = max(16, count)
    variants = [_variant(peer, clocks[peer.name], session, recorded, count, each) for peer in peers]
    timings = await interleave(variants, max(5, bench.rounds // 3), tasks=count)
    title = f"{count} session{'s' if count > 1 else ''}, {what}, power"
    bench.report.scenarios += _scenarios(title, clocks, {peer.name: await peer.guarantee() for peer in peers})
    for variant, clock in clocks.items():
        appends = [len(block[APPEND]) for block in clock.blocks[1:]]
        rate = sessions.appends_a_second(timings[variant].rounds, appends, each)
        bench.note(SUITE, f"appends: {title}", variant, rate, "per second")
    bench.told(f"{SUITE}: {title}")


def _scenarios(title: str, clocks: dict[str, Clock], guarantees: dict[str, str]) -> Iterator[Scenario]:
    for name in dict.fromkeys(name for clock in clocks.values() for block in clock.blocks for name in block):
        found = {variant: clock.timing(variant, name) for variant, clock in clocks.items()}
        if all(timing.rounds for timing in found.values()):
            yield Scenario(SUITE, f"{name}: {title}", "us per operation", ["lodestore"], found, guarantees)


def _variant(peer: Any, clock: Clock, session: Session, recorded: list[Conversation], count: int, each: int) -> Variant:
    numbers, feed = itertools.count(), itertools.cycle(recorded)

    def block() -> list[tuple[Any, ...]]:
        clock.cut()
        return [(peer, clock, f"{count}-{next(numbers)}", next(feed)) for _ in range(each)]

    return Variant(peer.name, session, block)
