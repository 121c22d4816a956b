"""Tokenizer setting: which tokenizer a store uses, chosen while it is empty or together with a rebuild of its index."""

from __future__ import annotations

from ..core.backend import Backend
from ..core.families import SEARCHABLE
from ..core.records import BODY, Page, Put, Row
from ..errors import InvalidInputError
from .tokenizers import FAMILY, KEY, TOKENIZERS, body_of, chosen


def checked(tokenizer: object) -> str:
    """`tokenizer` if there is such a one; InvalidInputError where there is not."""
    if not isinstance(tokenizer, str) or tokenizer not in TOKENIZERS:
        raise InvalidInputError(f"tokenizer: expected one of {', '.join(TOKENIZERS)}, not {tokenizer!r}")
    return tokenizer


def tokenizer_in(row: Row | None) -> str:
    """The one that this state says, or its absence."""
    return chosen(row[BODY] if row else None)


async def tokenizer_of(backend: Backend) -> str:
    """The one that a store's text is indexed by."""
    [row] = await backend.fetch(FAMILY, [KEY])
    return tokenizer_in(row)


async def choose(backend: Backend, tokenizer: str, now: int) -> None:
    """Take another. Every backend makes its index anew for it, from the moment of this write on."""
    if tokenizer != await tokenizer_of(backend):
        await backend.apply([Put(FAMILY, KEY, body_of(tokenizer), now)])


async def agree(backend: Backend, tokenizer: str, now: int) -> None:
    """Choose one for a store that is being opened; InvalidInputError where records are indexed by another already."""
    there = await tokenizer_of(backend)
    if tokenizer == there:
        return
    for family in SEARCHABLE:
        if await backend.keys(Page(family, limit=1)):
            raise InvalidInputError(
                f"tokenizer: this store is indexed by {there!r}; change that with reindex(tokenizer={tokenizer!r}) or"
                f" `lodestore reindex --tokenizer {tokenizer}`, changes that"
            )
    await choose(backend, tokenizer, now)
