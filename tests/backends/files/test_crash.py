"""A writer that dies, at any step, leaves all of a batch or nothing; what was acknowledged stays."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lodestore.backends.files import FileBackend
from lodestore.backends.files.filesystem import Filesystem
from lodestore.core.families import CACHE, CHUNK_INFO, CONVERSATION, FAMILIES, MEMORY, RAW_MESSAGE, RESULT, STATE
from lodestore.core.records import Append, Drop, Page, Put, Row, Write
from lodestore.errors import LodestoreError, OutcomeUnknownError, StorageFullError

LONG = "L" * 300
FIRST: list[Write] = [
    Put(CONVERSATION, ("a",), b'{"n":1}', 1),
    Append(RAW_MESSAGE, ("a",), (b'{"n":1}',), 1),
    Put(MEMORY, ("gone", "m"), b'{"n":1}', 1),
    Put(CACHE, ("k",), b'{"n":1}', 1, 50),
]
SECOND: list[Write] = [
    Put(CONVERSATION, ("a",), b'{"n":2}', 2),
    Append(RAW_MESSAGE, ("a",), (b'{"n":2}', b'{"n":3}'), 2),
    Drop(CONVERSATION, ("gone",), 2),
    Put(CHUNK_INFO, (LONG,), b'{"n":2}', 2),
    Put(RESULT, ("r",), b'{"n":2}', 2),
    Drop(CACHE, ("k",), 2),
]
SINGLE: list[Write] = [Put(STATE, ("s",), b'{"n":2}', 2)]


class Stop(BaseException):
    """The end of a process, without the process."""


class Faulty(Filesystem):
    """Fails at one chosen step; every step after it fails too when the fault is a death."""

    def __init__(self, step: int, fault: Callable[[], BaseException]) -> None:
        self.left = step
        self.fault = fault
        self.armed = False
        self.dead = False

    def sync(self, handle: int) -> None:
        """A process may die here, a disk does not: leaving it out is quicker."""

    def tick(self) -> None:
        if self.dead:
            raise Stop
        if self.armed:
            self.left -= 1
            if self.left == 0:
                error = self.fault()
                self.dead = isinstance(error, Stop)
                self.armed = False
                raise error


def _stepped(name: str) -> Callable[..., object]:
    def method(self: Faulty, *arguments: object) -> object:
        if name == "write" and self.armed and self.left == 1:
            Path(str(arguments[0])).write_bytes(bytes(arguments[1])[:7])  # type: ignore[call-overload]
        self.tick()
        return getattr(Filesystem, name)(self, *arguments)

    return method


STEPS = ("write", "replace", "link", "remove", "make_directory", "remove_directory", "sync_directory")
for _name in STEPS:
    setattr(Faulty, _name, _stepped(_name))


async def state(folder: Path) -> list[Row]:
    """All rows without versions, after the problems a look at every file would find."""
    file = FileBackend(folder)
    await file.open()
    assert await file.verify() == []
    rows = [row for family in FAMILIES for row in await file.scan(Page(family, partial=True))]
    await file.close()
    return [(row[0], *row[2:]) for row in rows]


async def attempt(folder: Path, disk: Faulty, writes: list[Write]) -> BaseException | None:
    """Store the first batch, then try the second with the fault armed."""
    file = FileBackend(folder, disk=disk)
    await file.open()
    await file.apply(FIRST)
    disk.armed = True
    try:
        await file.apply(writes)
    except (Stop, LodestoreError) as error:
        return error
    finally:
        disk.armed = False
        await file.close()
    return None


async def expected(folder: Path, writes: list[Write]) -> list[Row]:
    file = FileBackend(folder)
    await file.open()
    await file.apply(FIRST)
    if writes:
        await file.apply(writes)
    await file.close()
    return await state(folder)


@pytest.mark.parametrize("writes", [SECOND, SINGLE], ids=["many files", "one file"])
def test_death_at_every_step(tmp_path: Path, writes: list[Write]) -> None:
    async def run() -> None:
        before, after = await expected(tmp_path / "before", []), await expected(tmp_path / "after", writes)
        seen = []
        for step in range(1, 500):
            folder = tmp_path / str(step)
            error = await attempt(folder, Faulty(step, Stop), writes)
            found = await state(folder)
            assert found in (before, after), f"torn at step {step}"
            seen.append(found == after)
            if error is None:
                break
        assert found == after
        assert seen == sorted(seen), "one commit point, then no way back"
        assert len(seen) > (30 if len(writes) > 1 else 4)
        assert not seen[0]
        if len(writes) > 1:
            assert seen.count(True) > 10, "steps after the commit point are finished by the next handle"

    asyncio.run(run())


@pytest.mark.parametrize("writes", [SECOND, SINGLE], ids=["many files", "one file"])
def test_a_failure_at_every_step_means_what_it_says(tmp_path: Path, writes: list[Write]) -> None:
    """StorageFullError: nothing was written, and the same handle goes on. OutcomeUnknownError: all or nothing."""

    async def run() -> None:
        before, after = await expected(tmp_path / "before", []), await expected(tmp_path / "after", writes)
        errors = set()
        for step in range(1, 500):
            folder = tmp_path / str(step)
            error = await attempt(folder, Faulty(step, lambda: OSError(errno.ENOSPC, "no space")), writes)
            found = await state(folder)
            assert found == (after if error is None else before if isinstance(error, StorageFullError) else found)
            assert found in (before, after)
            errors.add(type(error))
            if error is None:
                break
        assert errors == {StorageFullError, OutcomeUnknownError, type(None)}

    asyncio.run(run())


def test_a_handle_finishes_what_another_left_behind(tmp_path: Path) -> None:
    async def run() -> None:
        other = FileBackend(tmp_path)
        await other.open()
        journals = 0
        for step in range(1, 60, 3):
            await other.apply([Drop(family, (), 1) for family in FAMILIES])
            await attempt(tmp_path, Faulty(step, Stop), SECOND)
            journals += (tmp_path / ".lodestore/journal").exists()
            counts = (await other.vitals(2)).counts
            assert (counts["chunk_info"], counts["result"], counts["memory"]) in ((0, 0, 1), (1, 1, 0))
            assert not (tmp_path / ".lodestore/journal").exists()
        assert journals > 3
        await other.close()

    asyncio.run(run())


class Recording(Filesystem):
    """Follows what a power cut could still undo: names in directories that were not synced since they changed."""

    def __init__(self) -> None:
        self.loose: set[str] = set()
        self.unsynced_at_rename: list[str] = []
        self.outside: list[str] = []
        self._written = ""

    def sync(self, handle: int) -> None:
        self._written = ""
        super().sync(handle)

    def write(self, path: str, content: bytes) -> None:
        self._written = path
        super().write(path, content)
        self.unsynced_at_rename += [self._written] if self._written else []
        self._change(path)

    def replace(self, old: str, new: str) -> None:
        if ".lodestore" not in new and any(name.endswith(".lodestore") for name in self.loose):
            self.outside.append(new)
        super().replace(old, new)
        self._change(new)

    def remove(self, path: str) -> bool:
        if path.endswith("journal"):
            self.outside += self.loose
        self._change(path)
        return super().remove(path)

    def make_directory(self, path: str) -> bool:
        new = super().make_directory(path)
        if new:
            self._change(path)
        return new

    def remove_directory(self, path: str) -> bool:
        gone = super().remove_directory(path)
        if gone:
            self.loose.discard(path)
            self._change(path)
        return gone

    def sync_directory(self, path: str) -> None:
        super().sync_directory(path)
        self.loose.discard(path)

    def _change(self, path: str) -> None:
        if "/backups" not in path:
            self.loose.add(os.path.dirname(path))


def test_a_power_cut_finds_nothing_loose(tmp_path: Path) -> None:
    """Contents are synced before their renames, the journal before the files, every directory before the answer."""

    async def run() -> None:
        disk = Recording()
        file = FileBackend(tmp_path / "new" / "store", disk=disk)
        await file.open()
        assert disk.loose == set()
        for writes in (FIRST, SECOND, SINGLE, [Drop(family, (), 3) for family in FAMILIES]):
            await file.apply(writes)
            assert disk.loose == set()
            assert disk.outside == [], "the journal stands before the first file and until the last"
            assert disk.unsynced_at_rename == []
        await file.close()

    asyncio.run(run())


def _write_forever(folder: Path, start: int, acknowledge: int) -> None:
    async def run() -> None:
        file = FileBackend(folder)
        await file.open()
        for number in range(start, 100_000):
            body = b'{"n":%d}' % number
            await file.apply([Put(CONVERSATION, ("c",), body, number), Append(RAW_MESSAGE, ("c",), (body,), number)])
            os.write(acknowledge, b"%d\n" % number)

    asyncio.run(run())


def test_kill_9(tmp_path: Path) -> None:
    """Every acknowledged batch is there, no half of one, no gap in the positions."""
    written = 0
    for turn in range(15):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _write_forever(tmp_path, written, writer)
            os._exit(1)
        os.close(writer)
        with open(reader, "rb") as acknowledged:
            heard = [int(acknowledged.readline()) for _ in range(2 + turn % 3)]
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            heard += [int(line) for line in acknowledged.read().split()]
        written = asyncio.run(_check_history(tmp_path, max(heard)))
    assert written >= 30


async def _check_history(folder: Path, acknowledged: int) -> int:
    file = FileBackend(folder)
    assert await file.open() >= acknowledged
    bodies = await file.bodies(Page(RAW_MESSAGE))
    assert bodies == [b'{"n":%d}' % number for number in range(len(bodies))]
    assert len(bodies) in (acknowledged + 1, acknowledged + 2)
    assert await file.bodies(Page(CONVERSATION)) == bodies[-1:]
    assert [row[-1] for row in await file.scan(Page(RAW_MESSAGE))] == list(range(len(bodies)))
    assert await file.verify() == []
    await file.compact()
    await file.close()
    return len(bodies)
