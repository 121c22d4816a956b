"""Connectome's interface: the factory, its short forms, its configuration keys and its environment.

Everything here makes a store that is not yet open: await its `initialize()`. Variables are `LODESTORE_STORAGE_*`,
with `CONNECTOME_STORAGE_*` as a second name for each.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from ..config import registry
from ..config.settings import truth
from ..core.backend import Backend
from ..core.interface import StorageInterface
from ..errors import InvalidInputError
from .store import Store

Config = Mapping[str, Any]
_log = logging.getLogger(__name__)

# Connectome's configuration keys and ours; None: accepted where it says what holds anyway.
_KEYS: dict[str, dict[str, str | None]] = {
    "file": {"base_dir": "root", "create_backups": "backups", "pretty_print_json": "pretty"},
    "sqlite": {"db_path": "path", "connection_timeout": "timeout", "enable_wal_mode": None},
    "memory": {},
    "redis": {},
    "postgres": {},
}
_OTHER_NAMES = {"postgresql": "postgres"}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "file": {"root": "./storage_data"},
    "sqlite": {"path": "./storage_data/lodestore.db"},
    "memory": {},
    "redis": {"url": "redis://localhost:6379"},
    "postgres": {},
}
# Environment variable -> configuration key, for each built-in backend.
_ENVIRONMENT = {
    "file": {
        "BASE_DIR": "base_dir",
        "CREATE_BACKUPS": "create_backups",
        "PRETTY_JSON": "pretty_print_json",
        "MAX_BACKUPS": "max_backup_files",
    },
    "sqlite": {"DB_PATH": "db_path", "WAL_MODE": "enable_wal_mode", "TIMEOUT": "connection_timeout"},
    "memory": {},
}


class StorageFactory:
    """Makes stores by type and configuration, as Connectome's factory does.

    Registered classes are shared by the process and win over built-in ones. A store made here is not open yet: await
    its `initialize`.
    """

    _registered: dict[str, type[StorageInterface]] = {}  # noqa: RUF012  Connectome's factory is a class, not an object

    @classmethod
    def create_storage(cls, storage_type: str, storage_config: Config | None = None) -> StorageInterface:
        """Make a store of a registered or built-in type.

        Args:
            storage_type: "sqlite", "file", "memory", "redis", "postgres", or a registered name.
            storage_config: Connectome's configuration keys, or lodestore's settings.

        Returns:
            The store, not yet open.

        Raises:
            InvalidInputError: The type is unknown, or a setting is not valid.
        """
        config = dict(storage_config or {})
        if storage_type in cls._registered:
            return cls._registered[storage_type](config)
        storage_type = _OTHER_NAMES.get(storage_type, storage_type)
        if storage_type not in _KEYS:
            available = ", ".join(cls.get_available_backends())
            raise InvalidInputError(f"Unsupported storage type: {storage_type}. Available types: {available}")
        return Store(_backend(storage_type, _translated(storage_type, config)))

    @classmethod
    def register_backend(cls, name: str, storage_class: type[StorageInterface]) -> None:
        """Register a class that implements the whole interface, for `create_storage`.

        Args:
            name: The type it is made by.
            storage_class: A subclass of `StorageInterface`, called with the configuration.

        Raises:
            InvalidInputError: It is not such a subclass.
        """
        if not (isinstance(storage_class, type) and issubclass(storage_class, StorageInterface)):
            raise InvalidInputError(f"{storage_class!r} must be a subclass of StorageInterface")
        if before := cls._registered.get(name) or registry.SCHEMES.get(name):
            _log.warning("%s replaces the %r backend that was there (%s)", storage_class.__qualname__, name, before)
        cls._registered[name] = storage_class

    @classmethod
    def get_available_backends(cls) -> dict[str, str]:
        """List the types that `create_storage` makes.

        Returns:
            One-line descriptions by type.
        """
        built_in = {name: registry.SCHEMES[name].description for name in _KEYS}
        return built_in | {name: _first_line(found) for name, found in cls._registered.items()}

    @classmethod
    def create_default_file_storage(cls, base_dir: str | None = None) -> StorageInterface:
        """Make a store in a folder of JSON, with default settings.

        Args:
            base_dir: The folder; None: ./storage_data.

        Returns:
            The store, not yet open.
        """
        return cls.create_storage("file", {"base_dir": base_dir} if base_dir else {})

    @classmethod
    def create_default_sqlite_storage(cls, db_path: str | None = None) -> StorageInterface:
        """Make a store in a SQLite file, with default settings.

        Args:
            db_path: The file; None: ./storage_data/lodestore.db.

        Returns:
            The store, not yet open.
        """
        return cls.create_storage("sqlite", {"db_path": db_path} if db_path else {})

    @classmethod
    def create_from_env_config(cls) -> StorageInterface:
        """Make a store from environment variables.

        `LODESTORE_STORAGE_URL` counts first, else `LODESTORE_STORAGE_TYPE` ("file" if unset) and the variables of that
        type. `CONNECTOME_STORAGE_*` is a second name for each.

        Returns:
            The store, not yet open.

        Raises:
            InvalidInputError: A variable is not valid.
        """
        if url := _variable("URL"):
            return Store(registry.backend(url, **registry.secrets(url)))
        kind = _variable("TYPE") or "file"
        found = {key: _variable(name) for name, key in _ENVIRONMENT.get(kind, {}).items()}
        config = {name: value for name, value in found.items() if value is not None}
        secret = registry.secrets("sqlite:x") if kind == "sqlite" else {}
        return cls.create_storage(kind, config | secret)


def _backend(kind: str, options: dict[str, Any]) -> Backend:
    scheme = registry.SCHEMES[kind]
    if scheme.whole is None:
        return scheme.build(options)
    url = options.pop(scheme.whole, None)
    if url is None or registry.SCHEMES.get(str(url).partition(":")[0]) is not scheme:
        raise InvalidInputError(f"{scheme.whole}: a {kind} store needs the URL of its server, as in {kind}://host")
    return registry.backend(url, **options)


def _translated(kind: str, config: Config) -> dict[str, Any]:
    options = dict(_DEFAULTS[kind])
    for key, value in config.items():
        name = _KEYS[kind].get(key, key)
        if name is not None:
            options[name] = value
        elif not truth(key, value):
            raise InvalidInputError(f"{key}: a SQLite store always uses WAL mode; leave this out")
    return options


def _variable(name: str) -> str | None:
    return os.environ.get(f"LODESTORE_STORAGE_{name}") or os.environ.get(f"CONNECTOME_STORAGE_{name}")


def _first_line(found: type) -> str:
    return (found.__doc__ or "").strip().split("\n")[0]


def create_storage(storage_type: str = "file", **config: Any) -> StorageInterface:
    """Make a store of a type, with its configuration as keywords.

    Args:
        storage_type: "sqlite", "file", "memory", "redis", "postgres", or a registered name.
        **config: Connectome's configuration keys, or lodestore's settings.

    Returns:
        The store, not yet open.

    Raises:
        InvalidInputError: The type is unknown, or a setting is not valid.
    """
    return StorageFactory.create_storage(storage_type, config)


def create_file_storage(base_dir: str = "./storage_data", **config: Any) -> StorageInterface:
    """Make a store in a folder of readable JSON.

    Args:
        base_dir: The folder.
        **config: Connectome's configuration keys, or lodestore's settings.

    Returns:
        The store, not yet open.

    Raises:
        InvalidInputError: A setting is not valid.
    """
    return StorageFactory.create_storage("file", {"base_dir": base_dir, **config})


def create_sqlite_storage(db_path: str = "./storage_data/lodestore.db", **config: Any) -> StorageInterface:
    """Make a store in a SQLite file.

    Args:
        db_path: The file.
        **config: Connectome's configuration keys, or lodestore's settings.

    Returns:
        The store, not yet open.

    Raises:
        InvalidInputError: A setting is not valid.
    """
    return StorageFactory.create_storage("sqlite", {"db_path": db_path, **config})


def create_storage_from_env() -> StorageInterface:
    """Make a store from environment variables, see `StorageFactory.create_from_env_config`.

    Returns:
        The store, not yet open.

    Raises:
        InvalidInputError: A variable is not valid.
    """
    return StorageFactory.create_from_env_config()


def get_available_backends() -> dict[str, str]:
    """List the types that `create_storage` makes.

    Returns:
        One-line descriptions by type.
    """
    return StorageFactory.get_available_backends()
