"""lodestore: one durable, transactional, searchable home for what an AI agent must not forget.

    async with lodestore.open("sqlite:///agent.db") as store:
        await store.append_raw_messages("chat-1", [{"role": "user", "content": "hello"}])

Names are imported when first used: `import lodestore` loads no database driver.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "errors": [
        "ConflictError",
        "CorruptError",
        "EmbeddingError",
        "InvalidInputError",
        "LodestoreError",
        "OutcomeUnknownError",
        "StorageFullError",
        "UnavailableError",
        "UnsupportedError",
        # the short names from before these, until 1.0
        "Conflict",
        "Corrupt",
        "EmbeddingFailed",
        "Full",
        "Refused",
        "Unavailable",
        "Unknown",
        "Unsupported",
    ],
    "store.connectome": [
        "StorageFactory",
        "create_file_storage",
        "create_sqlite_storage",
        "create_storage",
        "create_storage_from_env",
        "get_available_backends",
    ],
    "store.search_request": ["Hit"],
    "core.interface": ["StorageInterface"],
    "core.records": ["ABSENT"],
    "store.memoize": ["memoize"],
    "store.opening": ["open"],
    "store.store": ["Store"],
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [*sorted(_HOME_OF), "__version__", "sync"]

if TYPE_CHECKING:
    from . import sync as sync
    from .core.interface import StorageInterface as StorageInterface
    from .core.records import ABSENT as ABSENT
    from .errors import (
        Conflict as Conflict,
        ConflictError as ConflictError,
        Corrupt as Corrupt,
        CorruptError as CorruptError,
        EmbeddingError as EmbeddingError,
        EmbeddingFailed as EmbeddingFailed,
        Full as Full,
        InvalidInputError as InvalidInputError,
        LodestoreError as LodestoreError,
        OutcomeUnknownError as OutcomeUnknownError,
        Refused as Refused,
        StorageFullError as StorageFullError,
        Unavailable as Unavailable,
        UnavailableError as UnavailableError,
        Unknown as Unknown,
        Unsupported as Unsupported,
        UnsupportedError as UnsupportedError,
    )
    from .store.connectome import (
        StorageFactory as StorageFactory,
        create_file_storage as create_file_storage,
        create_sqlite_storage as create_sqlite_storage,
        create_storage as create_storage,
        create_storage_from_env as create_storage_from_env,
        get_available_backends as get_available_backends,
    )
    from .store.memoize import memoize as memoize
    from .store.opening import open as open
    from .store.search_request import Hit as Hit
    from .store.store import Store as Store


def __getattr__(name: str) -> Any:
    if name == "sync":
        return importlib.import_module(".sync", __name__)
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
