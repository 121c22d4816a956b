"""Packer: bodies compressed and checksummed, small ones with a dictionary trained for their family.

    kind (1 byte)     1 = the body as it is, 2 = a zstd frame, 3 = the parts of a vector's body, 16 and above = a frame
                      made with dictionary kind - 15
    payload           a frame of a dictionary comes without the four bytes every frame begins with; of a vector's body
                      the length of the name of its space in two bytes, the name, the print, the numbers
    seal (4 bytes)    chosen so that the CRC-32 of the whole is 0

The top bit of `kind` says that the body was packed with effort, so that packing it again gains nothing.

A text whose CRC-32 is 0 leaves the CRC of what follows as it would be alone, so the CRC of any number of packed
bodies, one after the other, is 0 as well: a thousand short messages are checked by one call, at the speed of memory
instead of the speed of calls (docs/decisions/0002). One flipped bit, or any burst of up to 32, is always noticed.

A dictionary belongs to one store and one family (docs/decisions/0010). A body made with one is unreadable without it.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterable, Sequence

import zstandard

from ..core.families import CATALOGUE, Family
from ..errors import CorruptError
from . import vector_codec
from .body_format import BASE, DENSE, MAGIC, MAX_DICTIONARIES, RAW, VECTOR, ZSTD, check_size, kind_of
from .checksum import with_checksum
from .dictionaries import Dictionary, is_sound, open_dictionary

LEVEL, DENSE_LEVEL = 3, 15  # for a write, which somebody waits for; for `compact`
# Long bodies that will expire: half the time, bodies 3 % larger. Others share long texts with the dictionary, which
# the lowest level does not see (docs/decisions/0010).
LONG, PASSING_LEVEL = 4096, 1
# Below these sizes zstd saves little of a real store and costs more than reading the record.
COMPRESS_FROM, COMPRESS_FROM_WITH_DICTIONARY = 2048, 64

_RAW_BYTE, _VECTOR_BYTE = bytes([RAW]), bytes([VECTOR])
_SMALL = (b"\x20", b"\x60")  # descriptors of frames that declare their size in one byte or two


class UnknownDictionary(CorruptError):
    """A body needs a dictionary that this packer has not learnt: another process may have trained it since."""


class Packer:
    """Packs and unpacks the bodies of one store, in any thread.

    It knows the dictionaries it was told of by `learn`, uses the newest of each family for what it packs unless
    `use` is False, and counts what it is given: a family stands in `due` when training may pay.
    """

    def __init__(self, *, use: bool = True) -> None:
        self._use = use
        self._known: dict[int, Dictionary] = {}
        self._newest: dict[Family, int] = {}
        self._left: dict[Family, int] = {}
        self._local = threading.local()  # zstandard objects crash when two threads share one
        self.due: set[Family] = set()

    def learn(self, dictionaries: Iterable[Dictionary]) -> None:
        """Make dictionaries known, in ascending order; what is known already changes nothing."""
        for found in dictionaries:
            if found.number in self._known:
                continue
            self._known[found.number] = found
            if self._use and found.family in CATALOGUE and is_sound(found):
                self._newest[CATALOGUE[found.family]] = found.number

    @property
    def latest(self) -> int:
        """The highest number known, 0 where there is none."""
        return max(self._known, default=0)

    @property
    def known(self) -> list[Dictionary]:
        """The dictionaries learnt."""
        return list(self._known.values())

    def newest(self, family: Family) -> Dictionary | None:
        """The dictionary that bodies of a family are packed with."""
        number = self._newest.get(family)
        return None if number is None else self._known[number]

    def expect(self, family: Family, size: int) -> None:
        """Let a family be due when `size` more bytes have been packed."""
        self.due.discard(family)
        self._left[family] = size

    def left(self, family: Family) -> int:
        """Bytes until a family is due; negative by how much it is overdue."""
        return self._left.get(family, 0)

    def pack(self, family: Family, body: bytes) -> bytes:
        """Body to stored bytes; an empty body stays empty."""
        if not body:
            return body
        if family.of:
            return with_checksum(_vector(body))
        left = self._left[family] = self._left.get(family, 0) - len(body)
        if left < 0:
            self.due.add(family)
        return self._tools.pack(body, self._newest.get(family, 0), passing=family.expires)

    def pack_densely(self, family: Family, body: bytes) -> bytes:
        """`pack`, with effort: for upkeep, where nobody waits, and of bodies that were counted when they came."""
        if family.of:
            return with_checksum(_vector(body))
        return self._dense.pack(body, self._newest.get(family, 0))

    def weigh(self, family: Family, body: bytes) -> int:
        """How many bytes `pack` would make of a body."""
        if family.of:
            return len(_vector(body)) + 4
        return len(self._tools.pack(body, self._newest.get(family, 0)))

    def repack(self, family: Family, packed: bytes, body: bytes) -> bytes | None:
        """`packed` anew, with effort and the newest dictionary; None where that is not smaller."""
        number = self._newest.get(family, 0)
        if not packed or family.of or packed[0] == DENSE | kind_of(number):
            return None
        again = self._dense.pack(body, number)
        return again if len(again) < len(packed) else None

    def unpack(self, packed: bytes, where: str = "record") -> bytes:
        """Stored bytes to body; CorruptError, naming `where`, when they are not what `pack` made."""
        if zlib.crc32(packed):
            raise CorruptError(f"{where}: the stored body fails its checksum")
        return packed[1:-4] if packed[:1] == _RAW_BYTE else self._tools.unpack(packed, where)

    def vector(self, packed: bytes, where: str = "record") -> vector_codec.StoredVector:
        """The vector in a stored body."""
        if packed[:1] == _VECTOR_BYTE and not zlib.crc32(packed):
            return _vector_in(packed, where)
        try:
            return vector_codec.decode_vector(self.unpack(packed, where))
        except ValueError as problem:
            raise CorruptError(f"{where}: {problem}") from None

    def readable(self, packed: bytes) -> bytes | None:
        """The body; None where it is broken, which reading the record tells and `verify`, not its upkeep."""
        try:
            return self.unpack(packed)
        except CorruptError:
            return None

    def unpack_all(self, packed: Sequence[bytes]) -> list[bytes]:
        """`unpack` of many, checked by one call. CorruptError when any is broken; `unpack` each to learn which."""
        if zlib.crc32(b"".join(packed)):
            raise CorruptError("a stored body fails its checksum")
        return self._tools.unpack_all(packed)

    @property
    def _tools(self) -> _Tools:
        found: _Tools | None = getattr(self._local, "tools", None)
        if found is None:
            found = self._local.tools = _Tools(self._known, LEVEL)
        return found

    @property
    def _dense(self) -> _Tools:
        found: _Tools | None = getattr(self._local, "dense", None)
        if found is None:
            found = self._local.dense = _Tools(self._known, DENSE_LEVEL)
        return found


class _Tools:
    """The zstandard objects of one thread, each made when it is first needed."""

    def __init__(self, known: dict[int, Dictionary], level: int) -> None:
        self._known = known
        self._level = level
        self._flag = DENSE if level == DENSE_LEVEL else 0
        self._compressors: dict[tuple[int, int], zstandard.ZstdCompressor] = {}  # by dictionary and level
        self._decompressors: dict[int, Callable[[bytes], bytes]] = {}

    def pack(self, body: bytes, number: int, *, passing: bool = False) -> bytes:
        framed = _RAW_BYTE + body
        if len(body) >= (COMPRESS_FROM_WITH_DICTIONARY if number else COMPRESS_FROM):
            level = PASSING_LEVEL if passing and len(body) >= LONG else self._level
            compressor = self._compressors.get((number, level)) or self._compressor(number, level)
            frame = compressor.compress(body)
            small = bytes((self._flag | kind_of(number),)) + (frame[4:] if number else frame)
            if len(small) < len(framed):
                framed = small
        return with_checksum(framed)

    def unpack(self, packed: bytes, where: str) -> bytes:
        if not packed:
            return packed
        frame = packed[1:-4]
        if packed[0] == VECTOR:
            return _vector_in(packed, where).body
        decompress = self._decompressors.get(packed[0]) or self._decompressor(packed[0], where)
        # python-zstandard ignores max_output_size when the frame declares its size: read the declaration first.
        if frame[:1] not in _SMALL:
            check_size(frame if frame[:4] == MAGIC else MAGIC + frame, where)
        try:
            return decompress(frame)
        except zstandard.ZstdError as error:
            raise CorruptError(f"{where}: the stored body does not decompress ({error})") from None

    def unpack_all(self, packed: Sequence[bytes]) -> list[bytes]:
        # The loop of every long conversation: what can be left out of it is.
        bodies, ready = [], self._decompressors
        try:
            for body in packed:
                if body and body[0] == RAW:
                    bodies.append(body[1:-4])
                elif body and body[0] in ready and body[1:2] in _SMALL:
                    bodies.append(ready[body[0]](body[1:-4]))
                else:
                    bodies.append(self.unpack(body, "record"))
        except zstandard.ZstdError as error:
            raise CorruptError(f"a stored body does not decompress ({error})") from None
        return bodies

    def _compressor(self, number: int, level: int) -> zstandard.ZstdCompressor:
        common = self._dictionary(number, "record") if number else None
        if common is not None:
            common.precompute_compress(level=level)
        made = zstandard.ZstdCompressor(
            level=level, dict_data=common, write_content_size=True, write_dict_id=False, write_checksum=False
        )
        return self._compressors.setdefault((number, level), made)

    def _decompressor(self, first: int, where: str) -> Callable[[bytes], bytes]:
        kind = first & ~DENSE
        if kind == ZSTD:
            made = zstandard.ZstdDecompressor()
        elif BASE < kind <= BASE + MAX_DICTIONARIES:
            common = self._dictionary(kind - BASE, where)
            made = zstandard.ZstdDecompressor(dict_data=common, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
        else:
            raise CorruptError(f"{where}: unknown body format {kind}; written by a newer lodestore?")
        return self._decompressors.setdefault(first, made.decompress)

    def _dictionary(self, number: int, where: str) -> zstandard.ZstdCompressionDict:
        found = self._known.get(number)
        if found is None:
            raise UnknownDictionary(f"{where}: dictionary {number}, which the body was packed with, is missing")
        try:
            return zstandard.ZstdCompressionDict(open_dictionary(found))
        except CorruptError as problem:
            raise CorruptError(f"{where}: cannot be unpacked: {problem}") from None


def _vector(body: bytes) -> bytes:
    """The parts of a vector's body, or the body as it is where those would not give it back."""
    try:
        vector = vector_codec.decode_vector(body)
    except ValueError:
        return _RAW_BYTE + body
    name = vector.space.encode()
    if len(vector.of) != vector_codec.DIGEST_SIZE or vector.body != body:
        return _RAW_BYTE + body
    return _VECTOR_BYTE + len(name).to_bytes(2, "little") + name + vector.of + vector.numbers


def vector_at(space: str) -> int:
    """Where in the stored body of a vector of that space its numbers begin; they end four bytes before the end."""
    return 3 + len(space.encode()) + vector_codec.DIGEST_SIZE


def _vector_in(packed: bytes, where: str) -> vector_codec.StoredVector:
    name = 3 + int.from_bytes(packed[1:3], "little")
    at = name + vector_codec.DIGEST_SIZE
    try:
        return vector_codec.StoredVector(packed[3:name].decode(), packed[name:at], packed[at:-4])
    except UnicodeDecodeError:
        raise CorruptError(f"{where}: the stored vector names no vector space") from None
