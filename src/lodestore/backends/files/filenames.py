"""Ids to file names and back: injective, also where a file system ignores case, and never a way out of the folder."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote_to_bytes

from ...core import os_support

LONGEST = 180  # characters of a name we make, without suffix
LONGEST_NAME = 255  # bytes of a name on common file systems
_PREFIX = 100  # characters of a long id that stay readable
_PLAIN = re.compile(r"[a-z0-9_-]{1,180}").fullmatch
_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])").fullmatch  # Windows opens a device under these names
_HASHED = re.compile(r"[a-z0-9_%-]{100}~[0-9a-f]{64}").fullmatch
_UNSAFE = re.compile(r"[^A-Za-z0-9\-_.]")


def encode(text: str) -> str:
    """The file name of an id, without a suffix: other bytes than `[a-z0-9_-]` as %xx, long ones cut and hashed."""
    name = text if _PLAIN(text) else "".join(chr(b) if b in _KEPT else f"%{b:02x}" for b in text.encode())
    if _DEVICE(name):
        return f"%{ord(name[0]):02x}{name[1:]}"
    if len(name) > LONGEST:
        return f"{name[:_PREFIX]}~{hashlib.sha256(text.encode()).hexdigest()}"
    return name


def decode(name: str) -> str | None:
    """The id behind a file name; None for a hashed name and for one that `encode` does not make."""
    if _PLAIN(name) and not _DEVICE(name):
        return name
    try:
        text = unquote_to_bytes(name).decode()
    except UnicodeError:
        return None
    return text if text and encode(text) == name else None


def is_hashed(name: str) -> bool:
    """Whether the true id has to be read inside."""
    return _HASHED(name) is not None


def is_ours(name: str) -> bool:
    """Whether `encode` makes this name, of whatever id."""
    return is_hashed(name) or decode(name) is not None


def is_text(name: str) -> bool:
    """Whether a name found in a folder can be an id at all: one that is not UTF-8 cannot."""
    try:
        return bool(name.encode())
    except UnicodeError:
        return False


def sanitised(text: str) -> str:
    """The name Connectome gives a cache or state key: not injective, so the true key is read inside.

    Windows would open a device under some of them, whatever the suffix: there no such file can be.
    """
    name = _UNSAFE.sub("_", text)
    return encode(text) if os_support.WINDOWS and _DEVICE(name.partition(".")[0].lower()) else name


def raw_path(text: str) -> str | None:
    """The path Connectome gives a conversation or agent: the id itself. None where that could lead astray."""
    parts = text.split("/")
    if any(part in ("", ".", "..") or "\\" in part or len(part.encode()) > LONGEST_NAME for part in parts):
        return None
    return text
