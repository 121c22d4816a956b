"""Scratch store: a SQLite store of this process alone, in a temporary folder, gone when it is closed.

Its bodies are on the disk only encrypted, by a random key that is never written down. The folder is locked for as long
as its process lives, so that what a killed process left can be told from what another one uses: whoever makes a folder
removes first those that nobody holds. Where folders cannot be locked (Windows, some network file systems) they stay.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from weakref import finalize

from ..backends.sqlite import SQLiteBackend
from ..core.os_support import lock_folder
from ..errors import UnavailableError

PREFIX = "lodestore-index-"
_CACHE_MIB = 8  # of pages, in each of three connections


class ScratchStore:
    """The store and its folder. It begins to open at once, and closes once.

    Both are tasks of their own: who waits for them may be cancelled at any moment.
    """

    def __init__(self) -> None:
        self._folder = ScratchFolder()
        self._opening = asyncio.ensure_future(self._open())

    @property
    def usable(self) -> bool:
        """Whether this is the process and the event loop it was made in."""
        return self._folder.owner == os.getpid() and self._opening.get_loop() is asyncio.get_running_loop()

    async def opened(self) -> SQLiteBackend:
        """Return the store, open; raise the error of opening it if that failed."""
        return await asyncio.shield(self._opening)

    async def close(self) -> None:
        """Close the store and remove the folder; what was running is finished first."""
        if not self.usable:  # its threads answer to another loop, or stayed behind in another process
            self._folder.remove()
            return
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _open(self) -> SQLiteBackend:
        await asyncio.to_thread(remove_abandoned)
        store = SQLiteBackend(
            self._folder.path / "index.db",
            key=os.urandom(32),
            durability="process",
            cache=_CACHE_MIB,
            hot_bytes=0,
            vector_bytes=0,
            dictionaries=False,
        )
        await store.open()
        return store

    async def _close(self) -> None:
        try:
            await asyncio.wait([self._opening])
            if not self._opening.exception():
                await self._opening.result().close()
        finally:
            await asyncio.to_thread(self._folder.remove)


class ScratchFolder:
    """A new, locked folder; `remove` is called at the latest when the process ends."""

    def __init__(self) -> None:
        try:
            self.path = Path(mkdtemp(prefix=PREFIX))
        except OSError as error:
            raise UnavailableError(f"cannot make a folder in {gettempdir()}: {error.strerror or error}") from error
        self.owner = os.getpid()
        self.remove = finalize(self, _remove, self.path, lock_folder(self.path, wait=True), self.owner)


def _remove(path: Path, lock: int | None, owner: int) -> None:
    if os.getpid() == owner:  # and not the end of a process that was forked from it
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def remove_abandoned() -> None:
    """Remove the folders of processes that were killed."""
    for path in Path(gettempdir()).glob(f"{PREFIX}*"):
        lock = lock_folder(path, wait=False)
        if lock is not None:
            with suppress(OSError):
                if any(path.iterdir()):  # an empty one may be about to be locked
                    shutil.rmtree(path, ignore_errors=True)
            os.close(lock)
