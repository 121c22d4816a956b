"""Whole processes: what an import costs, what opening costs, what importing a large file holds in memory."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from ..runner import Figure
from ..workload import REPOSITORY
from .core import message, message_sizes

_OPEN = """
import asyncio, sys, time, lodestore
async def main():
    async with lodestore.open(sys.argv[1]):  # loads the driver, creates the store
        pass
    begun = time.perf_counter()
    store = await lodestore.open(sys.argv[1])
    print((time.perf_counter() - begun) * 1000)
    await store.shutdown()
asyncio.run(main())
"""

_IMPORT = """
import asyncio, sys, lodestore
from benchmarks.peak import peak
from lodestore.transfer.importers import import_files
async def main():
    async with lodestore.open(sys.argv[1]) as store:
        await store.store_system_state("warm", {})
        idle = peak()
        report = await import_files(store.backend, [sys.argv[2]], now=1)
        assert report.ok, report
        print(peak() - idle)
asyncio.run(main())
"""


def _python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, text=True).stdout


def _seconds(code: str) -> float:
    begun = time.perf_counter()
    _python(code)
    return time.perf_counter() - begun


def import_cost(rounds: int) -> Figure:
    """Milliseconds `import lodestore` adds to an empty program; medians of alternating runs."""
    bare, ours = zip(*((_seconds("pass"), _seconds("import lodestore")) for _ in range(rounds)), strict=True)
    return Figure(
        "import lodestore, over bare Python", (statistics.median(ours) - statistics.median(bare)) * 1000, "ms", 60
    )


def open_cost(folder: Path, rounds: int) -> Figure:
    """Milliseconds to open a store that is there, the driver loaded."""
    runs = [float(_python(_OPEN, f"sqlite:////{folder}/open-{n}.db")) for n in range(rounds)]
    return Figure("open an existing store", statistics.median(runs), "ms", 15)


def import_memory(folder: Path) -> Figure:
    """Megabytes above idle while 50 MB of JSON lines are imported into SQLite."""
    source = folder / "large.jsonl"
    with source.open("w") as out:
        number = 0
        while out.tell() < 50_000_000:
            line = {"id": f"c{number}", "messages": [message(size) for size in message_sizes(20)]}
            out.write(json.dumps(line) + "\n")
            number += 1
    peak = float(_python(_IMPORT, f"sqlite:////{folder}/large.db", str(source)))
    return Figure("memory above idle, importing 50 MB", peak, "MB", 80)


def run(folder: Path, rounds: int) -> list[Figure]:
    """All figures of whole processes."""
    return [import_cost(rounds), open_cost(folder, rounds), import_memory(folder)]
