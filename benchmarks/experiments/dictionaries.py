"""`python -m benchmarks.experiments.dictionaries FOLDER`: what trained dictionaries save and cost, on real records.

FOLDER holds `agent_transcripts.jsonl.zst` and `llm_calls.jsonl.zst` (or LODESTORE_DATA names it). Each set of records
is written to two stores, one without dictionaries; sizes are bytes of packed bodies, and of the file, per byte of JSON.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard

import lodestore
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.core.families import CACHE, RAW_MESSAGE, Family
from lodestore.core.records import Append, Put, Write
from lodestore.encoding.dictionaries import Dictionary, close_dictionary, compress_dictionary
from lodestore.encoding.dictionary_training import SAMPLE, distinct, train
from lodestore.encoding.packer import Packer
from lodestore.store.store import Store

from ..runner import Block, Result, compare, table

ROUNDS = 15
Records = list[tuple[str, bytes]]


def lines(path: Path) -> Iterator[Any]:
    """The documents of a compressed file of JSON lines."""
    with path.open("rb") as raw:
        yield from map(orjson.loads, io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw)))  # type: ignore[type-var]


def sets(folder: Path) -> Iterator[tuple[str, Family, Records]]:
    """Real records: name, family, and (outer key, body) in the order in which they are written."""
    chats = list(lines(folder / "agent_transcripts.jsonl.zst"))
    random.Random(1).shuffle(chats)
    for name, chosen in (("messages of 600 conversations", chats[:600]), ("of 2,500 conversations", chats[:2500])):
        yield name, RAW_MESSAGE, [(chat["id"], orjson.dumps(m)) for chat in chosen for m in chat["messages"]]
    calls = list(lines(folder / "llm_calls.jsonl.zst"))
    yield "cached model calls", CACHE, [(c["key"], orjson.dumps({"response": c["response"]})) for c in calls]
    tools = [m for chat in chats for m in chat["messages"] if m["role"] == "tool"]
    yield "cached tool results", CACHE, [(f"tool-{n}", orjson.dumps(m)) for n, m in enumerate(tools)]


def writes(family: Family, records: Records) -> Iterator[Write]:
    """One write for each record."""
    for key, body in records:
        yield Append(family, (key,), (body,), 1) if family.log else Put(family, (key,), body, 1)


async def sizes(folder: Path, family: Family, records: Records, dictionaries: bool) -> list[float]:
    """Bodies fresh, file fresh, bodies after `compact`, file copied after it; all per byte of JSON."""
    path, raw = folder / f"{time.monotonic_ns()}.db", sum(len(body) for _, body in records)
    backend = SQLiteBackend(path, durability="process", dictionaries=dictionaries)
    await backend.open()
    waiting = list(writes(family, records))
    for start in range(0, len(waiting), 20):
        await asyncio.gather(*(backend.apply([write]) for write in waiting[start : start + 20]))
    fresh = await held(backend, family)
    await backend.backup(str(path.with_suffix(".fresh")))
    await backend.compact()
    packed = await held(backend, family)
    await backend.backup(str(path.with_suffix(".packed")))
    await backend.close()
    files = (path.with_suffix(suffix).stat().st_size for suffix in (".fresh", ".packed"))
    first, second = files
    return [size / raw for size in (fresh, first, packed, second)]


async def held(backend: SQLiteBackend, family: Family) -> int:
    """Bytes of a family's bodies and of all dictionaries."""
    text = f"SELECT (SELECT sum(length(body)) FROM {family.name}), (SELECT sum(length(body)) FROM dictionary)"
    [(bodies, dictionaries)] = (await backend.query(text, ()))[1]
    return int(bodies) + int(dictionaries or 0)


def timed(work: Callable[[], object], count: int) -> float:
    """Microseconds for each of `count`, the median of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) / count * 1e6)
    return statistics.median(taken)


def times(family: Family, records: Records) -> list[float]:
    """Microseconds to pack and to unpack a body without a dictionary, with one, and to train that one in ms."""
    bodies = [body for _, body in records]
    sample = distinct(bodies, SAMPLE)
    begun = time.perf_counter()
    content = train(sample)
    taken = (time.perf_counter() - begun) * 1000
    plain, made, found = Packer(), Packer(), []
    made.learn([Dictionary(1, family.name, 1, close_dictionary(1, compress_dictionary(content or b"")))])
    bodies = bodies[-1000:]
    for packer in (plain, made):
        packed = [packer.pack(family, body) for body in bodies]
        found.append(timed(lambda p=packer: [p.pack(family, body) for body in bodies], len(bodies)))  # type: ignore[misc]
        found.append(timed(lambda p=packer, b=packed: p.unpack_all(b), len(bodies)))  # type: ignore[misc]
    return [*found, taken]


async def costs(folder: Path, messages: list[bytes]) -> list[Result]:
    """A store with dictionaries against one without, in turns; both hold messages that were written before."""
    stores = [await lodestore.open(f"sqlite:////{folder}/{on}.db?dictionaries={on}") for on in (True, False)]
    documents = [orjson.loads(body) for body in messages]
    for store in stores:
        for start in range(0, 3000, 100):
            await store.append_raw_messages("before", documents[start : start + 100])
        await store.compact()
        await store.append_raw_messages("long", documents[3000:4000])
        for number in range(400):
            await store.store_system_state(f"s{number}", {"n": number, **documents[4000 + number]})
        await store.compact()
    fresh = itertools.cycle(documents)

    def block(store: Store, what: str) -> Block:
        async def read() -> int:
            for number in range(200):
                await store.load_system_state(f"s{number}")
            return 200

        async def load() -> int:
            return len(await store.load_raw_messages("long"))

        async def last() -> int:
            for _ in range(20):
                await store.load_raw_messages("long", limit=20)
            return 20

        async def append() -> int:
            writes = (store.append_raw_messages(f"c{n % 20}", [next(fresh)]) for n in range(100))
            await asyncio.gather(*writes)
            return 100

        return {"point read": read, "load 1000, each": load, "last 20": last, "append, 100 tasks": append}[what]

    names = ("point read", "load 1000, each", "last 20", "append, 100 tasks")
    results = [await compare(name, block(stores[0], name), block(stores[1], name), rounds=31) for name in names]
    for store in stores:
        await store.shutdown()
    return results


async def stall(folder: Path, messages: list[bytes]) -> tuple[float, float]:
    """The longest the event loop was kept from a timer of 1 ms, in ms: while nothing is done, and during a training."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - begun - 0.001)

    async with lodestore.open(f"sqlite:////{folder}/stall.db?dictionaries=false") as store:
        await store.append_raw_messages("c", [orjson.loads(body) for body in messages[:8000]])
    async with lodestore.open(f"sqlite:////{folder}/stall.db") as store:
        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.2)
        idle, longest = longest, 0.0
        assert await store.backend.trainer.train() == 1  # type: ignore[attr-defined]
        watching.cancel()
    return idle * 1000, longest * 1000


async def main(folder: Path) -> None:
    """Print the tables."""
    print("| records | bytes of JSON | dictionaries | bodies | copied | compacted: bodies | copied |")
    print("|---|---|---|---|---|---|---|")
    chosen = list(sets(folder))
    with tempfile.TemporaryDirectory(prefix="lodestore-bench-") as scratch:
        for name, family, records in chosen:
            for on in (False, True):
                figures = await sizes(Path(scratch), family, records, on)
                shown = " | ".join(f"{figure:.3f}" for figure in figures)
                print(
                    f"| {name} | {sum(len(b) for _, b in records):,} | {'yes' if on else 'no'} | {shown} |", flush=True
                )
    print("\n| records | pack, us | unpack, us | pack with | unpack with | train, ms |")
    print("|---|---|---|---|---|---|")
    for name, family, records in chosen:
        print(f"| {name} | " + " | ".join(f"{figure:.2f}" for figure in times(family, records)) + " |")
    messages = [body for _, body in chosen[0][2]]
    with tempfile.TemporaryDirectory(prefix="lodestore-bench-") as scratch:
        print("\n" + table(await costs(Path(scratch), messages), []).partition("\n\n")[0])
        waits = [await stall(Path(tempfile.mkdtemp(dir=scratch)), messages) for _ in range(9)]
    idle, busy = (statistics.median(side) for side in zip(*waits, strict=True))
    print(f"\nlongest wait of the event loop: {idle:.1f} ms idle, {busy:.1f} ms during a training (medians of 9)")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["LODESTORE_DATA"])))
