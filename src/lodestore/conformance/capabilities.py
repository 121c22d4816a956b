"""Capability laws: a backend does what its capabilities say, and what they do not say it refuses."""

from __future__ import annotations

import pytest

from ..core.backend import Backend
from ..core.families import STATE
from ..core.records import KEY, Page, Put
from ..errors import UnsupportedError
from .kit import START, Kit, folder


async def sequence_moves(handle: Backend, other: Backend) -> None:
    """A change by another handle moves the number; none leaves it."""
    before = await handle.sequence()
    assert await handle.sequence() == before
    await other.apply([Put(STATE, ("sequence",), b"{}", START)])
    assert await handle.sequence() != before


async def names_one_store(handle: Backend, other: Backend) -> None:
    """Handles on one store have one identity."""
    assert await handle.identity() == await other.identity() != ""


async def holds_still(handle: Backend, other: Backend) -> None:
    """A snapshot shows nothing that is written later, and the next one says what has changed."""
    await other.apply([Put(STATE, ("before",), b"{}", START)])
    async with handle.snapshot() as snapshot:
        there = await snapshot.keys(Page(STATE))
        await other.apply([Put(STATE, ("later",), b"{}", START)])
        assert await snapshot.keys(Page(STATE)) == there
        assert await snapshot.fetch(STATE, [("later",)]) == [None]
    async with handle.snapshot() as after:
        changed = [row[KEY:] async for rows in after.changed(STATE, snapshot.sequence) for row in rows]
        assert changed == [("later",)]


async def answers_sql(handle: Backend, other: Backend) -> None:
    """One statement, its parameters bound."""
    assert await handle.query("SELECT ?1 AS one", (1,)) == (["one"], [(1,)])


async def makes_a_backup(handle: Backend, other: Backend) -> None:
    """A copy at a new path."""
    with folder() as path:
        await handle.backup(str(path / "backup"))
        assert (path / "backup").exists()


async def keeps_versions(handle: Backend, other: Backend) -> None:
    """The version before the last one comes back."""
    for body in (b'{"n":1}', b'{"n":2}'):
        await other.apply([Put(STATE, ("kept",), body, START)])
    [newest] = handle.list_backups("system/kept.json")[-1:]
    await handle.restore_backup("system/kept.json", newest)
    [row] = await handle.fetch(STATE, [("kept",)])
    assert row is not None
    assert row[0] == b'{"n":1}'


class CapabilityLaws(Kit):
    """Each optional operation, tried on two handles of one store."""

    def test_it_does_what_its_capabilities_say_and_nothing_else(self) -> None:
        async def work(handle: Backend, other: Backend) -> None:
            can = handle.capabilities
            for claimed, attempt in (
                (can.commit_sequence, sequence_moves),
                (can.identity, names_one_store),
                (can.snapshots, holds_still),
                (can.sql, answers_sql),
                (can.backup, makes_a_backup),
                (can.file_versions, keeps_versions),
            ):
                if claimed:
                    await attempt(handle, other)
                else:
                    with pytest.raises(UnsupportedError, match=handle.name):
                        await attempt(handle, other)
            assert (handle.index is not None) == can.search_index
            assert can.read_cache or handle.cache is None

        self.on_handles(work, 2)
