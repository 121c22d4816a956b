"""Connectome's doors: its factory, configuration keys, environment, and the code of its document."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import pytest

import lodestore
from lodestore import Refused, StorageFactory, StorageInterface
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.store.store import Store

SEEDS = Path(os.environ.get("LODESTORE_SEEDS") or Path(__file__).parents[3] / "shared" / "seeds")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, no variables, nothing registered."""
    for name in list(os.environ):
        if name.startswith(("LODESTORE_STORAGE_", "CONNECTOME_STORAGE_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(StorageFactory, "_registered", {})
    monkeypatch.chdir(tmp_path)


def roundtrip(storage: StorageInterface) -> dict[str, Any]:
    async def work() -> dict[str, Any]:
        assert await storage.initialize() is True
        assert await storage.store_conversation("conv_001", {"chats": []}) is True
        assert await storage.load_conversation("conv_001") == {"chats": []}
        stats = await storage.get_storage_stats()
        assert await storage.shutdown() is True
        return stats

    return asyncio.run(work())


class TestFactory:
    def test_file_storage_honours_its_configuration(self) -> None:
        config = {"base_dir": "./tree", "create_backups": False, "max_backup_files": 2, "pretty_print_json": False}
        stats = roundtrip(StorageFactory.create_storage("file", config))
        assert stats["storage_type"] == "file"
        text = Path("tree/conversations/conv_001/current.json").read_text()
        assert "\n  " not in text, "not pretty"
        roundtrip(StorageFactory.create_storage("file", config))
        assert not list(Path("tree").rglob("0*.json")), "no backups"

    def test_sqlite_storage_honours_its_configuration(self) -> None:
        config = {"db_path": "./data/c.db", "connection_timeout": 3.0, "enable_wal_mode": True}
        storage = StorageFactory.create_storage("sqlite", config)
        assert roundtrip(storage)["storage_type"] == "sqlite"
        assert Path("data/c.db").exists()
        assert isinstance(storage, Store)
        assert isinstance(storage.backend, SQLiteBackend)
        assert storage.backend._site._timeout == 3.0

    def test_keywords_of_the_short_forms_are_not_ignored(self) -> None:
        for storage in (
            lodestore.create_storage("sqlite", db_path="a.db"),
            lodestore.create_sqlite_storage("b.db", connection_timeout=1),
            lodestore.create_file_storage("c", pretty_print_json=False),
            StorageFactory.create_default_file_storage("d"),
            StorageFactory.create_default_sqlite_storage("e.db"),
            lodestore.create_storage("memory"),
        ):
            roundtrip(storage)
        assert {p.name for p in Path().iterdir()} == {"a.db", "b.db", "c", "d", "e.db"}
        with pytest.raises(Refused, match="did you mean 'pretty'"):
            lodestore.create_file_storage("c", pretty_prnt=False)

    def test_redis_storage(self, redis_url: str) -> None:
        config = {"url": redis_url, "namespace": "test-factory", "timeout": 3}
        assert roundtrip(StorageFactory.create_storage("redis", config))["storage_type"] == "redis"
        assert roundtrip(lodestore.create_storage("redis", **config))["conversation_count"] == 1

    def test_postgres_storage(self, postgres_url: str) -> None:
        config = {"url": postgres_url, "namespace": "test-factory", "pool_size": 2}
        assert roundtrip(StorageFactory.create_storage("postgres", config))["storage_type"] == "postgres"
        assert roundtrip(lodestore.create_storage("postgres", **config))["conversation_count"] == 1
        assert roundtrip(lodestore.create_storage("postgresql", **config))["conversation_count"] == 1

    @pytest.mark.parametrize("config", [{}, {"url": None}, {"url": "redis://localhost"}, {"url": "localhost"}])
    def test_a_server_of_another_kind_is_refused(self, config: dict[str, Any]) -> None:
        with pytest.raises(Refused, match="as in postgres://host"):
            StorageFactory.create_storage("postgres", config)

    def test_an_unknown_type_lists_the_known_ones(self) -> None:
        with pytest.raises(ValueError, match=r"Unsupported storage type: mongo\. Available types: .*sqlite"):
            StorageFactory.create_storage("mongo", {})

    def test_switching_the_log_off_is_refused(self) -> None:
        with pytest.raises(Refused, match="WAL"):
            StorageFactory.create_storage("sqlite", {"enable_wal_mode": False})

    def test_backends_have_descriptions(self) -> None:
        found = lodestore.get_available_backends()
        assert set(found) == {"file", "sqlite", "memory", "redis", "postgres"}
        assert all(found.values())

    def test_registering(self, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(ValueError, match="subclass of StorageInterface"):
            StorageFactory.register_backend("mine", dict)  # type: ignore[arg-type]
        StorageFactory.register_backend("mine", Mine)
        assert lodestore.get_available_backends()["mine"] == "Keeps nothing."
        made = StorageFactory.create_storage("mine", {"a": 1})
        assert isinstance(made, Mine)
        assert made.config == {"a": 1}
        assert not caplog.records
        StorageFactory.register_backend("file", Mine)
        assert "replaces the 'file' backend" in caplog.text, "an override is reported"
        assert isinstance(StorageFactory.create_storage("file", {}), Mine), "an explicit one wins"

    def test_the_interface_has_exactly_the_twenty_methods(self) -> None:
        assert len(StorageInterface.__abstractmethods__) == 20
        assert {"initialize", "shutdown", "health_check", "get_storage_stats"} < StorageInterface.__abstractmethods__


class TestEnvironment:
    @pytest.mark.parametrize("prefix", ["LODESTORE_STORAGE_", "CONNECTOME_STORAGE_"])
    def test_sqlite(self, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
        for name, value in {"TYPE": "sqlite", "DB_PATH": "./p.db", "WAL_MODE": "true", "TIMEOUT": "2.5"}.items():
            monkeypatch.setenv(prefix + name, value)
        assert roundtrip(lodestore.create_storage_from_env())["storage_type"] == "sqlite"
        assert Path("p.db").exists()

    @pytest.mark.parametrize("prefix", ["LODESTORE_STORAGE_", "CONNECTOME_STORAGE_"])
    def test_file_is_the_default(self, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
        for name, value in {"BASE_DIR": "t", "CREATE_BACKUPS": "no", "PRETTY_JSON": "0", "MAX_BACKUPS": "1"}.items():
            monkeypatch.setenv(prefix + name, value)
        assert roundtrip(lodestore.create_storage_from_env())["storage_type"] == "file"
        assert Path("t/conversations/conv_001/current.json").exists()

    def test_our_name_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONNECTOME_STORAGE_BASE_DIR", "theirs")
        monkeypatch.setenv("LODESTORE_STORAGE_BASE_DIR", "ours")
        roundtrip(lodestore.create_storage_from_env())
        assert [p.name for p in Path().iterdir()] == ["ours"]

    def test_the_key_is_taken_from_the_environment_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LODESTORE_KEY", "a passphrase")
        for name, value in {"URL": "sqlite:///u.db", "DB_PATH": "p.db", "TYPE": "sqlite"}.items():
            monkeypatch.setenv(f"LODESTORE_STORAGE_{name}", value)
        roundtrip(lodestore.create_storage_from_env())
        monkeypatch.delenv("LODESTORE_STORAGE_URL")
        roundtrip(lodestore.create_storage_from_env())
        for path in ("u.db", "p.db"):
            assert not Path(path).read_bytes().startswith(b"SQLite"), "not encrypted"

    def test_a_url_says_it_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LODESTORE_STORAGE_TYPE", "file")
        monkeypatch.setenv("LODESTORE_STORAGE_URL", "sqlite:///u.db?durability=process")
        assert roundtrip(lodestore.create_storage_from_env())["storage_type"] == "sqlite"

    @pytest.mark.parametrize(
        ("name", "value"), [("MAX_BACKUPS", "many"), ("PRETTY_JSON", "perhaps"), ("TYPE", "mongo")]
    )
    def test_nonsense_is_refused(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        monkeypatch.setenv(f"LODESTORE_STORAGE_{name}", value)
        with pytest.raises(Refused, match=value):
            lodestore.create_storage_from_env()


def _nothing(name: str) -> Any:
    async def method(self: Any, *arguments: Any, **named: Any) -> None:
        return None

    method.__name__ = name
    return method


Mine = types.new_class(
    "Mine",
    (StorageInterface,),
    {},
    lambda space: space.update({n: _nothing(n) for n in StorageInterface.__abstractmethods__}),
)
Mine.__doc__ = "\n    Keeps nothing.\n    "


# -- the document itself, where it is beside the checkout


def blocks() -> list[str]:
    """The Python blocks of Connectome's document."""
    found = sorted(SEEDS.glob("001_*"))
    if not found:
        pytest.skip(f"Connectome's document is not at {SEEDS}; LODESTORE_SEEDS names another folder")
    return re.findall(r"```python\n(.*?)```", found[0].read_text(encoding="utf-8"), re.S)


def execute(block: str, names: dict[str, Any], *closing: str) -> dict[str, Any]:
    """Run a block that may use `await` at its top, with only its import line changed."""
    code = block.replace("from storage import", "from lodestore import")
    code += "".join(f"\nawait {name}.shutdown()" for name in closing)  # the document leaves its stores open
    compiled = compile(code, "document", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    made = eval(compiled, names)  # noqa: S307  the document's own code is what is tested
    if asyncio.iscoroutine(made):
        asyncio.run(made)
    return names


def only(*words: str) -> str:
    """The block of the document that has all these words."""
    [block] = [b for b in blocks() if all(word in b for word in words)]
    return block


class TestDocument:
    def test_basic_usage(self) -> None:
        block = only("create_file_storage('./my_storage')").replace("{...}", "{'chats': [{'title': None}]}")
        assert execute(block, {})["loaded"] == {"chats": [{"title": None}]}
        assert Path("my_storage/conversations/conv_001/current.json").exists()

    def test_the_factory(self) -> None:
        names = execute(only("StorageFactory.create_storage('file'"), {})
        assert roundtrip(names["storage"])["storage_type"] == "sqlite"
        assert Path("my_database.db").exists()

    def test_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"TYPE": "sqlite", "DB_PATH": "./production.db", "WAL_MODE": "true"}.items():
            monkeypatch.setenv(f"CONNECTOME_STORAGE_{name}", value)
        [block] = [b for b in blocks() if b.startswith("from storage import create_storage_from_env\n\nstorage =")]
        execute(block, {}, "storage")
        assert Path("production.db").exists()

    def test_the_migration(self) -> None:
        async def fill() -> None:
            storage = lodestore.create_file_storage("./old_storage")
            await storage.initialize()
            for conversation in ("conv_1", "conv 2"):
                await storage.store_conversation(conversation, {"id": conversation})
                await storage.store_raw_messages(conversation, [{"n": n} for n in range(5)])
                for memory in ("b", "a"):
                    await storage.store_memory(conversation, memory, {"text": memory})
            await storage.shutdown()

        asyncio.run(fill())
        execute(only("Migrate conversations"), {}, "file_storage", "sqlite_storage")

        async def compare() -> None:
            old, new = (
                lodestore.create_file_storage("./old_storage"),
                lodestore.create_sqlite_storage("./new_database.db"),
            )
            await old.initialize()
            await new.initialize()
            assert await new.list_conversations() == await old.list_conversations() == ["conv 2", "conv_1"]
            for conversation in await old.list_conversations():
                for load in ("load_conversation", "load_raw_messages", "load_memories"):
                    assert await getattr(new, load)(conversation) == await getattr(old, load)(conversation)
            await old.shutdown()
            await new.shutdown()

        asyncio.run(compare())

    def test_the_configurations(self) -> None:
        file_config = execute(only("file_config = {"), {})["file_config"]
        sqlite_config = execute(only("sqlite_config = {"), {})["sqlite_config"]
        roundtrip(StorageFactory.create_storage("file", file_config))
        roundtrip(StorageFactory.create_storage("sqlite", sqlite_config))
        assert Path("storage_data/conversations").exists()
        assert Path("connectome.db").exists()

    def test_a_backend_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept: dict[str, str] = {}

        class Client:
            async def set(self, key: str, value: str) -> None:
                kept[key] = value

        async def from_url(url: str) -> Client:
            assert url == "redis://localhost:6379"
            return Client()

        stand_in = types.ModuleType("aioredis")
        stand_in.from_url = from_url  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "aioredis", stand_in)
        done = {"initialize", "store_conversation"}
        missing = "".join(
            f"    async def {name}(self, *a, **k): return None\n"
            for name in sorted(StorageInterface.__abstractmethods__ - done)
        )
        block = only("class RedisStorage").replace("    # ... implement other methods\n", missing)
        execute(block, {})
        storage = StorageFactory.create_storage("redis", {})

        async def use() -> None:
            await storage.initialize()
            await storage.store_conversation("c", {"a": 1})

        asyncio.run(use())
        assert kept == {"conversation:c": '{"a": 1}'}

    def test_health_and_statistics(self, capsys: pytest.CaptureFixture[str]) -> None:
        shown = (only("Storage status:"), only("Total size:"))

        async def use() -> None:
            storage = lodestore.create_sqlite_storage("h.db")
            await storage.initialize()
            for block in shown:
                body = "async def show(storage):\n" + textwrap.indent(block, "    ")
                await execute(body, {})["show"](storage)
            await storage.shutdown()

        asyncio.run(use())
        out = capsys.readouterr().out
        assert "Storage status: healthy" in out
        assert "Conversations: 0" in out
        assert re.search(r"Total size: \d+ bytes", out)

    def test_the_component(self) -> None:
        class Component:
            id = "agent-7"
            _agent_name = None

            def __init__(self, **kwargs: Any) -> None: ...

        names = execute(only("class CompressionEngineComponent"), {"Component": Component})

        async def use() -> None:
            component = names["CompressionEngineComponent"]()
            assert await component._on_initialize() is True
            await component.store_reasoning_chain({"thought": 1})
            await component.get_memory_context()
            assert await component._storage.load_reasoning_chains("agent-7") == [{"thought": 1}]
            await component._storage.shutdown()

        asyncio.run(use())

    def test_every_block_is_run_above(self) -> None:
        assert len(blocks()) == 10
