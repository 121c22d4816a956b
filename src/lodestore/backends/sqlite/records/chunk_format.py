"""Chunk format: consecutive messages compacted into one body, as JSON lines.

The first line has three lists: versions, times of creation, and how much later each was written; in the first two each
number but the first counts from the one before, for what hardly changes takes no space once compressed. The other
lines are the bodies: canonical JSON holds no newline, so one `split` takes a chunk apart, and nothing is parsed. The
first byte is one that JSON never has: a chunk can be told from a body.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import orjson

from ....errors import CorruptError

Message = tuple[bytes, int, int, int]  # body, version, created_at, written_at

MARK = b"\x1e"
DENSITY = 4  # how much smaller than the same messages in rows a chunk is, about


def fits(body: bytes) -> bool:
    """Whether a body may be sealed: a chunk has one line for it."""
    return b"\n" not in body


def seal(messages: Sequence[Message]) -> bytes:
    """Messages to a chunk."""
    bodies, versions, created, written = zip(*messages, strict=True)
    late = [after - before for before, after in zip(created, written, strict=True)]
    head = orjson.dumps([_steps(versions), _steps(created), late])
    return b"\n".join((MARK + head, *bodies))


def sealed(body: bytes) -> bool:
    """Whether a body is a chunk."""
    return body[:1] == MARK


def any_in(bodies: Sequence[bytes]) -> bool:
    """Whether one of some bodies is a chunk; where there is none, at the speed of memory."""
    return MARK in b"".join(bodies) and any(map(sealed, bodies))


def bodies(chunk: bytes) -> list[bytes]:
    """The bodies in a chunk."""
    return chunk.split(b"\n")[1:]


def messages(chunk: bytes, count: int, where: str) -> list[Message]:
    """The messages in a chunk; CorruptError, naming `where`, when they are not the `count` that were sealed."""
    head, *found = chunk.split(b"\n")
    try:
        versions, created, late = orjson.loads(head[1:])
        times = list(accumulate(created))
        written = [time + more for time, more in zip(times, late, strict=True)]
        opened = list(zip(found, accumulate(versions), times, written, strict=True))
    except (ValueError, TypeError) as problem:
        raise CorruptError(f"{where}: the chunk cannot be read: {problem}") from None
    if len(opened) != count:
        raise CorruptError(f"{where}: the chunk holds {len(opened)} messages instead of {count}")
    return opened


def _steps(numbers: Sequence[int]) -> list[int]:
    return [numbers[0], *(after - before for before, after in pairwise(numbers))]
