"""Where the time of one operation goes: the parts of a set, a hit and an append, each clocked where it runs.

Of a part that runs in one thread the time of the processor counts, which neighbours on the machine hardly change; of
the way between two threads, and of a disk, the time of the wall.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from lodestore.backends.sqlite.engine import transaction
from lodestore.backends.sqlite.group_commit import SQLiteGroupCommit
from lodestore.core.families import CACHE
from lodestore.encoding import json_codec
from lodestore.sql import statements

from ..bench import Bench, settle
from ..peers.ours import OurCache, OurHistory
from ..workload import Documents, Zipf, key
from .messages import some

SUITE = "where"
TASKS, SETS, READS, APPENDS = 100, 300, 500, 400
Parts = dict[str, list[float]]  # microseconds an operation, a figure for each block


async def run(bench: Bench) -> None:
    """A set by a hundred tasks, a hit without the tier, a durable append by one task."""
    cache = OurCache(hot=False)
    await cache.open(bench.folder / "where-cache")
    documents = Documents(bench.data.responses(), 3)
    await cache.fill(documents.keyed(bench.keys))
    sets = await _sets(bench, cache, documents)
    _note(bench, "a set, 100 tasks", sets)
    _note(bench, "a hit, hot tier off", await _hits(bench, cache))
    await cache.close()
    settle()
    _note(bench, "a durable append, 1 task", await _appends(bench))


def _note(bench: Bench, operation: str, parts: Parts) -> None:
    for part, figures in parts.items():
        bench.note(SUITE, f"{operation}: {part}", "lodestore", statistics.median(figures), "us")
    bench.told(f"{SUITE}: {operation}")


def _each(function: Callable[[Any], Any], items: list[Any]) -> float:
    """Microseconds of the processor for each item."""
    begun = time.thread_time()
    for item in items:
        function(item)
    return (time.thread_time() - begun) / len(items) * 1e6


async def _sets(bench: Bench, cache: OurCache, documents: Documents) -> Parts:
    parts, zipf, writer = defaultdict(list), Zipf(bench.keys, 3), cache.store.backend._writer
    packer = cache.store.backend._packer
    for _ in range(bench.rounds):
        items = [(name, documents.fresh()) for name in zipf.keys(SETS)]
        bodies = [json_codec.encode(document) for _, document in items]
        parts["of that, encoding"].append(_each(json_codec.encode, [document for _, document in items]))
        parts["of that, packing"].append(_each(lambda body: packer.pack(CACHE, body), bodies))
        begun, loop, thread = time.perf_counter(), time.thread_time(), _thread_time(writer)
        feed = iter(items)
        await asyncio.gather(*(_worker(cache, feed) for _ in range(TASKS)))
        parts["in all, wall"].append((time.perf_counter() - begun) / SETS * 1e6)
        parts["the event loop"].append((time.thread_time() - loop) / SETS * 1e6)
        parts["the writer's thread"].append((_thread_time(writer) - thread) / SETS * 1e6)
    order = ("in all, wall", "the event loop", "of that, encoding", "the writer's thread", "of that, packing")
    return {name: parts[name] for name in order}


async def _worker(cache: OurCache, feed: Iterator[tuple[str, Any]]) -> None:
    for name, document in feed:
        await cache.set(name, document)


def _thread_time(writer: SQLiteGroupCommit) -> float:
    """Seconds of the processor that the writer's thread has had; asking keeps the loop waiting."""
    told, found = threading.Event(), [0.0]

    def ask() -> None:
        found[0] = time.thread_time()
        told.set()

    writer._post(ask)
    told.wait()
    return found[0]


async def _hits(bench: Bench, cache: OurCache) -> Parts:
    parts, zipf, backend = defaultdict(list), Zipf(bench.keys, 4), cache.store.backend
    run, text = backend._reading, statements.fetch(CACHE)
    for _ in range(bench.rounds):
        names = zipf.keys(READS)
        begun = time.thread_time()
        for name in names:
            await cache.get(name)
        parts["in all"].append((time.thread_time() - begun) / READS * 1e6)
        packed = [run.execute(text, (name,)).fetchone()[0] for name in names]
        bodies = [run.packer.unpack(body) for body in packed]
        parts["of that, the statement"].append(_each(lambda name: run.execute(text, (name,)).fetchone(), names))
        parts["of that, checksum and unpacking"].append(_each(run.packer.unpack, packed))
        parts["of that, decoding"].append(_each(json_codec.loads, bodies))
    return parts


async def _appends(bench: Bench) -> Parts:
    history, messages = OurHistory(), some(bench, APPENDS)
    await history.open(bench.folder / "where-history")
    writer, marks = history.store.backend._writer, [0.0] * 4
    _marked(writer, "_commit", marks, 0)
    unmarked = _marked(transaction, "commit", marks, 2)
    parts: Parts = defaultdict(list)
    for block in range(bench.rounds + 1):
        figures = defaultdict(list)
        for number, message in enumerate(messages):
            begun = time.perf_counter()
            await history.append(key(block * 100 + number // 25), [message])
            ended = time.perf_counter()
            _split(figures, begun, marks, ended)
        if block:  # the first makes the log long
            for name, found in figures.items():
                parts[name].append(statistics.median(found) * 1e6)
    transaction.commit = unmarked
    await history.close()
    return parts


def _marked(owner: Any, name: str, marks: list[float], at: int) -> Any:
    """Note when a function of the writer begins and ends; the function itself."""
    real = getattr(owner, name)

    def timed(*arguments: Any) -> Any:
        marks[at] = time.perf_counter()
        try:
            return real(*arguments)
        finally:
            marks[at + 1] = time.perf_counter()

    setattr(owner, name, timed)
    return real


def _split(figures: Parts, begun: float, marks: list[float], ended: float) -> None:
    entered, left, committing, committed = marks
    figures["in all, wall"].append(ended - begun)
    figures["checking, encoding and the way to the thread"].append(entered - begun)
    figures["statements"].append(committing - entered)
    figures["COMMIT, with its fsync"].append(committed - committing)
    figures["the way back"].append(ended - left)
