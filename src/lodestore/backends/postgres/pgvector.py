"""pgvector: whether a database has the extension, installing it, and the table and indexes that need it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ...core.searchable import VectorSpace
from ...encoding.packer import Packer
from ...errors import LodestoreError
from ...sql import postgres_vectors as sql
from ...sql.dialect import Dialect
from . import driver, indexer
from .driver import Connection
from .indexer import IndexState
from .pool import Pool
from .schema import quoted

MANY = 50_000  # vectors in a space, above which they get an HNSW index
PATIENCE = 24 * 3600.0  # seconds that the making of an index may take

_EXTENSION = "SELECT n.nspname, e.extversion FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace"
_COLUMN = (
    "SELECT 1 FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n"
    " ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'embedding' AND a.attname = 'numbers'"
    " AND NOT a.attisdropped"
)
_RIGHTS = (
    "SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, privilege_type"
    " FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner))) WHERE oid = $1::text::regclass"
    " AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')"
)
_INVALID = (
    "SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
    " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND NOT i.indisvalid"
    " AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid)"
)
_OWNED = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1::text::regclass"
_INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = $1 AND tablename = 'embedding'"


class Extension(NamedTuple):
    """Where it lives, quoted, and which it is."""

    schema: str
    version: str

    @property
    def iterates(self) -> bool:
        """Whether it can go on searching an index until enough is found."""
        return tuple(map(int, re.findall(r"\d+", self.version)[:2])) >= (0, 8)


async def extension(run: Connection) -> Extension | None:
    """The extension, where the database has it."""
    row = await run.fetchrow(f"{_EXTENSION} WHERE e.extname = 'vector'")
    return None if row is None else Extension(quoted(row[0]), row[1])


class VectorTable:
    """What one handle knows of pgvector in its store."""

    def __init__(self, d: Dialect, namespace: str) -> None:
        self._d, self._namespace = d, namespace
        self._found: Extension | None = None
        self.refused = ""  # why there are none of pgvector, where they were asked for

    async def there(self, run: Connection) -> Extension | None:
        """The extension, where the store has its table."""
        if self._found is None and await run.fetchval(_COLUMN, self._namespace):
            self._found = await extension(run)
        return self._found

    async def kept(
        self, run: Connection, packer: Packer, postings: int, embeddings: int, choice: bytes | None
    ) -> IndexState:
        """What index a write must keep up, as the row of `store` says it (`indexer.told`)."""
        found = await self.there(run) if embeddings else None
        tokenizer = await indexer.tokenizer(run, self._d, packer, choice)
        return IndexState(postings != 0, found.schema if found else None, tokenizer)

    async def told(self, run: Connection) -> str:
        """How vectors are searched, for health."""
        found = await extension(run)
        if found is None:
            return "exact scan, pgvector is not installed"
        return f"exact scan, {self.refused}" if self.refused else f"pgvector {found.version}"

    async def make(self, pool: Pool) -> Extension | None:
        """Get the extension and the table, where this role may; asked once."""
        if self.refused:
            return None
        try:
            await pool.read("installing pgvector", self._install)
            await pool.read("making the table of vectors", self._table)
        except LodestoreError as problem:
            self.refused = str(problem)
        return await pool.read("looking", self.there)

    async def _install(self, run: Connection) -> None:
        if await extension(run) is not None:
            return
        if not await run.fetchval("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"):
            return
        try:
            await run.execute("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public")
        except driver.Error:
            if await extension(run) is None:  # else another handle was faster
                raise

    async def _table(self, run: Connection) -> None:
        found = await extension(run)
        if found is None:
            self.refused = "pgvector is not installed"
            return
        async with run.transaction(isolation="read_committed"):
            await run.execute(f"SELECT 1 FROM {self._d.schema}store FOR UPDATE")
            if await run.fetchval(_COLUMN, self._namespace):
                return
            for text in sql.tables(found.schema, self._d):
                await run.execute(text)
            await run.execute(f"DELETE FROM {self._d.schema}embedding")
            await run.execute(f"UPDATE {self._d.schema}store SET embeddings = 0")
            # Who may write records must be able to write this too.
            for who, what in await run.fetch(_RIGHTS, f"{self._d.schema}posting"):
                await run.execute(f"GRANT {what} ON {self._d.schema}embedding TO {who}")

    async def index(self, run: Connection, spaces: Sequence[VectorSpace]) -> int:
        """Make the HNSW indexes that large spaces lack, if the table is this role's own; how many."""
        found = await self.there(run)
        if found is None or not await run.fetchval(_OWNED, f"{self._d.schema}embedding"):
            return 0
        for (name,) in await run.fetch(_INVALID, self._namespace):  # of a making that was cut off
            await run.execute(f"DROP INDEX IF EXISTS {self._d.schema}{quoted(name)}")
        large = {row[0] for row in await run.fetch(sql.sizes(self._d), MANY)}
        there = {row[0] for row in await run.fetch(_INDEXES, self._namespace)}
        lacking = [
            space
            for space in spaces
            if sql.number_of(space.name, space.dimension) in large
            and space.dimension <= sql.MOST_INDEXED
            and sql.index_name(space) not in there
        ]
        for space in lacking:
            await self._make_index(run, sql.index(space, found.schema, self._d))
        return len(lacking)

    async def _make_index(self, run: Connection, text: str) -> None:
        patience = await run.fetchval("SHOW statement_timeout")
        setting = "SELECT set_config('statement_timeout', $1, false)"
        if patience != "0":
            await run.fetchval(setting, "0")
        try:
            await run.execute(text, timeout=PATIENCE)
        finally:
            if patience != "0":
                await run.fetchval(setting, patience)
