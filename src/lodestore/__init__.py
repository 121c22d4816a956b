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
        "Conflict",
        "Corrupt",
        "EmbeddingFailed",
        "Full",
        "LodestoreError",
        "Refused",
        "Unavailable",
        "Unknown",
        "Unsupported",
    ],
    "factory": [
        "StorageFactory",
        "create_file_storage",
        "create_sqlite_storage",
        "create_storage",
        "create_storage_from_env",
        "get_available_backends",
    ],
    "finding": ["Hit"],
    "interface": ["StorageInterface"],
    "kernel": ["ABSENT"],
    "memoizing": ["memoize"],
    "opening": ["open"],
    "store": ["Store"],
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [*sorted(_HOME_OF), "__version__", "sync"]

if TYPE_CHECKING:
    from . import sync as sync
    from .errors import (
        Conflict as Conflict,
    )
    from .errors import (
        Corrupt as Corrupt,
    )
    from .errors import (
        EmbeddingFailed as EmbeddingFailed,
    )
    from .errors import (
        Full as Full,
    )
    from .errors import (
        LodestoreError as LodestoreError,
    )
    from .errors import (
        Refused as Refused,
    )
    from .errors import (
        Unavailable as Unavailable,
    )
    from .errors import (
        Unknown as Unknown,
    )
    from .errors import (
        Unsupported as Unsupported,
    )
    from .factory import (
        StorageFactory as StorageFactory,
    )
    from .factory import (
        create_file_storage as create_file_storage,
    )
    from .factory import (
        create_sqlite_storage as create_sqlite_storage,
    )
    from .factory import (
        create_storage as create_storage,
    )
    from .factory import (
        create_storage_from_env as create_storage_from_env,
    )
    from .factory import (
        get_available_backends as get_available_backends,
    )
    from .finding import Hit as Hit
    from .interface import StorageInterface as StorageInterface
    from .kernel import ABSENT as ABSENT
    from .memoizing import memoize as memoize
    from .opening import open as open
    from .store import Store as Store


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
