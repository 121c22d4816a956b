"""Concurrency laws: tasks, handles and cancellation never tear or lose a batch."""

from __future__ import annotations

import asyncio
import random

import pytest

from ..core.backend import Backend
from ..core.families import CACHE, MEMORY, RAW_MESSAGE, RESULT, STATE
from ..core.records import BODY, KEY, PLACE, VERSION, Append, Drop, Page, Put, Write, order_of
from ..errors import ConflictError
from .assertions import NEVER
from .kit import START, Kit

OWNER = "c/1"


def mixed(number: int) -> list[Write]:
    """A batch over several families, with one log twice, told from others by its number."""
    body = b'{"batch":%d}' % number
    return [
        Append(RAW_MESSAGE, (OWNER,), (body,), START + number),
        Put(STATE, (f"state {number}",), body, START + number),
        Put(CACHE, (f"cache {number}",), body, START + number, START + 10_000_000),
        Put(MEMORY, (OWNER, f"memory {number}"), body, START + number),
        Append(RAW_MESSAGE, (OWNER,), (body, body), START + number),
    ]


async def batches_seen(handle: Backend) -> dict[bytes, int]:
    """How many records there are of each batch of `mixed`."""
    seen: dict[bytes, int] = {}
    for family in (RAW_MESSAGE, STATE, CACHE, MEMORY):
        for body in await handle.bodies(Page(family)):
            seen[body] = seen.get(body, 0) + 1
    return seen


async def check_gap_free(handle: Backend, count: int) -> None:
    """The log of OWNER holds `count` records at positions from 0 on."""
    rows = await handle.scan(Page(RAW_MESSAGE, (OWNER,)))
    assert [row[-1] for row in rows] == list(range(count)), "positions have gaps or twins"


class Rivals(Kit):
    """Those who share a store, or give up half-way."""

    def test_handles_take_turns_at_places(self) -> None:
        async def work(one: Backend, other: Backend) -> None:
            async def put(handle: Backend, name: str) -> None:
                await handle.apply([Put(RESULT, (name,), b"{}", START), Put(MEMORY, (OWNER, name), b"{}", START)])

            async def drop(handle: Backend, name: str) -> None:
                await handle.apply([Drop(RESULT, (name,), START), Drop(MEMORY, (OWNER, name), START)])

            for number, handle in enumerate((one, other, other, one, other, one)):
                await put(handle, f"{9 - number}")
            await drop(other, "4")
            await drop(one, "5")
            await put(one, "new")
            await put(other, "last for a moment")
            await drop(other, "last for a moment")
            await put(other, "newer")
            expected = [*enumerate(("9", "8", "7", "6", "new", "newer"))]
            for family in (RESULT, MEMORY):
                assert [(row[PLACE], row[-1]) for row in await one.scan(Page(family))] == expected

        self.on_handles(work, count=2)

    def test_a_cursor_visits_each_row_once_while_others_write(self) -> None:
        async def work(reader: Backend, writer: Backend) -> None:
            await writer.apply([Put(STATE, (f"{n:03}",), b"{}", START) for n in range(0, 100, 2)])
            visited, page = [], Page(STATE, limit=7)
            while rows := await reader.scan(page):
                visited += [row[KEY] for row in rows]
                page = page._replace(after=order_of(STATE, rows[-1]))
                number = len(visited)
                await writer.apply(
                    [Put(STATE, (f"{number:03}",), b'{"again":1}', START), Put(STATE, (f"~{number}",), b"{}", START)]
                )
                assert number < 1000, "the walk does not end"
            assert visited == sorted(set(visited)), "a row came twice, or out of order"
            assert {f"{n:03}" for n in range(0, 100, 2)} <= set(visited), "a row was passed over"

        self.on_handles(work, 2)

    def test_handles_append_at_once_without_gaps(self) -> None:
        async def work(*handles: Backend) -> None:
            async def append(number: int) -> range:
                bodies = tuple(b'{"by":%d}' % number for _ in range(number % 3 + 1))
                at = (await handles[number % len(handles)].apply([Append(RAW_MESSAGE, (OWNER,), bodies, START)]))[0]
                return range(at, at + len(bodies))

            given = await asyncio.gather(*map(append, range(24)))
            assert sorted(position for part in given for position in part) == list(range(48))
            await check_gap_free(handles[0], 48)
            bodies = await handles[1].bodies(Page(RAW_MESSAGE, (OWNER,)))
            assert all(bodies[at] == b'{"by":%d}' % number for number, part in enumerate(given) for at in part)

        self.on_handles(work, 2)

    def test_batches_at_once_are_each_whole(self) -> None:
        async def work(*handles: Backend) -> None:
            async def watch() -> None:
                for _ in range(20):
                    bodies = await handles[1].bodies(Page(RAW_MESSAGE, (OWNER,)))
                    assert all(bodies.count(body) == 3 for body in bodies), "half a batch was seen"
                    await asyncio.sleep(0)

            await asyncio.gather(watch(), *(handles[n % 2].apply(mixed(n)) for n in range(20)))
            seen = await batches_seen(handles[1])
            assert list(seen.values()) == [6] * 20, f"batches are torn or lost: {seen}"
            await check_gap_free(handles[0], 60)

        self.on_handles(work, 2)

    def test_a_batch_that_fails_among_others_fails_alone(self) -> None:
        async def work(handle: Backend) -> None:
            bad = Put(STATE, ("bad",), b"{}", START, None, NEVER)
            batches = [[*mixed(n), bad] if n % 2 else mixed(n) for n in range(6)]
            ended = await asyncio.gather(*map(handle.apply, batches), return_exceptions=True)
            assert [isinstance(end, ConflictError) for end in ended] == [False, True] * 3
            assert await batches_seen(handle) == {b'{"batch":%d}' % n: 6 for n in (0, 2, 4)}
            await check_gap_free(handle, 9)

        self.on_handles(work)

    def test_writes_at_once_get_versions_of_their_own(self) -> None:
        async def work(handle: Backend) -> None:
            puts = [[Put(STATE, ("k",), b'{"n":%d}' % n, START)] for n in range(8)]
            versions = [result[0] for result in await asyncio.gather(*map(handle.apply, puts))]
            assert len({0, *versions}) == 9, "two writes share a version"
            row = (await handle.fetch(STATE, [("k",)]))[0]
            assert row is not None
            for stale in {*versions} - {row[VERSION]}:
                with pytest.raises(ConflictError):
                    await handle.apply([Put(STATE, ("k",), b"{}", START, None, stale)])

        self.on_handles(work)

    def test_no_update_is_lost_between_handles(self) -> None:
        async def work(*handles: Backend) -> None:
            async def increment(number: int) -> None:
                handle = handles[number % 2]
                while True:
                    row = (await handle.fetch(STATE, [("n",)]))[0]
                    await asyncio.sleep(0)
                    count, version = (int(row[BODY][5:-1]), row[VERSION]) if row else (0, 0)
                    try:
                        await handle.apply([Put(STATE, ("n",), b'{"n":%d}' % (count + 1), START, None, version)])
                        return
                    except ConflictError:
                        await asyncio.sleep(random.random() / 500)

            await asyncio.gather(*map(increment, range(12)))
            assert await handles[0].bodies(Page(STATE)) == [b'{"n":12}'], (
                "two writers read the same version and both won"
            )

        self.on_handles(work, 2)

    def test_cancelling_apply_leaves_all_or_nothing(self) -> None:
        async def work(handle: Backend) -> None:
            dice, done = random.Random(7), []
            for number in range(50):
                task = asyncio.create_task(handle.apply(mixed(number)))
                for _ in range(dice.randrange(8)):
                    await asyncio.sleep(dice.choice((0, 0, 0.0005, 0.002)))
                task.cancel()
                if not isinstance((await asyncio.gather(task, return_exceptions=True))[0], BaseException):
                    done.append(b'{"batch":%d}' % number)
            await handle.apply(mixed(50))
            seen = await batches_seen(handle)
            assert set(seen.values()) == {6}, f"a cancelled batch is torn: {seen}"
            assert set(done) <= set(seen), "a batch that was acknowledged is gone"
            await check_gap_free(handle, 3 * len(seen))

        self.on_handles(work)
