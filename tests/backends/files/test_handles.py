"""Handles, processes, threads, backups and upkeep of the file backend."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lodestore.backends.files import FileBackend
from lodestore.backends.files.filesystem import Filesystem, renamed
from lodestore.backends.files.lock import StoreLock
from lodestore.core.families import CACHE, CONVERSATION, RAW_MESSAGE, RESULT, STATE
from lodestore.core.records import Append, Drop, Page, Put
from lodestore.errors import CorruptError, InvalidInputError, StorageFullError, UnavailableError, UnsupportedError

CURRENT = "conversations/c/current.json"


def with_store(folder: Path, task: Callable[[FileBackend], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        file = FileBackend(folder, **settings)
        await file.open()
        try:
            await task(file)
        finally:
            await file.close()

    asyncio.run(run())


async def store(file: FileBackend, *numbers: int) -> None:
    for number in numbers:
        await file.apply([Put(CONVERSATION, ("c",), b'{"n":%d}' % number, number)])


async def body(file: FileBackend) -> bytes | None:
    (row,) = await file.fetch(CONVERSATION, [("c",)])
    return row and row[0]


def test_tasks_handles_and_processes_leave_no_gap(tmp_path: Path) -> None:
    async def write(name: str) -> None:
        handles = [FileBackend(tmp_path) for _ in range(2)]
        for handle in handles:
            await handle.open()
        jobs = [handle.apply([Append(RAW_MESSAGE, ("c",), (b"{}", b"{}"), 1)]) for handle in handles * 5]
        await asyncio.gather(*jobs)
        for handle in handles:
            await handle.close()

    child = os.fork()
    if child == 0:
        asyncio.run(write("child"))
        os._exit(0)
    asyncio.run(write("parent"))
    assert os.waitpid(child, 0)[1] == 0

    async def check(file: FileBackend) -> None:
        assert await file.keys(Page(RAW_MESSAGE)) == [("c", n) for n in range(40)]

    with_store(tmp_path, check)


def test_a_busy_store_is_unavailable(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        other = StoreLock(str(tmp_path / ".lodestore/lock"), 1)
        other.open()
        other.acquire(exclusive=False)
        assert await file.scan(Page(CONVERSATION)) == []
        with pytest.raises(UnavailableError, match="busy"):
            await store(file, 1)
        other.acquire(exclusive=True)
        with pytest.raises(UnavailableError, match="busy"):
            await file.scan(Page(CONVERSATION))
        other.close()
        await store(file, 1)

    with_store(tmp_path, check, timeout=0.05)


class Slow(Filesystem):
    def write(self, path: str, content: bytes) -> None:
        time.sleep(0.05)
        super().write(path, content)


def test_a_cancelled_batch_completes_as_a_whole(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        batch = [Put(CONVERSATION, ("c",), b"{}", 1), Append(RAW_MESSAGE, ("c",), (b"{}",), 1)]
        tasks = [asyncio.create_task(file.apply(batch)) for _ in ("at work", "waiting")]
        await asyncio.sleep(0.06)
        for task in tasks:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await body(file) == b"{}"
        assert await file.keys(Page(RAW_MESSAGE)) == [("c", 0), ("c", 1)]

    with_store(tmp_path, check, disk=Slow())


def test_close_finishes_what_was_accepted(tmp_path: Path) -> None:
    async def run() -> None:
        file = FileBackend(tmp_path, disk=Slow())
        with pytest.raises(UnavailableError, match="not open"):
            await file.scan(Page(CONVERSATION))
        await file.open()
        tasks = [asyncio.create_task(store(file, n)) for n in (1, 2, 3)]
        await asyncio.sleep(0)
        await file.close()
        await asyncio.gather(*tasks)
        await file.close()
        with pytest.raises(UnavailableError, match="not open"):
            await store(file, 4)
        assert await file.open() == 3
        assert await body(file) == b'{"n":3}'
        await file.close()

    asyncio.run(run())


def test_a_forked_child_is_told_to_open_anew(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        child = os.fork()
        if child == 0:
            try:
                file.apply([]).send(None)
            except UnavailableError as error:
                os._exit(0 if "fork" in str(error) else 1)
            os._exit(2)
        assert (await asyncio.to_thread(os.waitpid, child, 0))[1] == 0
        await store(file, 1)

    with_store(tmp_path, check)


def test_a_store_that_was_moved_is_noticed(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await store(file, 1)
        (tmp_path / "s").rename(tmp_path / "t")
        with pytest.raises(UnavailableError, match="moved or removed"):
            await store(file, 2)
        assert not (tmp_path / "s").exists()
        (tmp_path / "t").rename(tmp_path / "s")
        other = FileBackend(tmp_path / "s", timeout=1)
        assert await other.open() == 1, "the failed call gave its lock back"
        await other.close()
        await store(file, 2)
        assert await body(file) == b'{"n":2}'

    with_store(tmp_path / "s", check)


def test_the_newest_time_survives(tmp_path: Path) -> None:
    async def run() -> None:
        file = FileBackend(tmp_path)
        assert await file.open() == 0
        await store(file, 70, 40)
        await file.close()
        assert await file.open() == 70
        await file.close()
        (tmp_path / ".lodestore/lock").write_bytes(b"00000000000000009999 00000000\n")
        path = tmp_path / CURRENT
        os.utime(path, (2_000_000_000, 2_000_000_000))
        assert await file.open() == 2_000_000_000_000, "an illegible time is made up from the files"
        await file.close()

    asyncio.run(run())


def test_a_store_from_the_future_is_refused(tmp_path: Path) -> None:
    with_store(tmp_path, lambda file: store(file, 1))
    marker = tmp_path / ".lodestore/format.json"
    for content, error in (
        (b'{"lodestore file store":2}', UnsupportedError),
        (b"{}", CorruptError),
        (b"", CorruptError),
    ):
        marker.write_bytes(content)
        with pytest.raises(error):
            asyncio.run(FileBackend(tmp_path).open())


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EACCES, UnavailableError),
        (errno.EROFS, UnavailableError),
        (errno.ENOENT, UnavailableError),
        (errno.EIO, UnavailableError),
        (errno.ELOOP, CorruptError),
        (errno.EISDIR, CorruptError),
    ],
)
def test_system_errors_get_a_meaning(number: int, error: type[Exception]) -> None:
    assert type(renamed(OSError(number, os.strerror(number), "some/file"))) is error
    assert "some/file" in str(renamed(OSError(number, os.strerror(number), "some/file")))


def test_old_versions_come_back_and_so_does_the_restored_one(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await store(file, *range(1, 6))
        assert file.list_backups(CURRENT) == [2, 3, 4], "four replaced, three kept"
        await file.restore_backup(CURRENT)
        assert await body(file) == b'{"n":4}'
        await file.restore_backup(CURRENT)
        assert await body(file) == b'{"n":5}'
        await file.restore_backup(CURRENT, file.list_backups(CURRENT)[0])
        assert await body(file) == b'{"n":4}'
        await file.apply([Drop(CONVERSATION, ("c",), 9)])
        assert await body(file) is None
        await file.restore_backup(CURRENT)
        assert await body(file) == b'{"n":4}'
        assert await file.verify() == []

    with_store(tmp_path, check, max_backup_files=3)


def test_only_what_is_there_can_be_restored(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await store(file, 1, 2)
        for path, number in ((CURRENT, 7), (CURRENT, 0), ("conversations/no/current.json", None), ("system/s.json", 1)):
            with pytest.raises(InvalidInputError, match="no backup"):
                await file.restore_backup(path, number)
        for path in (
            "../x.json",
            "conversations/../../x.json",
            "/etc/x.json",
            ".lodestore/format.json",
            "",
            "a",
            "a//b.json",
        ):
            with pytest.raises(InvalidInputError, match="expected one such as"):
                await file.restore_backup(path)
            with pytest.raises(InvalidInputError, match="expected one such as"):
                file.list_backups(path)
        assert await body(file) == b'{"n":2}'

    with_store(tmp_path, check)


def test_the_cache_has_no_history_and_backups_can_be_off(tmp_path: Path) -> None:
    async def twice(file: FileBackend) -> None:
        for number in (1, 2):
            await file.apply([Put(f, ("k",), b'{"n":%d}' % number, number) for f in (CACHE, STATE)])

    with_store(tmp_path / "on", twice)
    with_store(tmp_path / "off", twice, backups=False)
    kept = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("000*.json")]
    assert kept == ["on/.lodestore/backups/system/k.json/000001.json"]


def test_a_backup_is_a_whole_store(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await store(file, 1, 2)
        await file.backup(str(tmp_path / "deep/copy"))
        await store(file, 3)
        for taken in (tmp_path / "deep/copy", tmp_path / "s", tmp_path / "s/inside"):
            with pytest.raises(InvalidInputError):
                await file.backup(str(taken))

    with_store(tmp_path / "s", check)

    async def look(copy: FileBackend) -> None:
        assert await body(copy) == b'{"n":2}'
        assert await copy.verify() == []

    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["copy"]
    with_store(tmp_path / "deep/copy", look)
    assert asyncio.run(FileBackend(tmp_path / "deep/copy").open()) == 2


def test_probe_proves_a_write(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        found = await file.probe()
        assert found["directory"] == str(tmp_path)
        assert found["free_bytes"] > 0
        assert found["warnings"] == []

    with_store(tmp_path, check)
    assert sorted(p.name for p in (tmp_path / ".lodestore").iterdir()) == ["format.json", "lock"]

    class Broken(Filesystem):
        def write(self, path: str, content: bytes) -> None:
            raise OSError(errno.EROFS, "read-only", path)

    async def fails(file: FileBackend) -> None:
        with pytest.raises(UnavailableError, match="read-only"):
            await file.probe()

    with_store(tmp_path, fails, disk=Broken())


def test_compact_clears_leftovers(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await store(file, 1)
        (tmp_path / "conversations/c/.0123456789abcdef.tmp").write_bytes(b"torn")
        (tmp_path / "conversations/empty").mkdir()
        done = {"removed_files": 1, "removed_bytes": 4, "removed_directories": 1}
        assert await file.compact() == done
        assert await file.compact() == dict.fromkeys(done, 0)
        assert await body(file) == b'{"n":1}'

    with_store(tmp_path, check)


def test_vitals_weigh_the_files(tmp_path: Path) -> None:
    async def check(file: FileBackend) -> None:
        await store(file, 1, 2)
        await file.apply([Put(RESULT, ("r",), b"{}", 1)])
        (tmp_path / "note.txt").write_text("five!")
        sizes = [os.stat(tmp_path / path).st_size for path in (CURRENT, "results/r.json")]
        assert (await file.vitals(1)).bytes == sum(sizes) + 5

    with_store(tmp_path, check)


class Counting(Filesystem):
    def __init__(self) -> None:
        self.read_paths: list[str] = []
        self.synced = 0

    def read(self, path: str) -> bytes | None:
        content = super().read(path)
        if content is not None:
            self.read_paths.append(path)
        return content

    def sync_directory(self, path: str) -> None:
        self.synced += 1


def test_listing_keys_reads_no_body_and_a_page_no_more_than_it_shows(tmp_path: Path) -> None:
    disk = Counting()

    async def check(file: FileBackend) -> None:
        await file.apply([Put(CONVERSATION, (f"C.{n:03d}",), b"{}", 1) for n in range(30)])
        disk.read_paths.clear()
        assert len(await file.keys(Page(CONVERSATION))) == 30
        assert disk.read_paths == []
        assert len(await file.scan(Page(CONVERSATION, after=("C.010",), limit=3))) == 3
        assert len(disk.read_paths) == 3

    with_store(tmp_path, check, disk=disk)


def test_a_batch_writes_each_file_once_and_syncs_each_directory_once(tmp_path: Path) -> None:
    disk = Counting()

    async def check(file: FileBackend) -> None:
        disk.synced = 0
        writes = [Append(RAW_MESSAGE, ("c",), (b"{}",), 1) for _ in range(20)]
        await file.apply([Put(CONVERSATION, ("c",), b"{}", 1), *writes])
        assert disk.synced == 5, "root, folder, home, and the journal's twice"
        assert file.list_backups("conversations/c/raw_messages.json") == []

    with_store(tmp_path, check, disk=disk)
