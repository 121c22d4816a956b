"""Bodies read: a dictionary that another process has trained since is taken from its table on the way."""

from __future__ import annotations

from ...catalogue import Family
from ...errors import Corrupt
from ...kernel import Key, name_of
from ...packing import Dictionary, Packer, UnknownDictionary
from ...sql import dictionaries
from .driver import Connection, Cursor


def learn(connection: Connection, packer: Packer) -> None:
    """Tell the packer of every dictionary it does not know yet."""
    packer.learn(map(Dictionary._make, connection.execute(dictionaries.learn(), (packer.latest,)).fetchall()))


def unpack(run: Cursor, packed: bytes, where: str = "record") -> bytes:
    """The body; Corrupt, naming `where`, where it cannot be had."""
    try:
        return run.packer.unpack(packed, where)  # type: ignore[no-any-return]
    except UnknownDictionary:
        learn(run.connection, run.packer)
    return run.packer.unpack(packed, where)  # type: ignore[no-any-return]


def unpack_all(run: Cursor, packed: list[bytes]) -> list[bytes]:
    """The bodies; Corrupt, without a name, where one of them cannot be had."""
    try:
        return run.packer.unpack_all(packed)  # type: ignore[no-any-return]
    except UnknownDictionary:
        learn(run.connection, run.packer)
    return run.packer.unpack_all(packed)  # type: ignore[no-any-return]


def body(run: Cursor, packed: bytes, family: Family, key: Key) -> bytes:
    """The body of a record, which is named where it is broken."""
    try:
        return unpack(run, packed)
    except Corrupt as problem:
        raise Corrupt(f"{name_of(family, key)}: {problem}") from None
