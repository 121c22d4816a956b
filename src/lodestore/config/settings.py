"""Settings of the built-in backends: typed, frozen, checked when made; an unknown name is an error that says so."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_type_hints

from ..errors import InvalidInputError

S = TypeVar("S", bound="Settings")


@dataclass(frozen=True, slots=True)
class Settings:
    """Base of all settings; `SECRETS` names those that may not stand in a URL."""

    SECRETS: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for f in dataclasses.fields(self):
            object.__setattr__(self, f.name, _checked(f.name, getattr(self, f.name), hints[f.name]))


@dataclass(frozen=True, slots=True)
class MemorySettings(Settings):
    """Nothing to set: everything is gone with the process."""


@dataclass(frozen=True, slots=True)
class FileSettings(Settings):
    """A folder of readable JSON. `max_backup_files` counts older versions kept per file; `timeout` is in seconds."""

    root: Path
    pretty: bool = True
    backups: bool = True
    max_backup_files: int = 5
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class SQLiteSettings(Settings):
    """One SQLite file. `key` encrypts it; `durability` "power" survives a power cut, "process" a kill.

    `cache` is how many MiB of pages each of its three connections keeps; `hot_bytes` bounds the cache entries kept in
    the process (0: none), which an event-loop iteration sees at most `max_staleness` milliseconds old (0: never old),
    and `vector_bytes` the index of vectors kept there, of namespaces lately searched.
    `max_cache_bytes` bounds the stored cache (0: no bound); `dictionaries` makes small records smaller.
    """

    SECRETS: ClassVar[frozenset[str]] = frozenset({"key"})

    path: Path
    key: str | bytes | None = field(default=None, repr=False)
    durability: Literal["power", "process"] = "power"
    timeout: float = 30.0
    cache: int = 16
    hot_bytes: int = 32 * 1024 * 1024
    vector_bytes: int = 96 * 1024 * 1024
    max_staleness: float = 1.0
    max_cache_bytes: int = 0
    dictionaries: bool = True


@dataclass(frozen=True, slots=True)
class RedisSettings(Settings):
    """A Redis or Valkey server. Stores of different `namespace` share it; `strict` refuses one that may forget.

    `timeout` is in seconds; `db` counts where the URL names none; `ca_file` proves the server of a rediss: URL.
    """

    SECRETS: ClassVar[frozenset[str]] = frozenset({"password"})

    url: str = field(repr=False)
    namespace: str = "lodestore"
    password: str | None = field(default=None, repr=False)
    ca_file: str | Path = ""
    db: int | None = None
    max_connections: int = 16
    timeout: float = 10.0
    strict: bool = False
    dictionaries: bool = True


@dataclass(frozen=True, slots=True)
class PostgresSettings(Settings):
    """One schema (`namespace`) of a PostgreSQL database; `pgbouncer` for a pooler of that name.

    `pool_wait`, `recycle` and `timeout` (of one statement) are in seconds. `password` may stand in the URL or here.
    `sslrootcert` is a file of certificates that prove the server, or "system" for those the machine trusts.
    """

    SECRETS: ClassVar[frozenset[str]] = frozenset({"password"})

    url: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    namespace: str = "lodestore"
    host: str | None = None
    sslmode: str | None = None
    sslrootcert: str | Path | None = None
    pool_size: int = 5
    pool_wait: float = 30.0
    recycle: float = 1800.0
    timeout: float = 30.0
    pgbouncer: bool = False
    dictionaries: bool = True


def make(kind: type[S], options: dict[str, Any]) -> S:
    """Make settings of `kind` from named values, which may be texts from a URL or the environment."""
    known = {f.name: f.default is dataclasses.MISSING for f in dataclasses.fields(kind)}
    there = [name for name, needed in known.items() if not needed]  # what is needed is where the store is: its URL
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, there, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            said = "unknown setting" if set(name) & set("@:/?#") else f"unknown setting {name!r}"
            raise InvalidInputError(f"{said}{hint}. Available: {', '.join(there) or 'none'}")
    return kind(**options)


def _checked(name: str, value: Any, hint: Any) -> Any:
    if choices := [a for a in get_args(hint) if isinstance(a, str)]:
        if value not in choices:
            raise InvalidInputError(f"{name}: expected {' or '.join(map(repr, choices))}, not {value!r}")
        return value
    if hint is bool:
        return truth(name, value)
    if hint in (int, float) or (hint == int | None and value is not None):
        return _number(name, value, float if hint is float else int)
    if hint is Path:
        if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
            raise InvalidInputError(f"{name}: expected a path, not {value!r}")
        return Path(value)
    if name == "key" and not (value is None or _is_key(value)):
        raise InvalidInputError("key: expected a passphrase (text, without NUL) or 32 bytes")
    if not isinstance(value, get_args(hint) or hint):
        raise InvalidInputError(f"{name}: expected {_said(hint)}, not {type(value).__name__}")
    return value


def _said(hint: Any) -> str:
    words = {str: "text", bytes: "bytes", Path: "a path"}
    return " or ".join(words[kind] for kind in get_args(hint) or (hint,) if kind in words)


def _is_key(value: object) -> bool:
    if isinstance(value, bytes):
        return len(value) == 32
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in value)  # halves of surrogate pairs are no text


def truth(name: str, value: object) -> bool:
    """Read a yes or no, also as the texts people write into URLs and environments."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise InvalidInputError(f"{name}: expected true or false, not {value!r}")


def _number(name: str, value: Any, kind: type[int] | type[float]) -> int | float:
    try:
        number = kind(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or (isinstance(value, float) and number != value):
        number = -1
    if not 0 <= number < (2**53 if name.endswith("_bytes") else 1e9):
        raise InvalidInputError(f"{name}: expected a {'whole ' if kind is int else ''}number from 0, not {value!r}")
    if name == "timeout" and not number:  # which would mean "at once" to one backend and "never" to another
        raise InvalidInputError("timeout: expected seconds above 0")
    return number
