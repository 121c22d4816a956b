"""Store: the one implementation of the wide interface, over any kernel backend."""

from __future__ import annotations

import os
import time
from collections.abc import Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any

from ..core.backend import MISS, Backend
from ..core.clock import Clock, HighWaterClock, iso, system_clock
from ..core.families import (
    AGENT,
    CACHE,
    CATALOGUE,
    CHUNK_INFO,
    CONVERSATION,
    FAMILIES,
    MEMORY,
    RAW_MESSAGE,
    REASONING_CHAIN,
    RESERVED,
    RESULT,
    STATE,
    UNFINISHED,
    Family,
)
from ..core.interface import Document, StorageInterface
from ..core.records import ABSENT, BODY, KEY, VERSION, Key, Page, Row, Write, alive
from ..core.validation import check_count, check_id, check_seconds
from ..encoding import json_codec
from ..errors import InvalidInputError, LodestoreError
from ..search.tokenizer_setting import agree, checked, tokenizer_in
from .counters import Counters
from .documents import memory_document
from .expiry import STEP, ExpiryTask
from .search_methods import SearchMethods
from .search_service import SearchService
from .vector_spaces import VectorSpaces
from .writes import Transaction, WriteMethods, key_of


class Store(WriteMethods, SearchMethods, StorageInterface):
    """A durable, transactional home for what an agent must not forget.

    Use it as `async with Store(backend) as store`, or call `initialize` and `shutdown`; `lodestore.open` does both
    from a URL. `clock` gives milliseconds; time never runs backwards for a store, whatever the clock does. What has
    expired is removed every `purge_interval` seconds (0: only by `purge_expired`), while nothing is being written.
    `embedder` makes vectors of messages, memories and results that come without, and of queries (docs/embeddings.md).
    `tokenizer` says how the text of a new store is indexed: by "words", "trigram" or "both" (docs/search.md); the store
    keeps it.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Clock = system_clock,
        purge_interval: float = 60.0,
        embedder: Any = None,
        tokenizer: str | None = None,
    ) -> None:
        StorageInterface.__init__(self)
        self.backend = backend
        self._clock = HighWaterClock(clock)
        self._counters = Counters(backend, self._commit, self._clock)
        self._spaces = VectorSpaces(backend, self._clock, embedder)
        self._tokenizer = None if tokenizer is None else checked(tokenizer)
        self._finding = SearchService(backend, self._spaces)
        self._purging = ExpiryTask(self._sweep, check_seconds(purge_interval, "purge_interval"))

    async def initialize(self) -> bool:
        """Open the backend; opening twice does nothing."""
        self._clock.advance(await self.backend.open())
        if self._tokenizer is not None:
            try:
                await agree(self.backend, self._tokenizer, self._clock())
            except BaseException:
                await self.backend.close()
                raise
        self._spaces.open()
        self._purging.start()
        return True

    async def shutdown(self) -> bool:
        """Finish what was accepted and close; closing twice does nothing."""
        await self._purging.stop()
        await self._counters.finish()
        await self._finding.close()
        await self._spaces.close()
        await self.backend.close()
        return True

    async def __aenter__(self) -> Store:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    def __repr__(self) -> str:
        return f"<Store on {self.backend.name}>"

    # -- reading

    async def load_conversation(self, conversation_id: str) -> Document | None:
        """The document, equal to what was stored; None where there is none."""
        return await self._load(CONVERSATION, key_of(CONVERSATION, conversation_id))

    async def list_conversations(
        self, *, include_partial: bool = False, limit: int | None = None, after: str | None = None
    ) -> list[str]:
        """Ids in code point order; with `include_partial` also of those that have messages but no document."""
        return await self._ids(CONVERSATION, limit, after, include_partial)

    async def load_raw_messages(
        self, conversation_id: str, *, limit: int | None = None, before: int | None = None, after: int | None = None
    ) -> list[Document]:
        """The messages in order; `limit` keeps the most recent of those between the positions `after` and `before`."""
        return await self._log(RAW_MESSAGE, key_of(CONVERSATION, conversation_id), limit, before, after)

    async def load_memory(self, conversation_id: str, memory_id: str) -> Document | None:
        """One memory, as `load_memories` gives it; None where there is none."""
        row = await self._row(MEMORY, key_of(MEMORY, conversation_id, memory_id))
        return None if row is None else memory_document(row)

    async def load_memories(self, conversation_id: str) -> list[Document]:
        """The memories in the order first stored, each with its `memory_id`, and `created_at` where it has none."""
        rows = await self.backend.scan(Page(MEMORY, key_of(CONVERSATION, conversation_id)))
        return [memory_document(row) for row in rows]

    async def load_chunk_info(self, conversation_id: str) -> Document | None:
        """The chunking decisions; None where there are none."""
        return await self._load(CHUNK_INFO, key_of(CHUNK_INFO, conversation_id))

    async def load_reasoning_chains(self, agent_id: str, limit: int | None = None) -> list[Document]:
        """The most recent `limit` chains (None: all, 0: none), oldest first."""
        return await self._log(REASONING_CHAIN, key_of(AGENT, agent_id), limit, None, None)

    async def list_agents(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """Ids of the agents that have reasoning chains, in code point order."""
        return await self._ids(AGENT, limit, after, True)

    async def load_cache_entry(self, cache_key: str) -> Document | None:
        """The entry; None where there is none or it has expired."""
        cache = self.backend.cache
        if cache is not None and type(cache_key) is str:
            found: Document | None = cache.recall(cache_key, self._clock)
            if found is not MISS:
                return found
        return await self._load(CACHE, key_of(CACHE, cache_key))

    async def load_cache_entries(self, cache_keys: Iterable[str]) -> dict[str, Document]:
        """Those of the entries that are there and have not expired."""
        if isinstance(cache_keys, (str, bytes)) or not isinstance(cache_keys, Iterable):
            raise InvalidInputError(f"cache_keys: expected keys, not {type(cache_keys).__name__}")
        keys = [check_id(key, "cache_key") for key in cache_keys]
        cache, clock = self.backend.cache, self._clock
        found = {key: MISS if cache is None else cache.recall(key, clock) for key in keys}
        missing = [(key,) for key, document in found.items() if document is MISS]
        if missing or cache is None:
            rows, now = await self.backend.fetch(CACHE, missing), clock()
            found |= {str(row[KEY]): json_codec.loads(row[BODY]) if alive(row, now) else None for row in rows if row}
        return {key: document for key, document in found.items() if document is not None and document is not MISS}

    async def list_cache_keys(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """Keys of the entries that have not expired, in code point order."""
        return await self._ids(CACHE, limit, after)

    async def load_system_state(self, state_key: str) -> Document | None:
        """The state; None where there is none."""
        return await self._load(STATE, key_of(STATE, state_key))

    async def list_system_states(self, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """Keys of the states, in code point order."""
        count = check_count(limit, "limit")
        ids = await self._ids(STATE, None if count is None else count + len(RESERVED), after)
        return [name for name in ids if name not in RESERVED][:count]

    async def load_result(self, result_id: str) -> Document | None:
        """The result; None where there is none."""
        return await self._load(RESULT, key_of(RESULT, result_id))

    async def list_results(self, limit: int | None = 100, offset: int = 0) -> list[str]:
        """Ids of the results, the one first saved last standing first."""
        count, skip = check_count(limit, "limit"), check_count(offset, "offset") or 0
        keys = await self.backend.keys(Page(RESULT, limit=None if count is None else skip + count, newest=True))
        return [str(key[-1]) for key in keys[skip:]]

    async def version_of(self, family: str, *key: str | int) -> int:
        """The version of a record, for `expect`; 0 (`ABSENT`) where there is none."""
        if not isinstance(family, str) or family not in CATALOGUE:
            raise InvalidInputError(f"family: no family {family!r}; there are {', '.join(CATALOGUE)}")
        wanted = CATALOGUE[family]
        if len(key) != len(wanted.key):
            raise InvalidInputError(f"key: a {family} is found by {', '.join(wanted.key)}")
        row = await self._row(wanted, tuple(_part(wanted, n, part) for n, part in enumerate(key)))
        return ABSENT if row is None else int(row[VERSION])

    # -- counting

    async def increment(self, key: str, amount: int = 1, ttl: float | None = None) -> int:
        """Add to the counter under a cache key and return its value; atomic between tasks, handles and processes.

        A counter is the cache entry `{"value": 3}`. It begins at 0 and lives for the `ttl` of the increment that made
        it. InvalidInputError, with nothing written, where the entry is something else or the value would leave 64 bits.
        After OutcomeUnknownError the amount may have been added.
        """
        return await self._counters.add(key, amount, ttl)

    # -- the whole

    def transaction(self) -> Transaction:
        """An atomic batch of writes over any families: `async with store.transaction() as tx: await tx.store_...`."""
        return Transaction(self._commit, self._clock, self._spaces)

    async def purge_expired(self) -> int:
        """Remove what has expired, in short steps; how many records went."""
        total, now = 0, self._clock()
        while removed := await self.backend.sweep(now, STEP):
            total += removed
        return total

    async def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a consistent, verified copy of the store to `path`, while it is in use."""
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or "\0" in os.fspath(path):
            raise InvalidInputError(f"path: expected a path, not {path!r}")
        await self.backend.backup(os.fspath(path))

    async def verify(self) -> Document:
        """Read everything back: structure, references, the checksum of every body. `ok`, `problems`, `warnings`,
        `backend`."""
        problems = await self.backend.verify()
        warnings = await warnings_of(self.backend)
        return {"ok": not problems, "problems": problems, "warnings": warnings, "backend": self.backend.name}

    async def compact(self) -> Document:
        """Give back space that is no longer needed; figures on what was done."""
        purged = await self.purge_expired()
        return {"purged": purged, **await self.backend.compact()}

    async def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[Document]:
        """Rows of one reading SQL statement, over the tables and the views.

        InvalidInputError for anything that would write.
        """
        columns, rows = await self.backend.query(statement, parameters)
        if len(set(columns)) < len(columns):
            raise InvalidInputError(f"SQL: two columns have one name, tell them apart with AS: {', '.join(columns)}")
        return [dict(zip(columns, row, strict=True)) for row in rows]

    async def health_check(self) -> Document:
        """Whether the store works, proven by a write. Never raises; `status` is healthy, degraded or unhealthy."""
        begun = time.perf_counter()
        found: Document = {}
        error: str | None = None
        try:
            found = await self.backend.probe()
            found["warnings"] = [*found.get("warnings", []), *await warnings_of(self.backend)]
        except (LodestoreError, OSError) as problem:
            error = str(problem)
        return health_report(self.backend.name, self._clock(), time.perf_counter() - begun, found, error)

    async def get_storage_stats(self) -> Document:
        """Counts per family (what has expired is not counted), bytes held, backend, time."""
        vitals = await self.backend.vitals(self._clock())
        counts = {f"{f.name}_count": vitals.counts[f.name] for f in FAMILIES}
        unfinished, choice = reserved = await self.backend.fetch(STATE, [(key,) for key in RESERVED])
        counts["state_count"] -= sum(row is not None for row in reserved)  # they are no states of a user
        counts["agent_count"] += vitals.partial[AGENT.name]  # an agent has no document of its own
        return {
            "backend": self.backend.name,
            "storage_type": self.backend.name,
            "timestamp": iso(self._clock()),
            **counts,
            "partial_conversation_count": vitals.partial[CONVERSATION.name],
            "total_bytes": vitals.bytes,
            "tokenizer": tokenizer_in(choice),
            **({"unfinished_migration": True} if unfinished else {}),
        }

    # -- the pieces every reading method is made of

    def _commit(self, writes: Sequence[Write]) -> Coroutine[Any, Any, list[int]]:
        self._purging.writes += 1
        return self.backend.apply(writes)

    def _sweep(self) -> Coroutine[Any, Any, int]:
        return self.backend.sweep(self._clock(), STEP)

    async def _row(self, family: Family, key: Key) -> Row | None:
        [row] = await self.backend.fetch(family, (key,))
        return row if row is not None and row[BODY] and alive(row, self._clock() if family.expires else None) else None

    async def _load(self, family: Family, key: Key) -> Document | None:
        row = await self._row(family, key)
        return None if row is None else json_codec.loads(row[BODY])

    async def _log(
        self, family: Family, prefix: Key, limit: int | None, before: int | None, after: int | None
    ) -> list[Document]:
        count = check_count(limit, "limit")
        low, high = check_count(after, "after"), check_count(before, "before")
        bounds = (None if low is None else (low,), None if high is None else (high,))
        page = Page(family, prefix, *bounds, limit=count, newest=count is not None)
        documents: list[Document] = json_codec.loads(await self._array(page))
        return documents

    async def _array(self, page: Page) -> bytes:
        cache = self.backend.cache
        if cache is not None and page.tail and (text := cache.newest(page.family, page.prefix, page.limit)):
            return text
        bodies = await self.backend.bodies(page)
        if page.newest:
            bodies.reverse()
        return b"[%b]" % b",".join(bodies)

    async def _ids(self, family: Family, limit: int | None, after: str | None, partial: bool = False) -> list[str]:
        bound = None if after is None else (check_id(after, "after"),)
        page = Page(family, (), bound, limit=check_count(limit, "limit"), alive_at=self._clock(), partial=partial)
        return [str(key[-1]) for key in await self.backend.keys(page)]


async def warnings_of(backend: Backend) -> list[str]:
    """What keeps a store from being whole though it works: a migration into it that has not come to its end."""
    [mark] = await backend.fetch(STATE, [(UNFINISHED,)])
    return ["a migration into this store is unfinished: resume it before the store is used"] if mark else []


def health_report(backend: str, now: int, seconds: float, found: Document, error: str | None) -> Document:
    """What `health_check` answers, from what a probe found or how it failed."""
    warnings = found.get("warnings", [])
    return {
        "status": "unhealthy" if error else "degraded" if warnings else "healthy",
        "backend": backend,
        "timestamp": iso(now),
        "writable": error is None,
        "latency_ms": round(seconds * 1000, 3),
        "warnings": warnings,
        "error": error,
        "details": {name: value for name, value in found.items() if name != "warnings"},
    }


def _part(family: Family, index: int, part: str | int) -> str | int:
    name = family.key[index]
    if not (family.log and name == family.key[-1]):
        return check_id(part, name)
    position = check_count(part, name)
    if position is None:
        raise InvalidInputError(f"{name}: expected a position, a whole number from 0")
    return position
