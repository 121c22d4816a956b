"""Backend laws: what every `lodestore.core.backend.Backend` must obey."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis.stateful import run_state_machine_as_test

from ..backends.memory import MemoryBackend
from ..core.backend import Backend
from ..core.families import (
    CACHE,
    CHUNK_INFO,
    CONVERSATION,
    FAMILIES,
    MEMORY,
    RAW_MESSAGE,
    REASONING_CHAIN,
    RESULT,
    STATE,
    Family,
)
from ..core.records import BODY, CREATED_AT, KEY, PLACE, WRITTEN_AT, Append, Copy, Drop, Key, Page, Put, Write
from ..errors import ConflictError, UnavailableError
from . import assertions
from .capabilities import CapabilityLaws
from .concurrency import OWNER, Rivals, batches_seen, mixed
from .examples import gallery, shapes
from .kit import START, folder
from .stateful import Histories
from .strategies import FOCUS, HOSTILE


class KernelLaws(Rivals, CapabilityLaws):
    """What every backend must obey; see `Kit` for how to use it."""

    @pytest.mark.parametrize("about", FOCUS)
    def test_equals_the_memory_model_in_every_history(self, about: str) -> None:
        class Machine(Histories):
            make = staticmethod(self.backend)
            focus = FOCUS[about]

        run_state_machine_as_test(Machine, settings=self.profile())

    def test_keys_order_by_code_point(self) -> None:
        async def work(handle: Backend) -> None:
            await handle.apply([Put(STATE, (key,), b"{}", START) for key in HOSTILE])
            await handle.apply([Append(RAW_MESSAGE, (key,), (b"{}",), START) for key in HOSTILE])
            assert await handle.keys(Page(STATE)) == [(key,) for key in sorted(HOSTILE)]
            assert await handle.keys(Page(RAW_MESSAGE)) == [(key, 0) for key in sorted(HOSTILE)]
            newest = await handle.keys(Page(STATE, newest=True))
            assert newest == [(key,) for key in sorted(HOSTILE, reverse=True)]

        self.on_handles(work)

    def test_hostile_ids_are_keys_like_others(self) -> None:
        async def work(handle: Backend) -> None:
            for family in (STATE, CACHE, CONVERSATION):
                for at in (START, START + 1):
                    for number, key in enumerate(HOSTILE):
                        await handle.apply([Put(family, (key,), b'{"n":%d,"at":%d}' % (number, at), at)])
                for number, row in enumerate(await handle.fetch(family, [(key,) for key in HOSTILE])):
                    assert row is not None, f"{HOSTILE[number]!r} is lost"
                    assert (row[KEY], row[BODY]) == (HOSTILE[number], b'{"n":%d,"at":%d}' % (number, START + 1))
                assert await handle.apply([Drop(family, (key,), START) for key in HOSTILE]) == [1] * len(HOSTILE)
                assert await handle.keys(Page(family, partial=True)) == []

        self.on_handles(work)

    def test_a_version_counts_for_one_write_only(self) -> None:
        async def work(handle: Backend) -> None:
            versions = []
            for _ in range(3):
                versions += await handle.apply([Put(STATE, ("k",), b"{}", START)])
                versions += await handle.apply([Put(STATE, ("k",), b"{}", START)])
                await handle.apply([Drop(STATE, ("k",), START)])
            assert len({0, *versions}) == 7, f"versions came back: {versions}"
            await handle.apply([Put(STATE, ("k",), b"{}", START)])
            for version in versions:
                with pytest.raises(ConflictError):
                    await handle.apply([Put(STATE, ("k",), b"{}", START, None, version)])

        self.on_handles(work)

    def test_a_record_that_expires_now_is_gone_for_everyone(self) -> None:
        async def work(handle: Backend) -> None:
            end = START + 10
            await handle.apply([Put(CACHE, ("k",), b"{}", START, end)])
            assert await handle.keys(Page(CACHE, alive_at=end - 1)) == [("k",)]
            assert await handle.keys(Page(CACHE, alive_at=end)) == []
            assert ((await handle.vitals(end - 1)).counts["cache"], (await handle.vitals(end)).counts["cache"]) == (
                1,
                0,
            )
            assert await handle.sweep(end - 1, 100) == 0
            await handle.apply([Put(CACHE, ("k",), b"{}", end, None, 0)])
            assert await handle.sweep(end, 100) == 0
            assert await handle.keys(Page(CACHE, alive_at=end)) == [("k",)]

        self.on_handles(work)

    def test_everything_is_there_after_reopening(self) -> None:
        async def main() -> None:
            first = self.backend(path)
            assert await first.open() == 0, "a new store has seen no time"
            await first.apply(mixed(0))
            rows = {family: await first.scan(Page(family, partial=True)) for family in FAMILIES}
            await first.close()
            second = self.backend(path)
            assert await second.open() >= START
            assert {family: await second.scan(Page(family, partial=True)) for family in FAMILIES} == rows
            await second.close()

        with folder() as path:
            asyncio.run(main())

    def test_closing_finishes_what_was_accepted(self) -> None:
        async def work(handle: Backend) -> None:
            tasks = [asyncio.create_task(handle.apply(mixed(number))) for number in range(8)]
            await asyncio.sleep(0)
            await handle.close()
            done, waiting = await asyncio.wait(tasks, timeout=10)
            assert not waiting, "a batch was never decided"
            assert [task.exception() for task in done] == [None] * 8, "an accepted batch was refused"
            await handle.open()
            assert list((await batches_seen(handle)).values()) == [6] * 8, "an acknowledged batch is gone"

        self.on_handles(work)

    def test_opening_and_closing_at_once_is_opening_and_closing(self) -> None:
        async def work(handle: Backend) -> None:
            for number in range(3):
                await asyncio.gather(*(handle.close() for _ in range(3)))
                await asyncio.gather(*(handle.open() for _ in range(3)))
                await handle.apply(mixed(number))
            await handle.open()
            assert list((await batches_seen(handle)).values()) == [6] * 3

        self.on_handles(work)

    def test_a_closing_nobody_waits_for_ends_before_the_next_opening(self) -> None:
        async def work(handle: Backend) -> None:
            for turns in range(4):
                await handle.apply(mixed(turns))
                closing = asyncio.create_task(handle.close())
                for _ in range(turns):
                    await asyncio.sleep(0)
                closing.cancel()
                await asyncio.gather(closing, return_exceptions=True)
                await handle.open()
                assert list((await batches_seen(handle)).values()) == [6] * (turns + 1)

        self.on_handles(work)

    def test_a_copied_version_does_not_come_again(self) -> None:
        async def work(handle: Backend) -> None:
            async def put() -> int:
                return (await handle.apply([Put(STATE, ("k",), b"{}", START)]))[0]

            version = await put() + 5
            await handle.apply([Copy(STATE, (b"{}", version, START, START, None, None, "k"))])
            assert version not in [await put() for _ in range(9)], "a version came back"

        self.on_handles(work)

    def test_a_copy_onto_a_taken_place_comes_last(self) -> None:
        for family, outer in ((MEMORY, (OWNER,)), (RESULT, ())):
            self._copies_take_free_places(family, outer)

    def _copies_take_free_places(self, family: Family, outer: Key) -> None:
        def copy(name: str, place: int) -> Copy:
            return Copy(family, (b"{}", 5, START, START, None, place, *outer, name))

        async def work(handle: Backend) -> None:
            async def places(*writes: Write) -> list[tuple[str, int]]:
                await handle.apply(writes)
                return [(row[-1], row[PLACE]) for row in await handle.scan(Page(family, outer))]

            assert await places(copy("a", 3), copy("b", 7)) == [("a", 3), ("b", 7)]
            assert await places(copy("c", 7)) == [("a", 3), ("b", 7), ("c", 8)], "a taken place was given twice"
            assert await places(copy("b", 7)) == [("a", 3), ("b", 7), ("c", 8)], "a record was in its own way"
            assert await places(copy("d", 3), copy("e", 9), copy("f", 0)) == [
                *(("f", 0), ("a", 3), ("b", 7), ("c", 8)),
                *(("d", 9), ("e", 10)),  # within one batch too
            ]
            assert await places(copy("e", 5), copy("g", 10)) == [
                *(("f", 0), ("a", 3), ("e", 5), ("b", 7)),
                *(("c", 8), ("d", 9), ("g", 10)),
            ]
            drops = [Drop(family, (*outer, name), START) for name in "cdg"]
            assert (await places(*drops, Put(family, (*outer, "h"), b"{}", START)))[-1] == ("h", 8)
            elsewhere = Copy(MEMORY, (b"{}", 5, START, START, None, 3, "elsewhere", "a"))
            await handle.apply([elsewhere])
            assert [row[PLACE] for row in await handle.scan(Page(MEMORY, ("elsewhere",)))] == [3]

        self.on_handles(work)

    def test_a_closed_store_is_unavailable(self) -> None:
        async def refuse(handle: Backend) -> None:
            asked: list[Callable[[], Awaitable[object]]] = [
                lambda: handle.apply([Put(STATE, ("k",), b"{}", START)]),
                lambda: handle.fetch(STATE, [("k",)]),
                lambda: handle.scan(Page(STATE)),
                lambda: handle.keys(Page(STATE)),
                lambda: handle.bodies(Page(STATE)),
                lambda: handle.sweep(START, 1),
                lambda: handle.vitals(START),
                handle.probe,
                handle.verify,
            ]
            for ask in asked:
                with pytest.raises(UnavailableError):
                    await ask()

        async def main() -> None:
            handle = self.backend(path)
            await refuse(handle)
            await handle.open()
            await handle.close()
            await handle.close()
            await refuse(handle)

        with folder() as path:
            asyncio.run(main())

    def test_a_probe_proves_and_changes_nothing(self) -> None:
        async def work(handle: Backend) -> None:
            await handle.apply([*mixed(1), Put(CONVERSATION, (OWNER,), b"{}", START)])
            before = {family: await handle.scan(Page(family, partial=True)) for family in FAMILIES}
            assert isinstance((await handle.probe())["warnings"], list)
            assert await handle.verify() == []
            assert {family: await handle.scan(Page(family, partial=True)) for family in FAMILIES} == before

        self.on_handles(work)

    def test_a_stream_is_the_page_in_portions(self) -> None:
        async def work(handle: Backend) -> None:
            await handle.apply(gallery())
            await handle.apply([Append(RAW_MESSAGE, ("a",), (b'{"text":"%s"}' % (b"x" * 5000),) * 30, START)])
            for family in FAMILIES:
                inner = Page(family, ("a",) * (len(family.key) - 1))
                for page in (Page(family), Page(family, partial=True, alive_at=START + 2), inner):
                    expected = await handle.scan(page)
                    for size in (1, 20_000, 2**20):
                        parts = [part async for part in handle.stream(page, size)]
                        assert [row for part in parts for row in part] == expected, f"{page} in portions of {size}"
                        assert all(parts), "an empty portion"
            parts = [part async for part in handle.stream(Page(RAW_MESSAGE, ("a",)), 20_000)]
            assert len(parts) > 5, "portions do not keep to their size"

        self.on_handles(work)

    def test_pages_of_every_shape(self) -> None:
        async def work(handle: Backend) -> None:
            model = MemoryBackend()
            await model.open()
            for backend in (handle, model):
                await backend.apply(gallery())
            for page in shapes():
                await assertions.compare_reads(handle, model, page)
                assert await assertions.walk(handle, page, 2) == await handle.scan(page._replace(limit=None)), f"{page}"

        self.on_handles(work)

    def test_overwriting_keeps_place_and_birth(self) -> None:
        async def work(handle: Backend) -> None:
            for at, keys in enumerate((("m2", "m1"), ("m1", "m2", "m3"), ("m2",))):
                await handle.apply([Put(MEMORY, (OWNER, key), b'{"at":%d}' % at, START + at) for key in keys])
            rows = await handle.scan(Page(MEMORY, (OWNER,)))
            seen = [(row[-1], row[BODY], row[CREATED_AT] - START, row[WRITTEN_AT] - START) for row in rows]
            assert seen == [("m2", b'{"at":2}', 0, 2), ("m1", b'{"at":1}', 0, 1), ("m3", b'{"at":1}', 1, 1)]

        self.on_handles(work)

    def test_owners_come_and_go_with_what_they_own(self) -> None:
        async def work(handle: Backend) -> None:
            for owner in (OWNER, OWNER.upper()):
                await handle.apply(
                    [Append(REASONING_CHAIN, (owner,), (b"{}",), START), Put(CHUNK_INFO, (owner,), b"{}", START)]
                )
                await handle.apply(
                    [Append(RAW_MESSAGE, (owner,), (b"{}", b"{}"), START), Put(MEMORY, (owner, "m"), b"{}", START)]
                )
            assert await handle.keys(Page(CONVERSATION)) == [], "an owner without a body was listed"
            assert await handle.keys(Page(CONVERSATION, partial=True)) == [(OWNER.upper(),), (OWNER,)]
            assert await handle.apply([Drop(CONVERSATION, (OWNER,), START)]) == [1]
            for family in (CONVERSATION, RAW_MESSAGE, MEMORY, CHUNK_INFO):
                left = {key[0] for key in await handle.keys(Page(family, partial=True))}
                assert left == {OWNER.upper()}, f"{family.name} of a dropped conversation stays, or too much went"
            assert len(await handle.keys(Page(REASONING_CHAIN))) == 2, "chains belong to agents"

        self.on_handles(work)

    def test_sweep_removes_so_many_at_most(self) -> None:
        async def work(handle: Backend) -> None:
            await handle.apply([Put(CACHE, (f"k{n}",), b"{}", START, START + n) for n in range(1, 8)])
            assert [await handle.sweep(START + 5, limit) for limit in (0, 2, 2, 2, 2)] == [0, 2, 2, 1, 0]
            assert await handle.keys(Page(CACHE)) == [("k6",), ("k7",)]

        self.on_handles(work)

    def test_open_tells_the_latest_time_even_of_what_is_gone(self) -> None:
        async def main() -> None:
            first = self.backend(path)
            await first.open()
            await first.apply([Put(STATE, ("k",), b"{}", START)])
            await first.apply([Drop(STATE, (), START + 1)])
            await first.close()
            second = self.backend(path)
            assert await second.open() > START, "the clock of the store went back with its records"
            await second.close()

        with folder() as path:
            asyncio.run(main())
