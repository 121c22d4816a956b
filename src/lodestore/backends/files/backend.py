"""File backend: records as readable JSON files, one worker thread per handle, one hop per call."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from ...core.backend import PORTION, Backend, Capabilities, Vitals
from ...core.families import Family
from ...core.records import Key, Page, Row, Write
from ...errors import InvalidInputError
from ..lifecycle import Lifecycle
from ..worker_thread import WorkerThread
from . import maintenance, scan
from .backups import Backups, check_path
from .filesystem import Filesystem, renamed
from .session import Session
from .write_batch import sweep

T = TypeVar("T")


class FileBackend(Backend):
    """Records as readable JSON files under `root`.

    `pretty` indents them; `backups` keeps the last `max_backup_files` versions of each file but the cache's;
    `timeout` is how long, in seconds, a call waits for other handles.
    """

    name = "file"
    capabilities = Capabilities(commit_sequence=True, backup=True, file_versions=True)

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        pretty: bool = True,
        backups: bool = True,
        max_backup_files: int = 5,
        timeout: float = 30.0,
        disk: Filesystem | None = None,
    ) -> None:
        if max_backup_files < 0:
            raise InvalidInputError(f"max_backup_files: expected 0 or more, not {max_backup_files}")
        self.root = os.path.abspath(root)
        self._disk = disk or Filesystem()
        self._backups = Backups(self._disk, self.root, max_backup_files if backups else 0)
        self._session = Session(self._disk, self.root, pretty, self._backups, timeout)
        self._worker = WorkerThread("lodestore-files")
        self._lifecycle = Lifecycle()

    async def open(self) -> int:
        async with self._lifecycle.exclusive():
            if self._worker.running:
                return await self._run(self._session.latest)
            self._worker.start()
            try:
                return await self._run(self._session.open)
            except BaseException:
                await self._lifecycle.finish(self._worker.stop(self._session.close))
                raise

    async def close(self) -> None:
        async with self._lifecycle.exclusive():
            await self._lifecycle.finish(self._worker.stop(self._session.close))

    async def _read(self, look: Callable[..., T], *arguments: Any) -> T:
        return await self._run(self._session.read, look, *arguments)

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        return await self._run(self._session.apply, writes)

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        return await self._read(scan.read_rows, family, keys)

    async def scan(self, page: Page) -> list[Row]:
        return await self._read(scan.read_page, page)

    async def keys(self, page: Page) -> list[Key]:
        return await self._read(scan.read_keys, page)

    async def stream(self, page: Page, size: int = PORTION) -> AsyncIterator[list[Row]]:
        groups = await self._read(scan.groups_in_order, page)
        while groups:
            rows, read = await self._read(scan.portion, page, groups, size)
            del groups[:read]
            for part in scan.sliced(rows, size):
                yield part
                del part  # or it is held while the next one is read
            del rows

    async def sequence(self) -> int:
        return await self._run(self._session.sequence)

    async def sweep(self, now: int, limit: int) -> int:
        return await self._run(self._session.write, sweep, now, limit)

    async def vitals(self, now: int) -> Vitals:
        return await self._read(scan.vitals, now)

    async def probe(self) -> dict[str, Any]:
        return await self._run(self._session.exclusive, maintenance.probe, self._disk, self.root)

    async def verify(self) -> list[str]:
        return await self._read(maintenance.verify)

    async def backup(self, path: str) -> None:
        await self._run(self._session.shared, maintenance.copy_tree, self._disk, self.root, path)

    async def compact(self) -> dict[str, int]:
        return await self._run(self._session.exclusive, maintenance.clean, self._disk, self.root)

    def list_backups(self, path: str) -> list[int]:
        """The old versions kept of a file, oldest first; `path` as `conversations/conv_001/current.json`."""
        return self._backups.numbers(check_path(path))

    async def restore_backup(self, path: str, number: int | None = None) -> None:
        """Put an old version (None: the newest) in place; the present one joins the backups, to undo this too."""
        await self._run(self._session.restore, path, number)

    async def _run(self, task: Callable[..., T], *arguments: Any) -> T:
        """One hop to the thread and back."""
        try:
            return await self._worker.run(task, *arguments)
        except OSError as error:
            raise renamed(error) from error
