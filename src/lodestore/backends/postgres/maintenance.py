"""Maintenance of a PostgreSQL store: expiry, counts, verification, and warnings for its operator."""

from __future__ import annotations

from typing import Any

from ...core.families import FAMILIES
from ...core.records import Page
from ...encoding.dictionaries import damaged
from ...encoding.packer import Packer
from ...errors import CorruptError
from ...sql import REVISION, statements
from ...sql.dialect import Dialect
from . import dictionary_table, index
from .driver import Connection
from .pgvector import VectorTable
from .single_put import row_of

RISKS = {
    "fsync": "acknowledged writes may be lost and files torn when the machine stops",
    "full_page_writes": "pages may be torn when the machine stops",
    "synchronous_commit": "the last acknowledged writes may be lost when the server stops",
}


async def sweep(run: Connection, d: Dialect, now: int, limit: int) -> int:
    """Delete at most `limit` expired rows in one transaction; the count."""
    left = limit
    async with run.transaction(isolation="read_committed"):
        await run.execute(f"UPDATE {d.schema}store SET commits = commits + 1, latest = greatest(latest, $1)", now)
        for family in FAMILIES:
            if family.expires and left:
                status = await run.execute(statements.sweep(family, d), now, left)  # "DELETE 3"
                left -= int(status.rpartition(" ")[2])
    return limit - left


async def counts(run: Connection, d: Dialect, now: int) -> list[tuple[int, int]]:
    """Live records with a body and without, a pair for each family."""
    found = []
    for family in FAMILIES:
        row = await run.fetchrow(statements.count(family, d), *((now,) if family.expires else ()))
        found.append((int(row[0]), int(row[1])))
    return found


async def size(run: Connection, namespace: str) -> int:
    """Bytes of all tables with their indexes."""
    tables = "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1"
    return int(await run.fetchval(f"SELECT sum(pg_total_relation_size(c.oid)) {tables} AND c.relkind = 'r'", namespace))


async def details(run: Connection, namespace: str, vectors: VectorTable) -> dict[str, Any]:
    """What health and statistics tell of a store."""
    version = await run.fetchval("SHOW server_version")
    told = await vectors.told(run)
    return {"namespace": namespace, "schema": REVISION, "server_version": version, "vectors": told}


async def identity(run: Connection, namespace: str) -> str:
    """The schema by its numbers, and the server by when it was started: anybody may ask for these."""
    text = "SELECT d.oid, n.oid, pg_postmaster_start_time() FROM pg_database AS d, pg_namespace AS n"
    found = await run.fetchrow(f"{text} WHERE d.datname = current_database() AND n.nspname = $1", namespace)
    return " ".join(map(str, found))


async def warnings(run: Connection) -> list[str]:
    """What an operator should know before it hurts."""
    rows = await run.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])", list(RISKS))
    return [f"{row[0]} is off: {RISKS[row[0]]}" for row in sorted(rows) if row[1] == "off"]


async def verify(run: Connection, d: Dialect, packer: Packer, vectors: VectorTable) -> list[str]:
    """Read every dictionary and body and check its seal, and the index against them; streams, whatever the size."""
    async with run.transaction(readonly=True, isolation="repeatable_read"):
        kept = await dictionary_table.rows(run, d, 0)
        packer.learn(kept)
        problems = damaged(kept)
        for family in FAMILIES:
            page = Page(family, partial=True)
            text = statements.scan("rows", statements.shape(page), d)
            async for row in run.cursor(text, *statements.bind(page, d), prefetch=50):
                try:
                    row_of(packer, family, row)
                except CorruptError as problem:
                    problems.append(str(problem))
        problems += await index.problems(run, d, vectors)
    return problems
