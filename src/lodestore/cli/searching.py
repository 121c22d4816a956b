"""The command that searches a store, and the one that builds its index anew."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from .. import codec
from ..catalogue import SEARCHABLE
from ..errors import Refused
from ..finding import Hit
from . import NO, Negative, output
from .progress import progress
from .stores import existing


async def search(arguments: Namespace) -> int:
    """Hits, each with a line of text that shows why."""
    async with existing(arguments.url) as store:
        hits = await store.search(
            arguments.query,
            namespace=arguments.namespace,
            families=arguments.family,
            where=None if arguments.where is None else _filter(arguments.where),
            limit=arguments.limit,
            offset=arguments.offset,
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
        return codec.loads(text)
    except ValueError as problem:
        raise Refused(f'--where: expected JSON, as in {{"role": "user"}}: {problem}') from None


def _named(hit: Hit) -> str:
    """The record as `show` takes it, and where its rank was asked for, that and the score."""
    name = output.one_line(" ".join([hit.family, *map(str, hit.key)]))
    return name if hit.legs is None else f"{hit.legs['text']['rank']}\t{hit.score:.3f}\t{name}"


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
    """The search index, built anew."""
    async with existing(arguments.url) as store:
        stats = await store.get_storage_stats()
        total = sum(stats[f"{family.name}_count"] for family in SEARCHABLE)
        with progress("indexing", of="rated") as tell:
            count = await store.reindex(lambda done: None if tell is None else tell(done, total, ""))
    if arguments.json:
        output.emit({"indexed": count})
    else:
        print(f"{output.plural(count, 'record')} indexed")
    return 0
