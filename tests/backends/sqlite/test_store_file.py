"""A store appears whole or not at all; nothing else is taken for one; nothing is created by mistake."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import textwrap
import threading
from pathlib import Path

import pytest

from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.engine import driver, store_file
from lodestore.errors import CorruptError, InvalidInputError, UnavailableError, UnsupportedError
from lodestore.sql import APPLICATION_ID, REVISION
from lodestore.store.store import Store
from tests.support.sqlite_tools import backend, python, run


async def fill(store: Store) -> None:
    await store.store_system_state("k", {"v": 1})


async def value(store: Store) -> object:
    return await store.load_system_state("k")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_new_folders_are_private(tmp_path: Path) -> None:
    path = tmp_path / "very" / "new" / "a.db"
    before = os.umask(0o022)
    try:

        async def look(store: Store) -> None:
            await fill(store)
            names = {p.name for p in path.parent.iterdir()}
            assert names == {"a.db", "a.db-wal", "a.db-shm"}
            assert {mode(p) for p in path.parent.iterdir()} == {0o600}

        run(look, path)
    finally:
        os.umask(before)
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    assert mode(path) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["a.db"], "closing leaves one file"


def test_the_file_is_a_plain_sqlite_database_in_wal_mode(tmp_path: Path) -> None:
    run(fill, tmp_path / "a.db")
    connection = driver.connect(str(tmp_path / "a.db"), None, timeout=1)
    pragmas = {n: connection.execute(f"PRAGMA {n}").fetchone()[0] for n in ("journal_mode", "auto_vacuum", "page_size")}
    connection.close()
    assert pragmas == {"journal_mode": "wal", "auto_vacuum": 2, "page_size": 4096}


def test_a_foreign_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (a)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(InvalidInputError, match="not a lodestore store"):
        run(fill, path)
    assert path.read_bytes() == before


def test_garbage_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "garbage.db"
    path.write_bytes(b"not a database at all, but long enough to have a header" * 100)
    with pytest.raises(InvalidInputError, match="encrypted"):
        run(fill, path)
    assert path.read_bytes().startswith(b"not a database")


def test_an_empty_file_is_taken_for_a_truncated_store(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    run(fill, path)
    os.truncate(path, 0)
    with pytest.raises(CorruptError, match="empty"):
        run(fill, path)
    assert path.stat().st_size == 0
    path.unlink()
    run(fill, path)


def test_a_store_cut_in_half_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    run(fill, path)
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)
    with pytest.raises(CorruptError):
        run(value, path)


def test_a_store_without_its_row_is_corrupt_and_leaves_no_thread(tmp_path: Path) -> None:
    run(fill, tmp_path / "a.db")
    connection = driver.connect(str(tmp_path / "a.db"), None, timeout=1)
    connection.execute("DELETE FROM store")
    connection.close()

    async def work() -> None:
        store, before = SQLiteBackend(tmp_path / "a.db"), connected()
        for _ in range(3):
            with pytest.raises(CorruptError, match="the table `store` is empty"):
                await store.open()
        assert await settled(before)

    asyncio.run(work())


def test_drafts_of_killed_processes_are_swept_by_who_comes_next(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for pid in (gone.pid, os.getpid()):
        (tmp_path / f"a.db.new-{pid}-0123abcd").touch()
    (tmp_path / "a.db.new-idea").write_text("not ours")
    run(fill, tmp_path / "a.db")
    assert {p.name for p in tmp_path.iterdir()} == {"a.db", f"a.db.new-{os.getpid()}-0123abcd", "a.db.new-idea"}


def test_a_dangling_link_is_unavailable_and_stays(tmp_path: Path) -> None:
    (tmp_path / "a.db").symlink_to(tmp_path / "gone.db")
    with pytest.raises(UnavailableError):
        run(fill, tmp_path / "a.db")
    assert [p.name for p in tmp_path.iterdir()] == ["a.db"]


def test_a_store_of_the_future_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    run(fill, path)
    connection = driver.connect(str(path), None, timeout=1)
    connection.execute(f"PRAGMA user_version = {REVISION + 1}")
    connection.close()
    with pytest.raises(UnsupportedError, match="upgrade lodestore"):
        run(value, path)


def test_an_old_store_is_upgraded_by_opening_it(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    path.touch()
    connection = driver.connect(str(path), None, timeout=1)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.close()
    run(fill, path)
    assert run(value, path) == {"v": 1}


def test_an_old_store_is_upgraded_without_greenlet(tmp_path: Path) -> None:
    """SQLAlchemy 2.1 does not install it, and only PostgreSQL's extra asks for it."""
    path = tmp_path / "old.db"
    path.touch()
    connection = driver.connect(str(path), None, timeout=1)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.close()
    code = textwrap.dedent("""
        import asyncio, sys
        sys.modules["greenlet"] = None
        import lodestore
        async def main():
            async with lodestore.open(f"sqlite:///{sys.argv[1]}") as store:
                await store.store_system_state("k", {"v": 1})
        asyncio.run(main())
        assert "alembic" in sys.modules
    """)
    child = python(code, str(path), stderr=subprocess.PIPE)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors.decode()


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="is a directory"):
        run(fill, tmp_path)


def test_a_path_through_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError):
        run(fill, tmp_path / "file" / "a.db")


def test_a_failed_creation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_file, "schema_text", lambda: "CREATE TABLE broken (;\n")
    with pytest.raises(CorruptError):
        run(fill, tmp_path / "a.db")
    assert list(tmp_path.iterdir()) == []


def test_an_older_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver.sqlcipher, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(UnsupportedError, match="WAL"):
        run(fill, tmp_path / "a.db")


@pytest.mark.slow
class TestEncryption:
    def test_nothing_is_readable_without_the_key(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"

        def steal(name: str) -> bytes:  # by another process, as a thief would
            return subprocess.run(["cat", tmp_path / name], capture_output=True, check=True).stdout

        async def secret(store: Store) -> None:
            await store.store_conversation("canary-id", {"text": "canary-text"})
            for name in ("a.db", "a.db-wal"):
                stolen = steal(name)
                assert b"canary" not in stolen
                assert b"SQLite" not in stolen

        run(secret, path, key="a 'passphrase'")
        assert b"canary" not in path.read_bytes()

        async def load(store: Store) -> object:
            return await store.load_conversation("canary-id")

        assert run(load, path, key="a 'passphrase'") == {"text": "canary-text"}

    @pytest.mark.parametrize("wrong", ["another", None, b"r" * 32])
    def test_a_wrong_key_is_refused_without_a_word_of_the_key(
        self, tmp_path: Path, wrong: str | bytes | None, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "a.db"
        run(fill, path, key="the right one")
        capfd.readouterr()
        with pytest.raises(InvalidInputError, match="key") as caught:
            run(fill, path, key=wrong)
        assert "another" not in str(caught.value)
        assert capfd.readouterr() == ("", "")
        assert run(value, path, key="the right one") == {"v": 1}

    def test_a_plain_store_opened_with_a_key_is_refused(self, tmp_path: Path) -> None:
        run(fill, tmp_path / "a.db")
        with pytest.raises(InvalidInputError, match="key"):
            run(value, tmp_path / "a.db", key="x")

    def test_the_key_stands_in_no_repr(self, tmp_path: Path) -> None:
        made = SQLiteBackend(tmp_path / "a.db", key="canary")
        assert "canary" not in repr(made) + repr(Store(made))

    def test_a_backup_is_encrypted_too(self, tmp_path: Path) -> None:
        async def copy(store: Store) -> None:
            await fill(store)
            await store.backup(str(tmp_path / "b.db"))

        run(copy, tmp_path / "a.db", key=b"k" * 32)
        assert not (tmp_path / "b.db").read_bytes().startswith(b"SQLite")
        assert run(value, tmp_path / "b.db", key=b"k" * 32) == {"v": 1}


class TestWhileOpen:
    def test_a_replaced_file_is_noticed_before_anything_is_acknowledged(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        run(fill, tmp_path / "other.db")

        async def replace(store: Store) -> None:
            await fill(store)
            os.replace(tmp_path / "other.db", path)
            with pytest.raises(UnavailableError, match="replaced"):
                await store.store_system_state("k", {"v": 2})
            assert (await store.health_check())["status"] == "unhealthy"

        run(replace, path)

    @pytest.mark.parametrize("name", ["a.db", "a.db-wal"])
    def test_a_deleted_file_is_noticed(self, tmp_path: Path, name: str) -> None:
        async def delete(store: Store) -> None:
            await fill(store)
            (tmp_path / name).unlink()
            with pytest.raises(UnavailableError, match="deleted"):
                await store.store_system_state("k", {"v": 2})
            for asking in (store.backup(str(tmp_path / "b.db")), store.verify(), store.compact()):
                with pytest.raises(UnavailableError, match="deleted"):
                    await asking
            assert not (tmp_path / "b.db").exists()
            assert (tmp_path / name).exists() is False, "nothing came back empty"

        run(delete, tmp_path / "a.db")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
    def test_a_forked_child_is_refused(self, tmp_path: Path) -> None:
        code = textwrap.dedent("""
            import asyncio, os, sys, lodestore
            async def main():
                async with lodestore.open(f"sqlite:///{sys.argv[1]}") as store:
                    await store.store_system_state("k", {"v": 1})
                    child = os.fork()
                    if child == 0:
                        try:
                            await store.load_system_state("k")
                        except lodestore.Unavailable as error:
                            os._exit(17 if "fork" in str(error) else 1)
                        os._exit(2)
                    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
                    assert await store.load_system_state("k") == {"v": 1}
            asyncio.run(main())
        """)
        child = python(code, str(tmp_path / "a.db"), stderr=subprocess.PIPE)
        _, errors = child.communicate(timeout=300)
        assert child.returncode == 0, errors.decode()

    def test_another_event_loop_is_refused(self, tmp_path: Path) -> None:
        store = Store(SQLiteBackend(tmp_path / "a.db"))
        first = asyncio.new_event_loop()
        first.run_until_complete(store.initialize())
        with pytest.raises(InvalidInputError, match=r"lodestore\.sync"):
            asyncio.run(store.load_system_state("k"))
        first.run_until_complete(store.shutdown())
        first.close()

    def test_a_script_that_forgets_to_close_still_exits_and_keeps_its_data(self, tmp_path: Path) -> None:
        code = textwrap.dedent("""
            import asyncio, sys, lodestore
            async def main():
                global store
                store = await lodestore.open(f"sqlite:///{sys.argv[1]}")
                await store.store_system_state("k", {"v": 1})
            asyncio.run(main())
        """)
        child = python(code, str(tmp_path / "a.db"), stderr=subprocess.PIPE)
        _, errors = child.communicate(timeout=300)
        assert child.returncode == 0, errors.decode()
        assert run(value, tmp_path / "a.db") == {"v": 1}

    def test_an_idle_reader_does_not_pin_the_log(self, tmp_path: Path) -> None:
        async def read_then_checkpoint(store: Store) -> None:
            await store.append_raw_messages("c", [{"n": n} for n in range(50)])
            await store.load_raw_messages("c")
            await store.load_raw_messages("c", limit=3)
            await store.list_conversations(limit=1)
            await store.load_chunk_info("c")
            await fill(store)
            connection = backend(store)._writer._connection
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0

        run(read_then_checkpoint, tmp_path / "a.db")


def test_opening_an_up_to_date_store_loads_no_sqlalchemy_and_no_alembic(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import asyncio, sys, lodestore
        async def main():
            for _ in range(2):  # creates, then opens
                async with lodestore.open(f"sqlite:///{sys.argv[1]}") as store:
                    await store.store_system_state("k", {"v": 1})
        asyncio.run(main())
        loaded = {"sqlalchemy", "alembic", "rich", "hypothesis"} & set(sys.modules)
        sys.exit(f"loaded: {loaded}" if loaded else 0)
    """)
    child = python(code, str(tmp_path / "a.db"), stderr=subprocess.PIPE)
    _, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors.decode()


def connected() -> int:
    """Threads that hold a connection."""
    return sum(thread.name == "lodestore-sqlite" for thread in threading.enumerate())


async def settled(expected: int) -> bool:
    """Whether so many threads hold a connection; one that was told to end takes a moment to."""
    for _ in range(200):
        if connected() == expected:
            return True
        await asyncio.sleep(0.01)
    return False


class TestTurning:
    def test_opening_many_times_at_once_opens_once(self, tmp_path: Path) -> None:
        async def work() -> None:
            made, before = SQLiteBackend(tmp_path / "a.db"), connected()
            await asyncio.gather(*(made.open() for _ in range(5)))
            assert await settled(before + 2)
            await asyncio.gather(*(made.close() for _ in range(5)))
            assert await settled(before)

        asyncio.run(work())

    def test_opening_that_fails_half_way_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run(fill, tmp_path / "a.db")
        real, made = driver.tune, []

        def tune(connection: object, *, writer: bool, cache: int) -> object:
            made.append(connection)
            if len(made) == 3:
                raise driver.sqlcipher.OperationalError("injected")
            return real(connection, writer=writer, cache=cache)

        async def work() -> None:
            store, before = SQLiteBackend(tmp_path / "a.db"), connected()
            with monkeypatch.context() as patch:
                patch.setattr(driver, "tune", tune)
                with pytest.raises(UnavailableError, match="injected"):
                    await store.open()
            assert await settled(before)
            await store.close()
            await store.open()
            await store.close()

        asyncio.run(work())

    def test_calls_in_flight_are_finished_by_closing(self, tmp_path: Path) -> None:
        async def work() -> None:
            store = Store(SQLiteBackend(tmp_path / "a.db"))
            await store.initialize()
            await store.append_raw_messages("c", [{"n": n} for n in range(3000)])
            reading = [asyncio.create_task(store.load_raw_messages("c")) for _ in range(5)]
            counting = asyncio.create_task(store.get_storage_stats())
            writing = [asyncio.create_task(store.store_system_state(f"k{n}", {})) for n in range(50)]
            await asyncio.sleep(0)
            await store.shutdown()
            ended = await asyncio.gather(*reading, counting, *writing, return_exceptions=True)
            assert [
                end for end in ended if isinstance(end, BaseException) and not isinstance(end, UnavailableError)
            ] == []

        asyncio.run(work())


@pytest.mark.parametrize("name", ["a b.db", "a?b#c%41.db", "ä✓.db", "a'b\".db"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    run(fill, tmp_path / name)
    assert run(value, tmp_path / name) == {"v": 1}
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_doubled_slash_is_one(tmp_path: Path) -> None:
    run(fill, Path(f"/{tmp_path}") / "a.db")
    assert run(value, tmp_path / "a.db") == {"v": 1}
