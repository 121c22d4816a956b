"""PostgreSQL writes many records by few statements: with the meaning of one after the other, and counted."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from lodestore.backends.memory import MemoryBackend
from lodestore.backends.postgres import PostgresBackend
from lodestore.conformance import assertions
from lodestore.core.families import CACHE, FAMILIES, MEMORY, OWNED, RAW_MESSAGE, STATE, Family
from lodestore.core.records import ABSENT, Append, Copy, Drop, Key, Put, Write

pytestmark = pytest.mark.slow

EPOCH = 1_000_000


@pytest.fixture
def namespace(postgres_url: str) -> Iterator[str]:
    name = f"lodestore_{secrets.token_hex(6)}"
    yield name

    async def drop() -> None:
        connection = await asyncpg.connect(postgres_url)
        await connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
        await connection.close()

    asyncio.run(drop())


@asynccontextmanager
async def opened(url: str, namespace: str) -> AsyncIterator[PostgresBackend]:
    handle = PostgresBackend(url, namespace=namespace)
    await handle.open()
    try:
        yield handle
    finally:
        await handle.close()


class Author:
    """Draws writes that meet: few ids, small positions, times that jump, records copied and put again."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._copied: dict[tuple[Family, Key], int] = {}
        self._families = FAMILIES if seed % 2 else self._random.sample(FAMILIES, 2)

    def units(self) -> list[list[Write]]:
        """Units for one group; the first may be a long one."""
        first = [self._write() for _ in range(self._random.choice([1, 10, 60]))]
        return [first, *([self._write() for _ in range(self._random.randint(1, 3))] for _ in range(12))]

    def _write(self) -> Write:
        family = self._random.choice(self._families)
        kind = self._random.choices([self._new, self._copy, self._drop], [8, 6, 1])[0]
        return kind(family)

    def _key(self, family: Family) -> Key:
        ids = [self._random.choice("abcd") for _ in family.key]
        return (*ids[:-1], self._random.randrange(8)) if family.log else tuple(ids)

    def _time(self) -> int:
        return EPOCH + self._random.randrange(100)

    def _body(self) -> bytes:
        return b'{"n":%d}' % self._random.randrange(10**6)

    def _new(self, family: Family) -> Write:
        key, at = self._key(family), self._time()
        if family.log:
            return Append(family, key[:-1], tuple(self._body() for _ in range(self._random.randrange(4))), at)
        expect = self._copied.pop((family, key), None) or self._random.choice([ABSENT, assertions.NEVER])
        ends = at + self._random.randrange(1, 60) if family.expires and self._random.random() < 0.7 else None
        return Put(family, key, self._body(), at, ends, expect if self._random.random() < 0.02 else None)

    def _copy(self, family: Family) -> Copy:
        key, at = self._key(family), self._time()
        body = b"" if OWNED[family] and self._random.random() < 0.3 else self._body()
        version = self._random.choice([None, self._random.randrange(1, 10**6)])
        ends = at + self._random.randrange(-20, 60) if family.expires and self._random.random() < 0.7 else None
        place = key[-1] if family.log else self._random.randrange(8) if family.arrival else None
        if version and body and not family.expires:
            self._copied[family, key] = version
        return Copy(family, (body, version, at - 5, at, ends, place, *key))

    def _drop(self, family: Family) -> Drop:
        key = self._key(family)
        return Drop(family, key[: self._random.choice([0, 1, len(key), len(key)])], self._time())


async def one_by_one(model: MemoryBackend, units: Sequence[Sequence[Write]]) -> list[list[int | str] | None]:
    return [assertions.comparable(unit, await assertions.outcome(model, unit)) for unit in units]


@pytest.mark.parametrize("seed", range(60))
def test_a_group_means_what_its_writes_mean_one_by_one(postgres_url: str, namespace: str, seed: int) -> None:
    async def main() -> None:
        author, model = Author(seed), MemoryBackend()
        await model.open()
        async with opened(postgres_url, namespace) as handle:
            for _ in range(3):
                units = author.units()
                found = await asyncio.gather(*(assertions.outcome(handle, unit) for unit in units))
                plainly = [assertions.comparable(unit, results) for unit, results in zip(units, found, strict=True)]
                assert plainly == await one_by_one(model, units)
                assertions.same(await assertions.contents(handle), await assertions.contents(model), "after a group")

    asyncio.run(main())


def test_a_put_after_a_put_replaces_what_the_first_one_found(postgres_url: str, namespace: str) -> None:
    async def main() -> None:
        async with opened(postgres_url, namespace) as handle:
            await handle.apply([Put(CACHE, ("k",), b"{}", 0, 22)])
            await handle.apply([Put(CACHE, ("k",), b"{}", 20, 30), Put(CACHE, ("k",), b"{}", 25, 40)])
            [row] = await handle.fetch(CACHE, [("k",)])
            assert row is not None
            assert row[2:5] == (0, 25, 40)  # stored at 0 and never expired since, though what 0 wrote has by 25

    asyncio.run(main())


Group = tuple[list[list[Write]], list[str]]  # units, and the statements between BEGIN, UPDATE store and COMMIT
NOTES = [Copy(RAW_MESSAGE, (b"{}", 7, 1, 1, None, n % 50, f"c{n // 50}", n % 50)) for n in range(2000)]


def notes(name: str) -> list[Write]:
    return [Append(RAW_MESSAGE, (name,), (b"{}",), 1)]


GROUPS: dict[str, Group] = {
    "appends": ([notes(f"c{n % 20}") for n in range(100)], ["SELECT", "INSERT", "INSERT"]),
    "puts": ([[Put(STATE, (f"k{n}",), b"{}", 1)] for n in range(100)], ["INSERT"]),
    "puts of one record": ([[Put(STATE, ("k",), b"{}", n)] for n in range(100)], ["INSERT"]),
    "puts that expect": ([[Put(STATE, (f"k{n}",), b"{}", 1, None, ABSENT)] for n in range(100)], ["SELECT", "INSERT"]),
    "memories": ([[Put(MEMORY, ("c", f"m{n}"), b"{}", 1)] for n in range(100)], ["SELECT", "INSERT", "INSERT"]),
    "lists replaced": (
        [[Drop(RAW_MESSAGE, (f"c{n}",), 1), *notes(f"c{n}")] for n in range(100)],
        ["DELETE", "SELECT", "INSERT", "INSERT"],
    ),
    "drops": ([[Drop(STATE, (f"k{n}",), 1)] for n in range(100)], ["DELETE"]),
    "a batch of a migration": ([[*NOTES]], ["INSERT", "INSERT", "UPDATE"]),
}


@pytest.mark.parametrize("what", GROUPS)
def test_a_group_is_a_handful_of_statements(postgres_url: str, namespace: str, what: str) -> None:
    units, expected = GROUPS[what]
    seen: list[str] = []

    async def main() -> None:
        async with opened(postgres_url, namespace) as handle:
            connection = await handle._pool.lend()
            # The driver asks the server once about each kind of array; that is not what is counted.
            await connection.fetch("SELECT $1::text[], $2::bigint[], $3::bytea[]", [], [], [])
            connection.add_query_logger(lambda record: seen.append(record.query))
            handle._pool.give_back(connection)
            await asyncio.gather(*map(handle.apply, units))

    asyncio.run(main())
    kinds = [next(word for word in text.replace("(", " ").split() if word in KINDS) for text in seen]
    assert kinds == ["BEGIN", "UPDATE", *expected, "COMMIT"], seen


KINDS = {"BEGIN", "UPDATE", "SELECT", "INSERT", "DELETE", "COMMIT"}
