"""memoize: computed once, kept as long as told, the same on a hit as on a miss, for tasks and for threads."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import lodestore
from lodestore.backends.memory import MemoryBackend
from lodestore.errors import InvalidInputError
from lodestore.store.memoize import CallKeys
from lodestore.store.store import Store


def on_store(work: Callable[[Store, list[int]], Awaitable[None]]) -> None:
    """Run `work` on a store in memory and the clock it goes by."""

    async def main() -> None:
        now = [10**6]
        async with Store(MemoryBackend(), clock=lambda: now[0]) as store:
            await work(store, now)

    asyncio.run(main())


class Slow(MemoryBackend):
    """Answers late, as a server does."""

    async def fetch(self, *arguments: Any) -> Any:
        rows = await super().fetch(*arguments)
        await asyncio.sleep(0.015)
        return rows


class TestKeys:
    def test_arguments_are_told_apart_however_they_are_passed(self) -> None:
        def ask(question: str, model: str = "small", *more: int, **rest: Any) -> None: ...

        name = CallKeys(ask, None)
        assert name("q") == name(question="q") == name("q", "small") == name(model="small", question="q")
        assert name("q").endswith('ask{"model":"small","more":[],"question":"q","rest":{}}')
        assert name("q", a=1, b={"x": 1, "y": 2}) == name("q", b={"y": 2, "x": 1}, a=1)
        calls: list[tuple[Any, ...]] = [
            ("q",),
            ("q", "m"),
            ("q", "m", 1),
            ("q", "m", 1, 2),
            ("1",),
            (1,),
            (None,),
            (True,),
        ]
        assert len({name(*call) for call in calls}) == len(calls)
        with pytest.raises(TypeError, match="question"):
            name()

    def test_plain_arguments_need_no_binding(self) -> None:
        def add(a: int, b: int, c: int = 3, d: int = 4) -> None: ...

        name = CallKeys(add, None)
        assert name(1, 2) == name(1, b=2) == name(b=2, a=1) == name(1, 2, 3, 4) == name(1, 2, 3) == name(1, 2, d=4)
        assert name(1, 2).endswith('add{"a":1,"b":2,"c":3,"d":4}')
        assert len({name(1, 2), name(2, 1), name(1, 2, 4), name(1, 2, 3, 3)}) == 4
        for wrong in ((1,), (1, 2, 3, 4, 5)):
            with pytest.raises(TypeError):
                name(*wrong)

    def test_long_arguments_are_hashed(self) -> None:
        def ask(question: str) -> None: ...

        name = CallKeys(ask, None)
        one, two = name("x" * 5000), name("x" * 4999 + "y")
        assert one != two
        assert len(one) < 200

    def test_templates_and_functions(self) -> None:
        def ask(user: dict[str, str], question: str = "?") -> None: ...

        assert CallKeys(ask, "ask:{user[id]}:{question}")({"id": "7"}) == "ask:7:?"
        assert CallKeys(ask, lambda user, question="?": user["id"] + question)({"id": "7"}) == "7?"
        for template in ("{who}", "{}", "{0}"):
            with pytest.raises(InvalidInputError, match="choose from user, question"):
                CallKeys(ask, template)

    def test_what_is_not_json_is_refused_with_its_name(self) -> None:
        def ask(question: object) -> None: ...

        with pytest.raises(InvalidInputError, match=r"arguments\.question: object is not JSON; give .*ask a key="):
            CallKeys(ask, None)(object())


def test_without_a_store_it_says_so() -> None:
    with pytest.raises(InvalidInputError, match=r"as in @memoize\(store, ttl=60\)"):

        @lodestore.memoize  # type: ignore[call-overload, untyped-decorator]
        def answer() -> int:
            return 42


class TestAsync:
    def test_it_is_computed_once_and_kept(self) -> None:
        async def work(store: Store, now: list[int]) -> None:
            calls: list[int] = []

            @lodestore.memoize(store, ttl=2)
            async def double(n: int) -> dict[str, Any]:
                """Twice as much."""
                calls.append(n)
                return {"twice": [2 * n]}

            assert [await double(4), await double(4), await double(n=4)] == [{"twice": [8]}] * 3
            (await double(4))["twice"].append("changed")
            assert await double(4) == {"twice": [8]}
            assert calls == [4]
            assert await store.load_cache_entry(double.key(4)) == {"value": {"twice": [8]}}
            now[0] += 2000
            assert await double(4) == {"twice": [8]}
            assert calls == [4, 4]
            assert await double.invalidate(4) is True
            assert await double.invalidate(4) is False
            await double(4)
            assert calls == [4] * 3
            assert (double.__name__, double.__doc__) == ("double", "Twice as much.")  # type: ignore[attr-defined]
            assert str(inspect.signature(double)).startswith("(n: ")

        on_store(work)

    def test_none_is_a_result_and_a_result_is_json(self) -> None:
        async def work(store: Store, now: list[int]) -> None:
            calls: list[object] = []

            @lodestore.memoize(store, key="k:{n}")
            async def give(n: int) -> Any:
                calls.append(n)
                return [None, (1, 2), {1, 2}][n]

            assert [await give(0), await give(0)] == [None, None]
            assert [await give(1), await give(1)] == [[1, 2], [1, 2]]
            with pytest.raises(InvalidInputError, match=r"result\.value: set is not JSON"):
                await give(2)
            assert calls == [0, 1, 2]

        on_store(work)

    @pytest.mark.parametrize("backend", [MemoryBackend, Slow])
    def test_no_stampede(self, backend: type[MemoryBackend]) -> None:
        async def work() -> None:
            calls: list[int] = []

            async with Store(backend()) as store:

                @lodestore.memoize(store)
                async def compute(n: int) -> list[int]:
                    calls.append(n)
                    await asyncio.sleep(0.01)
                    return [n]

                async def later(number: int) -> list[int]:
                    await asyncio.sleep(number * 0.0005)
                    return await compute(7)

                results = await asyncio.gather(*map(later, range(60)), compute(8))
                assert results == [[7]] * 60 + [[8]]
                results[0].append(1)
                assert results[1] == [7], "each has a value of its own"
                assert sorted(calls) == [7, 8]

        asyncio.run(work())

    def test_failures_reach_all_and_are_not_kept(self) -> None:
        async def work(store: Store, now: list[int]) -> None:
            calls: list[int] = []

            @lodestore.memoize(store)
            async def fail() -> int:
                calls.append(1)
                await asyncio.sleep(0)
                if len(calls) == 1:
                    raise ZeroDivisionError
                return len(calls)

            ended = await asyncio.gather(*(fail() for _ in range(5)), return_exceptions=True)
            assert [type(end) for end in ended] == [ZeroDivisionError] * 5
            assert await fail() == 2

        on_store(work)

    def test_who_is_cancelled_leaves_the_others_alone(self) -> None:
        async def work(store: Store, now: list[int]) -> None:
            seen: list[str] = []
            going = asyncio.Event()

            @lodestore.memoize(store)
            async def compute() -> int:
                seen.append("begun")
                try:
                    await going.wait()
                except asyncio.CancelledError:
                    seen.append("cancelled")
                    raise
                return 1

            tasks = [asyncio.ensure_future(compute()) for _ in range(4)]
            await asyncio.sleep(0.001)
            tasks[0].cancel()
            tasks[2].cancel()
            await asyncio.sleep(0.001)
            going.set()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert [ended[1], ended[3]] == [1, 1]
            assert isinstance(ended[0], asyncio.CancelledError)
            assert seen == ["begun"]

            going.clear()
            await compute.invalidate()
            tasks = [asyncio.ensure_future(compute()) for _ in range(3)]
            await asyncio.sleep(0.001)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            going.set()
            assert await compute() == 1, "a new one joins no flight that was given up"
            assert seen == ["begun", "begun", "cancelled", "begun"]

        on_store(work)

    def test_what_was_invalidated_under_way_is_not_kept(self) -> None:
        async def work(store: Store, now: list[int]) -> None:
            source, gates = 1, {1: asyncio.Event(), 2: asyncio.Event()}

            @lodestore.memoize(store)
            async def read() -> int:
                value = source
                await gates[value].wait()
                return value

            old = asyncio.ensure_future(read())
            await asyncio.sleep(0.001)
            source = 2
            await read.invalidate()
            new = asyncio.ensure_future(read())
            await asyncio.sleep(0.001)
            gates[2].set()
            assert await new == 2
            gates[1].set()
            assert [await old, await read()] == [1, 2]

        on_store(work)

    def test_methods(self) -> None:
        async def work(store: Store, now: list[int]) -> None:
            class Agent:
                def __init__(self, model: str) -> None:
                    self.model, self.calls = model, 0

                @lodestore.memoize(store, key="{self.model}:{question}")
                async def ask(self, question: str) -> str:
                    self.calls += 1
                    return f"{self.model} says {question}"

                @lodestore.memoize(store)
                async def tell(self) -> None: ...

            one, two, three = Agent("a"), Agent("b"), Agent("a")
            ask: Any = Agent.ask
            assert [await ask(agent, "x") for agent in (one, two, three)] == ["a says x", "b says x", "a says x"]
            assert await one.ask("x") == "a says x"  # type: ignore[call-arg,arg-type]
            assert [one.calls, two.calls, three.calls] == [1, 1, 0]
            assert await ask.invalidate(one, "x") is True
            with pytest.raises(InvalidInputError, match="Agent is not JSON; give"):
                await one.tell()  # type: ignore[call-arg]

        on_store(work)

    def test_an_entry_of_somebody_else(self) -> None:
        async def work(store: Store, now: list[int]) -> None:
            @lodestore.memoize(store, key="k")
            async def give() -> int:
                return 1

            await store.store_cache_entry("k", {"other": 1})
            with pytest.raises(InvalidInputError, match="was not stored by memoize"):
                await give()

        on_store(work)


class TestSync:
    def test_threads_compute_once(self, tmp_path: Path) -> None:
        calls: list[int] = []
        with lodestore.sync.open(f"sqlite:///{tmp_path}/a.db") as store:

            @lodestore.memoize(store, ttl=60)
            def compute(n: int) -> list[int]:
                calls.append(n)
                time.sleep(0.02)
                return [n]

            results: list[list[int]] = []
            threads = [threading.Thread(target=lambda: results.append(compute(3))) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert (results, calls) == ([[3]] * 10, [3])
            assert store.load_cache_entry(compute.key(3)) == {"value": [3]}
            assert (compute.invalidate(3), compute.invalidate(3)) == (True, False)
            assert compute(3) == [3]
            assert calls == [3, 3]

    def test_failures_reach_all_and_are_not_kept(self) -> None:
        calls: list[int] = []
        ended: list[BaseException | int] = []
        with lodestore.sync.open("memory:") as store:

            @lodestore.memoize(store)
            def fail() -> int:
                calls.append(1)
                time.sleep(0.05)
                if len(calls) == 1:
                    raise ZeroDivisionError
                return len(calls)

            def call() -> None:
                try:
                    ended.append(fail())
                except ZeroDivisionError as error:
                    ended.append(error)

            threads = [threading.Thread(target=call) for _ in range(5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert [type(end) for end in ended] == [ZeroDivisionError] * 5
            assert fail() == 2


def test_wrong_uses_are_refused_at_once() -> None:
    def plain() -> None: ...

    async def waiting() -> None: ...

    on: Any = lodestore.memoize
    with lodestore.sync.open("memory:") as blocking:
        for store, function in ((Store(MemoryBackend()), plain), (blocking, waiting)):
            with pytest.raises(InvalidInputError, match=r"lodestore\.sync\.open"):
                on(store)(function)
        with pytest.raises(InvalidInputError, match="ttl"):
            on(blocking, ttl=0)
