"""What survives: kill -9 at any moment, many processes at once, a flipped bit anywhere."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import textwrap
from pathlib import Path

import pytest

from lodestore.backends.sqlite.engine import driver
from lodestore.core.families import RAW_MESSAGE
from lodestore.encoding import json_codec
from lodestore.encoding.packer import Packer
from lodestore.errors import CorruptError
from lodestore.store.store import Store
from tests.support.killing import kill_after
from tests.support.scale import scaled
from tests.support.sqlite_tools import python, run

# A round takes a third of a second, nearly all of it starting Python; LODESTORE_KILLS=200 runs the long form.
KILLS = int(os.environ.get("LODESTORE_KILLS", scaled(25, 5)))

WRITER = textwrap.dedent("""
    import asyncio, os, random, sys, lodestore
    url, start, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    random.seed(seed)
    async def main():
        async with lodestore.open(url) as store:
            os.write(1, b"open\\n")
            n = start
            while True:
                async def unit(n):
                    text = random.randbytes(random.choice((10, 200, 3000, 20000))).hex()
                    async with store.transaction() as tx:
                        await tx.append_raw_messages("c", [{"n": n, "part": part, "text": text} for part in range(3)])
                        await tx.store_memory("c", f"m{n}", {"n": n})
                        await tx.store_system_state("last", {"n": n})
                    os.write(1, b"%d\\n" % n)
                width = random.choice((1, 1, 5))
                await asyncio.gather(*(unit(n + i) for i in range(width)))
                n += width
    asyncio.run(main())
""")


def killed(path: Path, start: int, chance: random.Random) -> list[int]:
    """One child that writes until it is killed; the units it acknowledged."""
    child = python(WRITER, f"sqlite:///{path}", str(start), str(chance.random())[2:8], stdout=subprocess.PIPE)
    opened, *seen = kill_after(child, chance.randrange(3, 15), chance.random() * 0.005)
    assert opened == b"open\n"
    return [int(line) for line in seen]


def test_kill_9_loses_nothing_acknowledged_and_tears_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    chance = random.Random(KILLS)
    acknowledged: set[int] = set()

    async def check(store: Store) -> int:
        messages = await store.load_raw_messages("c")
        units = [m["n"] for m in messages if m["part"] == 0]
        assert [(m["n"], m["part"]) for m in messages] == [(n, part) for n in units for part in range(3)], "torn"
        assert {f"m{n}" for n in units} == {m["memory_id"] for m in await store.load_memories("c")}, "torn"
        assert acknowledged <= set(units), f"lost {sorted(acknowledged - set(units))[:5]}"
        return max(units, default=-1) + 1

    start = 0
    for _ in range(KILLS):
        acknowledged.update(killed(path, start, chance))
        start = run(check, path)
    assert len(acknowledged) >= 2 * KILLS

    async def verify(store: Store) -> None:
        assert await store.verify() == {"ok": True, "problems": [], "warnings": [], "backend": "sqlite"}

    run(verify, path)


def test_eight_processes_create_and_write_one_new_file_at_once(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import asyncio, sys, lodestore
        async def main():
            async with lodestore.open(sys.argv[1]) as store:
                for n in range(25):
                    await store.append_raw_messages("shared", [{"who": sys.argv[2], "n": n}])
                    await store.store_memory("shared", f"{sys.argv[2]}-{n}", {"n": n})
        asyncio.run(main())
    """)
    path = tmp_path / "new" / "a.db"
    children = [python(code, f"sqlite:///{path}", str(who), stderr=subprocess.PIPE) for who in range(8)]
    failures = [child.communicate()[1].decode() for child in children]
    assert failures == [""] * 8

    async def check(store: Store) -> None:
        messages = await store.load_raw_messages("shared")
        assert len(messages) == 200
        for who in range(8):
            assert [m["n"] for m in messages if m["who"] == str(who)] == list(range(25))
        assert len(await store.load_memories("shared")) == 200
        assert (await store.verify())["ok"]

    run(check, path)
    assert [p.name for p in path.parent.iterdir()] == ["a.db"], "no draft is left behind"


def test_two_handles_in_one_process_see_each_other_at_once(tmp_path: Path) -> None:
    async def first(one: Store) -> None:
        from lodestore.backends.sqlite import SQLiteBackend

        async with Store(SQLiteBackend(tmp_path / "a.db")) as two:
            for n in range(30):
                writer, reader = (one, two) if n % 2 else (two, one)
                await writer.store_system_state("k", {"n": n})
                assert await reader.load_system_state("k") == {"n": n}
            await asyncio.gather(*(s.append_raw_messages("c", [{"n": n}]) for n in range(50) for s in (one, two)))
            assert len(await one.load_raw_messages("c")) == len(await two.load_raw_messages("c")) == 100

    run(first, tmp_path / "a.db")


class TestFlippedBits:
    BODIES = ({"short": 1}, {"text": "word " * 1000}, {"text": "é✓" * 300})

    @pytest.mark.parametrize("body", BODIES)
    def test_every_bit_of_a_packed_body(self, body: dict[str, object]) -> None:
        packer = Packer()
        packed = packer.pack(RAW_MESSAGE, json_codec.encode(body))
        for position in range(len(packed) * 8):
            bad = bytearray(packed)
            bad[position // 8] ^= 1 << position % 8
            with pytest.raises(CorruptError, match="record"):
                packer.unpack(bytes(bad))

    def test_a_flipped_bit_in_the_file_names_its_record(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"

        async def fill(store: Store) -> None:
            await store.append_raw_messages("c", [{"n": n, "text": f"text {n}"} for n in range(5)])
            await store.store_memory("c", "m", {"text": "memory"})
            await store.store_cache_entry("k", {"text": "cached"})

        run(fill, path)
        for table, where in (("raw_message", "id % 4294967296 = 3"), ("memory", "1"), ("cache", "1")):
            self.flip(path, table, where)

        async def read(store: Store) -> None:
            reads = {
                r"raw_message\('c', 3\)": store.load_raw_messages("c"),
                r"memory\('c', 'm'\)": store.load_memories("c"),
                r"cache\('k',?\)": store.load_cache_entry("k"),
            }
            for name, reading in reads.items():
                with pytest.raises(CorruptError, match=name):
                    await reading
            assert await store.load_raw_messages("c", before=3) == [{"n": n, "text": f"text {n}"} for n in range(3)]
            found = await store.verify()
            assert not found["ok"]
            assert len(found["problems"]) == 3
            with pytest.raises(CorruptError, match="unpack"):
                await store.sql("SELECT * FROM memories")
            with pytest.raises(CorruptError, match="backup"):
                await store.backup(str(tmp_path / "b.db"))
            assert not (tmp_path / "b.db").exists()

        run(read, path)

    @staticmethod
    def flip(path: Path, table: str, where: str) -> None:
        connection = driver.connect(str(path), None, timeout=1)
        body = bytearray(connection.execute(f"SELECT body FROM {table} WHERE {where}").fetchone()[0])
        body[len(body) // 2] ^= 4
        connection.execute(f"UPDATE {table} SET body = ? WHERE {where}", (bytes(body),))
        connection.close()
