"""Embedder errors: how an embedder's exception is reported, and whether the texts caused it."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import EmbeddingError

_OF_TEXTS = frozenset({400, 413, 422})  # a request that is wrong, too large, or not understood


def said_of(error: BaseException) -> str:
    """Say what can be said without repeating a secret: our own words, else the kind of error and its HTTP status."""
    if isinstance(error, EmbeddingError):
        return str(error)
    status = _status(error)
    return f"{type(error).__name__}{f' (HTTP {status})' if status else ''}"


def is_of_service(failure: EmbeddingError) -> bool:
    """Whether any text would have failed: no connection, no answer in time, no right, too many requests."""
    statuses = [status for error in _causes(failure) if (status := _status(error))]
    if statuses:
        return statuses[0] not in _OF_TEXTS
    return any(isinstance(error, OSError) for error in _causes(failure))  # TimeoutError is one


def _causes(error: BaseException) -> Iterator[BaseException]:
    for _ in range(16):
        found = error.__cause__ or error.__context__
        if found is None:
            return
        yield found
        error = found


def _status(error: BaseException) -> int | None:
    """Find the HTTP status in the exceptions of openai, cohere, httpx, requests, aiohttp and urllib."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            value = getattr(holder, name, None)
            if type(value) is int and 100 <= value < 600:
                return value
    return None
