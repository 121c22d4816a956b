"""Memory of a process that replays sessions: how far its peak lies above what it held when it was ready.

The process reads the recordings from a file, one session at a time, so that they do not count.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path

import orjson

from ..bench import LIGHT, Bench
from ..interleave import perform
from ..peak import peak
from ..peers import Entry, find
from ..peers.base import History
from ..workload import REPOSITORY, Conversation, save, saved
from . import sessions
from .messages import POWER, PROCESS

SUITE = "memory"
SESSIONS, AT_ONCE = 200, 8
# Without fsync where there is the choice: it holds the same, sooner.
ENTRIES = [*PROCESS, *(entry for entry in POWER if entry.module == "openai_agents")]


async def run(bench: Bench, recorded: list[Conversation]) -> None:
    """Every peer in a process of its own."""
    chosen = recorded[: min(SESSIONS, bench.conversations)]
    file = save(chosen, bench.folder / "memory.jsonl")
    for entry in ENTRIES:
        found = find([entry] if not bench.light or entry.module in LIGHT else [])
        for peer in found.peers:
            name = f"above idle, {len(chosen)} sessions, {AT_ONCE} at once"
            bench.note(SUITE, name, peer.name, await measure(entry, bench.folder / "memory", file), "MB")
            bench.told(f"{SUITE}: {peer.name}")


async def measure(entry: Entry, folder: Path, file: Path) -> float:
    """Megabytes."""
    options = orjson.dumps(entry.options).decode()
    command = [
        sys.executable,
        "-m",
        "benchmarks.suites.resident",
        entry.module,
        entry.make,
        options,
        str(folder),
        str(file),
    ]
    child = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{entry.module}: the process that replays failed")
    return float(said)


async def above_idle(peer: History, folder: Path, file: Path) -> float:
    """Idle is: open, and one session through it."""
    await peer.open(folder)
    await peer.append("warm", [{"role": "user", "content": "hello"}])
    await peer.load("warm")
    idle = peak()
    items = ((peer, str(number), conversation, None) for number, conversation in enumerate(saved(file)))
    await perform(sessions.replay, items, AT_ONCE)
    above = peak() - idle
    await peer.close()
    return above


if __name__ == "__main__":
    module, make, options, *paths = sys.argv[1:]
    peer = getattr(importlib.import_module(f"benchmarks.peers.{module}"), make)(**orjson.loads(options))
    print(asyncio.run(above_idle(peer, *map(Path, paths))))
