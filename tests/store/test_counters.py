"""Counters beyond the promises of the kit: few writes, other processes, rivals that never give way, closing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

import lodestore
from lodestore.backends.memory import MemoryBackend
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.core.records import Write
from lodestore.errors import ConflictError, UnavailableError
from lodestore.store import counters
from lodestore.store.store import Store
from tests.support.sqlite_tools import backend, python, run


def test_a_hundred_increments_at_once_are_one_write(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        before = backend(store)._writer.commits
        values = await asyncio.gather(*(store.increment("n") for _ in range(100)))
        assert values == list(range(1, 101))
        assert backend(store)._writer.commits == before + 1

    run(work, tmp_path / "a.db")


def test_processes_count_together(tmp_path: Path) -> None:
    code = """
import sys, lodestore
with lodestore.sync.open(sys.argv[1], durability="process") as store:
    for _ in range(100):
        print(store.increment("n"))
"""
    url = f"sqlite:///{tmp_path}/a.db"
    lodestore.sync.open(url).close()
    children = [python(code, url, stdout=-1) for _ in range(3)]
    values = [int(line) for child in children for line in child.communicate(timeout=300)[0].split()]
    assert sorted(values) == list(range(1, 301))


class Hopeless(MemoryBackend):
    """Somebody else always wrote first."""

    tries = 0

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        self.tries += 1
        raise ConflictError("too late")


def test_trying_again_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        kernel = Hopeless()
        async with Store(kernel) as store:
            ended = await asyncio.gather(store.increment("n"), store.increment("n"), return_exceptions=True)
            assert [type(end) for end in ended] == [ConflictError, ConflictError]
            assert kernel.tries == counters.TRIES

    monkeypatch.setattr(counters, "LONGEST_PAUSE", 0.0)
    asyncio.run(work())


def test_closing_waits_for_what_was_counted(tmp_path: Path) -> None:
    async def work() -> None:
        store = Store(SQLiteBackend(tmp_path / "a.db"))
        await store.initialize()
        tasks = [asyncio.ensure_future(store.increment("n")) for _ in range(20)]
        await asyncio.sleep(0)
        await store.shutdown()
        assert await asyncio.gather(*tasks) == list(range(1, 21))
        with pytest.raises(UnavailableError, match="not open"):
            await store.increment("n")

    asyncio.run(work())


def test_a_loop_that_ends_leaves_nobody_waiting(tmp_path: Path) -> None:
    async def work() -> asyncio.Task[int]:
        store = Store(Hopeless())
        await store.initialize()
        task = asyncio.ensure_future(store.increment("n"))
        await asyncio.sleep(0.01)
        return task

    assert asyncio.run(work()).cancelled()
