"""IVF maintenance: cells for very large namespaces, trained in the background, swapped in by one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ....core.searchable import VectorSpace
from ....encoding.packer import Packer
from ....sql import sqlite_numbers, sqlite_vectors
from ..engine import driver
from ..engine.connection_thread import ConnectionThread
from ..engine.driver import Connection, Cursor
from ..engine.transaction import Commit, transact
from ..group_commit import SQLiteGroupCommit
from . import vector_records


class LargeNamespace(NamedTuple):
    """A namespace that should get cells."""

    space: VectorSpace
    span: sqlite_numbers.Span
    part: str


class IVFMaintenance:
    """What trains the cells of one store. Sampling reads, training computes in a thread of its own, swapping writes."""

    def __init__(self, scanning: ConnectionThread, writer: SQLiteGroupCommit, packer: Packer) -> None:
        self._scanning, self._writer, self._packer = scanning, writer, packer

    async def tend(self, going: Callable[[], bool]) -> int:
        """Train what is due, as long as `going` says so; how many namespaces got cells."""
        count = 0
        for large in await self._scanning.run("searching", self._due):
            if not going():
                break
            sampled = await self._scanning.run("sampling vectors", partial(self._sample, large))
            centres = await asyncio.to_thread(_train, *sampled)
            await self._writer.chore(self._swap(large, centres), "placing vectors in cells")
            count += 1
        return count

    def _due(self, connection: Connection) -> list[LargeNamespace]:
        run = driver.cursor(connection, self._packer)
        if run.execute(sqlite_vectors.ANY).fetchone() is None:
            return []
        from ..vectors import ivf_training

        found = run.execute(sqlite_vectors.LARGEST, (ivf_training.LARGE,)).fetchall()
        large = dict.fromkeys(_large(run, *row) for row in found)
        return [one for one in large if one and ivf_training.wants_training(run, one.space, one.span, one.part)]

    def _sample(self, large: LargeNamespace, connection: Connection) -> Any:
        from ..vectors import ivf_training

        return ivf_training.sample(driver.cursor(connection, self._packer), *large)

    def _swap(self, large: LargeNamespace, centres: Any) -> Callable[[Connection], tuple[None, Commit | None]]:
        from ..vectors import ivf_training

        def work(connection: Connection) -> tuple[None, Commit | None]:
            run = driver.cursor(connection, self._packer)
            return transact(run, lambda: ivf_training.swap(run, *large, centres))

        return work


def _large(run: Cursor, name: str, part: str, number: int) -> LargeNamespace | None:
    space = vector_records.space_of(run, name)
    return None if space is None else LargeNamespace(space, sqlite_numbers.span_of(number), part)


def _train(sampled: Any, cells: int) -> Any:
    from ..vectors import ivf_training

    return ivf_training.train(sampled, cells)
