"""What docs/decisions/0012 chose between: `python -m benchmarks.experiments.choices [keys] [mmap] [pages] ...`.

Each variant is a store of its own with 100,000 cache entries of about 1 kB. Blocks of the variants take turns in random
order; quoted are medians of the ratios to the first variant, in time of the processor, with the quartiles.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lodestore.backends.sqlite.engine import driver

ROWS, GETS, SETS, ROUNDS = 100_000, 2_000, 500, 21

TEXT = """CREATE TABLE cache (cache_key TEXT NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL, expires_at INTEGER, version INTEGER NOT NULL, body BLOB NOT NULL) STRICT"""
HASH = TEXT.replace("cache_key TEXT NOT NULL PRIMARY KEY", "id INTEGER PRIMARY KEY, cache_key TEXT NOT NULL")
INDEX = "CREATE INDEX ix_cache_expires_at ON cache (expires_at) WHERE expires_at IS NOT NULL"
COLUMNS = "body, version, created_at, written_at, expires_at"


class Variant(NamedTuple):
    """One way to keep the cache; `pragmas` of both connections, then of the reader."""

    name: str
    hashed: bool = False
    page: int = 4096
    pragmas: tuple[str, ...] = ()
    reading: tuple[str, ...] = ()


class Table:
    """A variant filled and open."""

    def __init__(self, folder: Path, variant: Variant) -> None:
        self.variant = variant
        self.path = path = folder / f"{variant.name.replace(' ', '_')}.db"
        path.touch()
        self.writer = self._connect(path, variant.pragmas)
        for text in (f"PRAGMA page_size = {variant.page}", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"):
            self.writer.execute(text).fetchall()
        for text in (HASH if variant.hashed else TEXT, INDEX):
            self.writer.execute(text)
        self.writer.execute("BEGIN")
        for number in range(ROWS):
            self._put(number)
        self.writer.execute("COMMIT")
        self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.reader = self._connect(path, (*variant.pragmas, *variant.reading))
        self.cursor = self.reader.cursor()

    @staticmethod
    def _connect(path: Path, pragmas: tuple[str, ...]) -> Any:
        connection = driver.connect(str(path), None, 5)
        for pragma in ("cache_size = -16384", "wal_autocheckpoint = 4000", *pragmas):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        return connection

    def _put(self, number: int) -> None:
        key, body = key_of(number), os.urandom(random.randint(600, 1400))
        hashed = self.variant.hashed
        columns = ("id, " if hashed else "") + f"cache_key, {COLUMNS}"
        mine = (hash_of(key),) if hashed else ()
        marks = ", ".join("?" * (6 + hashed))
        target = "id" if hashed else "cache_key"
        update = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS.split(", "))
        # The full key decides: where two keys have one hash, the other is not overwritten.
        own = " WHERE cache_key = excluded.cache_key" if hashed else ""
        text = f"INSERT INTO cache ({columns}) VALUES ({marks}) ON CONFLICT ({target}) DO UPDATE SET {update}{own}"
        self.writer.execute(text, (*mine, key, body, number, number, number, None))

    def gets(self) -> float:
        """Microseconds for one read by key."""
        run, keys = self.cursor.execute, [key_of(random.randrange(ROWS)) for _ in range(GETS)]
        begun = time.process_time()
        if self.variant.hashed:
            text = f"SELECT {COLUMNS}, cache_key FROM cache WHERE id = ?"
            for key in keys:
                assert run(text, (hash_of(key),)).fetchone()[5] == key
        else:
            text = f"SELECT {COLUMNS} FROM cache WHERE cache_key = ?"
            for key in keys:
                assert run(text, (key,)).fetchone()
        return (time.process_time() - begun) / GETS * 1e6

    def sets(self) -> float:
        """Microseconds for one overwriting write, 100 in a transaction, checkpoints included."""
        begun = time.process_time()
        for _ in range(SETS // 100):
            self.writer.execute("BEGIN IMMEDIATE")
            for _ in range(100):
                self._put(random.randrange(ROWS))
            self.writer.execute("COMMIT")
        return (time.process_time() - begun) / SETS * 1e6


def key_of(number: int) -> str:
    """As long as the digest of a request that callers use."""
    return f"llm:{number:032x}:{number % 97}"


def hash_of(key: str) -> int:
    """64 bits that are the same in every process."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little", signed=True)


GROUPS = {
    "keys": [Variant("text key"), Variant("64-bit hash", hashed=True)],
    "mmap": [
        Variant("16 MiB cache"),
        Variant("64 MiB cache", pragmas=("cache_size = -65536",)),
        Variant("mmap for readers", reading=("mmap_size = 1073741824",)),
    ],
    "pages": [Variant("4 kB pages"), Variant("8 kB pages", page=8192), Variant("16 kB pages", page=16384)],
    "checkpoints": [
        Variant("checkpoint at 4000"),
        Variant("checkpoint at 1000", pragmas=("wal_autocheckpoint = 1000",)),
        Variant("checkpoint at 16000", pragmas=("wal_autocheckpoint = 16000",)),
    ],
}


def compare(tables: list[Table], measure: Callable[[Table], float]) -> None:
    """Print the time of the first variant, and the ratio of each to it."""
    found: dict[str, list[float]] = {table.variant.name: [] for table in tables}
    for _ in range(ROUNDS):
        for table in random.sample(tables, len(tables)):
            found[table.variant.name].append(measure(table))
    first = found[tables[0].variant.name]
    for name, times in found.items():
        ratios = [mine / other for mine, other in zip(times, first, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        median = f"{statistics.median(times):.1f} us"
        print(f"| {name} | {measure.__name__} | {median} | {middle:.2f} ({low:.2f} to {high:.2f}) |")


def main() -> None:
    """Compare what is named, or all."""
    for name in sys.argv[1:] or GROUPS:
        with tempfile.TemporaryDirectory(prefix="lodestore-bench-") as folder:
            tables = [Table(Path(folder), variant) for variant in GROUPS[name]]
            compare(tables, Table.gets)
            compare(tables, Table.sets)
            for table in tables:
                print(f"{table.variant.name}: {table.path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
