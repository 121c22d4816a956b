"""Redis addresses: from a URL to connections. Passwords stay in here."""

from __future__ import annotations

import os
import ssl
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ...core.server_urls import Server, server
from ...errors import InvalidInputError

HostPort = tuple[str, int] | None  # host and port; None for a socket in the file system

_KINDS: dict[str, type[AbstractConnection]] = {
    "redis": Connection,
    "redis+cluster": Connection,
    "rediss": SSLConnection,
    "unix": UnixDomainSocketConnection,
}


class RedisAddress:
    """The servers a URL names. `connection` makes a connection, not yet made, to the first or to a host_port."""

    def __init__(
        self, url: str, password: str | None, ca_file: str | os.PathLike[str], db: int | None, timeout: float
    ) -> None:
        scheme = url.partition(":")[0]
        if scheme not in _KINDS:
            raise InvalidInputError("a Redis URL looks like redis://user:password@host:6379/0 or unix:///path")
        found = server(url)
        self._kind = _KINDS[scheme]
        self._options: dict[str, Any] = {"username": found.user or None, "password": found.password}
        if password is not None:
            self._options["password"] = password
        if scheme == "unix":
            self.seeds, self.db = _socket(found, self._options), db or 0
        else:
            self.seeds, self.db = _seeds(found), _database(found.path, db)
        if scheme == "redis+cluster" and self.db:
            raise InvalidInputError("a cluster has only database 0")
        if ca_file:
            self._options["ssl_ca_certs"] = _authorities(scheme, os.fspath(ca_file))
        # What is sent twice may be done twice: retrying is decided in one place, and not in the driver.
        retry = Retry(NoBackoff(), 0)
        self._options |= {"db": self.db, "protocol": 3, "retry": retry, "socket_timeout": None}
        self._options["socket_connect_timeout"] = timeout

    def connection(self, host_port: HostPort) -> AbstractConnection:
        """A connection that has yet to be opened."""
        where: dict[str, Any] = {} if host_port is None else {"host": host_port[0], "port": host_port[1]}
        return self._kind(**self._options, **where)


def _socket(found: Server, options: dict[str, Any]) -> list[HostPort]:
    if found.hosts != [("", None)] or not found.path:
        raise InvalidInputError("unix: expected the path of a socket, as in unix:///run/redis.sock")
    options["path"] = f"/{found.path}"
    return [None]


def _seeds(found: Server) -> list[HostPort]:
    if not all(host for host, _ in found.hosts):
        raise InvalidInputError("a Redis URL needs a host, as in redis://host:6379/0")
    return [(host, port or 6379) for host, port in found.hosts]


def _database(path: str, db: int | None) -> int:
    if path and not (path.isascii() and path.isdigit() and len(path) < 10):
        raise InvalidInputError(
            "after the host of a Redis URL comes the number of a database, as in redis://host:6379/0"
        )
    named = int(path) if path else None
    if named is not None and db is not None and named != db:
        raise InvalidInputError(f"db: the URL says {named}, the setting {db}")
    return db or 0 if named is None else named


def _authorities(scheme: str, ca_file: str) -> str:
    if scheme != "rediss":
        raise InvalidInputError(f"ca_file: only for a rediss: URL, and this is {scheme}:")
    try:  # the driver would fail at each connection, and not say at what
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"ca_file: {ca_file} cannot be used: {error}") from None
    return ca_file
