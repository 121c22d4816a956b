"""Search index in PostgreSQL: postings and vectors, read in one snapshot and built when a store is first searched.

What keeps them in line with the records is in `indexer`: it happens in the transaction of each write, so a search has
nothing to catch up with. Only the first one has, and one after `reindex`: it walks the records in short transactions,
each of which holds the row of `store` as a writer does, while others write and keep up what they write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ...core.families import CATALOGUE, COLLECTION, SEARCHABLE, VECTORS, Family
from ...core.records import BODY, KEY, Key, Page, RecordId, Row
from ...core.searchable import IndexQuery, Leg, Match, OnCount, VectorSpace
from ...encoding import json_codec
from ...encoding.packer import Packer
from ...search.tokenizers import query_terms
from ...sql import postgres_fts as sql, postgres_vectors, statements
from ...sql.dialect import Dialect
from . import indexer, knn
from .dictionary_table import PostgresDictionaries
from .driver import Connection
from .pgvector import Extension, VectorTable
from .pool import Pool

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection, "Extension | None", str], Awaitable[T]]  # the last is the tokenizer

# Compiling takes longer than it saves; and a plan made for any namespace may be a bad one for this.
_STATE = (
    "SELECT {told}, set_config('jit', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)"
    " FROM {schema}store"
)


class PostgresIndex:
    """The index of one handle's store; `check` raises where the handle may not be used."""

    def __init__(
        self,
        pool: Pool,
        d: Dialect,
        shelf: PostgresDictionaries,
        packer: Packer,
        vectors: VectorTable,
        check: Callable[[], None],
    ) -> None:
        self._pool, self._d, self._shelf, self._packer = pool, d, shelf, packer
        self._vectors, self._check = vectors, check

    # -- searching

    async def match(self, wanted: IndexQuery) -> list[Match]:
        """As `core.searchable` says."""
        near = None if wanted.query.wanted else wanted.near

        async def work(
            run: Connection, extension: Extension | None, tokenizer: str
        ) -> tuple[Leg, dict[Family, list[Any]]]:
            leg = self._text(run, wanted, tokenizer) if near is None else self._near(run, wanted, extension)
            return await self._with_rows(run, await leg)

        leg, rows = await self._find(work, near and near.space)
        unpacked: dict[RecordId, Row] = {}
        for family, found in rows.items():
            unpacked |= {(family, row[KEY:]): row for row in await self._shelf.rows_of(family, found)}
        return [Match(identity[0], score, unpacked[identity]) for identity, score in leg if identity in unpacked]

    async def legs(self, wanted: IndexQuery) -> tuple[Leg, Leg]:
        """As `core.searchable` says."""

        async def work(run: Connection, extension: Extension | None, tokenizer: str) -> tuple[Leg, Leg]:
            return await self._near(run, wanted, extension), await self._text(run, wanted, tokenizer)

        return await self._find(work, wanted.near and wanted.near.space)

    async def _find(self, work: Work[T], space: VectorSpace | None = None) -> T:
        """What is read of one moment, at which the index is there."""
        while True:
            self._check()
            found = await self._pool.read("searching", lambda run: self._as_of(run, work, space))
            if found is not None:
                return found[0]
            await self._make(space is not None)

    async def _as_of(self, run: Connection, work: Work[T], space: VectorSpace | None) -> tuple[T] | None:
        async with run.transaction(isolation="repeatable_read", readonly=True):
            state = _STATE.format(told=indexer.told(self._d), schema=self._d.schema)
            postings, embeddings, choice, *_ = await run.fetchrow(state)
            extension = None
            if space is not None and space.dimension <= postgres_vectors.MOST:
                extension = await self._vectors.there(run)
                made = embeddings > 0 if extension else self._vectors.refused
                if not made:
                    return None
            if postings <= 0:
                return None
            return (await work(run, extension, await indexer.tokenizer(run, self._d, self._packer, choice)),)

    async def _with_rows(self, run: Connection, leg: Leg) -> tuple[Leg, dict[Family, list[Any]]]:
        rows = {}
        for family in {family for (family, _), _ in leg}:
            keys = [key for (other, key), _ in leg if other is family]
            columns = [list(column) for column in zip(*keys, strict=True)]
            rows[family] = await run.fetch(statements.fetch_many(family, self._d), *columns)
        return leg, rows

    async def _near(self, run: Connection, wanted: IndexQuery, extension: Extension | None) -> Leg:
        return await knn.nearest(run, self._d, self._packer, extension, wanted, _families(wanted))

    async def _text(self, run: Connection, wanted: IndexQuery, tokenizer: str) -> Leg:
        query, families = query_terms(wanted.query, tokenizer), _families(wanted)
        terms, unwanted = sql.terms(query.wanted), sql.terms(query.unwanted)
        if not terms or not families:
            return []
        namespace = () if wanted.namespace is None else (wanted.namespace,)
        names = [family.name for family in families]
        binds = (sql.either(terms), sql.either(unwanted), names, wanted.limit, wanted.offset, *terms)
        text = sql.search(len(terms), bool(wanted.prefix), bool(namespace), self._d)
        found = await run.fetch(text, *binds, *wanted.prefix, *namespace)
        named = ((CATALOGUE[name], outer, inner, score) for name, outer, inner, score in found)
        return [((family, sql.key_of(family, outer, inner)), score) for family, outer, inner, score in named]

    # -- making the index

    async def reindex(self, tell: OnCount) -> int:
        """Drop the index and build it anew; until it is there, a search waits for it, and writes keep up their own."""
        self._check()
        count = await self._build("posting", tell, anew=True)
        if await self._pool.read("looking", self._embedded):
            await self._build("embedding", lambda done: None, anew=True)
        await self.settle()
        return count

    async def settle(self) -> int:
        """Make the indexes that large spaces of vectors lack; how many."""
        if not await self._pool.read("looking", self._embedded):
            return 0
        spaces = await self._spaces()
        return await self._pool.read("indexing", lambda run: self._vectors.index(run, spaces))

    async def _embedded(self, run: Connection) -> bool:
        """Whether vectors are kept in the type of pgvector."""
        kept = await run.fetchval(f"SELECT embeddings FROM {self._d.schema}store")
        return bool(kept) and await self._vectors.there(run) is not None

    async def _spaces(self) -> list[VectorSpace]:
        page = Page(COLLECTION)
        text, bound = statements.scan("rows", statements.shape(page), self._d), statements.bind(page, self._d)
        rows = await self._pool.read("reading", lambda run: run.fetch(text, *bound))
        documents = ((row[KEY], json_codec.loads(row[BODY])) for row in await self._shelf.rows_of(COLLECTION, rows))
        return [
            VectorSpace(name, document["dimension"], document["metric"])
            for name, document in documents
            if "dimension" in document
        ]

    async def _make(self, near: bool) -> None:
        """Make what a search needs and a store that slept has not."""
        await self._build("posting", lambda done: None)
        if near and await self._vectors.make(self._pool) is not None:
            await self._build("embedding", lambda done: None)

    async def _build(self, table: str, tell: OnCount, *, anew: bool = False) -> int:
        """Take in all that a table of the index lacks; how many records that were."""
        number = await self._pool.read("indexing", lambda run: self._begin(run, table, anew))
        if number > 0:
            return 0
        count = 0
        for family in _indexed(table):
            after: Key | None = sql.before_all(family)
            while after is not None:
                self._check()
                taken, after = await self._pool.read("indexing", partial(self._portion, family=family, after=after))
                count += taken
                if taken:
                    tell(count)
        await self._pool.read("indexing", lambda run: self._end(run, table, number))
        return count

    async def _begin(self, run: Connection, table: str, anew: bool) -> int:
        """Let writes keep the table up from here on; the number of this making, above 0 where the table is made."""
        kept, store = f"{table}s", f"{self._d.schema}store"
        if not anew:
            text = f"UPDATE {store} SET {kept} = CASE {kept} WHEN 0 THEN -1 ELSE {kept} END RETURNING {kept}"
            return int(await run.fetchval(text))
        async with run.transaction(isolation="read_committed"):
            number = await run.fetchval(f"UPDATE {store} SET {kept} = -abs({kept}) - 1 RETURNING {kept}")
            await run.execute(f"DELETE FROM {self._d.schema}{table}")
        return int(number)

    async def _portion(self, run: Connection, family: Family, after: Key) -> tuple[int, Key | None]:
        async with run.transaction(isolation="read_committed"):
            text = f"SELECT {indexer.told(self._d)} FROM {self._d.schema}store FOR UPDATE"
            kept = await self._vectors.kept(run, self._packer, *await run.fetchrow(text))
            return await indexer.portion(run, self._d, self._packer, kept, family, after)

    async def _end(self, run: Connection, table: str, number: int) -> None:
        """The table is made, unless another making of it has begun."""
        kept = f"{table}s"
        await run.execute(f"UPDATE {self._d.schema}store SET {kept} = -{kept} WHERE {kept} = $1", number)
        await run.execute(f"ANALYZE {self._d.schema}{table}")  # who may not gets a warning


def _indexed(table: str) -> tuple[Family, ...]:
    """The families of records that a table of the index has something of."""
    return tuple(SEARCHABLE if table == "posting" else VECTORS.values())


def _families(wanted: IndexQuery) -> tuple[Family, ...]:
    """Those of the families that can have what is searched for."""
    if not wanted.prefix:
        return wanted.families
    return tuple(
        family for family in wanted.families if family.owner and (wanted.namespace is None or family.has_namespaces)
    )


async def problems(run: Connection, d: Dialect, vectors: VectorTable) -> list[str]:
    """One line for each thing that the index lacks, has too much or of another version; none of what is not made."""
    lines = []
    postings, embeddings = await run.fetchrow(f"SELECT postings, embeddings FROM {d.schema}store")
    if postings > 0:
        lines += await indexer.problems(run, d, "posting", _indexed("posting"))
    if embeddings > 0 and await vectors.there(run) is not None:
        lines += await indexer.problems(run, d, "embedding", _indexed("embedding"))
    return lines
