"""`lodestore.open`: a URL in, an open store out; to be awaited or used as `async with`."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from ..config.open_settings import OpenSettings
from ..config.registry import backend
from ..core.clock import Clock, system_clock
from ..errors import InvalidInputError
from .store import Store


class Opening:
    """What `open` returns: await it for the store, or enter it to have the store closed at the end."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __await__(self) -> Generator[Any, None, Store]:
        return self._opened().__await__()

    async def _opened(self) -> Store:
        await self._store.initialize()
        return self._store

    async def __aenter__(self) -> Store:
        return await self._opened()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._store.shutdown()

    def __repr__(self) -> str:
        return f"<{self._store!r}, not yet open: use `await` or `async with`>"

    if not TYPE_CHECKING:  # where a type checker would take any name for granted

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(
                f"the store is not open, so it has no {name!r}: use `store = await lodestore.open(...)` or "
                "`async with lodestore.open(...) as store`",
                name=name,
                obj=self,
            )


def open(
    url: str,
    *,
    clock: Clock = system_clock,
    purge_interval: float = 60.0,
    embedder: Any = None,
    tokenizer: str | None = None,
    options: Mapping[str, Any] | None = None,
    **settings: Unpack[OpenSettings],
) -> Opening:
    """Open the store at a URL, creating it if there is none.

    | URL | store |
    |---|---|
    | `sqlite:///agent.db`, `sqlite:////srv/agent.db` | a SQLite file; a relative path, an absolute one |
    | `file:///folder` | a folder of readable JSON |
    | `memory:` | in memory, gone with the process |
    | `redis://host`, `rediss://host` | a Redis or Valkey server |
    | `postgresql://user@host/database` | a PostgreSQL database |

    Args:
        url: Where the store is. Settings may follow: `sqlite:///agent.db?durability=process`.
        clock: Returns milliseconds; for tests.
        purge_interval: Seconds between removals of expired entries, while nothing is being written; 0: only when
            `purge_expired` is called.
        embedder: Makes vectors of what is stored and searched: a function of a list of texts, or one of
            `lodestore.embedding` (docs/embeddings.md).
        tokenizer: How the text of a new store is indexed: "words", "trigram" or "both" (docs/search.md). The store
            keeps it.
        options: Settings by name, for backends that lodestore does not know.
        **settings: Settings of the backend, see `OpenSettings`: `key`, `durability`, `timeout`, `namespace`, ...

    Returns:
        The store, to be awaited or used as `async with`.

    Raises:
        InvalidInputError: The URL or a setting is not valid.
        UnavailableError: The store cannot be created, opened or reached.
        CorruptError: What is there is not a lodestore store, or the key is wrong.
        UnsupportedError: A driver is not installed, or the store needs a newer version of lodestore.

    Example:
        ```python
        async with lodestore.open("sqlite:///agent.db", durability="process") as store:
            await store.append_raw_messages("chat-1", [{"role": "user", "content": "hello"}])
        ```
    """
    chosen = backend(url, **_merged(settings, options or {}))
    return Opening(Store(chosen, clock=clock, purge_interval=purge_interval, embedder=embedder, tokenizer=tokenizer))


def _merged(settings: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    if twice := sorted(settings.keys() & options.keys()):
        raise InvalidInputError(f"{twice[0]}: given twice, as a keyword and in options")
    return {**settings, **options}
