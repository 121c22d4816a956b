"""Store: the one implementation of the wide interface, over any backend."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any

from ..core.backend import Backend
from ..core.background import IdleScheduler
from ..core.clock import Clock, HighWaterClock, system_clock
from ..core.families import CATALOGUE, Family
from ..core.interface import StorageInterface
from ..core.records import ABSENT, VERSION, Write
from ..core.validation import check_count, check_id, check_seconds
from ..errors import InvalidInputError
from ..search.tokenizer_setting import agree, checked
from .cache_entries import CacheMethods
from .conversations import ConversationMethods
from .counters import Counters
from .expiry import STEP, ExpiryJob
from .maintenance import MaintenanceMethods
from .memories import MemoryMethods
from .reasoning_chains import ReasoningMethods
from .results import ResultMethods
from .search_methods import SearchMethods
from .search_service import SearchService
from .system_states import StateMethods
from .transaction import Transaction, WriteMethods
from .vector_collections import CollectionMethods
from .vector_spaces import VectorSpaces


class Store(
    ConversationMethods,
    MemoryMethods,
    ReasoningMethods,
    CacheMethods,
    StateMethods,
    ResultMethods,
    CollectionMethods,
    SearchMethods,
    MaintenanceMethods,
    WriteMethods,
    StorageInterface,
):
    """A durable, transactional, searchable store for one agent or many.

    `lodestore.open` makes one from a URL. Made by hand, use it as `async with Store(backend) as store`, or call
    `initialize` and `aclose`. One store serves any number of tasks on its event loop.

    Writes are durable when their call returns. Any call can also raise `UnavailableError` (not open, busy, or not
    reachable: nothing was written), `StorageFullError` (no space left), `OutcomeUnknownError` (a commit failed
    half-way) and `CorruptError` (a stored record is damaged).

    Args:
        backend: Where records live.
        clock: Returns milliseconds; for tests. A store's time never runs backwards, whatever the clock does.
        purge_interval: Seconds between removals of expired entries, while nothing is being written; 0: only when
            `purge_expired` is called.
        embedder: Makes vectors of messages, memories and results stored without one, and of queries
            (docs/embeddings.md).
        tokenizer: How the text of a new store is indexed: "words", "trigram" or "both" (docs/search.md). The store
            keeps it.

    Attributes:
        backend: Where records live.
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
        self._search_service = SearchService(backend, self._spaces)
        self._expiry = ExpiryJob(self._sweep, check_seconds(purge_interval, "purge_interval"))
        self._background = IdleScheduler([self._expiry])

    async def initialize(self) -> bool:
        """Open the store; opening an open one does nothing.

        Returns:
            True.

        Raises:
            UnavailableError: The store cannot be created, opened or reached.
            CorruptError: What is there is not a lodestore store, or the key is wrong.
            UnsupportedError: The store needs a newer version of lodestore.
            InvalidInputError: The store has another tokenizer.
        """
        self._clock.advance(await self.backend.open())
        if self._tokenizer is not None:
            try:
                await agree(self.backend, self._tokenizer, self._clock())
            except BaseException:
                await self.backend.close()
                raise
        self._spaces.open()
        self._expiry.opened()
        self._background.start()
        return True

    async def shutdown(self) -> bool:
        """Finish pending writes and close the store; closing a closed one does nothing.

        Returns:
            True.

        Raises:
            UnavailableError: The store could not be closed cleanly.
        """
        await self._background.stop()
        await self._counters.finish()
        await self._search_service.close()
        await self._spaces.close()
        await self.backend.close()
        return True

    async def aclose(self) -> None:
        """Close the store, as `shutdown` does.

        Raises:
            UnavailableError: The store could not be closed cleanly.
        """
        await self.shutdown()

    async def __aenter__(self) -> Store:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    def __repr__(self) -> str:
        return f"<Store on {self.backend.name}>"

    def transaction(self) -> Transaction:
        """Start an atomic batch of writes over any records.

        Nothing is written before the block ends, and nothing at all if it raises or a precondition fails.

        Returns:
            The transaction, to be used as `async with`.

        Raises:
            ConflictError: At the end of the block: a record does not have the version `expect`.

        Example:
            ```python
            async with store.transaction() as tx:
                await tx.append_raw_messages("chat-3", [{"role": "user", "content": "Book it."}])
                await tx.store_memory("chat-3", "booking", {"state": "requested"})
            assert len(tx.results) == 2
            ```
        """
        return Transaction(self._commit, self._clock, self._spaces)

    async def version_of(self, family: str, *key: str | int) -> int:
        """Look up the version of a record, to be passed as `expect` (optimistic locking).

        Args:
            family: The kind of record: "conversation", "raw_message", "memory", "chunk_info", "reasoning_chain",
                "cache", "state", "result" or "item".
            *key: The parts of its key, as in `version_of("memory", "chat-1", "seat")`.

        Returns:
            The version, a number that changes with every write; 0 (`ABSENT`) if there is no such record.

        Raises:
            InvalidInputError: There is no such family, or the key has other parts.
        """
        if not isinstance(family, str) or family not in CATALOGUE:
            raise InvalidInputError(f"family: {family!r} is not a family; choose from {', '.join(CATALOGUE)}")
        wanted = CATALOGUE[family]
        if len(key) != len(wanted.key):
            raise InvalidInputError(f"key: a {family} needs {', '.join(wanted.key)}")
        row = await self._row(wanted, tuple(_part(wanted, n, part) for n, part in enumerate(key)))
        return ABSENT if row is None else int(row[VERSION])

    async def _commit(self, writes: Sequence[Write]) -> list[int]:
        results = await self.backend.apply(writes)
        self._background.committed(writes)
        return results

    def _sweep(self) -> Coroutine[Any, Any, int]:
        return self.backend.sweep(self._clock(), STEP)


def _part(family: Family, index: int, part: str | int) -> str | int:
    name = family.key[index]
    if not (family.log and name == family.key[-1]):
        return check_id(part, name)
    position = check_count(part, name)
    if position is None:
        raise InvalidInputError(f"{name}: expected a position, a whole number from 0")
    return position
