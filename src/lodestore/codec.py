"""Values to canonical JSON and back, and bodies to checksummed bytes and back.

Two steps, each made in one place. `encode` turns a caller's value into JSON bytes once, at the top of the house,
and refuses what would not come back equal. `pack` wraps such bytes for a backend that stores opaque bodies:

    format (1 byte)   1 = JSON as it is, 2 = a zstd frame
    payload
    seal (4 bytes)    chosen so that the CRC-32 of the whole is 0

A text whose CRC-32 is 0 leaves the CRC of what follows as it would be alone, so the CRC of any number of packed
bodies, one after the other, is 0 as well: a thousand short messages are checked by one call, at the speed of memory
instead of the speed of calls (docs/decisions/0002). One flipped bit, or any burst of up to 32, is always noticed.
zstd's own checksum is off in python-zstandard by default and would leave raw bodies bare; the seal covers both.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import threading
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import zstandard

from .errors import Corrupt, Refused

MAX_BODY = 64 * 1024 * 1024
MAX_DEPTH = 200
RAW, ZSTD = 1, 2
LEVEL, DENSE_LEVEL = 3, 9  # for a write, which somebody waits for; for upkeep
# Below this size zstd without a dictionary saves little of a real store and costs more than reading the record.
COMPRESS_FROM = 2048

_SEAL = 0x6DD90A9D  # crc32(text + (crc32(text) ^ _SEAL) as 4 bytes, little endian) is 0 for every text
_RAW_BYTE, _ZSTD_BYTE = bytes([RAW]), bytes([ZSTD])
_local = threading.local()  # zstandard objects crash when two threads share one

loads = orjson.loads


def encode(value: object, name: str = "data") -> bytes:
    """Canonical JSON of `value`, which must be an object (dict, dataclass or pydantic model).

    Refused, with the path of the offender as in `messages[3].usage.cost`, for anything that would not come back:
    NaN and infinities, integers beyond 64 bits, keys that are not text, bytes, half surrogate pairs, nesting deeper
    than 200, more than 64 MiB.
    """
    try:
        body = orjson.dumps(value, default=_model)
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(_explain(value, name, str(error))) from None
    # orjson writes NaN as null and counts no levels: look closer only where the text leaves room for either.
    if b"null" in body or (len(body) > 2 * MAX_DEPTH and body.count(b"[") + body.count(b"{") > MAX_DEPTH):
        for problem in _problems(value, name, 1):
            raise Refused(problem)
    if body[:1] != b"{":
        raise Refused(f"{name}: expected an object (a dict), not {type(value).__name__}")
    if len(body) > MAX_BODY:
        raise Refused(f"{name}: {len(body):,} bytes as JSON, above the cap of {MAX_BODY:,}")
    # What orjson returns keeps its work buffer: four kilobytes for a hundred bytes.
    return bytes(memoryview(body)) if len(body) < 4096 else body


def encode_all(values: Iterable[object], name: str) -> tuple[bytes, ...]:
    """`encode` of each; the message says which one was refused."""
    try:
        return tuple(map(encode, values))
    except Refused:
        return tuple(encode(value, f"{name}[{index}]") for index, value in enumerate(values))


def _model(value: Any) -> Any:
    if hasattr(value, "model_dump"):  # pydantic, without importing it
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def _explain(value: object, name: str, error: str) -> str:
    try:
        return next(_problems(value, name, 1), f"{name}: {error}")
    except Exception as problem:  # whatever a model of the caller's raises when it is asked for its fields
        return f"{name}: {type(problem).__name__}: {problem}"


def _problems(value: Any, path: str, depth: int) -> Iterator[str]:
    """Walk a value as orjson does and name what it cannot keep; a generator, most callers want the first."""
    if depth > MAX_DEPTH:
        yield f"{path[:80]}...: nested deeper than {MAX_DEPTH} levels"
        return
    if isinstance(value, enum.Enum):
        value = value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield f"{path}: the key {key!r} is {type(key).__name__}, JSON keys are text"
            elif problem := _text_problem(key):
                yield f"{path}: a key {problem}"
            else:
                yield from _problems(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _problems(item, f"{path}[{index}]", depth + 1)
    elif problem := _scalar_problem(value):
        yield f"{path}: {problem}"


def _text_problem(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half a surrogate pair, which is no Unicode text"
    return None


def _scalar_problem(value: Any) -> str | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{'NaN' if value != value else 'infinity'} is not JSON"
    if isinstance(value, str):
        return _text_problem(value)
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else f"{value} does not fit 64 bits"
    try:
        orjson.dumps(value, default=_model)
    except (TypeError, ValueError):
        return f"{type(value).__name__} is not JSON"
    return None


def pack(body: bytes, level: int = LEVEL) -> bytes:
    """Body to stored bytes; an empty body stays empty."""
    if not body:
        return body
    framed = _RAW_BYTE + body
    if len(body) >= COMPRESS_FROM:
        small = _compressor(level).compress(body)
        if len(small) < len(body):
            framed = _ZSTD_BYTE + small
    return framed + (zlib.crc32(framed) ^ _SEAL).to_bytes(4, "little")


def unpack(packed: bytes, where: str = "record") -> bytes:
    """Stored bytes to body; Corrupt, naming `where`, when they are not what `pack` made."""
    if zlib.crc32(packed):
        raise Corrupt(f"{where}: the stored body fails its checksum")
    return packed[1:-4] if packed[:1] == _RAW_BYTE else _unpack_other(packed, where)


def unpack_all(packed: list[bytes]) -> list[bytes]:
    """`unpack` of many, checked by one call. Corrupt when any is broken; `unpack` them one by one to learn which."""
    if zlib.crc32(b"".join(packed)):
        raise Corrupt("a stored body fails its checksum")
    return [body[1:-4] if body[:1] == _RAW_BYTE else _unpack_other(body, "record") for body in packed]


def _unpack_other(packed: bytes, where: str) -> bytes:
    if not packed:
        return packed
    if packed[0] == ZSTD:
        return _decompress(packed[1:-4], where)
    raise Corrupt(f"{where}: unknown body format {packed[0]}; written by a newer lodestore?")


def _decompress(frame: bytes, where: str) -> bytes:
    # python-zstandard ignores max_output_size when the frame declares its size: read the declaration first.
    try:
        size = zstandard.frame_content_size(frame)
        if not 0 <= size <= MAX_BODY:
            raise Corrupt(f"{where}: the stored body declares {size:,} bytes, above the cap of {MAX_BODY:,}")
        return _decompressor().decompress(frame)
    except zstandard.ZstdError as error:
        raise Corrupt(f"{where}: the stored body does not decompress ({error})") from None


def _compressor(level: int) -> zstandard.ZstdCompressor:
    kept: dict[int, zstandard.ZstdCompressor] = _local.__dict__.setdefault("compressors", {})
    if level not in kept:
        kept[level] = zstandard.ZstdCompressor(level=level, write_content_size=True)
    return kept[level]


def _decompressor() -> zstandard.ZstdDecompressor:
    found: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if found is None:
        found = _local.decompressor = zstandard.ZstdDecompressor()
    return found
