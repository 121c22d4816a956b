"""What is physically left: the same work as tight loops on the bare driver, and the disk alone.

Each of these loops leaves out something a store must do (a thread, a checksum, an acknowledgement to a caller), so
none of them can be reached; they say how far it is.
"""

from __future__ import annotations

import itertools
import os
import pickle
import random
from pathlib import Path
from typing import Any

import orjson

from lodestore.backends.sqlite.engine import driver
from lodestore.encoding import json_codec

from ..bench import Bench, settle
from ..interleave import Variant, interleave
from ..peers.ours import HAS_HOT, OurCache, OurState
from ..reports.report import Scenario
from ..standin import text
from ..workload import Documents, key

SUITE = "limit"
UPSERT = "INSERT INTO kv VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
KEYS = 1000


class Raw:
    """A bare connection of our driver to a table of keys and JSON."""

    def __init__(self, folder: Path, name: str, synchronous: str) -> None:
        path = folder / f"{name}.db"
        path.touch()
        self._connection = driver.connect(str(path), None, 5)
        self.run = self._connection.cursor().execute
        for statement in (
            "PRAGMA journal_mode = WAL",
            f"PRAGMA synchronous = {synchronous}",
            "PRAGMA cache_size = -16384",
            "CREATE TABLE kv (k TEXT PRIMARY KEY, v BLOB)",
        ):
            self.run(statement).fetchall()

    def lengthen(self) -> None:
        """Make the log as long as a thousand commits need it, by a transaction that spills into it and is undone.

        A commit that overwrites a part of the log leaves the length of the file alone, which is work less to sync.
        """
        spill = ("PRAGMA cache_size = 10", "BEGIN", "INSERT INTO kv VALUES ('', zeroblob(8000000))", "ROLLBACK")
        for statement in (*spill, "PRAGMA cache_size = -16384"):
            self.run(statement).fetchall()

    async def get(self, name: str) -> Any:
        """The document."""
        return orjson.loads(self.run("SELECT v FROM kv WHERE k = ?", (name,)).fetchone()[0])

    async def body(self, name: str) -> Any:
        """Its bytes alone."""
        return self.run("SELECT v FROM kv WHERE k = ?", (name,)).fetchone()[0]

    async def set(self, name: str, document: Any) -> None:
        """One transaction, without a hop."""
        self.run(UPSERT, (name, orjson.dumps(document)))

    def close(self) -> None:
        """End."""
        self._connection.close()


async def run(bench: Bench) -> None:
    """What a document costs before SQLite sees it; reads, then writes without fsync, then with."""
    documents = [{"text": text(random.Random(n), 1000)} for n in range(50)]
    await _document(bench)
    await _reads(bench, documents)
    await _writes(bench, documents)
    settle()
    await _durable(bench, documents)


async def _document(bench: Bench) -> None:
    documents = Documents(bench.data.responses())
    some = [documents.fresh() for _ in range(500)]
    bodies = [(orjson.dumps(document),) for document in some]
    bench.note(
        SUITE, "a document of the cache, mean", "workload", sum(len(b) for (b,) in bodies) / len(bodies), "bytes"
    )
    await _scenario(
        bench,
        "a document of the cache, encoded",
        "us per document",
        {
            "lodestore, encoded and checked": _awaited(json_codec.encode),
            "orjson.dumps": _awaited(orjson.dumps),
            "pickle, as diskcache does": _awaited(pickle.dumps),
        },
        lambda: [(document,) for document in some],
    )
    calls = {"lodestore, decoded": _awaited(json_codec.loads)}
    await _scenario(bench, "a document of the cache, decoded", "us per document", calls, lambda: bodies)


def _awaited(function: Any) -> Any:
    async def call(value: Any) -> Any:
        return function(value)

    return call


async def _reads(bench: Bench, documents: list[Any]) -> None:
    raw, pinned = Raw(bench.folder, "limit-read", "NORMAL"), Raw(bench.folder, "limit-pinned", "NORMAL")
    caches = [OurCache(hot) for hot in ((True, False) if HAS_HOT else (False,))]
    for number, cache in enumerate(caches):
        await cache.open(bench.folder / f"limit-{number}")
    at_hand = {}
    for number in range(KEYS):
        name, document = key(number), documents[number % 50]
        for store in (raw, pinned, *caches):
            await store.set(name, document)
        at_hand[name] = document
    pinned.run("BEGIN")
    body = orjson.dumps(documents[0])

    async def loads(_: str) -> Any:
        return orjson.loads(body)

    async def memory(name: str) -> Any:
        return at_hand.get(name)

    names = [(key(number),) for number in range(KEYS)]
    calls = {cache.name: cache.get for cache in caches} | {
        "a dict": memory,
        "orjson.loads alone": loads,
        "SELECT in a transaction, bytes": pinned.body,
        "SELECT, bytes": raw.body,
        "SELECT and orjson.loads": raw.get,
    }
    await _scenario(bench, "get, 1 kB", "us per get", calls, lambda: names)
    for store in (raw, pinned):
        store.close()
    for cache in caches:
        await cache.close()


async def _writes(bench: Bench, documents: list[Any]) -> None:
    raw, ours = Raw(bench.folder, "limit-write", "NORMAL"), OurCache(hot=False)
    await ours.open(bench.folder / "limit-write")
    await _scenario(
        bench, "set, 1 kB", "us per set", {ours.name: ours.set, "INSERT": raw.set}, _changing(documents, 200)
    )
    await _scenario(
        bench,
        "set, 1 kB, 100 tasks",
        "us per set",
        {ours.name: ours.set, "INSERT": raw.set},
        _changing(documents, 400),
        100,
    )
    raw.close()
    await ours.close()


async def _durable(bench: Bench, documents: list[Any]) -> None:
    raw, long, ours = *(Raw(bench.folder, f"limit-{name}", "FULL") for name in ("durable", "long")), OurState()
    long.lengthen()
    await ours.open(bench.folder / "limit-durable")
    file = os.open(bench.folder / "limit.bin", os.O_CREAT | os.O_WRONLY)
    os.write(file, bytes(4096) * 4096)
    os.fsync(file)
    sync, places = getattr(os, "fdatasync", os.fsync), itertools.cycle(range(4096))

    async def page(_: str, document: Any) -> None:
        os.pwrite(file, orjson.dumps(document).ljust(4096), next(places) * 4096)
        sync(file)

    calls = {
        ours.name: ours.set,
        "INSERT, synchronous=FULL": raw.set,
        "the same, the log long before": long.set,
        "one page and fdatasync": page,
    }
    await _scenario(bench, "durable set, 1 kB", "us per set", calls, _changing(documents, 40))
    await _scenario(bench, "durable set, 1 kB, 100 tasks", "us per set", calls, _changing(documents, 200), 100)
    os.close(file)
    for store in (raw, long):
        store.close()
    await ours.close()


def _changing(documents: list[Any], count: int) -> Any:
    numbers = itertools.count()
    return lambda: [(key(n % KEYS), {"n": n, **documents[n % 50]}) for n in itertools.islice(numbers, count)]


async def _scenario(bench: Bench, name: str, unit: str, calls: dict[str, Any], items: Any, tasks: int = 1) -> None:
    variants = [Variant(variant, call, items) for variant, call in calls.items()]
    timings = await interleave(variants, bench.rounds, tasks=tasks)
    ours = [variant for variant in calls if variant.startswith("lodestore")]
    bench.report.scenarios.append(Scenario(SUITE, name, unit, ours, timings))
    bench.told(f"{SUITE}: {name}")
