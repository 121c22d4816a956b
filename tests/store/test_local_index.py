"""The local index: a private copy of what is searched, true at every moment, and nothing of it left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from lodestore.backends.memory import MemoryBackend
from lodestore.core import os_support
from lodestore.core.backend import PORTION
from lodestore.core.families import MEMORY, RAW_MESSAGE, SEARCHABLE, Family
from lodestore.core.records import Copy, Key, Page, Put, Row
from lodestore.core.searchable import IndexQuery
from lodestore.errors import UnavailableError
from lodestore.search.query import parse
from lodestore.store import scratch_store
from lodestore.store.local_index import TRIES, LocalIndex
from lodestore.store.store import Store

TEXT = "a text that is searched"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the copies of a test lie."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def copies(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def searching(work: Callable[[Store], Awaitable[None]], backend: MemoryBackend | None = None) -> None:
    """Run `work` on a store, which is to leave no thread and no task."""

    async def whole() -> None:
        before = asyncio.all_tasks()
        async with Store(backend or MemoryBackend(), purge_interval=0) as store:
            await work(store)
        assert asyncio.all_tasks() == before

    threads = set(threading.enumerate())
    asyncio.run(whole())
    for thread in set(threading.enumerate()) - threads:
        thread.join()  # one that was told to end is about to; another would stand here for ever


async def remember(store: Store, name: str, text: str = TEXT) -> None:
    await store.store_memory("c", name, {"text": text})


async def found(store: Store, text: str = TEXT) -> list[object]:
    return sorted(str(hit.key[-1]) for hit in await store.search(text, limit=None))


class TestFolder:
    def test_a_store_that_never_searches_makes_none(self, temporary: Path) -> None:
        async def work(store: Store) -> None:
            await remember(store, "m")
            assert await store.search(TEXT, limit=0) == []
            assert not copies(temporary)

        searching(work)

    def test_there_is_one_which_says_nothing_and_goes_at_the_end(self, temporary: Path) -> None:
        async def work(store: Store) -> None:
            await remember(store, "m")
            assert await found(store) == await found(store) == ["m"]
            [folder] = copies(temporary)
            assert folder.stat().st_mode & 0o077 == 0
            assert list(folder.iterdir())
            assert not any(word in file.read_bytes() for file in folder.iterdir() for word in (b"searched", b"SQLite"))

        searching(work)
        assert not copies(temporary)

    def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(self, temporary: Path) -> None:
        killed = subprocess.Popen([sys.executable, "-c", _SEARCHES], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"searched\n"
        [its] = copies(temporary)

        async def work(store: Store) -> None:
            await remember(store, "m")
            assert await found(store) == ["m"]
            assert its in copies(temporary), "it is in use"
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            other = Store(MemoryBackend(), purge_interval=0)
            async with other:
                assert await found(other) == []
                assert its not in copies(temporary)
                assert len(copies(temporary)) == 2
            assert await found(store) == ["m"]

        with killed:
            searching(work)
        assert not copies(temporary)

    def test_a_process_that_forgets_to_close_leaves_none(self, temporary: Path) -> None:
        subprocess.run([sys.executable, "-c", _SEARCHES], input="", capture_output=True, text=True, check=True)
        assert not copies(temporary)

    def test_a_folder_that_cannot_be_made_is_said_and_made_later(self, temporary: Path) -> None:
        async def work(store: Store) -> None:
            await remember(store, "m")
            os.rmdir(temporary)
            with pytest.raises(UnavailableError, match="cannot make a folder"):
                await found(store)
            os.mkdir(temporary)
            assert await found(store) == ["m"]

        searching(work)

    def test_a_copy_that_was_taken_away_is_made_anew(self, temporary: Path) -> None:
        async def work(store: Store) -> None:
            await remember(store, "m")
            assert await found(store) == ["m"]
            for file in copies(temporary)[0].iterdir():
                file.unlink()
            await remember(store, "n")
            with pytest.raises(UnavailableError):
                await found(store)
            assert await found(store) == ["m", "n"]

        searching(work)
        assert not copies(temporary)

    def test_without_locks_nothing_is_taken_away(self, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os_support, "WINDOWS", True)
        left = temporary / f"{scratch_store.PREFIX}left"
        left.mkdir()
        (left / "index.db").touch()

        async def work(store: Store) -> None:
            await remember(store, "m")
            assert await found(store) == ["m"]

        searching(work)
        assert copies(temporary) == [left]


class TestInterruptions:
    def test_a_search_may_be_cancelled_at_any_moment(self, temporary: Path) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", [{"content": f"{TEXT} {n}"} for n in range(300)])
            for turns in range(60):
                await remember(store, f"m{turns}")
                task = asyncio.ensure_future(found(store))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            assert len(await found(store)) == 360

        searching(work)
        assert not copies(temporary)

    @pytest.mark.parametrize("turns", [0, 1, 2, 5, 20, 100, 300])
    def test_closing_while_a_search_runs_leaves_nothing(self, temporary: Path, turns: int) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", [{"content": f"{TEXT} {n}"} for n in range(300)])
            task = asyncio.ensure_future(found(store))
            for _ in range(turns):
                await asyncio.sleep(0)
            await store.shutdown()
            [answer] = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(answer, UnavailableError) or len(answer) == 300  # type: ignore[arg-type]

        searching(work)
        assert not copies(temporary)

    @pytest.mark.parametrize("turns", range(12))
    def test_a_closing_that_is_cancelled_goes_on(self, temporary: Path, turns: int) -> None:
        """Or did not begin, and the next one does it."""

        async def work(store: Store) -> None:
            await remember(store, "m")
            assert await found(store) == ["m"]
            task = asyncio.ensure_future(store.shutdown())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await store.shutdown()
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

        searching(work)
        assert not copies(temporary)

    def test_another_event_loop_has_a_copy_of_its_own(self, temporary: Path) -> None:
        store = Store(MemoryBackend(), purge_interval=0)

        async def one() -> None:
            await store.initialize()
            await remember(store, "m")
            assert await found(store) == ["m"]

        async def another() -> None:
            await remember(store, "n")
            assert await found(store) == ["m", "n"]
            assert len(copies(temporary)) == 1
            await store.shutdown()

        asyncio.run(one())
        asyncio.run(another())
        assert not copies(temporary)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    def test_a_forked_child_has_a_copy_of_its_own(self, temporary: Path) -> None:
        done = subprocess.run([sys.executable, "-c", _FORKS], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["child", "1", "['m']", "parent", "1", "['m']"], done.stderr
        assert not copies(temporary)


class Counting(MemoryBackend):
    """Counts how often it is read through."""

    counted = True
    read = 0

    async def sequence(self) -> int | None:  # type: ignore[override]
        return await super().sequence() if self.counted else None

    async def stream(self, page: Page, size: int = PORTION) -> AsyncIterator[list[Row]]:
        self.read += page.family is MEMORY
        async for rows in super().stream(page, size):
            yield rows


class Busy(Counting):
    """Somebody writes at the moment at which what a search found is looked at."""

    times = 0
    text = "b"

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        if family is MEMORY and self.times and self.searched:
            self.times -= 1
            await self.apply([Put(MEMORY, ("c", "m"), b'{"text":"%s"}' % self.text.encode(), 1)])
        return await super().fetch(family, keys)

    searched = False


class TestTruth:
    def test_a_store_is_read_through_only_after_a_write(self) -> None:
        backend = Counting()

        async def work(store: Store) -> None:
            await remember(store, "m")
            for _ in range(3):
                assert await found(store) == ["m"]
            assert backend.read == 1
            await remember(store, "n")
            for _ in range(3):
                assert await found(store) == ["m", "n"]
            assert backend.read == 2
            backend.counted = False
            assert await found(store) == await found(store) == ["m", "n"]
            assert backend.read == 4, "without a commit number, by each search"

        searching(work, backend)

    def test_what_is_overwritten_before_the_answer_is_not_found(self) -> None:
        backend = Busy()

        async def work(store: Store) -> None:
            await remember(store, "m", "a")
            await remember(store, "n", "a")
            assert await found(store, "a") == ["m", "n"]
            backend.searched, backend.times = True, 1
            assert await found(store, "a") == ["n"]
            backend.searched = False
            assert await found(store, "b") == ["m"]

        searching(work, backend)

    def test_what_is_overwritten_by_its_like_is_found_as_it_stands_now(self) -> None:
        backend = Busy()
        backend.text = "a b"

        async def work(store: Store) -> None:
            await remember(store, "m", "a")
            assert await found(store, "a") == ["m"]
            backend.searched, backend.times, before = True, 1, backend.read
            [hit] = await store.search("a")
            assert hit.data["text"] == "a b"
            assert backend.read == before + 1, "the search began anew"

        searching(work, backend)

    def test_a_search_begins_anew_so_often_at_most(self) -> None:
        backend = Busy()

        async def work(store: Store) -> None:
            await remember(store, "m", "a")
            assert await found(store, "a") == ["m"]
            backend.searched = True
            for text in ("b a", "c a", "d a", "e a", "f a"):
                backend.text, backend.times = text, 1
                [hit] = await store.search("a")
                assert hit.data["text"] == text
            before, backend.times, backend.text = backend.read, 99, "g"
            assert await found(store, "a") == []
            assert backend.read <= before + TRIES

        searching(work, backend)

    def test_rows_are_those_of_the_store(self) -> None:
        async def work(store: Store) -> None:
            await remember(store, "m", "a")
            await remember(store, "m", "a")
            index = LocalIndex(store.backend)
            [match] = await index.match(IndexQuery(parse("a"), SEARCHABLE))
            assert [match.row] == await store.backend.fetch(MEMORY, [("c", "m")])
            await index.close()

        searching(work)

    def test_one_may_take_the_place_of_another(self) -> None:
        async def work(store: Store) -> None:
            for name in "abc":
                await remember(store, name)
            assert await found(store) == ["a", "b", "c"]
            await store.delete_memory("c", "c")
            await remember(store, "d")
            assert await found(store) == ["a", "b", "d"]
            await remember(store, "e")
            assert [hit.key[-1] for hit in await store.search(TEXT)] == ["a", "b", "d", "e"]

        searching(work)

    def test_building_the_index_anew_tells_how_far_it_is(self) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", [{"content": f"{TEXT} {n} " + "word " * 100} for n in range(1500)])
            await remember(store, "m")
            told: list[int] = []
            assert await store.reindex(told.append) == 1501
            assert told == sorted(told)
            assert told[0] < told[-1] == 1501
            assert len(await store.search(TEXT, limit=None)) == 1501
            assert await store.reindex(tokenizer="trigram") == 1501
            assert len(await found(store, '"ext tha"')) == 1501

        searching(work)

    def test_memory_does_not_grow_with_the_store(self) -> None:
        """Of what Python holds; SQLite keeps a bounded number of pages."""
        backend, peaks = MemoryBackend(), []

        async def work(store: Store) -> None:
            for count in (4, 40):
                body = b'{"content":"%s"}' % (b"word " * 20_000)
                rows = [(body + b" " * n, None, 1, 1, None, n, "c", n) for n in range(count)]
                await backend.apply([Copy(RAW_MESSAGE, row) for row in rows])
                del rows
                tracemalloc.start()
                assert len(await store.search("word", limit=1)) == 1
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()

        searching(work, backend)
        assert peaks[1] < peaks[0] + 2 * PORTION


_SEARCHES = """
import asyncio, sys
from lodestore.backends.memory import MemoryBackend
from lodestore.store.store import Store

async def work():
    store = Store(MemoryBackend(), purge_interval=0)
    await store.initialize()
    await store.search("a")
    print("searched", flush=True)
    sys.stdin.read()

asyncio.run(work())
"""

_FORKS = """
import asyncio, os, tempfile
from lodestore.backends.memory import MemoryBackend
from lodestore.store.store import Store

store = Store(MemoryBackend(), purge_interval=0)

async def begin():
    await store.initialize()
    await store.store_memory("c", "m", {"text": "a"})
    await store.search("a")

async def look(name):
    print(name, len(os.listdir(tempfile.gettempdir())), [hit.key[-1] for hit in await store.search("a")], flush=True)
    await store.shutdown()

asyncio.run(begin())
child = os.fork()
if child:
    os.waitpid(child, 0)
asyncio.run(look("parent" if child else "child"))
"""
