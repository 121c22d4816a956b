"""Search by text among a thousand users, and by text and vector: in all, and where the time goes."""

from __future__ import annotations

import functools
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

from lodestore.backends.sqlite.search import result_reader
from lodestore.search import rank_fusion
from lodestore.store import search_service

from ..bench import Bench
from ..interleave import Items
from ..peers import entry
from ..vectors import USERS, Embedded

SUITE = "search"
MANY_USERS, FEW_USERS = 1000, 20
BLOCK = 5
LIGHT = 1000
SPLIT = 200  # searches by text and vector that are taken apart
ENTRIES = [
    entry("ours_search", "namespaces"),
    entry("ours_search", "conversations"),
    entry("plain_fts", "table"),
]
# What is clocked, where it is called; what happens inside another part is in both.
PARTS: dict[str, tuple[Any, str]] = {
    "text, in the reader's thread": (result_reader, "by_text"),
    "vectors, meanwhile": (result_reader, "few_near"),
    "names of records, in both": (result_reader, "_names"),
    "fusing": (rank_fusion, "fuse"),
    "reading the rows": (search_service.SearchService, "_rows"),
    "hits, with their snippets": (search_service, "_hit"),
}


async def run(bench: Bench, embedded: Embedded) -> None:
    """Text, then both."""
    count = LIGHT if bench.light else bench.records
    await _text(bench, embedded, count)
    await _hybrid(bench, embedded, count)


async def _text(bench: Bench, embedded: Embedded, count: int) -> None:
    users = FEW_USERS if bench.light else MANY_USERS
    made = embedded.records(count, users=users, texts=True)
    async with bench.opened(ENTRIES) as peers:
        for peer in peers:
            await peer.fill(made)
            bench.told(f"{SUITE}: {peer.name} filled with {count:,} texts")

        def work(peer: Any) -> tuple[Any, Callable[[], Items]]:
            call = functools.partial(_by_text, peer) if hasattr(peer, "hybrid") else peer.match
            rng = random.Random(3)
            return call, lambda: [(_question(embedded, rng)[0], rng.randrange(users)) for _ in range(BLOCK)]

        await bench.compare(SUITE, f"text, one user of {users:,}, {count:,} texts", "us a search", peers, work)


async def _by_text(peer: Any, text: str, user: int) -> Any:
    return await peer.hybrid(text, None, user, "text")


def _question(embedded: Embedded, rng: random.Random) -> tuple[str, Any]:
    number = rng.randrange(len(embedded.questions))
    return embedded.asked[number], embedded.questions[number]


# -- both


async def _hybrid(bench: Bench, embedded: Embedded, count: int) -> None:
    made = embedded.records(count, texts=True)
    name = f"one user of {USERS}, {count:,} records"
    async with bench.opened(ENTRIES[:2]) as peers:
        for peer in peers:
            await peer.fill(made)
            bench.told(f"{SUITE}: {peer.name} filled with {count:,} records")
        for mode in ("hybrid", "vector", "text"):
            await bench.compare(SUITE, f"{mode}, {name}", "us a search", peers, _mode(embedded, mode))
        both = bench.report.find(SUITE, f"hybrid, {name}")
        for peer in peers:
            if both is not None:
                p50 = both.timings[peer.name].percentile(0.5)
                bench.note(SUITE, f"hybrid, p50, {name}", peer.name, p50 / 1e3, "ms")
            await _split(bench, peer, embedded, name)


def _mode(embedded: Embedded, mode: str) -> Callable[[Any], tuple[Any, Callable[[], Items]]]:
    def work(peer: Any) -> tuple[Any, Callable[[], Items]]:
        rng = random.Random(5)
        return peer.hybrid, lambda: [(*_question(embedded, rng), rng.randrange(USERS), mode) for _ in range(BLOCK)]

    return work


async def _split(bench: Bench, peer: Any, embedded: Embedded, name: str) -> None:
    """The median of each part of a search by both, one search after the other."""
    [_, prepare] = _mode(embedded, "hybrid")(peer)
    taken: dict[str, list[float]] = defaultdict(list)
    with _clocked() as parts:
        while len(taken["in all"]) < (SPLIT if not bench.light else 2 * BLOCK):
            for item in prepare():
                parts.clear()
                begun = time.perf_counter()
                await peer.hybrid(*item)
                taken["in all"].append(time.perf_counter() - begun)
                for part, seconds in parts.items():
                    taken[part].append(seconds)
    for part in ("in all", *(part for part in PARTS if part in taken)):
        bench.note(SUITE, f"hybrid, {part}, {name}", peer.name, statistics.median(taken[part]) * 1e3, "ms")


@contextmanager
def _clocked() -> Iterator[dict[str, float]]:
    """Seconds of each part of what runs inside, until cleared; a part that is no longer there has none."""
    parts: dict[str, float] = defaultdict(float)
    with ExitStack() as stack:
        for part, (owner, name) in PARTS.items():
            if (real := getattr(owner, name, None)) is not None:
                setattr(owner, name, _timed(real, parts, part))
                stack.callback(setattr, owner, name, real)
        yield parts


def _timed(real: Any, parts: dict[str, float], part: str) -> Any:
    """The function, its time noted: of a coroutine that of its awaiting, of a generator that of what is taken."""

    async def awaited(coroutine: Any, begun: float) -> Any:
        try:
            return await coroutine
        finally:
            parts[part] += time.perf_counter() - begun

    def drawn(items: Iterator[Any]) -> Iterator[Any]:
        while True:
            begun = time.perf_counter()
            some = list(islice(items, 1))
            parts[part] += time.perf_counter() - begun
            if not some:
                return
            yield some[0]

    @functools.wraps(real)
    def timed(*arguments: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        found = real(*arguments, **named)
        if hasattr(found, "__await__"):
            return awaited(found, begun)
        parts[part] += time.perf_counter() - begun
        return drawn(found) if hasattr(found, "__next__") else found

    return timed
