"""Counters over any backend: read, add, write what is expected to be there; again, where somebody else was quicker.

A counter is the cache entry `{"value": 3}`. All that one handle wants to add to one counter at a time is one write,
from which every caller gets the value of its own; so a hundred tasks cost a few writes and meet few rivals.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ..core.backend import Backend
from ..core.clock import Clock
from ..core.families import CACHE
from ..core.records import ABSENT, BODY, EXPIRES_AT, VERSION, Put, Write, alive, name_of
from ..core.validation import check_id, expiry
from ..encoding import json_codec
from ..errors import ConflictError, InvalidInputError

TRIES = 100
LONGEST_PAUSE = 0.05  # seconds
LEAST, MOST = -(2**63), 2**63 - 1


class _Addition(NamedTuple):
    amount: int
    ttl: float | None
    done: asyncio.Future[int]


class Counters:
    """The additions of one handle; `commit` applies writes."""

    def __init__(
        self, backend: Backend, commit: Callable[[Sequence[Write]], Awaitable[list[int]]], clock: Clock
    ) -> None:
        self._backend, self._commit, self._clock = backend, commit, clock
        self._waiting: dict[str, list[_Addition]] = {}  # a key is here as long as a task works on it
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, key: str, amount: int, ttl: float | None) -> int:
        """Add `amount` and return the value.

        InvalidInputError where the entry is no counter or the value leaves 64 bits.
        """
        check_id(key, "key")
        if type(amount) is not int or not LEAST <= amount <= MOST:
            raise InvalidInputError(f"amount: expected a whole number of 64 bits, not {amount!r}")
        expiry(ttl, 0)  # a wrong one is refused before anything waits
        addition = _Addition(amount, ttl, asyncio.get_running_loop().create_future())
        if key in self._waiting:
            self._waiting[key].append(addition)
        else:
            self._waiting[key] = [addition]
            task = asyncio.create_task(self._work(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await addition.done

    async def finish(self) -> None:
        """Wait until all that was asked has been decided."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _work(self, key: str) -> None:
        try:
            while additions := self._waiting[key]:
                self._waiting[key] = []
                await self._decide(key, [addition for addition in additions if not addition.done.done()])
        finally:
            for addition in self._waiting.pop(key):  # only when this task is cancelled, as at the end of the loop
                addition.done.cancel()

    async def _decide(self, key: str, additions: list[_Addition]) -> None:
        try:
            outcomes = await self._write(key, additions)
        except asyncio.CancelledError:
            for addition in additions:
                addition.done.cancel()
            raise
        except Exception as error:
            outcomes = [error] * len(additions)
        for addition, outcome in zip(additions, outcomes, strict=True):
            _settle(addition.done, outcome)

    async def _write(self, key: str, additions: list[_Addition]) -> list[int | Exception]:
        for pause in _pauses():
            counter = await self._read(key)
            outcomes = [counter.add(addition) for addition in additions]
            if all(isinstance(outcome, Exception) for outcome in outcomes):
                return outcomes
            try:
                await self._commit([counter.put()])
            except ConflictError:
                await asyncio.sleep(pause)
            else:
                return outcomes
        raise ConflictError(f"{name_of(CACHE, (key,))}: others wrote first, {TRIES} times in a row; try again")

    async def _read(self, key: str) -> _Counter:
        [row] = await self._backend.fetch(CACHE, ((key,),))
        now = self._clock()
        if row is None or not alive(row, now):
            return _Counter(key, now, None, ABSENT, None)
        return _Counter(key, now, json_codec.loads(row[BODY]), row[VERSION], row[EXPIRES_AT])


class _Counter:
    """One counter as it was read, and what becomes of it."""

    def __init__(self, key: str, now: int, document: Any, version: int, ends: int | None) -> None:
        self._key, self._now, self._version, self._ends = key, now, version, ends
        self._new = document is None
        self._value: int | None = 0 if self._new else _value(document)

    def add(self, addition: _Addition) -> int | Exception:
        if self._value is None:
            return InvalidInputError(f'{name_of(CACHE, (self._key,))} is not a counter, as in {{"value": 3}}')
        value = self._value + addition.amount
        if not LEAST <= value <= MOST:
            return InvalidInputError(
                f"{name_of(CACHE, (self._key,))}: {self._value} + {addition.amount} does not fit 64 bits"
            )
        if self._new:
            self._new, self._ends = False, expiry(addition.ttl, self._now)
        self._value = value
        return value

    def put(self) -> Put:
        body = json_codec.encode({"value": self._value})
        return Put(CACHE, (self._key,), body, self._now, self._ends, self._version)


def _value(document: Any) -> int | None:
    value = document.get("value") if len(document) == 1 else None
    return value if type(value) is int else None


def _pauses() -> Iterator[float]:
    """Seconds to wait after each try that came too late."""
    for number in range(TRIES):
        yield random.random() * min(LONGEST_PAUSE, 0.0005 * 2 ** min(number, 10))


def _settle(done: asyncio.Future[int], outcome: int | Exception) -> None:
    if done.done():  # its task was cancelled; the addition has been decided all the same
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
