"""From a URL to connections: where the servers are and how to speak to them. Passwords stay in here."""

from __future__ import annotations

from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ...errors import Refused

Place = tuple[str, int] | None  # host and port; None for a socket in the file system


class Address:
    """The servers a URL names. `connection` makes a connection, not yet made, to the first or to a place."""

    def __init__(self, url: str, password: str | None, ca_file: str, db: int, timeout: float) -> None:
        try:
            found: dict[str, Any] = dict(parse_url(_plain(url)))
            if "path" not in found and url.partition("://")[2].rpartition("@")[2].count("/") > 1:
                raise ValueError("more than a number behind the host")
            self.seeds = [_place(part, found) for part in _hosts(url)]
        except ValueError:
            raise Refused("the URL of a Redis store is redis://user:password@host:6379/0 or unix:///path") from None
        self._kind: type[AbstractConnection] = found.pop("connection_class", Connection)
        for part in ("host", "port"):
            found.pop(part, None)
        found.setdefault("db", db)
        if password is not None:
            found["password"] = password
        if ca_file:
            found["ssl_ca_certs"] = ca_file
        # What is sent twice may be done twice: retrying is decided in one place, and not in the driver.
        retry = Retry(NoBackoff(), 0)
        self._options: dict[str, Any] = {**found, "protocol": 3, "retry": retry, "socket_timeout": None}
        self._options["socket_connect_timeout"] = timeout

    def connection(self, place: Place) -> AbstractConnection:
        """A connection that has yet to be opened."""
        where: dict[str, Any] = {} if place is None else {"host": place[0], "port": place[1]}
        return self._kind(**self._options, **where)


def _plain(url: str) -> str:
    scheme, _, rest = url.partition("://")
    head, mark, hosts = rest.rpartition("@")
    first = hosts.partition(",")[0] + ("" if "," not in hosts else "/" + hosts.partition("/")[2])
    return f"{scheme.removesuffix('+cluster')}://{head}{mark}{first}"


def _hosts(url: str) -> list[str]:
    if url.startswith("unix:"):
        return [""]
    return url.partition("://")[2].rpartition("@")[2].partition("/")[0].split(",")


def _place(part: str, found: dict[str, Any]) -> Place:
    if "path" in found:
        return None
    host = parse_url(f"redis://{part}")
    return str(host.get("host") or "localhost"), int(host.get("port") or 6379)
