"""Purging by itself: bounded steps, never between writes, ended with the store, quiet when it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import lodestore
from lodestore.backends.memory import MemoryBackend
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.core import background
from lodestore.core.backend import Backend
from lodestore.errors import InvalidInputError, UnavailableError
from lodestore.store import expiry
from lodestore.store.store import Store
from tests.support.sqlite_tools import backend, python

NOW = 10**6


class Counting(MemoryBackend):
    """Remembers what it was asked to sweep, and may fail at it."""

    def __init__(self) -> None:
        super().__init__()
        self.swept: list[int] = []
        self.broken = False

    async def sweep(self, now: int, limit: int) -> int:
        assert limit <= 1000
        if self.broken:
            self.swept.append(-1)
            raise UnavailableError("gone fishing")
        self.swept.append(await super().sweep(now, limit))
        return self.swept[-1]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def on(kernel: Backend, work: Callable[[Store, list[int]], Awaitable[None]], interval: float = 0.02) -> None:
    async def main() -> None:
        now = [NOW]
        async with Store(kernel, clock=lambda: now[0], purge_interval=interval) as store:
            await work(store, now)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "QUIET", 0.01)
    monkeypatch.setattr(expiry, "SHARE", 0)


def test_it_goes_in_bounded_steps_and_comes_again(tmp_path: Path) -> None:
    kernel = Counting()

    async def work(store: Store, now: list[int]) -> None:
        await store.store_cache_entries({f"k{n}": {} for n in range(2500)}, 1)
        await store.store_cache_entry("stays", {}, 100)
        await until(lambda: len(kernel.swept) > 1)
        assert set(kernel.swept) == {0}
        now[0] += 1000
        await until(lambda: sum(kernel.swept) == 2500)
        assert sorted(kernel.swept)[-3:] == [500, 1000, 1000]
        await store.store_cache_entry("again", {}, 1)
        now[0] += 1000
        await until(lambda: sum(kernel.swept) == 2501)
        assert await store.list_cache_keys() == ["stays"]

    on(kernel, work)


def test_nothing_is_removed_between_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "QUIET", 3600)  # however slow the machine is, the writes are close together
    kernel = Counting()

    async def work(store: Store, now: list[int]) -> None:
        await store.store_cache_entry("k", {}, 1)
        now[0] += 1000
        for number in range(60):  # many times the interval between two rounds
            await store.store_system_state("busy", {"n": number})
            await asyncio.sleep(0.002)
            assert kernel.swept == []
        monkeypatch.setattr(background, "QUIET", 0.01)
        await store.store_system_state("busy", {"n": -1})
        await until(lambda: kernel.swept == [1])

    on(kernel, work)


def test_failing_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Counting()

    async def work(store: Store, now: list[int]) -> None:
        kernel.broken = True
        await until(lambda: len(kernel.swept) >= 2)
        kernel.broken = False
        await until(lambda: kernel.swept[-1] == 0)

    with caplog.at_level(logging.WARNING):
        on(kernel, work)
    assert "gone fishing" in caplog.text


def test_a_round_that_takes_long_is_followed_by_a_long_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Counting):
        async def sweep(self, now: int, limit: int) -> int:
            await asyncio.sleep(0.02)
            return await super().sweep(now, limit)

    kernel = Slow()

    async def work(store: Store, now: list[int]) -> None:
        await until(lambda: len(kernel.swept) == 1)
        await asyncio.sleep(0.3)
        assert len(kernel.swept) == 1

    monkeypatch.setattr(expiry, "SHARE", 1000)
    on(kernel, work)


def test_closing_waits_for_the_step_under_way(tmp_path: Path) -> None:
    async def main() -> None:
        now = [NOW]
        store = Store(SQLiteBackend(tmp_path / "a.db"), clock=lambda: now[0], purge_interval=0.005)
        for round_ in range(15):
            await store.initialize()
            await store.initialize()
            await store.store_cache_entries({f"k{n}": {} for n in range(1500)}, 1)
            now[0] += 1000
            await asyncio.sleep(0.002 * round_)
            await store.shutdown()
            await store.shutdown()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_one_store_on_two_loops() -> None:
    kernel = Counting()
    store = Store(kernel, purge_interval=0.01)

    async def work(rounds: int) -> None:
        async with store:
            await until(lambda: len(kernel.swept) >= rounds)

    for rounds in (2, 4):
        asyncio.run(work(rounds))


def test_the_tier_outlives_it(tmp_path: Path) -> None:
    kernel = SQLiteBackend(tmp_path / "a.db")

    async def work(store: Store, now: list[int]) -> None:
        await store.store_cache_entry("short", {}, 1)
        await store.store_cache_entry("long", {"n": 1})
        await store.load_cache_entry("long")
        now[0] += 1000
        writer = backend(store)._writer
        await until(lambda: writer._connection.total_changes > 4)
        assert await store.load_cache_entry("long") == {"n": 1}
        assert kernel.cache is not None
        assert "long" in kernel.cache._recent
        assert await store.sql("SELECT cache_key FROM cache") == [{"cache_key": "long"}]

    on(kernel, work)


@pytest.mark.parametrize("wrong", [-1, "soon", None, True, float("nan"), float("inf")])
def test_the_interval_is_seconds(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="purge_interval"):
        lodestore.open("memory:", purge_interval=wrong)


def test_it_can_be_off() -> None:
    kernel = Counting()

    async def work(store: Store, now: list[int]) -> None:
        await asyncio.sleep(0.1)
        assert kernel.swept == []

    on(kernel, work, 0)


def test_a_script_that_forgets_to_close_exits(tmp_path: Path) -> None:
    code = """
import asyncio, sys, lodestore
async def main():
    store = await lodestore.open(sys.argv[1], purge_interval=0.001)
    await asyncio.sleep(0.02)
asyncio.run(main())
"""
    child = python(code, f"sqlite:///{tmp_path}/a.db", stderr=-1)
    assert child.communicate(timeout=300)[1] == b""
    assert child.returncode == 0
