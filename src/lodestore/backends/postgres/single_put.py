"""Single put: a write that is one statement by itself; and rows unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.families import Family
from ...core.records import BODY, KEY, Put, Row, Write, name_of
from ...encoding.packer import Packer
from ...errors import CorruptError
from ...search import tokenizers
from ...sql import statements
from ...sql.dialect import Dialect
from .driver import Connection


def alone(write: Write) -> bool:
    """Whether a write can be one statement that commits itself: it depends on no other row, and no index on it."""
    family = write.family
    if type(write) is not Put or write.expect is not None or tokenizers.is_choice(family, write.key):
        return False
    return not (family.placed or family.owner or family.of)


async def put_alone(run: Connection, d: Dialect, packer: Packer, put: Put) -> int:
    """Advance the commit sequence and store one record, in one statement."""
    expiry = (put.expires_at,) if put.family.expires else ()
    values = (*put.key, packer.pack(put.family, put.body), put.written_at, *expiry)
    return int(await run.fetchval(statements.put_alone(put.family, d), *values))


def row_of(packer: Packer, family: Family, found: Sequence[Any]) -> Row:
    """A row as `core.records` defines it, its body unpacked."""
    try:
        return (packer.unpack(found[BODY]), *found[1:])
    except CorruptError as problem:  # or the kind that the newest dictionaries may heal
        raise type(problem)(f"{name_of(family, tuple(found[KEY:]))}: {problem}") from None
