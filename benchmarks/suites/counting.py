"""Counts that do not depend on the speed of the machine: statements, commits, fsyncs, pages and bytes written.

Statements are counted where SQLite runs them (its trace callback), pages by the size of the log, fsyncs by strace in
a process of its own; where there is no strace, by the commits made with synchronous=FULL, of which each is one.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lodestore.backends.sqlite.engine import driver

from .. import switches
from ..peers.base import Peer
from ..peers.ours import DICTIONARIES_OFF, HAS_HOT, PATIENT, OurCache, OurHistory, OurState
from ..standin import text
from ..workload import REPOSITORY

FRAME, HEADER = 4096 + 24, 32  # bytes a page takes in the log, and what stands before the first
HUNDRED, THOUSAND = 100, 1000
DIMENSION = 64


class Counts(Counter[str]):
    """How many statements of a kind: `all`, `commit`, `synced` (synchronous=FULL), `messages` (a page of a log).

    `idle` is whether something waits for the index of text, asked where writes pause, as on a machine that is busy.
    `vectors` is how many of them were read.
    """


@contextmanager
def counted() -> Iterator[Counts]:
    """Count what all connections opened inside the block run."""
    counts, connect = Counts(), driver.connect

    def traced(*arguments: Any, **named: Any) -> Any:
        connection = connect(*arguments, **named)
        connection.set_trace_callback(_counter(counts))
        return connection

    driver.connect = traced
    try:
        yield counts
    finally:
        driver.connect = connect


def _counter(counts: Counts) -> Callable[[str], None]:
    synced = [True]  # SQLite begins with FULL

    def count(statement: str) -> None:
        word = statement.split(None, 1)[0].upper() if statement.strip() else ""
        counts["all"] += 1
        counts["idle"] += bool(re.match(r"SELECT (1|EXISTS \(SELECT 1) FROM unindexed", statement))
        counts["messages"] += " JOIN raw_message " in statement
        if read := re.search(r"json_each\('\[([^]]*)\]'\) AS j CROSS JOIN \w+_vector", statement):
            counts["vectors"] += read[1].count(",") + 1
        if word == "COMMIT":
            counts["commit"] += 1
            counts["synced"] += synced[0]
        elif found := re.match(r"PRAGMA synchronous = (\w+)", statement):
            synced[0] = found[1] == "FULL"

    return count


async def count_all(folder: Path) -> dict[str, float]:
    """Every count there is, by name."""
    found: dict[str, float] = {}
    with counted() as counts:
        await _reads(folder, counts, found)
        await _sets(folder, counts, found)
        await _appends(folder, counts, found)
        await _searches(folder, counts, found)
    found.update(await asyncio.to_thread(fsyncs, folder))
    return found


async def _difference(counts: Counts, work: Callable[[], Awaitable[Any]]) -> Counts:
    before = Counts(counts)
    await work()
    return Counts({kind: counts[kind] - before[kind] for kind in counts})


async def _reads(folder: Path, counts: Counts, found: dict[str, float]) -> None:
    state = await _opened(OurState(), folder)
    await state.set("key", document(0))
    found["statements, one point read"] = (await _difference(counts, lambda: state.get("key")))["all"]
    await state.close()
    for hot in (True, False) if HAS_HOT else (False,):
        cache = await _opened(OurCache(hot), folder)
        await cache.set("key", document(0))
        await cache.get("key")

        async def hits(cache: OurCache = cache) -> None:
            for _ in range(HUNDRED):
                await cache.get("key")

        name = f"statements, 100 cache hits, hot tier {'on' if hot else 'off'}"
        found[name] = (await _difference(counts, hits))["all"]
        await cache.close()


async def _sets(folder: Path, counts: Counts, found: dict[str, float]) -> None:
    for peer in (OurCache(hot=False), OurState()):
        await _opened(peer, folder)

        async def at_once(peer: Any = peer) -> None:
            await asyncio.gather(*(peer.set(f"key-{n}", document(n)) for n in range(HUNDRED)))

        difference, kind = await _difference(counts, at_once), "cache" if isinstance(peer, OurCache) else "state"
        found[f"commits, 100 {kind} sets at once"] = difference["commit"]
        found[f"commits with fsync, 100 {kind} sets at once"] = difference["synced"]
        found[f"statements, 100 {kind} sets at once"] = difference["all"]
        await peer.close()


async def _appends(folder: Path, counts: Counts, found: dict[str, float]) -> None:
    history = await _opened(OurHistory(), folder)
    await _sequence(history, 10)
    before = _pages(history.folder)
    difference = await _difference(counts, lambda: _sequence(history, HUNDRED))
    found["statements, 100 appends in turn"] = difference["all"] - difference["idle"]
    found["commits, 100 appends in turn"] = difference["commit"]
    found["pages written, 100 appends in turn"] = _pages(history.folder) - before
    await history.load("in-turn")
    difference = await _difference(counts, lambda: _reread(history))
    found["reads of messages, 100 appends, the conversation loaded after each"] = difference["messages"]
    before = _pages(history.folder)
    difference = await _difference(counts, lambda: _at_once(history))
    found["statements, 100 appends at once"] = difference["all"] - difference["idle"]
    found["commits, 100 appends at once"] = difference["commit"]
    found["pages written, 100 appends at once"] = _pages(history.folder) - before
    await history.close()


async def _searches(folder: Path, counts: Counts, found: dict[str, float]) -> None:
    rng, peer = random.Random(1), await _opened(OurState(), folder)
    vectors = [[rng.gauss(0, 1) for _ in range(DIMENSION)] for _ in range(2 * THOUSAND)]
    for part, some in (("mine", vectors[:THOUSAND]), ("theirs", vectors[THOUSAND:])):
        ids = [f"{part}-{number}" for number in range(THOUSAND)]
        await peer.store.upsert_vectors("counted", ids, some, namespace=part)

    async def near() -> None:
        assert len(await peer.store.search_vectors("counted", vectors[0], namespace="mine")) == 10

    await near()  # which takes in what was written
    difference = await _difference(counts, near)
    found["statements, one search among 1000 vectors of 2000"] = difference["all"]
    found["vectors read for the ten nearest of 1000"] = difference["vectors"]
    await peer.close()


async def _sequence(history: OurHistory, count: int) -> None:
    for number in range(count):
        await history.append("in-turn", [document(number)])


async def _reread(history: OurHistory) -> None:
    for number in range(HUNDRED):
        await history.append("in-turn", [document(number)])
        await history.load("in-turn")


async def _at_once(history: OurHistory) -> None:
    await asyncio.gather(*(history.append(f"at-once-{n % 20}", [document(n)]) for n in range(HUNDRED)))


def document(number: int) -> dict[str, Any]:
    """The same for the same number, of some 300 bytes."""
    return {"role": "user", "n": number, "content": text(random.Random(number), 300)}


async def _opened(peer: Any, folder: Path) -> Any:
    # Training writes when it is ready, and would be counted too.
    peer.settings = {**peer.settings, **DICTIONARIES_OFF, **PATIENT}
    await Peer.open(peer, folder / f"counts-{type(peer).__name__}")
    return peer


def _pages(folder: Path) -> int:
    """Pages in the log; it is not emptied while it is short."""
    return max(0, ((folder / "store.db-wal").stat().st_size - HEADER) // FRAME)


def fsyncs(folder: Path) -> dict[str, float]:
    """fsyncs of a hundred durable appends in turn, and at once, over those of a run without them."""
    if not can_trace():
        return {}
    base, turn, once = (_traced(folder, what) for what in ("none", "turn", "once"))
    return {"fsyncs, 100 appends in turn": turn - base, "fsyncs, 100 appends at once": once - base}


def can_trace() -> bool:
    """Whether strace is there and may trace here, as in few containers."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    return subprocess.run([strace, "-f", "-qq", "-e", "trace=none", "true"], capture_output=True).returncode == 0


def _traced(folder: Path, what: str) -> int:
    off = [name for name in switches.NAMES if name in switches.off]
    command = [sys.executable, "-m", "benchmarks.suites.counting", str(folder / f"traced-{what}"), what, *off]
    log = folder / f"strace-{what}"
    subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(log), *command], check=True, cwd=REPOSITORY
    )
    return sum("sync(" in line for line in log.read_text().splitlines())


async def _traced_work(folder: Path, what: str) -> None:
    history = await _opened(OurHistory(), folder)
    await _sequence(history, 10)
    if what == "turn":
        await _sequence(history, HUNDRED)
    elif what == "once":
        await _at_once(history)
    await history.close()


if __name__ == "__main__":
    switches.switch_off(sys.argv[3:])
    asyncio.run(_traced_work(Path(sys.argv[1]), sys.argv[2]))
