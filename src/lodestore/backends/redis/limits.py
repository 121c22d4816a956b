"""Request limits: how much one request may hold. Checked before sending, since a server hangs up on more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ...errors import InvalidInputError, LodestoreError, UnavailableError

MOST = 512 * 1024 * 1024  # bytes; the server is busy with nothing else for seconds, and holds them three times
_NEVER_LESS = 1024 * 1024  # no server can be set to take less
_WORDS, _BYTES = 200_000, 20_000_000  # what a slow server does in a second
_NAMES = ("proto-max-bulk-len", "client-query-buffer-limit")


class Limits:
    """What the server takes, asked once, when there is first something large to send."""

    def __init__(self) -> None:
        self._told: tuple[int, int] | None = None

    async def seconds(self, parts: Sequence[bytes], ask: Callable[..., Awaitable[Any]]) -> float:
        """How much longer than a small request this one may take.

        InvalidInputError where it is too large to be taken.
        """
        size = sum(map(len, parts))
        if size > _NEVER_LESS:
            if self._told is None:
                self._told = await _tell(ask)
            word, whole = self._told
            if size > whole or max(map(len, parts)) > word:
                raise InvalidInputError(
                    f"{size:,} bytes at once; the server takes {whole:,}, and {word:,} in one record"
                )
        return len(parts) / _WORDS + size / _BYTES


async def _tell(ask: Callable[..., Awaitable[Any]]) -> tuple[int, int]:
    """The server's settings, or the usual ones where it does not let us ask, as hosted ones do."""
    try:
        found = await ask("CONFIG", "GET", *_NAMES)
    except UnavailableError:
        raise
    except LodestoreError:
        found = {}
    word, whole = (int(found.get(name.encode(), MOST)) for name in _NAMES)
    return word, min(whole, MOST)
