"""Searching for text: what a user asks, checked, handed to an index, and what it finds made fit to be shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from . import codec, filters
from .catalogue import CATALOGUE, MEMORY, SEARCHABLE, Family
from .clock import iso
from .errors import Refused
from .filters import Filter
from .interface import Document
from .kernel import BODY, CREATED_AT, KEY, Backend, Key, Match, Row, Searchable, Tell, Wanted
from .keys import check_count, check_id
from .snippets import Mark, snippet
from .texts import text_of
from .words import Query, parse

MODES = ("auto", "text")
PORTION = 64  # matches read at first where a filter chooses among them


class Hit(NamedTuple):
    """A record that was found.

    `family` and `key` name it, `data` is the record as loading it gives it. A higher `score` is a better one; scores
    compare within one search. `snippet` is a line of its text, `marks` the stretches of that line that match, each
    from its first character to behind its last. `legs` has the rank and the score in each part of the search, where
    explaining was asked for.
    """

    family: str
    key: Key
    score: float
    snippet: str
    marks: tuple[Mark, ...]
    data: Document
    legs: dict[str, dict[str, Any]] | None = None


class Finding:
    """The searches of one store. A backend without an index of its own gets one from its records, when first asked."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._mirror: Any = None

    async def search(self, wanted: Wanted, where: Filter | None, explain: bool) -> list[Hit]:
        """The hits of a page, the best first."""
        ranked = self._ranked(wanted) if where is None else self._filtered(wanted, where)
        return [_hit(wanted.query, match, rank if explain else None) async for rank, match in ranked]

    async def _ranked(self, wanted: Wanted) -> AsyncIterator[tuple[int, Match]]:
        for rank, match in enumerate(await self._index().match(wanted), wanted.offset + 1):
            yield rank, match

    async def _filtered(self, wanted: Wanted, where: Filter) -> AsyncIterator[tuple[int, Match]]:
        """Those of all matches that a filter is true of, read in growing portions until there are enough."""
        skip, left = wanted.offset, wanted.limit
        portion = wanted._replace(offset=0, limit=PORTION)
        found = 1
        while found and left != 0:
            found = 0
            async for rank, match in self._ranked(portion):
                found += 1
                if left == 0 or not filters.matches(where, codec.loads(match.row[BODY])):
                    continue
                if skip:
                    skip -= 1
                else:
                    left = None if left is None else left - 1
                    yield rank, match
            portion = portion._replace(offset=portion.offset + (portion.limit or 0), limit=2 * (portion.limit or 0))

    async def reindex(self, tell: Tell) -> int:
        """Build the index anew; how many records it holds."""
        return await self._index().reindex(tell)

    async def close(self) -> None:
        """Let go of an index in the process."""
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            await mirror.close()

    def _index(self) -> Searchable:
        index: Searchable | None = self._backend.index or self._mirror
        if index is None:
            from .search.mirror import Mirror

            index = self._mirror = Mirror(self._backend)
        return index


def wanted_of(
    query: object,
    namespace: object,
    families: object,
    limit: object,
    offset: object,
    mode: object,
) -> Wanted:
    """The arguments of a search, checked; Refused, naming the argument."""
    if not isinstance(query, str):
        raise Refused(f"query: expected text, not {type(query).__name__}")
    if mode not in MODES:
        raise Refused(f"mode: expected {' or '.join(MODES)}, not {mode!r}")
    count, skip = check_count(limit, "limit"), check_count(offset, "offset") or 0
    return Wanted(parse(query), _families(families), _prefix(namespace), count, skip)


def _families(names: object) -> tuple[Family, ...]:
    if names is None:
        return SEARCHABLE
    if isinstance(names, (str, bytes)) or not isinstance(names, Sequence):
        raise Refused(f"families: expected a list of names, not {names!r}")
    there = ", ".join(family.name for family in SEARCHABLE)
    for name in names:
        if not isinstance(name, str) or name not in CATALOGUE or not CATALOGUE[name].text:
            raise Refused(f"families: {name!r} is not searched; {there} are")
    return tuple(family for family in SEARCHABLE if family.name in names)


def _prefix(namespace: object) -> Key:
    if namespace is None:
        return ()
    parts = namespace if isinstance(namespace, tuple) else (namespace,)
    if len(parts) != 1:
        raise Refused(f"namespace: expected the id of a conversation, alone or as a tuple of one, not {namespace!r}")
    return (check_id(parts[0], "namespace"),)


def _hit(query: Query, match: Match, rank: int | None) -> Hit:
    family, score, row = match
    shown = snippet(text_of(family, row[BODY]), query)
    data = memory(row) if family is MEMORY else codec.loads(row[BODY])
    legs = None if rank is None else {"text": {"rank": rank, "score": score}}
    return Hit(family.name, row[KEY:], score, *shown, data, legs)


def memory(row: Row) -> Document:
    """A memory as it is loaded: with its id, and the time of its creation where its document has none."""
    document: Document = codec.loads(row[BODY])
    document["memory_id"] = row[KEY + 1]
    document.setdefault("created_at", iso(row[CREATED_AT]))
    return document
