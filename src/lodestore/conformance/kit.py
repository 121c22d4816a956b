"""Kit base classes: a store in a folder, a loop to run on, Hypothesis settings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from ..core.backend import Backend
from ..store.store import Store

START = 1_700_000_000_000  # where the clocks of the kit start, in milliseconds


class FakeClock:
    """A clock that moves when told; it may step back."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder, gone afterwards."""
    with TemporaryDirectory(prefix="lodestore-", ignore_cleanup_errors=True) as path:
        yield Path(path)


class Kit:
    """Give `backend` in a subclass whose name starts with Test; the rest is inherited.

    `examples` and `steps` are how many histories Hypothesis tries for each group of families, and how long each may
    be; a slow backend lowers them, a nightly run raises them. Everything else comes from the Hypothesis profile
    in force.
    """

    examples = 20
    steps = 30

    def backend(self, folder: Path) -> Backend:
        """A new handle, not yet open, on the store in that folder. The same folder is the same store."""
        raise NotImplementedError("give the conformance kit your backend: def backend(self, folder) -> Backend")

    def profile(self) -> settings:
        """The settings of the Hypothesis laws."""
        return settings(
            max_examples=self.examples,
            stateful_step_count=self.steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )

    def for_all(self, law: Callable[..., None], *strategies: st.SearchStrategy[Any]) -> None:
        """Run `law` on drawn arguments. A law shared by many classes cannot carry @given itself."""
        self.profile()(given(*strategies)(law))()

    def on_handles(self, work: Callable[..., Awaitable[None]], count: int = 1) -> None:
        """Run `work` on so many open handles on one new store."""

        async def main() -> None:
            handles = [self.backend(path) for _ in range(count)]
            for handle in handles:
                await handle.open()
            try:
                await work(*handles)
            finally:
                for handle in handles:
                    await handle.close()

        with folder() as path:
            asyncio.run(main())

    def on_store(self, work: Callable[[Store, FakeClock], Awaitable[None]]) -> None:
        """Run `work` on a new store that is open, and the clock it goes by."""

        async def main() -> None:
            clock = FakeClock()
            async with Store(self.backend(path), clock=clock) as store:
                await work(store, clock)

        with folder() as path:
            asyncio.run(main())

    @contextmanager
    def standing_store(self) -> Iterator[tuple[Store, Callable[[Coroutine[Any, Any, Any]], Any]]]:
        """A new store, and what runs a coroutine on its loop: for laws whose examples share one store."""
        with folder() as path, asyncio.Runner() as runner:
            store = Store(self.backend(path), clock=FakeClock())
            runner.run(store.initialize())
            try:
                yield store, runner.run
            finally:
                runner.run(store.shutdown())
