"""From a URL to a backend: which schemes there are, what each may be told, and the class behind it, imported late."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, unquote

from ..core.backend import Backend
from ..core.server_urls import HOST, server
from ..errors import InvalidInputError, UnsupportedError
from .settings import FileSettings, MemorySettings, PostgresSettings, RedisSettings, Settings, SQLiteSettings, make

PREFIX = "LODESTORE_"  # of variables in the environment


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of store: its settings, its class as `module:name`, the setting a URL's path goes to.

    `whole` names the setting the URL goes to as it is, less its query, for stores on a server.
    """

    description: str
    settings: type[Settings]
    backend: str
    path: str | None = None
    whole: str | None = None

    def build(self, options: dict[str, Any]) -> Backend:
        """Make a backend, not yet open."""
        settings = make(self.settings, options)
        module, name = self.backend.split(":")
        made: Backend = getattr(_imported(module), name)(
            **{f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
        )
        return made


_REDIS = Scheme(
    "a Redis or Valkey server, for several machines; as safe as the server is told to be",
    RedisSettings,
    "lodestore.backends.redis:RedisBackend",
    whole="url",
)
_POSTGRES = Scheme(
    "a PostgreSQL database, for several processes on several machines",
    PostgresSettings,
    "lodestore.backends.postgres:PostgresBackend",
    whole="url",
)
SCHEMES = {
    "sqlite": Scheme(
        "one SQLite file, for production: transactions, several processes, optional encryption",
        SQLiteSettings,
        "lodestore.backends.sqlite:SQLiteBackend",
        "path",
    ),
    "file": Scheme(
        "a folder of readable JSON, for looking at and for small deployments",
        FileSettings,
        "lodestore.backends.files:FileBackend",
        "root",
    ),
    "memory": Scheme(
        "everything in memory, for tests; gone with the process",
        MemorySettings,
        "lodestore.backends.memory:MemoryBackend",
    ),
    **dict.fromkeys(("redis", "rediss", "redis+cluster", "unix"), _REDIS),
    **dict.fromkeys(("postgresql", "postgres"), _POSTGRES),
}


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        extra = module.rpartition(".")[2]
        raise UnsupportedError(f"{missing.name} is not installed: pip install 'lodestore[{extra}]'") from None


def backend(url: str, **options: Any) -> Backend:
    """Make the backend a URL names, not yet open; `options` are settings beside those in the URL."""
    scheme, path, asked = split(url)
    kind = SCHEMES[scheme]
    for name in (kind.path, kind.whole):
        if name and (name in asked or name in options):
            raise InvalidInputError(f"{name}: the URL already says where the store is; leave this out")
    for name in asked:
        if name in kind.settings.SECRETS:
            raise InvalidInputError(
                f"{name}: not allowed in a URL, because URLs end up in logs; pass {name}=... as a keyword (the "
                f"command line and create_storage_from_env read it from {PREFIX}{name.upper()})"
            )
        if name in options:
            raise InvalidInputError(f"{name}: given twice, in the URL and as a keyword")
    named = {name: path for name in (kind.path, kind.whole) if name}
    return kind.build({**named, **asked, **options})


def secrets(url: str, *prefixes: str) -> dict[str, Any]:
    """Read the secret settings of a URL's store, which may not stand in it, from the environment.

    They are called `LODESTORE_KEY` and `LODESTORE_PASSWORD`; of several `prefixes` the first under which there is
    one counts, and an empty one means none. A password in the URL itself comes before that.
    """
    scheme, whole, _ = split(url)
    found = {}
    for name in SCHEMES[scheme].settings.SECRETS:
        said = [os.environ[full] for prefix in prefixes or (PREFIX,) if (full := prefix + name.upper()) in os.environ]
        if said and said[0] and not (name == "password" and ":" in _user(whole)):
            found[name] = said[0]
    return found


def _user(whole: str) -> str:
    """Who is named before the host."""
    return whole.partition("//")[2].rpartition("@")[0]


def whereabouts(url: str) -> str | None:
    """Describe what tells one store on a server from another, without credentials; None for other stores."""
    scheme, whole, asked = split(url)
    if not SCHEMES[scheme].whole:
        return None
    kind = SCHEMES[scheme].backend.rpartition(":")[2]
    host = whole.partition("//")[2].rpartition("@")[2].rstrip("/")
    named = [str(asked.get(name, default)) for name, default in (("namespace", "lodestore"), ("db", 0), ("host", None))]
    return " ".join([kind, host, _user(whole).partition(":")[0], *named])


def split(url: str) -> tuple[str, str, dict[str, str]]:
    """Split a URL into scheme, path and query; InvalidInputError with what would be right where one of them is not."""
    if not isinstance(url, str):
        raise InvalidInputError(f"url: expected text, not {type(url).__name__}")
    if ":" not in url:
        raise InvalidInputError(
            f"{describe(url)!r} is not a store URL: write sqlite:///agent.db, file:///folder or memory:"
        )
    scheme, rest = url.split(":", 1)
    if scheme not in SCHEMES:
        raise _no_backend(scheme, url)
    rest, _, query = rest.partition("?")
    if "#" in rest + query:
        raise InvalidInputError(
            f"{describe(url)}: a store URL has no #fragment; write %23 for a # in a path or a password"
        )
    if "@" in query:
        raise InvalidInputError(
            f"{describe(url)}: an @ after the ?; write %3F for a ? in a password, %40 for an @ in a setting"
        )
    pairs: list[tuple[str, str]] = parse_qsl(query, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise InvalidInputError(f"{describe(url)}: a setting is given twice")
    return scheme, _path(scheme, rest, describe(url)), dict(pairs)


def _no_backend(scheme: str, url: str) -> InvalidInputError:
    base, plus, _ = scheme.partition("+")
    if plus and base in SCHEMES:  # as SQLAlchemy writes it
        return InvalidInputError(f"a store URL names no driver: write {base}:... instead of {base}+driver:...")
    near = difflib.get_close_matches(scheme.lower(), SCHEMES, 1)
    hint = f" (did you mean {near[0]}:?)" if near else ""
    said = describe(url) if "@" in url else f"{scheme}:"  # what seems a scheme may be half a password
    known = ", ".join(f"{name}:" for name in SCHEMES)
    return InvalidInputError(f"no backend for {said!r}{hint}. Available: {known}")


def _path(scheme: str, rest: str, url: str) -> str:
    if SCHEMES[scheme].whole:
        try:
            server(f"{scheme}:{rest}")
        except InvalidInputError as problem:
            raise InvalidInputError(f"{url}: {problem}") from None
        return f"{scheme}:{rest}"
    if SCHEMES[scheme].path is None:
        if rest.strip("/"):
            raise InvalidInputError(f"{url}: a {scheme}: store has no path")
        return ""
    if rest in ("", "//", "///") or ":memory:" in rest:
        raise InvalidInputError(
            f"{url}: the path is missing, as in {scheme}:///agent; for a store in memory write memory:"
        )
    if (rest.startswith("//") and not rest.startswith("///")) or re.match("/*[^/]*:[^/]*@", rest):
        raise InvalidInputError(
            f"{url}: a {scheme}: URL has no host; write {scheme}:///relative or {scheme}:////absolute"
        )
    return _file_path(scheme, unquote(rest))


def _file_path(scheme: str, rest: str) -> str:
    """Three slashes: a relative path; four: an absolute one.

    For `file:` three may also begin an absolute path, as `Path.as_uri` writes it, where its first folder exists.
    """
    if not rest.startswith("///"):
        return rest  # sqlite:agent.db, file:./folder, file:/srv/folder
    path = rest[3:]
    top = Path("/", path.split("/")[0])
    absolute = scheme == "file" and "/" in path and top.is_dir() and not Path(path.split("/")[0]).exists()
    return f"/{path}" if absolute else path


_PLAIN = re.compile(rf"{HOST}(?::[0-9]*)?(?:,{HOST}(?::[0-9]*)?)*(?:/[^:@?#]*)?")
_LOGIN = re.compile(r"/*[^/]*@|//[^/].*@", re.DOTALL)


def describe(url: str) -> str:
    """Make a URL fit for messages, however it is written: settings, and all that may hold a password, are left out.

    That is what comes before the last @, in a path alone excepted, and what is neither host, port nor path.
    """
    scheme, _, rest = url.partition(":")
    kind = SCHEMES.get(scheme)
    head, mark, _ = url.partition("?")
    if not (kind and kind.whole) and not (_LOGIN.match(rest) if kind and kind.path else "@" in url):
        return f"{head}{mark}..." if mark else head
    _, at, behind = (rest if kind else url).rpartition("@")
    head, mark, _ = behind.partition("?")
    host = head.partition("/")[0] if at else head.removeprefix("//")
    if not _PLAIN.fullmatch(host) or not (at or head.startswith("//")):
        host = "..."
    return f"{scheme if kind else ''}://{'...' if at else ''}{at}{host}{mark}{'...' if mark else ''}".removeprefix(":")
