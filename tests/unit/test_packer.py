"""The envelope's laws: every body comes back, nothing broken is taken for one, with dictionaries and without."""

from __future__ import annotations

import random
import sys
import threading
import zlib

import pytest
import zstandard
from hypothesis import given, strategies as st

from lodestore.core.families import CACHE, RAW_MESSAGE, STATE, Family
from lodestore.encoding import json_codec
from lodestore.encoding.body_format import BASE, RAW, ZSTD
from lodestore.encoding.checksum import with_checksum
from lodestore.encoding.dictionaries import Dictionary, close_dictionary, compress_dictionary
from lodestore.encoding.dictionary_training import FEWEST, FIRST, LARGEST, PIECE, distinct, train
from lodestore.encoding.packer import Packer, UnknownDictionary
from lodestore.errors import CorruptError

CHANCE = random.Random(8)
WORDS = ["flight", "seat", "refund", "policy", "booking", "agent", "user", "order", "payment", "card", "insurance"]


def message(number: int) -> bytes:
    """A body with much in common with the others."""
    text = " ".join(CHANCE.choices(WORDS, k=CHANCE.randrange(4, 40)))
    return json_codec.encode(
        {"role": "assistant", "content": f"{text} {number}", "ts": f"2026-11-20T09:30:{number % 60:02}Z"}
    )


MESSAGES = [message(number) for number in range(900)]
CONTENT = train(MESSAGES) or b""


def dictionary(number: int, family: Family = RAW_MESSAGE, content: bytes = CONTENT) -> Dictionary:
    return Dictionary(number, family.name, FIRST, close_dictionary(number, compress_dictionary(content)))


def packer(*dictionaries: Dictionary) -> Packer:
    made = Packer()
    made.learn(dictionaries or [dictionary(1)])
    return made


with_and_without = pytest.mark.parametrize("made", [Packer(), packer()], ids=["plain", "dictionary"])


@with_and_without
class TestEnvelope:
    @given(body=st.binary(max_size=6000) | st.sampled_from(MESSAGES))
    def test_unpacking_gives_the_body(self, made: Packer, body: bytes) -> None:
        packed = made.pack(RAW_MESSAGE, body)
        assert made.unpack(packed) == body
        assert len(packed) <= len(body) + 5
        again = made.repack(RAW_MESSAGE, packed, body)
        assert again is None or (len(again) < len(packed) and made.unpack(again) == body)

    @given(bodies=st.lists(st.binary(max_size=4000) | st.sampled_from(MESSAGES), max_size=8))
    def test_many_are_checked_as_one(self, made: Packer, bodies: list[bytes]) -> None:
        packed = [made.pack(RAW_MESSAGE, body) for body in bodies]
        assert made.unpack_all(packed) == bodies
        if any(packed):
            index = next(i for i, p in enumerate(packed) if p)
            packed[index] = bytes([packed[index][0] ^ 1]) + packed[index][1:]
            with pytest.raises(CorruptError):
                made.unpack_all(packed)

    @given(body=st.binary(min_size=1, max_size=300) | st.sampled_from(MESSAGES), data=st.data())
    def test_a_cut_or_a_burst_is_noticed(self, made: Packer, body: bytes, data: st.DataObject) -> None:
        packed = made.pack(RAW_MESSAGE, body)
        start = data.draw(st.integers(0, len(packed) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=4))
        torn = packed[:start] + noise + packed[start + len(noise) :]
        if torn != packed and len(torn) == len(packed):
            with pytest.raises(CorruptError, match="here"):
                made.unpack(torn, "here")

    def test_every_bit(self, made: Packer) -> None:
        for packed in (made.pack(RAW_MESSAGE, MESSAGES[0]), made.pack(RAW_MESSAGE, MESSAGES[0] * 30)):
            for position in range(len(packed) * 8):
                bad = bytearray(packed)
                bad[position // 8] ^= 1 << position % 8
                with pytest.raises(CorruptError, match="record"):
                    made.unpack(bytes(bad))

    def test_long_bodies_shrink(self, made: Packer) -> None:
        body = json_codec.encode({"text": "the agent asks and the tool answers " * 200})
        assert len(made.pack(RAW_MESSAGE, body)) < len(body) / 10
        assert made.unpack(made.pack(RAW_MESSAGE, body * 2000)) == body * 2000, "a frame of many blocks"

    def test_garbage_with_a_good_seal_is_corrupt(self, made: Packer) -> None:
        for framed in (
            bytes([ZSTD]) + b"not zstd",
            bytes([9]) + b"{}",
            bytes([127]) + b"{}",
            bytes([16]) + b"no frame",
        ):
            with pytest.raises(CorruptError):
                made.unpack(with_checksum(framed))

    def test_a_bomb_is_refused_by_what_it_declares(self, made: Packer) -> None:
        frame = zstandard.ZstdCompressor().compress(b"\0" * (json_codec.MAX_BODY + 1))
        for framed in (bytes([ZSTD]) + frame, bytes([BASE + 1]) + frame[4:]):
            assert len(framed) < 10_000
            with pytest.raises(
                CorruptError, match="above the limit" if made.latest or framed[0] == ZSTD else "missing"
            ):
                made.unpack(with_checksum(framed))

    def test_a_frame_that_does_not_declare_its_size_is_refused(self, made: Packer) -> None:
        frame = zstandard.ZstdCompressor(write_content_size=False).compress(b"x" * 5000)
        for framed in (bytes([ZSTD]) + frame, bytes([BASE + 1]) + frame[4:]):
            with pytest.raises(CorruptError):
                made.unpack(with_checksum(framed))

    def test_threads_share_no_zstd_object(self, made: Packer) -> None:
        bodies = [*MESSAGES[:50], *(json_codec.encode({"n": n, "text": f"{n} " * 2000}) for n in range(20))]
        failures: list[object] = []

        def work() -> None:
            for body in bodies * 10:
                packed = made.pack(RAW_MESSAGE, body)
                again = made.repack(RAW_MESSAGE, packed, body) or packed
                if made.unpack(packed) != body or made.unpack_all([again]) != [body]:
                    failures.append(body)

        threads = [threading.Thread(target=work) for _ in range(4)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
        assert not failures


class TestDictionaries:
    def test_short_bodies_shrink_to_a_third(self) -> None:
        plain, made = Packer(), packer()
        raw = sum(map(len, MESSAGES))
        assert sum(plain.weigh(RAW_MESSAGE, body) for body in MESSAGES) > raw
        assert sum(made.weigh(RAW_MESSAGE, body) for body in MESSAGES) < raw / 2.5
        assert made.pack(STATE, MESSAGES[0])[0] == RAW, "another family has no use for it"

    def test_effort_is_spent_once(self) -> None:
        made = packer()
        long = b"".join(MESSAGES[:20])
        packed = made.pack(RAW_MESSAGE, long)
        dense = made.repack(RAW_MESSAGE, packed, long)
        assert dense is not None
        assert len(dense) < len(packed)
        assert made.unpack(dense) == long
        assert made.repack(RAW_MESSAGE, dense, long) is None
        made.learn([dictionary(2, content=train(MESSAGES[450:]) or b"")])
        assert made.unpack(dense) == long
        newer = made.repack(RAW_MESSAGE, dense, long)
        assert newer is None or made.unpack(newer) == long

    def test_old_bodies_stay_readable_after_many(self) -> None:
        made = Packer()
        kept: list[tuple[bytes, bytes]] = []
        for number in range(1, 30):
            kept += [(body, made.pack(family, body)) for body in MESSAGES[:7] for family in (RAW_MESSAGE, CACHE)]
            chosen = CHANCE.sample(MESSAGES, 600)
            made.learn([dictionary(number, (RAW_MESSAGE, CACHE)[number % 2], train(chosen) or b"")])
        assert {packed[0] for _, packed in kept} >= {RAW, *range(BASE + 1, BASE + 28)}
        assert [made.unpack(packed) for _, packed in kept] == [body for body, _ in kept]

    def test_an_unknown_one_is_named_and_may_be_learnt_later(self) -> None:
        packed = packer().pack(RAW_MESSAGE, MESSAGES[0])
        other = Packer()
        with pytest.raises(UnknownDictionary, match="here: dictionary 1, which the body was packed with, is missing"):
            other.unpack(packed, "here")
        other.learn([dictionary(1)])
        assert other.unpack(packed) == MESSAGES[0]

    def test_a_damaged_one_is_named_and_never_used(self) -> None:
        packed = packer().pack(RAW_MESSAGE, MESSAGES[0])
        good = dictionary(1)
        for position in range(0, len(good.stored) * 8, 97):
            bad = bytearray(good.stored)
            bad[position // 8] ^= 1 << position % 8
            made = packer(good._replace(stored=bytes(bad)))
            with pytest.raises(CorruptError, match=r"here: .*dictionary 1 is damaged"):
                made.unpack(packed, "here")
            assert made.pack(RAW_MESSAGE, MESSAGES[0])[0] == RAW
        swapped = packer(good._replace(stored=dictionary(2).stored))
        with pytest.raises(CorruptError, match="dictionary 1 is damaged"):
            swapped.unpack(packed)

    def test_told_not_to_use_them_it_still_reads(self) -> None:
        packed = packer().pack(RAW_MESSAGE, MESSAGES[0])
        made = Packer(use=False)
        made.learn([dictionary(1)])
        assert made.unpack(packed) == MESSAGES[0]
        assert made.pack(RAW_MESSAGE, MESSAGES[0])[0] == RAW

    def test_a_dictionary_of_a_family_of_the_future_is_kept_for_reading(self) -> None:
        made = packer(dictionary(1)._replace(family="dreams"))
        assert made.unpack(packer().pack(RAW_MESSAGE, MESSAGES[0])) == MESSAGES[0]
        assert made.newest(RAW_MESSAGE) is None

    def test_what_is_due(self) -> None:
        made = Packer()
        made.expect(RAW_MESSAGE, len(MESSAGES[0]) * 3)
        for _ in range(3):
            made.pack(RAW_MESSAGE, MESSAGES[0])
            assert made.due == set()
        made.pack(RAW_MESSAGE, b"")
        assert made.due == set()
        made.pack(RAW_MESSAGE, b"{}")
        assert made.due == {RAW_MESSAGE}


class TestTraining:
    def test_the_same_records_give_the_same_dictionary(self) -> None:
        assert train(MESSAGES) == CONTENT
        assert 0 < len(CONTENT) <= min(LARGEST, sum(map(len, MESSAGES)) // 2)

    def test_too_little_makes_none(self) -> None:
        for bodies in ([], MESSAGES[:3], [b"{}"] * 50):
            assert train(bodies) is None

    def test_duplicates_count_once_and_long_ones_in_part(self) -> None:
        long = bytes(range(256)) * 500
        found = distinct([b"a", b"b", b"a", b"", long, b"b", b"c"], 1 << 20)
        assert found == [b"a", b"b", long[:PIECE], b"c"]
        assert distinct(MESSAGES * 2, 10**9) == list(dict.fromkeys(MESSAGES))
        assert sum(map(len, distinct(MESSAGES, 5000))) < 6000
        assert distinct(MESSAGES[:1] * 1000 + MESSAGES[1:5], 5000) == MESSAGES[:5]
        assert FEWEST > 1

    def test_the_seal_sums_to_nothing(self) -> None:
        for made in (Packer(), packer()):
            assert zlib.crc32(b"".join(made.pack(RAW_MESSAGE, body) for body in MESSAGES[:40])) == 0
