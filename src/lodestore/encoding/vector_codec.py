"""Vector codec: the body of a record that holds a vector, and the digest of the content it was made of.

A body is canonical JSON like every other, with the float32 numbers (little-endian) in base64; backends that pack bodies
keep the bytes themselves (`packer`). It names the content its vector was made of by a digest: once the record says
something else, the vector counts for nothing.
"""

from __future__ import annotations

import binascii
from hashlib import blake2b
from typing import NamedTuple

import orjson

DIGEST_SIZE = 8  # bytes


class StoredVector(NamedTuple):
    """What the body of a vector says: its space, the print of its record's body, its numbers."""

    space: str
    of: bytes
    numbers: bytes

    @property
    def body(self) -> bytes:
        """As JSON."""
        coded = binascii.b2a_base64(self.numbers, newline=False)
        return b'{"space":%b,"of":"%b","vector":"%b"}' % (orjson.dumps(self.space), self.of.hex().encode(), coded)


def content_digest(body: bytes) -> bytes:
    """Eight bytes that tell the body of a record from every other."""
    return blake2b(body, digest_size=DIGEST_SIZE).digest()


def decode_vector(body: bytes) -> StoredVector:
    """The vector in a body; ValueError where there is none."""
    document = orjson.loads(body)
    try:
        numbers = binascii.a2b_base64(document["vector"], strict_mode=True)
        return StoredVector(str(document["space"]), bytes.fromhex(document["of"]), numbers)
    except (KeyError, TypeError) as problem:
        raise ValueError(f"the body of a vector is damaged ({problem})") from None


def vector_of_content(body: bytes, record: bytes) -> StoredVector | None:
    """The vector in a body, if it is one and was made of what a record says now."""
    try:
        vector = decode_vector(body)
    except ValueError:  # reading it tells, and `verify`
        return None
    return vector if vector.of == content_digest(record) else None
