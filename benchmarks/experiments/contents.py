"""What storing each content once would save: `python -m benchmarks.experiments.contents`, for docs/decisions/0013.

Bytes of packed bodies for each byte of JSON, of the messages of 600 recorded conversations, with and without a
dictionary; a content of 256 bytes or more that stands elsewhere already counts as a reference of 32 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

import orjson
import zstandard

from lodestore.encoding.dictionary_training import SAMPLE, distinct, train
from lodestore.encoding.packer import DENSE_LEVEL, LEVEL

from ..workload import Conversation, Data

LEAST, REFERENCE, SEAL, CHUNK = 256, 32, 5, 50
Pack = Callable[[bytes], int]


def main() -> None:
    """One line for each way to store them."""
    data = Data()
    conversations = data.conversations(600)
    messages = [orjson.dumps(m) for c in conversations for m in c.messages]
    raw, dictionary = sum(map(len, messages)), train(distinct(messages, SAMPLE)) or b""
    print(f"{data.label}: {len(messages):,} messages, {raw:,} bytes, dictionary of {len(dictionary):,} (counted)")
    for name, common in (("no dictionary", b""), ("dictionary", dictionary)):
        row, dense = packer(LEVEL, common), packer(DENSE_LEVEL, common)
        ways = {
            "rows": sum(map(row, messages)),
            "rows, each content once": once(messages, row),
            "sealed": sum(map(dense, chunks(conversations))),
            # The references are in the chunks: each content counts without one.
            "sealed, each content once": sum(
                map(dense, (*chunks(conversations, apart=True), *set(large(conversations))))
            ),
        }
        for way, size in ways.items():
            print(f"| {name} | {way} | {(size + len(press(common))) / raw:.3f} |")


def packer(level: int, common: bytes) -> Pack:
    """How many bytes a body takes, its first byte and its seal included."""
    made = zstandard.ZstdCompressor(level, dict_data=zstandard.ZstdCompressionDict(common) if common else None)
    return lambda body: min(len(made.compress(body)), len(body)) + SEAL


def press(common: bytes) -> bytes:
    """A dictionary as it is kept."""
    return zstandard.ZstdCompressor(level=19).compress(common) if common else b""


def once(bodies: Iterable[bytes], pack: Pack) -> int:
    """Bytes where a large body that comes again is a reference."""
    seen: set[bytes] = set()
    size = 0
    for body in bodies:
        if len(body) >= LEAST:
            size += REFERENCE
            if body in seen:
                continue
            seen.add(body)
        size += pack(body)
    return size


def large(conversations: Iterable[Conversation]) -> Iterator[bytes]:
    """The messages that would be stored apart."""
    bodies = (orjson.dumps(m) for c in conversations for m in c.messages)
    return (body for body in bodies if len(body) >= LEAST)


def chunks(conversations: Iterable[Conversation], *, apart: bool = False) -> Iterator[bytes]:
    """The messages of each conversation, 50 together; with `apart` the large ones as references that say nothing."""
    for conversation in conversations:
        bodies = [orjson.dumps(message) for message in conversation.messages]
        lines = [_reference(b) if apart and len(b) >= LEAST else b for b in bodies]
        yield from (b"\n".join(lines[start : start + CHUNK]) for start in range(0, len(lines), CHUNK))


def _reference(body: bytes) -> bytes:
    # As random as a digest, which no compressor makes smaller.
    return hashlib.blake2b(body, digest_size=REFERENCE).digest()


if __name__ == "__main__":
    main()
