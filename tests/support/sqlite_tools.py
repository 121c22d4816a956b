"""Helpers of the SQLite tests: a store on a path, its statements as they run, other processes."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import sqlcipher3.dbapi2 as sqlcipher

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.engine import driver
from lodestore.store.store import Store

REPOSITORY = Path(__file__).parents[2]


def run(work: Callable[[Store], Coroutine[Any, Any, Any]], path: Path, **settings: Any) -> Any:
    """Open the store at `path`, do `work` with it, close it."""

    async def main() -> Any:
        async with Store(SQLiteBackend(path, **settings)) as store:
            return await work(store)

    return asyncio.run(main())


def backend(store: Store) -> SQLiteBackend:
    """The SQLite backend under a store."""
    assert isinstance(store.backend, SQLiteBackend)
    return store.backend


def memory_database() -> driver.Connection:
    """An empty database of the test alone."""
    return sqlcipher.connect(":memory:", isolation_level=None, check_same_thread=False)


# Whether something waits for the index of text: asked where a slow machine makes a pause between two writes.
IDLE = re.compile(r"SELECT (1|EXISTS \(SELECT 1) FROM unindexed")


def trace(store: Store) -> list[str]:
    """Every statement the writer runs from now on, as it runs, but what it asks while nothing is written."""
    seen: list[str] = []

    def note(text: str) -> None:
        if not IDLE.match(text):
            seen.append(text)

    backend(store)._writer._connection.set_trace_callback(note)
    return seen


def python(code: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Another Python process with lodestore on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, **options)
