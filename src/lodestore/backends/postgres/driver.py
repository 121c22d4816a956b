"""Connections by asyncpg, and the one place that renames its errors.

No message or repr here carries the URL: it may hold a password.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from ...errors import Corrupt, Full, LodestoreError, Refused, Unavailable, Unknown

Connection = Any  # asyncpg's own types differ between its versions
Lost = (OSError, asyncio.TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)
Error = (*Lost, asyncpg.PostgresError, asyncpg.InternalClientError)

AGAIN = frozenset({"40001", "40P01"})  # serialization failure, deadlock: nothing happened, try again
GRACE = 5.0  # seconds the server's own timeout gets before the client gives up

_BY_STATE: dict[str, type[LodestoreError]] = {
    "53100": Full,  # disk full
    "54000": Refused,  # beyond a limit of the server
    "42501": Refused,  # insufficient privilege
    "3D000": Refused,  # no such database
}
_BY_CLASS: dict[str, type[LodestoreError]] = {
    "28": Refused,  # authorization
    "22": Refused,  # data
    "42": Corrupt,  # tables are not those lodestore made
    "XX": Corrupt,
}
# What a server says that is going down: the statement under way may have been its last success.
_GOING = ("08", "57P")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is and how to talk to it; times are in seconds."""

    url: str = field(repr=False)
    password: str | None = field(repr=False)
    options: dict[str, str] = field(repr=False)
    timeout: float
    pgbouncer: bool

    async def connect(self) -> Connection:
        """A new connection."""
        settings = {"application_name": "lodestore"}
        if not self.pgbouncer:  # which refuses settings it does not know
            settings["statement_timeout"] = str(int(self.timeout * 1000))
        try:
            return await asyncpg.connect(
                self.url,
                password=self.password,
                timeout=self.timeout,
                command_timeout=self.timeout + GRACE,
                statement_cache_size=0 if self.pgbouncer else 256,
                server_settings=settings,
                **self.options,
            )
        except (ValueError, asyncpg.ClientConfigurationError):
            # The reason may quote the URL, and with it the password.
            raise Refused("the PostgreSQL URL cannot be read: write postgresql://user@host:5432/database") from None
        except Error as error:
            raise renamed(error, "connecting to PostgreSQL") from error


def renamed(error: BaseException, doing: str, *, committing: bool = False) -> LodestoreError:
    """The lodestore error for one of the driver; `committing` when the server may have committed already."""
    state = getattr(error, "sqlstate", None) or ""
    text = f"{doing}: {str(error) or type(error).__name__}" + (f" ({state})" if state else "")
    if committing and lost(error):
        return Unknown(f"{text}: the commit may or may not have happened; run the same write again")
    return _class(state)(text)


def lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows what became of the statement under way."""
    state = getattr(error, "sqlstate", None) or ""
    return state.startswith(_GOING) or (isinstance(error, Lost) and not state)


def _class(state: str) -> type[LodestoreError]:
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], Unavailable)
