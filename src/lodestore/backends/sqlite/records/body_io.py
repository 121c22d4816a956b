"""Body I/O: bodies packed on the way into the file, unpacked on the way out; a corrupt one is named by its record.

`run` is the cursor a body comes from or goes to; it carries the packer of the store. A dictionary that another process
has trained since is taken from its table on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....core.families import Family
from ....core.records import Key, name_of
from ....encoding.dictionaries import Dictionary
from ....encoding.packer import Packer, UnknownDictionary
from ....errors import CorruptError
from ....sql import dictionaries
from ..engine import driver
from ..engine.driver import Connection, Cursor


def learn(connection: Connection, packer: Packer) -> None:
    """Tell the packer of every dictionary it does not know yet."""
    packer.learn(map(Dictionary._make, connection.execute(dictionaries.learn(), (packer.latest,)).fetchall()))


def unpack(run: Cursor, packed: bytes, where: str = "record") -> bytes:
    """A stored body as it was; CorruptError, naming `where`, where it cannot be had."""
    try:
        return run.packer.unpack(packed, where)  # type: ignore[no-any-return]
    except UnknownDictionary:
        learn(run.connection, run.packer)
    return run.packer.unpack(packed, where)  # type: ignore[no-any-return]


def unpack_named(run: Cursor, packed: bytes, family: Family, key: Key) -> bytes:
    """`unpack`, with the name of the record in what it raises."""
    try:
        return unpack(run, packed)
    except CorruptError as problem:
        raise CorruptError(f"{name_of(family, key)}: {problem}") from None


def unpack_all(run: Cursor, packed: Sequence[bytes]) -> list[bytes] | None:
    """Many at once; None when one of them is broken, to be found by reading them with their names."""
    try:
        try:
            return run.packer.unpack_all(packed)  # type: ignore[no-any-return]
        except UnknownDictionary:
            learn(run.connection, run.packer)
        return run.packer.unpack_all(packed)  # type: ignore[no-any-return]
    except CorruptError:
        return None


def readable(run: Cursor, packed: bytes) -> bytes | None:
    """The body; None where it is broken, which reading the record tells and `verify`, not its upkeep."""
    try:
        return unpack(run, packed)
    except CorruptError:
        return None


def another(run: Cursor) -> Cursor:
    """A second cursor where `run` is: for a statement that is not read to its end, or while `run` is in use."""
    return driver.cursor(run.connection, run.packer)
