"""Snapshot: the store as of one commit, for long reads while others write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from ...core.backend import PORTION
from ...core.families import Family
from ...core.records import Key, Page, Row, following
from ...encoding.packer import Packer
from ...sql import statements
from .engine import driver
from .engine.connection_thread import ConnectionThread
from .engine.store_file import StoreFile
from .records import reads


class SQLiteSnapshot:
    """Reads inside one transaction, on a connection of its own.

    Writers go on meanwhile; the log keeps what they write until the snapshot ends. `sequence` numbers the last commit
    that is part of it.
    """

    sequence: int

    def __init__(self, site: StoreFile, packer: Packer) -> None:
        self._thread = ConnectionThread(site.reader)
        self._packer = packer

    async def __aenter__(self) -> SQLiteSnapshot:
        with driver.renaming("opening"):
            await self._thread.start()
        try:
            self.sequence = await self._thread.run("reading", _begin)
        except BaseException:
            await self._thread.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._thread.stop()

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        """The rows under whole keys."""
        return await self._thread.run("reading", lambda c: [reads.fetch(self._run(c), family, key) for key in keys])

    async def keys(self, page: Page) -> list[Key]:
        """The keys of a page."""
        return await self._thread.run("reading", lambda c: reads.keys(self._run(c), page))

    async def stream(self, page: Page, size: int = PORTION) -> AsyncIterator[list[Row]]:
        """The rows of a page in portions."""
        while rows := await self._thread.run("reading", partial(self._portion, page, size)):
            page = following(page, rows[-1])
            yield rows
            del rows  # or it is held while the next one is read

    async def changed(self, family: Family, since: int, size: int = PORTION) -> AsyncIterator[list[Row]]:
        """The rows written by commits after number `since`, in portions, in no order."""
        cursor = await self._thread.run("reading", lambda c: self._run(c).execute(statements.changed(family), (since,)))
        while rows := await self._thread.run("reading", lambda _: reads.taken(cursor, family, size, since)):
            yield rows
            del rows

    async def count(self, family: Family, now: int) -> int:
        """How many records there are, owners without body included, without what has expired by `now`."""
        bound = (now,) if family.expires else ()
        return await self._thread.run(
            "counting", lambda c: sum(self._run(c).execute(statements.count(family), bound).fetchone())
        )

    def _portion(self, page: Page, size: int, connection: driver.Connection) -> list[Row]:
        return reads.portion(self._run(connection), page, size)

    def _run(self, connection: driver.Connection) -> driver.Cursor:
        return driver.cursor(connection, self._packer)


def _begin(connection: driver.Connection) -> int:
    connection.execute("BEGIN")  # the first statement that reads fixes the moment
    return int(connection.execute("SELECT commits FROM store").fetchone()[0])
