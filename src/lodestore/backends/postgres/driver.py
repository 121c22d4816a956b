"""PostgreSQL driver: connections by asyncpg, and the one place that translates its errors.

No message or repr here carries the URL: it may hold a password.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg

from ...core.server_urls import server
from ...errors import (
    CorruptError,
    InvalidInputError,
    LodestoreError,
    OutcomeUnknownError,
    StorageFullError,
    UnavailableError,
)

Connection = Any  # asyncpg's own types differ between its versions
Lost = (OSError, asyncio.TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)
Error = (*Lost, asyncpg.PostgresError, asyncpg.InternalClientError)

AGAIN = frozenset({"40001", "40P01"})  # serialization failure, deadlock: nothing happened, try again
_LONGEST = 2**31 - 1  # milliseconds the server can count
GRACE = 5.0  # seconds the server's own timeout gets before the client gives up

_BY_STATE: dict[str, type[LodestoreError]] = {
    "53100": StorageFullError,  # disk full
    "54000": InvalidInputError,  # beyond a limit of the server
    "42501": InvalidInputError,  # insufficient privilege
    "3D000": InvalidInputError,  # no such database
}
_BY_CLASS: dict[str, type[LodestoreError]] = {
    "28": InvalidInputError,  # authorization
    "22": InvalidInputError,  # data
    "42": CorruptError,  # tables are not those lodestore made
    "XX": CorruptError,
}
# What a server says that is going down: the statement under way may have been its last success.
_GOING = ("08", "57P")


_NO_PASSWORD = (
    "if you gave none, set LODESTORE_PASSWORD (for the target of a migration "
    "LODESTORE_TARGET_PASSWORD) or PGPASSWORD, or pass password=... in Python"
)
SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SYSTEM = "system"  # as `sslrootcert`: the certificates this machine trusts


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where the server is and how to talk to it; times are in seconds."""

    url: str = field(repr=False)
    password: str | None = field(repr=False)
    host: str | None = None
    sslmode: str | None = None
    sslrootcert: str | Path | None = None
    timeout: float = 30.0
    pgbouncer: bool = False

    def __post_init__(self) -> None:
        if "\0" in (self.password or ""):
            raise InvalidInputError("password: PostgreSQL passwords cannot contain NUL")
        if self.sslmode not in (None, *SSLMODES):
            raise InvalidInputError(f"sslmode: expected {' or '.join(SSLMODES)}, not {self.sslmode!r}")
        proving = SSLMODES[5:] if self.sslrootcert == SYSTEM else SSLMODES[3:]
        if self.sslrootcert and self.sslmode not in (None, *proving):
            raise InvalidInputError(
                f"sslrootcert: has no effect with sslmode={self.sslmode}; use {' or '.join(proving)}"
            )

    async def connect(self) -> Connection:
        """A new connection."""
        settings = {"application_name": "lodestore"}
        if not self.pgbouncer:  # which refuses settings it does not know
            settings["statement_timeout"] = str(min(max(1, int(self.timeout * 1000)), _LONGEST))
            settings["default_transaction_isolation"] = "read committed"  # whatever the role's own default is
        url = self._proving()
        try:
            return await asyncpg.connect(
                url,
                host=self.host,
                password=self.password,
                ssl=self._ssl(),
                timeout=self.timeout,
                command_timeout=self.timeout + GRACE,
                statement_cache_size=0 if self.pgbouncer else 256,
                server_settings=settings,
            )
        except asyncpg.ClientConfigurationError as error:
            raise _misread(error) from None
        except Error as error:
            raise self._unconnected(error) from error
        except (ValueError, OverflowError) as error:
            raise _misread(error) from None

    def _unconnected(self, error: BaseException) -> LodestoreError:
        doing = "connecting to PostgreSQL"
        if isinstance(error, ssl.SSLCertVerificationError):
            why = f"{error.verify_message} (see sslrootcert)"
            return InvalidInputError(f"{doing}: the server's certificate cannot be verified: {why}")
        if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
            return InvalidInputError(f"{doing}: the server offers no TLS, which sslmode requires")
        if "unsupported startup parameter" in str(error):
            return InvalidInputError(f"{doing}: the server is a PgBouncer: add pgbouncer=true to the URL")
        if isinstance(error, asyncpg.InvalidPasswordError) and not self._has_password():
            return InvalidInputError(f"{renamed(error, doing)}; {_NO_PASSWORD}")
        return renamed(error, doing)

    def _has_password(self) -> bool:
        return bool(self.password or server(self.url.partition("?")[0]).password or os.environ.get("PGPASSWORD"))

    def _proving(self) -> str:
        url, _, query = self.url.partition("?")
        plain = server(url).plain + (f"?{query}" if query else "")
        # Only in the URL does the driver take the name of that file.
        if not self.sslrootcert or self.sslrootcert == SYSTEM:
            return plain
        try:  # the driver would not say which file it is
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self.sslrootcert)
        except OSError as error:
            raise InvalidInputError(f"sslrootcert: {self.sslrootcert} cannot be used: {error}") from None
        return f"{plain}{'&' if query else '?'}{urlencode({'sslrootcert': os.fspath(self.sslrootcert)})}"

    def _ssl(self) -> str | bool | None:
        if self.sslrootcert == SYSTEM:
            return True
        return self.sslmode or ("verify-full" if self.sslrootcert else None)


def _misread(error: Exception) -> InvalidInputError:
    if "root certificate" in str(error):
        return InvalidInputError(
            "sslmode: needs certificates to check the server's: give a file of them as sslrootcert"
        )
    # Other reasons may quote the URL, and with it the password.
    return InvalidInputError("the PostgreSQL URL cannot be read: write postgresql://user@host:5432/database")


def renamed(error: BaseException, doing: str, *, committing: bool = False) -> LodestoreError:
    """The lodestore error for one of the driver; `committing` when the server may have committed already."""
    state = getattr(error, "sqlstate", None) or ""
    silent = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
    said = str(error) or silent
    if isinstance(error, asyncpg.InternalClientError):  # "cannot switch to state 12; another operation (2) ..."
        said = "the connection to the server broke"
    text = f"{doing}: {said}" + (f" ({state})" if state else "")
    if committing and lost(error):
        return unknown(text)
    return _class(state)(text)


def unknown(text: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(f"{text}: the commit may or may not have happened; run the same write again")


def lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows what became of the statement under way."""
    state = getattr(error, "sqlstate", None) or ""
    return state.startswith(_GOING) or (isinstance(error, Lost) and not state)


def rivalled(error: BaseException) -> bool:
    """Whether nothing but another transaction stood in the way, so that doing it again may help."""
    return getattr(error, "sqlstate", None) in AGAIN


def _class(state: str) -> type[LodestoreError]:
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], UnavailableError)
