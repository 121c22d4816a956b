"""Bodies on their way into the file and out of it; a broken one is reported by the name of its record.

`run` is the cursor a body comes from or goes to.
"""

from __future__ import annotations

from collections.abc import Sequence

from ... import codec
from ...catalogue import Family
from ...errors import Corrupt
from ...kernel import Key, name_of
from .driver import Cursor


def pack(_: Cursor, __: Family, body: bytes) -> bytes:
    """A body as it is stored."""
    return codec.pack(body)


def pack_densely(_: Cursor, __: Family, body: bytes) -> bytes:
    """A body as it is stored, made smaller with more effort: for upkeep."""
    return codec.pack(body, codec.DENSE_LEVEL)


def unpack(_: Cursor, packed: bytes, where: str = "record") -> bytes:
    """A stored body as it was; Corrupt, naming `where`, when it is not what `pack` made."""
    return codec.unpack(packed, where)


def unpack_named(run: Cursor, packed: bytes, family: Family, key: Key) -> bytes:
    """`unpack`, with the name of the record in what it raises."""
    try:
        return unpack(run, packed)
    except Corrupt as problem:
        raise Corrupt(f"{name_of(family, key)}: {problem}") from None


def unpack_all(_: Cursor, packed: Sequence[bytes]) -> list[bytes] | None:
    """Many at once; None when one of them is broken, to be found by reading them with their names."""
    try:
        return codec.unpack_all(list(packed))
    except Corrupt:
        return None


def another(run: Cursor) -> Cursor:
    """A second cursor where `run` is: for a statement that is not read to its end, or while `run` is in use."""
    return run.connection.cursor()
