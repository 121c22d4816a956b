"""The laws of `lodestore.backends.lifecycle`, under every interleaving a few tasks and cancellations make."""

from __future__ import annotations

import asyncio

from hypothesis import given, strategies as st

from lodestore.backends.lifecycle import Lifecycle

Step = tuple[str, int]  # what a task does, and after how many turns of the loop it is cancelled


class Building:
    """Notes what goes on inside, and whether two ever did at once."""

    def __init__(self) -> None:
        self.turns = Lifecycle()
        self.inside = 0
        self.begun = self.ended = 0

    async def stay(self) -> None:
        self.inside += 1
        assert self.inside == 1, "two at once"
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        finally:
            self.inside -= 1

    async def open(self) -> None:
        async with self.turns.exclusive():
            await self.stay()

    async def close(self) -> None:
        async with self.turns.exclusive():
            await self.turns.finish(self.ending())

    async def ending(self) -> None:
        self.begun += 1
        await self.stay()
        self.ended += 1


@given(st.lists(st.tuples(st.sampled_from(["open", "close"]), st.integers(0, 12)), min_size=1, max_size=6))
def test_one_at_a_time_and_every_ending_that_began_ends(steps: list[Step]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[Step]) -> None:
    building = Building()
    tasks = [asyncio.create_task(getattr(building, what)()) for what, _ in steps]
    for moment in range(13):
        for task, (_, patience) in zip(tasks, steps, strict=True):
            if patience == moment:
                task.cancel()
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    async with building.turns.exclusive():  # waits for a closing left behind
        assert building.begun == building.ended


def test_an_ending_that_fails_is_told_once() -> None:
    async def fail() -> None:
        raise OSError("the disk is gone")

    async def play() -> list[str]:
        turns, told = Lifecycle(), []
        for _ in range(2):
            try:
                async with turns.exclusive():
                    if not told:
                        await turns.finish(fail())
            except OSError as error:
                told.append(str(error))
        return told

    assert asyncio.run(play()) == ["the disk is gone"]
