"""Server URLs: parsed in one place. Error messages never repeat what a URL holds."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from ..errors import InvalidInputError

HOST = r"(?:\[[0-9A-Fa-f:.]*\]|[^][\s:/?#@,]*)"
_HOST_AND_PORT = re.compile(rf"({HOST})(?::([0-9]*))?")
_UNESCAPED = "write %2F for a /, %3F for a ?, %23 for a # and %40 for an @ that belongs to a name or a password"


class Server(NamedTuple):
    """`scheme://user:password@host:port,host:port/path`; what is not there is empty, a password None."""

    user: str
    password: str | None
    hosts: list[tuple[str, int | None]]
    path: str
    plain: str  # the same URL, in which nothing is left to be misread


def server(url: str) -> Server:
    """Split a URL without a query into its parts, unescaped; InvalidInputError if it is not valid."""
    scheme, _, rest = url.partition(":")
    if not rest.startswith("//") or rest == "//":
        raise InvalidInputError(f"the host or the path is missing, as in {scheme}://...")
    if not _is_text(unquote(rest)):
        raise InvalidInputError("a URL must not contain control characters, escaped or not")
    login, at, address = rest[2:].rpartition("@")
    listed, slash, path = address.partition("/")
    if set(login) & set("/?#") or set(address) & set("?#"):
        raise InvalidInputError(_UNESCAPED)
    user, colon, password = (quote(unquote(part), safe="") for part in login.partition(":"))
    plain = f"{scheme}://{user}{':' if colon else ''}{password}{at}{listed}{slash}{path}"
    hosts = [_host_and_port(each) for each in listed.split(",")]
    return Server(unquote(user), unquote(password) if colon else None, hosts, unquote(path), plain)


def _is_text(text: str) -> bool:
    return not any(letter < " " or "\x7f" <= letter < "\xa0" or "\ud800" <= letter <= "\udfff" for letter in text)


def _host_and_port(text: str) -> tuple[str, int | None]:
    found = _HOST_AND_PORT.fullmatch(text)
    port = int(found[2]) if found and found[2] and len(found[2]) < 6 else None
    if not found or (found[2] and not (port and port < 65_536)):
        raise InvalidInputError("the port must be a number from 1 to 65535")
    host = unquote(found[1].strip("[]"))
    if not host.startswith("/") and not _is_name(host):
        raise InvalidInputError("the host name is not valid")
    return host, port


def _is_name(host: str) -> bool:
    try:
        return not host or bool(host.encode("idna"))
    except UnicodeError:
        return False
