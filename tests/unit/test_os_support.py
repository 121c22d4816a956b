"""Operating systems: the rules of Windows hold here by simulation, and those of this system as they are."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lodestore.backends.files import filenames
from lodestore.backends.files.lock import StoreLock
from lodestore.backends.sqlite.engine import driver
from lodestore.core import os_support
from lodestore.errors import UnavailableError
from tests.support.sqlite_tools import python
from tests.support.windows import WindowsRules


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> WindowsRules:
    return WindowsRules(monkeypatch.setattr, monkeypatch.delattr)


@pytest.fixture(params=["here", "windows"])
def either(request: pytest.FixtureRequest) -> str:
    """A test runs twice: under the rules of this system, and under those of Windows."""
    if request.param == "windows":
        request.getfixturevalue("windows")
    return str(request.param)


def writable(path: Path) -> int:
    return os_support.open_plain(str(path), os.O_RDWR | os.O_CREAT)


class TestSyncing:
    def test_files_and_folders_are_synced(self, tmp_path: Path, either: str) -> None:
        (tmp_path / "a").write_bytes(b"x")
        os_support.sync_file(tmp_path / "a")
        os_support.sync_folder(tmp_path)

    def test_a_folder_costs_one_fsync_where_it_opens(
        self, tmp_path: Path, either: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[int] = []
        monkeypatch.setattr(os, "fsync", synced.append)
        os_support.sync_folder(tmp_path)
        assert len(synced) == (either == "here" and not os_support.WINDOWS)

    @pytest.mark.usefixtures("windows")
    def test_a_folder_that_may_not_be_read_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(PermissionError):
            os_support.sync_folder(tmp_path)


class TestPlainFiles:
    def test_no_symbolic_link_is_followed(self, tmp_path: Path, either: str) -> None:
        (tmp_path / "a").write_bytes(b"secret")
        (tmp_path / "link").symlink_to(tmp_path / "a")
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
            os_support.open_plain(str(tmp_path / "link"), os.O_RDONLY)

    def test_a_folder_is_no_file(self, tmp_path: Path, either: str) -> None:
        with pytest.raises(IsADirectoryError):
            os_support.open_plain(str(tmp_path), os.O_RDWR)

    def test_bytes_are_read_and_written_at_their_place(self, tmp_path: Path, either: str) -> None:
        handle = writable(tmp_path / "a")
        os_support.write_at(handle, b"abc\r\n", 0)
        os_support.write_at(handle, b"X\n", 1)
        assert os_support.read_at(handle, 9, 1) == b"X\n\r\n"
        os.close(handle)

    def test_removing_tells_whether_there_was_one(self, tmp_path: Path, either: str) -> None:
        (tmp_path / "a").touch()
        assert [os_support.remove(tmp_path / "a"), os_support.remove(tmp_path / "a")] == [True, False]

    @pytest.mark.usefixtures("windows")
    def test_a_file_that_a_scanner_has_open_is_waited_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "old").write_bytes(b"new")
        scanned = (tmp_path / "there").open("wb")
        pauses: list[float] = []

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                scanned.close()

        monkeypatch.setattr("time.sleep", sleep)
        monkeypatch.setattr(os, "replace", while_open(scanned, os.replace))
        os_support.replace(str(tmp_path / "old"), str(tmp_path / "there"))
        assert (len(pauses), (tmp_path / "there").read_bytes()) == (3, b"new")

    @pytest.mark.usefixtures("windows")
    def test_but_not_for_ever(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pauses: list[float] = []
        monkeypatch.setattr("time.sleep", pauses.append)
        with (tmp_path / "a").open("wb") as held:
            monkeypatch.setattr(os, "unlink", while_open(held, os.unlink))
            with pytest.raises(PermissionError):
                os_support.remove(tmp_path / "a")
        assert 0 < sum(pauses) < 2

    def test_links(self, tmp_path: Path, either: str) -> None:
        (tmp_path / "a").write_bytes(b"x")
        assert os_support.link(str(tmp_path / "a"), str(tmp_path / "b"))
        assert (tmp_path / "b").samefile(tmp_path / "a")
        with pytest.raises(FileExistsError):
            os_support.link(str(tmp_path / "a"), str(tmp_path / "b"))

    @pytest.mark.parametrize("code", [errno.EPERM, errno.EINVAL])
    def test_a_file_system_without_links(self, code: int, either: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*arguments: object, **options: object) -> None:
            raise OSError(code, "no links here")

        monkeypatch.setattr(os, "link", refuse)
        if code == errno.EINVAL and not os_support.WINDOWS:
            with pytest.raises(OSError, match="no links here"):
                os_support.link("a", "b")
        else:
            assert not os_support.link("a", "b")


def while_open(file, change):  # type: ignore[no-untyped-def]
    """A change that Windows refuses while `file` is open."""

    def refused(*paths: object) -> None:
        if not file.closed:
            raise PermissionError(errno.EACCES, "used by another process")
        change(*paths)

    return refused


class TestLocks:
    def test_one_excludes_all(self, tmp_path: Path, either: str) -> None:
        one, two = (os_support.FileLock(writable(tmp_path / "lock")) for _ in range(2))
        assert one.take(exclusive=True)
        assert not two.take(exclusive=True)
        assert not two.take(exclusive=False)
        one.release()
        assert two.take(exclusive=True)

    def test_readers_share_it_but_on_windows(self, tmp_path: Path, either: str) -> None:
        one, two = (os_support.FileLock(writable(tmp_path / "lock")) for _ in range(2))
        assert one.take(exclusive=False)
        assert two.take(exclusive=False) is not os_support.WINDOWS

    def test_the_one_held_turns_into_the_other_kind(self, tmp_path: Path, either: str) -> None:
        one, two = (os_support.FileLock(writable(tmp_path / "lock")) for _ in range(2))
        for exclusive in (False, True, False, True):
            assert one.take(exclusive)
        assert not two.take(exclusive=False)
        one.release()
        assert two.take(exclusive=False)

    def test_a_folder_is_locked_but_on_windows(self, tmp_path: Path, either: str) -> None:
        one = os_support.lock_folder(tmp_path, wait=True)
        assert (one is None) is os_support.WINDOWS
        assert os_support.lock_folder(tmp_path, wait=False) is None
        assert os_support.lock_folder(tmp_path / "none", wait=False) is None
        if one is not None:
            os.close(one)
            assert os_support.lock_folder(tmp_path, wait=False) is not None

    def test_closing_lets_go(self, tmp_path: Path, either: str) -> None:
        handle, other = writable(tmp_path / "lock"), os_support.FileLock(writable(tmp_path / "lock"))
        assert os_support.FileLock(handle).take(exclusive=True)
        os.close(handle)
        assert other.take(exclusive=True)

    def test_another_error_is_one(self, tmp_path: Path, either: str) -> None:
        handle = writable(tmp_path / "lock")
        os.close(handle)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os_support.FileLock(handle).take(exclusive=True)

    def test_a_store_is_waited_for(self, tmp_path: Path, either: str) -> None:
        one, two = (StoreLock(str(tmp_path / "lock"), 0.01) for _ in range(2))
        one.open()
        two.open()
        one.acquire(exclusive=True)
        one.set_latest(7)
        with pytest.raises(UnavailableError, match="no lock on the store"):
            two.acquire(exclusive=False)
        assert two.latest() == 7
        one.close()
        two.acquire(exclusive=True)
        two.close()


class TestProcesses:
    def test_this_one_runs(self) -> None:
        assert os_support.is_running(os.getpid())

    def test_one_that_ended_does_not(self) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as gone:
            gone.wait()
        assert not os_support.is_running(gone.pid)

    def test_one_that_cannot_be_is_left_alone(self) -> None:
        assert os_support.is_running(10**30)

    @pytest.mark.parametrize(
        ("handle", "waited", "error", "runs"),
        [(5, 258, 0, True), (5, 0, 0, False), (None, 0, 5, True), (None, 0, 87, False)],
        ids=["runs", "ended", "not ours", "none"],
    )
    def test_windows_is_asked_without_a_signal(
        self,
        windows: WindowsRules,
        monkeypatch: pytest.MonkeyPatch,
        handle: int | None,
        waited: int,
        error: int,
        runs: bool,
    ) -> None:
        closed: list[ctypes.c_void_p] = []

        def open_process(access: int, inherit: bool, process: int) -> int | None:
            assert (access, inherit, process) == (0x100000, False, 42)
            return handle

        kernel = SimpleNamespace(
            OpenProcess=open_process, WaitForSingleObject=lambda handle, time: waited, CloseHandle=closed.append
        )
        monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
        monkeypatch.setattr(ctypes, "get_last_error", lambda: error, raising=False)
        assert os_support.is_running(42) is runs
        assert [each.value for each in closed] == ([handle] if handle else [])
        assert windows.signals == []


class TestNames:
    @pytest.mark.parametrize("text", ["con", "NUL", "aux.b", "com1"])
    def test_no_device_is_opened_on_windows(self, text: str, either: str) -> None:
        assert (filenames.sanitised(text) == text) is not os_support.WINDOWS

    def test_any_other_name_is_connectomes(self, either: str) -> None:
        assert filenames.sanitised("a:b/c.d") == "a_b_c.d"

    @pytest.mark.parametrize(
        ("path", "address"),
        [
            ("C:\\agents\\my store.db", "file:///C:/agents/my%20store.db"),
            ("\\\\server\\share\\a.db", "file:////server/share/a.db"),
        ],
    )
    def test_the_address_of_a_file_on_windows(self, path: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(driver, "os", SimpleNamespace(sep="\\", path=SimpleNamespace(abspath=str)))
        assert driver._address(path) == address


STORES = """
import asyncio, ctypes, os, sys
from pathlib import Path
from types import SimpleNamespace
from tests.support import windows
rules = windows.install()
ctypes.WinDLL = lambda name, use_last_error: SimpleNamespace(OpenProcess=lambda *asked: None)
ctypes.get_last_error = lambda: 87  # there is no such process
import lodestore
from lodestore.cli import main

async def use(url):
    for _ in range(2):  # creates, then opens
        async with lodestore.open(url) as store:
            await store.store_conversation("a", {"title": "x"})
            await store.append_raw_messages("a", [{"role": "user", "content": "hello"}])
            await store.store_memory("nul", "con", {"text": "b"})
            await store.store_system_state("aux", {"n": 1})
    async with lodestore.open(url) as one, lodestore.open(url) as other:
        await asyncio.gather(*(handle.store_system_state(f"k{n}", {}) for n in range(9) for handle in (one, other)))
        assert len(await other.load_raw_messages("a")) == 2
        assert await other.load_system_state("prn") is None
        await one.backup("backup-" + url.partition(":")[0])
        assert (await one.verify())["ok"]

scheme = sys.argv[1]
url = f"{scheme}:///store"
Path("store.new-42-00" if scheme == "sqlite" else "another").touch()
asyncio.run(use(url))
assert main(["restore", "backup-" + scheme, url, "--force"]) == 0
assert main(["migrate", url, "sqlite:///other.db"]) == 0
assert main(["verify", url]) == 0
assert main(["compact", url]) == 0
print("left", [name for name in os.listdir(".") if ".new-" in name or name.endswith(".tmp")], rules.signals)
"""


@pytest.mark.parametrize("scheme", ["sqlite", "file"])
def test_stores_live_under_the_rules_of_windows(tmp_path: Path, scheme: str) -> None:
    child = python(STORES, scheme, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors.decode()
    assert said.decode().splitlines()[-1] == "left [] []"
