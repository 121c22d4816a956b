"""Memoization: results of functions kept as cache entries, each computed once however many ask for it.

For `async` functions on a `Store`, for plain ones on a store of `lodestore.sync.open`:

    @lodestore.memoize(store, ttl=3600, key="answer:{model}:{question}")
    async def ask(model: str, question: str) -> dict: ...

A result is the entry `{"value": result}`; it must be JSON, and what a call returns is what was stored, so a tuple comes
back as a list the first time too. Exceptions are not kept.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import string
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

import orjson

from ..core.validation import MAX_ID_BYTES, expiry
from ..encoding import json_codec
from ..errors import InvalidInputError
from .store import Store

if TYPE_CHECKING:
    from .sync_store import SyncStore

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
KeyFunction = str | Callable[..., str] | None

_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class AsyncMemoized(Protocol[P, R_co]):
    """An async function whose results are cached."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Return the result, from the cache if it is there."""

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the cache key for these arguments."""

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the result for these arguments; whether there was one."""


class Memoized(Protocol[P, R_co]):
    """A plain function whose results are cached."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return the result, from the cache if it is there."""

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the cache key for these arguments."""

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the result for these arguments; whether there was one."""


class _AsyncDecorator(Protocol):
    def __call__(self, function: Callable[P, Awaitable[R]]) -> AsyncMemoized[P, R]: ...


class _Decorator(Protocol):
    def __call__(self, function: Callable[P, R]) -> Memoized[P, R]: ...


@overload
def memoize(store: Store, *, ttl: float | None = None, key: KeyFunction = None) -> _AsyncDecorator: ...
@overload
def memoize(store: SyncStore, *, ttl: float | None = None, key: KeyFunction = None) -> _Decorator: ...
def memoize(store: Store | SyncStore, *, ttl: float | None = None, key: KeyFunction = None) -> Any:
    """Cache what a function returns, in the store.

    A result is computed once per process however many ask for it at a time: the others wait. Cancelling one who waits
    leaves the others alone; the computation is cancelled with the last. Results must be JSON; exceptions are not
    cached. The function gets `.key(*args)` and `.invalidate(*args)`; on a method both take the instance first.

    Args:
        store: An open store: from `lodestore.open` for async functions, from `lodestore.sync.open` for plain ones.
        ttl: Seconds to live, above 0; None: until it is invalidated.
        key: The cache key, as a template of the arguments (`"user:{user_id}"`) or as a function of them. Without it,
            the key is the function's qualified name and the JSON of all arguments.

    Returns:
        A decorator.

    Raises:
        InvalidInputError: `ttl` or `key` is not valid, or the function and the store do not fit; at a call, the
            arguments are not JSON (as a method's `self`: give a `key` such as `"{self.model}:{question}"`).

    Example:
        ```python
        @lodestore.memoize(store, ttl=3600, key="answer:{question}")
        async def answer(question: str) -> str:
            return question.upper()  # a call of a model, in earnest

        assert await answer("life?") == "LIFE?"
        assert await store.load_cache_entry("answer:life?") == {"value": "LIFE?"}
        ```
    """
    if not hasattr(store, "load_cache_entry"):
        raise InvalidInputError(f"memoize: expected an open store, as in @memoize(store, ttl=60), not {store!r:.80}")
    expiry(ttl, 0)
    waits = isinstance(store, Store)

    def decorate(function: Callable[..., Any]) -> Any:
        if inspect.iscoroutinefunction(function) is not waits:
            raise InvalidInputError(
                "memoize: an async function needs a store from lodestore.open(), a plain one from lodestore.sync.open()"
            )
        name = CallKeys(function, key)
        made = _Async(store, function, name, ttl) if waits else _Sync(store, function, name, ttl)
        return _dressed(function, made)

    return decorate


def _dressed(function: Callable[..., Any], made: _Async | _Sync) -> Any:
    if isinstance(made, _Async):

        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await made.call(args, kwargs)
    else:

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return made.call(args, kwargs)

    dressed = cast(Any, call)  # a function, so that it binds as a method
    dressed.key, dressed.invalidate = made.name, made.invalidate
    return dressed


class CallKeys:
    """From the arguments of a call to its cache key."""

    def __init__(self, function: Callable[..., Any], key: KeyFunction) -> None:
        self._signature = inspect.signature(function)
        self._of = f"{function.__module__}.{function.__qualname__}"
        self._key = key
        parameters = self._signature.parameters.values()
        self._names = [p.name for p in parameters] if all(p.kind in _PLAIN for p in parameters) else None
        self._defaults = [p.default for p in parameters if p.default is not p.empty]
        if isinstance(key, str):
            self._check(key)

    def _check(self, template: str) -> None:
        for _, field, _, _ in string.Formatter().parse(template):
            name = (field or "").partition(".")[0].partition("[")[0]
            if field is not None and name not in self._signature.parameters:
                known = ", ".join(self._signature.parameters)
                raise InvalidInputError(
                    f"memoize: {self._of} has no argument {name!r} for the key; choose from {known}"
                )

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        """Return the key of a call."""
        if callable(self._key):
            return self._key(*args, **kwargs)
        arguments = self._bound(args, kwargs)
        return self._of + _canonical(arguments, self._of) if self._key is None else self._key.format_map(arguments)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if self._names is not None and not kwargs:  # as below, at a tenth of the price
            left = len(self._names) - len(args)
            if 0 <= left <= len(self._defaults):
                return dict(zip(self._names, (*args, *self._defaults[len(self._defaults) - left :]), strict=True))
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)


def _canonical(arguments: dict[str, Any], of: str) -> str:
    try:
        body = json_codec.encode(arguments, "arguments")
    except InvalidInputError as problem:
        raise InvalidInputError(f"memoize: {problem}; give {of} a key= that identifies the call") from None
    if body.count(b"{") > 1:  # the order of a dictionary's keys is no part of a call
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    long = len(body) + len(of.encode()) > MAX_ID_BYTES
    return f":{hashlib.sha256(body).hexdigest()}" if long else body.decode()


def _value(body: bytes | dict[str, Any], key: str) -> Any:
    document = json_codec.loads(body) if isinstance(body, bytes) else body
    if "value" not in document:
        raise InvalidInputError(f"memoize: the cache entry {key!r} was not stored by memoize")
    return document["value"]


class _SingleFlight:
    """One computation under way."""

    def __init__(self) -> None:
        self.task: asyncio.Task[bytes] | None = None
        self.waiting = 0


class _Async:
    """The calls of one async function."""

    def __init__(self, store: Any, function: Callable[..., Any], name: CallKeys, ttl: float | None) -> None:
        self._store, self._function, self.name, self._ttl = store, function, name, ttl
        self._flights: dict[str, _SingleFlight] = {}

    async def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key = self.name(*args, **kwargs)
        found = await self._store.load_cache_entry(key)
        return _value(found if found is not None else await self._join(key, args, kwargs), key)

    async def _join(self, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _SingleFlight()
            flight.task = asyncio.create_task(self._fly(flight, key, args, kwargs))
            flight.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # all may have left
        assert flight.task is not None
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._leave(flight, key)
                flight.task.cancel()

    async def _fly(self, flight: _SingleFlight, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        try:
            found = await self._store.load_cache_entry(key)  # another flight may have landed since it was looked for
            if found is None:
                found = {"value": await self._function(*args, **kwargs)}
                body = json_codec.encode(found, "result")
                if self._flights.get(key) is flight:  # else it was invalidated
                    await self._store.store_cache_entry(key, found, self._ttl)
                return body
            return json_codec.encode(found)
        finally:
            self._leave(flight, key)

    def _leave(self, flight: _SingleFlight, key: str) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        key = self.name(*args, **kwargs)
        self._flights.pop(key, None)
        return bool(await self._store.delete_cache_entry(key))


class _Sync:
    """The calls of one plain function, from any thread."""

    def __init__(self, store: Any, function: Callable[..., Any], name: CallKeys, ttl: float | None) -> None:
        self._store, self._function, self.name, self._ttl = store, function, name, ttl
        self._flights: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key = self.name(*args, **kwargs)
        found = self._store.load_cache_entry(key)
        return _value(found if found is not None else self._join(key, args, kwargs), key)

    def _join(self, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        flight: Future[bytes] = Future()
        with self._lock:
            joined = self._flights.setdefault(key, flight)
        if joined is flight:
            try:
                flight.set_result(self._fly(flight, key, args, kwargs))
            except BaseException as error:
                flight.set_exception(error)
            finally:
                self._leave(flight, key)
        return joined.result()

    def _fly(self, flight: Future[bytes], key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        found = self._store.load_cache_entry(key)  # another flight may have landed since it was looked for
        if found is not None:
            return json_codec.encode(found)
        found = {"value": self._function(*args, **kwargs)}
        body = json_codec.encode(found, "result")
        with self._lock:  # so that an invalidation comes before or after, not between
            if self._flights.get(key) is flight:
                self._store.store_cache_entry(key, found, self._ttl)
        return body

    def _leave(self, flight: Future[bytes], key: str) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        key = self.name(*args, **kwargs)
        with self._lock:
            self._flights.pop(key, None)
            return bool(self._store.delete_cache_entry(key))
