"""The command that searches a store, and the one that builds its index anew."""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from ..core.families import SEARCHABLE
from ..encoding import json_codec
from ..errors import InvalidInputError
from ..store.search_request import Hit
from . import NO, Negative, output
from .progress import progress
from .targets import existing


async def search(arguments: Namespace) -> int:
    """Hits, each with a line of text that shows why."""
    async with existing(arguments.url, **embedder(arguments.embedder)) as store:
        hits = await store.search(
            arguments.query,
            namespace=tuple(arguments.namespace) if arguments.namespace else None,
            families=arguments.family,
            where=None if arguments.where is None else _filter(arguments.where),
            limit=arguments.limit,
            offset=arguments.offset,
            mode=arguments.mode,
            explain=arguments.explain,
        )
    if arguments.json:
        output.emit([hit._asdict() for hit in hits])
        return 0 if hits else NO
    if not hits:
        raise Negative(f"nothing found for {arguments.query!r}")
    if sys.stdout.isatty():
        _rich(hits)
    else:
        for hit in hits:
            print(f"{_named(hit)}\t{output.one_line(hit.snippet)}")
    return 0


def _filter(text: str) -> Any:
    try:
        return json_codec.loads(text)
    except ValueError as problem:
        raise InvalidInputError(f'--where: expected JSON, as in {{"role": "user"}}: {problem}') from None


def _named(hit: Hit) -> str:
    """The record as `show` takes it, and where explaining was asked for, the score and what it is made of."""
    name = output.one_line(" ".join([hit.family, *map(str, hit.key)]))
    if hit.legs is None:
        return name
    told = (f"{leg} {_told(found)}" for leg, found in hit.legs.items())
    return f"{hit.score:.3f}\t{', '.join(told)}\t{name}"


def _told(found: dict[str, Any]) -> str:
    """A rank and a score, or the one number there is."""
    [*rank, number] = found.values()
    return f"#{rank[0]} {number:.3f}" if rank else f"{number:.3f}"


def _rich(hits: Sequence[Hit]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for hit in hits:
        console.print(Text(_named(hit).replace("\t", "  "), style="bold cyan"))
        shown, at = Text("    "), 0
        for start, end in (*hit.marks, (len(hit.snippet), len(hit.snippet))):
            shown.append(output.one_line(hit.snippet[at:start]))
            shown.append(output.one_line(hit.snippet[start:end]), style="bold yellow")
            at = end
        console.print(shown)


async def reindex(arguments: Namespace) -> int:
    """The search index, built anew; or vectors for the records that have none."""
    if arguments.pending and not arguments.embedder:
        raise InvalidInputError("--pending: needs --embedder MODULE:NAME")
    async with existing(arguments.url, **embedder(arguments.embedder)) as store:
        stats = await store.get_storage_stats()
        total = sum(stats[f"{family.name}_count"] for family in SEARCHABLE)
        doing, done = ("embedding", "embedded") if arguments.pending else ("indexing", "indexed")
        with progress(doing, of="rated") as tell:
            count = await store.reindex(
                lambda done: None if tell is None else tell(done, total, ""),
                pending=arguments.pending,
                tokenizer=arguments.tokenizer,
            )
    if arguments.json:
        output.emit({done: count})
    else:
        print(f"{output.plural(count, 'record')} {done}")
    return 0


def embedder(name: str | None) -> dict[str, Any]:
    """The setting of a store for an embedder in a module of the user's: `package.module:name`."""
    if name is None:
        return {}
    module, _, attribute = name.partition(":")
    try:
        return {"embedder": getattr(importlib.import_module(module), attribute)}
    except (ImportError, AttributeError, ValueError) as problem:
        raise InvalidInputError(f"--embedder: expected an importable MODULE:NAME: {problem}") from None
