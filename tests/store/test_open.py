"""URLs, settings, `open`, the sync door, the package's front."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import textwrap
import threading
from pathlib import Path

import pytest

import lodestore
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.config import registry
from lodestore.errors import ConflictError, InvalidInputError, UnavailableError
from lodestore.sync import SyncStore
from tests.support.sqlite_tools import python


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "scheme", "path", "options"),
        [
            ("sqlite:///agent.db", "sqlite", "agent.db", {}),
            ("sqlite:////srv/agent.db", "sqlite", "/srv/agent.db", {}),
            ("sqlite:agent.db", "sqlite", "agent.db", {}),
            (
                "sqlite:///sub/a%20b%23.db?durability=process&timeout=2",
                "sqlite",
                "sub/a b#.db",
                {"durability": "process", "timeout": "2"},
            ),
            ("file:///folder", "file", "folder", {}),
            ("file:////srv/folder", "file", "/srv/folder", {}),
            ("file:./folder?pretty=no", "file", "./folder", {"pretty": "no"}),
            ("memory:", "memory", "", {}),
            ("memory://", "memory", "", {}),
        ],
    )
    def test_parts(self, url: str, scheme: str, path: str, options: dict[str, str]) -> None:
        assert registry.split(url) == (scheme, path, options)

    def test_three_slashes_before_a_top_folder_are_absolute_for_files_only(self, tmp_path: Path) -> None:
        assert registry.split(tmp_path.as_uri())[1] == str(tmp_path)
        assert registry.split(f"sqlite://{tmp_path}/a.db")[1] == f"{tmp_path}/a.db"[1:]

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("agent.db", "not a store URL: write sqlite:///agent.db"),
            ("", "not a store URL"),
            ("sqlit:///a.db", "did you mean sqlite:"),
            ("mongodb://h/x", "Available: sqlite:, file:, memory:, "),
            ("sqlite:///", "the path is missing"),
            ("sqlite://", "the path is missing"),
            ("sqlite:///:memory:", "write memory:"),
            ("sqlite://host/a.db", "no host"),
            ("memory:x", "has no path"),
            ("sqlite:///a.db#x", "%23"),
            ("sqlite:///a.db?durabilty=process", "did you mean 'durability'"),
            ("sqlite:///a.db?durability=maybe", "'power' or 'process'"),
            ("sqlite:///a.db?timeout=soon", "timeout: expected a number"),
            ("sqlite:///a.db?timeout=-1", "timeout: expected a number"),
            ("sqlite:///a.db?timeout=1&timeout=2", "given twice"),
            ("file:///a?pretty=perhaps", "pretty: expected true or false"),
            ("mysql://h/x", "no backend for 'mysql:'. Available: sqlite:, "),
            ("SQLITE:///a.db", r"no backend for 'SQLITE:' \(did you mean sqlite:\?\). Available: "),
            ("postgresql+asyncpg://u:canary@h/x", r"write postgresql:\.\.\. instead of postgresql\+driver:\.\.\.$"),
            ("sqlite+aiosqlite:///a.db", r"write sqlite:\.\.\. instead"),
            ("memory:?x=1", "unknown setting 'x'. Available: none"),
        ],
    )
    def test_what_is_wrong_is_said(self, url: str, message: str) -> None:
        with pytest.raises(InvalidInputError, match=message):
            lodestore.open(url)

    def test_a_key_in_a_url_is_refused_without_repeating_it(self) -> None:
        with pytest.raises(InvalidInputError, match="LODESTORE_KEY") as caught:
            lodestore.open("sqlite:///a.db?key=canary")
        assert "canary" not in str(caught.value)
        assert "canary" not in registry.describe("sqlite:///a.db?key=canary")
        for url in (
            "sqlite:///a.db?key=canary#x",
            "sqlite:///a.db?key=canary&key=1",
            "sqlite:///?key=canary",
            "canary",
        ):
            with pytest.raises(InvalidInputError) as caught:
                lodestore.open(url)
            assert "canary" not in str(caught.value).replace("'canary' is not a store URL", "")

    def test_a_setting_may_not_be_given_twice(self) -> None:
        with pytest.raises(InvalidInputError, match="given twice"):
            lodestore.open("sqlite:///a.db?timeout=1", timeout=2)

    @pytest.mark.parametrize("key", ["", b"short", 7, "canary\0", "canary\udc80"])
    def test_a_key_is_a_passphrase_or_32_bytes(self, key: object) -> None:
        with pytest.raises(InvalidInputError, match="32 bytes") as caught:
            lodestore.open("sqlite:///a.db", key=key)
        assert "canary" not in repr(caught.value)
        assert caught.value.__cause__ is None

    def test_a_password_in_front_of_a_host_is_not_repeated(self) -> None:
        with pytest.raises(InvalidInputError) as caught:
            lodestore.open("sqlite://user:canary@host/a.db")
        assert "canary" not in str(caught.value)

    def test_settings_reach_the_backend(self, tmp_path: Path) -> None:
        made = registry.backend(f"sqlite:///{tmp_path}/a.db?timeout=2.5&cache=3", durability="process", key="k")
        assert isinstance(made, SQLiteBackend)
        assert (made._site._timeout, made._durability, made._site._key) == (2.5, "process", "k")
        assert made._site._cache == 3


class TestOpen:
    def test_both_forms(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with lodestore.open(f"sqlite:///{tmp_path}/a.db") as store:
                await store.store_system_state("k", {"v": 1})
            with pytest.raises(UnavailableError, match="not open"):
                await store.load_system_state("k")
            store = await lodestore.open(f"sqlite:///{tmp_path}/a.db")
            assert await store.load_system_state("k") == {"v": 1}
            await store.shutdown()

        asyncio.run(work())

    def test_opening_again_after_closing(self, tmp_path: Path) -> None:
        async def work() -> None:
            store = lodestore.Store(registry.backend(f"sqlite:///{tmp_path}/a.db"))
            for n in range(3):
                await store.initialize()
                await store.store_system_state("k", {"n": n})
                await store.shutdown()
            await store.initialize()
            assert await store.load_system_state("k") == {"n": 2}
            await store.shutdown()

        asyncio.run(work())

    def test_a_forgotten_await_is_told(self) -> None:
        opening = lodestore.open("memory:")
        for name in ("append_raw_messages", "lod_conversation"):
            with pytest.raises(AttributeError, match=rf"no '{name}': use `store = await lodestore.open\(...\)`"):
                getattr(opening, name)
        assert "not yet open" in repr(opening)

    def test_options_are_settings_too(self, tmp_path: Path) -> None:
        async def work() -> None:
            async with lodestore.open(f"sqlite:///{tmp_path}/a.db", options={"durability": "process"}) as store:
                assert store.backend._durability == "process"  # type: ignore[attr-defined]

        asyncio.run(work())
        with pytest.raises(InvalidInputError, match="timeout: given twice, as a keyword and in options"):
            lodestore.open("sqlite:///a.db", timeout=1, options={"timeout": 1})
        with pytest.raises(InvalidInputError, match="did you mean 'timeout'"):
            lodestore.sync.open("sqlite:///a.db", options={"timeuot": 1})

    def test_aclose_closes(self) -> None:
        async def work() -> None:
            store = await lodestore.open("memory:")
            async with contextlib.aclosing(store):
                await store.store_system_state("k", {})
            with pytest.raises(UnavailableError, match="not open"):
                await store.load_system_state("k")
            await store.aclose()

        asyncio.run(work())


class TestSync:
    def test_the_same_methods_without_await(self, tmp_path: Path) -> None:
        with lodestore.sync.open(f"sqlite:///{tmp_path}/a.db", durability="process") as store:
            assert store.append_raw_messages("c", [{"n": 1}, {"n": 2}]) == [0, 1]
            assert store.load_raw_messages("c", limit=1) == [{"n": 2}]
            assert store.health_check()["status"] == "healthy"
            assert store.sql("SELECT count(*) AS n FROM raw_message") == [{"n": 2}]
            assert "load_memories" in dir(store)
            assert store.backend.name == "sqlite"
        with pytest.raises(UnavailableError, match="closed"):
            store.load_raw_messages("c")
        store.close()

    def test_transactions(self) -> None:
        with lodestore.sync.open("memory:") as store:
            with store.transaction() as tx:
                tx.store_memory("c", "m", {"v": 1})
                tx.store_system_state("s", {}, expect=lodestore.ABSENT)
                assert store.load_memories("c") == []
            assert len(tx.results) == 2
            assert store.load_memory("c", "m")["v"] == 1
            with pytest.raises(ZeroDivisionError):
                self.stumble(store)
            with pytest.raises(ConflictError):
                self.collide(store)
            assert store.list_system_states() == ["s"]

    @staticmethod
    def stumble(store: SyncStore) -> None:
        with store.transaction() as tx:
            tx.store_system_state("t", {})
            _ = 1 / 0

    @staticmethod
    def collide(store: SyncStore) -> None:
        with store.transaction() as tx:
            tx.store_system_state("t", {})
            tx.store_system_state("s", {}, expect=lodestore.ABSENT)

    def test_from_many_threads(self, tmp_path: Path) -> None:
        with lodestore.sync.open(f"sqlite:///{tmp_path}/a.db") as store:
            work = [threading.Thread(target=store.append_raw_messages, args=("c", [{"n": n}])) for n in range(20)]
            for thread in work:
                thread.start()
            for thread in work:
                thread.join()
            assert sorted(m["n"] for m in store.load_raw_messages("c")) == list(range(20))

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
    def test_a_forked_child_is_told(self, tmp_path: Path) -> None:
        code = textwrap.dedent("""
            import os, sys, lodestore
            store = lodestore.sync.open(sys.argv[1])
            child = os.fork()
            if child == 0:
                try:
                    store.load_conversation("x")
                except lodestore.Unavailable as error:
                    store.close()
                    os._exit(17 if "fork" in str(error) else 1)
                os._exit(2)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            store.close()
            sys.exit(0 if code == 17 else 1)
        """)
        child = python(code, f"sqlite:///{tmp_path}/a.db", stderr=subprocess.PIPE)
        _, errors = child.communicate(timeout=300)
        assert child.returncode == 0, errors.decode()

    def test_closing_from_many_threads_while_others_call(self, tmp_path: Path) -> None:
        for _ in range(10):
            store = lodestore.sync.open(f"sqlite:///{tmp_path}/a.db", durability="process")
            failures: list[BaseException] = []

            def call(store: SyncStore = store, failures: list[BaseException] = failures) -> None:
                try:
                    while True:
                        store.store_system_state("k", {})
                except BaseException as error:
                    failures.append(error)

            threads = [threading.Thread(target=call) for _ in range(3)]
            threads += [threading.Thread(target=store.close) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
                assert not thread.is_alive(), "somebody waits for ever"
            assert [type(failure) for failure in failures] == [UnavailableError] * 3

    def test_errors_arrive(self) -> None:
        with pytest.raises(InvalidInputError, match="did you mean"):
            lodestore.sync.open("sqlit:///a.db")
        with lodestore.sync.open("memory:") as store:
            with pytest.raises(InvalidInputError, match="conversation_id"):
                store.load_conversation("")
            with pytest.raises(AttributeError, match="no_such"):
                store.no_such()

    def test_a_script_that_forgets_to_close_exits(self, tmp_path: Path) -> None:
        code = "import sys, lodestore; s = lodestore.sync.open(sys.argv[1]); s.store_system_state('k', {'v': 1})"
        child = python(code, f"sqlite:///{tmp_path}/a.db", stderr=subprocess.PIPE)
        _, errors = child.communicate(timeout=300)
        assert child.returncode == 0, errors.decode()
        with lodestore.sync.open(f"sqlite:///{tmp_path}/a.db") as store:
            assert store.load_system_state("k") == {"v": 1}


class TestFront:
    def test_every_public_name_is_there(self) -> None:
        for name in lodestore.__all__:
            assert getattr(lodestore, name) is not None
        assert set(lodestore.__all__) == set(dir(lodestore))
        with pytest.raises(AttributeError, match="nonsense"):
            _ = lodestore.nonsense
