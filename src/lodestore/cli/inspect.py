"""Commands that look into a store and leave it as it is."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any

from .. import __version__
from ..config import registry
from ..core.clock import system_clock
from ..core.families import AGENT, MEMORY, Family
from ..core.records import BODY, PLACE, Key, Page, alive, name_of
from ..encoding.json_codec import loads
from ..errors import InvalidInputError, LodestoreError
from ..sql import REVISION, revision_name
from ..store.maintenance import health_report, warnings_of
from ..store.store import Store
from . import NO, Negative, output
from .targets import existing, family_of, key_of, path_of, position, require, schema_number

_SPELLING = {"sqlite_version": "SQLite"}


async def info(arguments: Namespace) -> int:
    """What a store is, where, in which version, how large."""
    require(arguments.url)
    found = await _info(arguments.url)
    if arguments.json:
        output.emit(found)
        return 0
    details = found.pop("details")
    shown = {"store": found.pop("url"), **found, "total_bytes": _size(found["total_bytes"])}
    shown |= {name: value for name, value in details.items() if name not in shown}
    output.pairs((_spelled(name), value) for name, value in shown.items() if value is not None)
    return 0


async def _info(url: str) -> dict[str, Any]:
    scheme, path = path_of(url)
    found: dict[str, Any] = {
        "url": registry.describe(url),
        "backend": scheme,
        "description": registry.SCHEMES[scheme].description,
        "path": None if path is None else str(path),
        "lodestore": __version__,
    }
    if scheme == "sqlite":
        number = schema_number(url)
        behind = (
            f"; {revision_name()} is the newest, and opening the store upgrades it"
            if number < REVISION
            else ", up to date"
        )
        found["schema"] = revision_name(number) + behind
        if number < REVISION and path is not None:
            return {**found, "total_bytes": path.stat().st_size, "records": None, "details": {}}
    async with existing(url) as store:
        vitals, warnings = await store.backend.vitals(system_clock()), await warnings_of(store.backend)
    records = sum(vitals.counts.values()) - len(warnings)
    told = {"warning": "; ".join(warnings)} if warnings else {}
    return {**found, "total_bytes": vitals.bytes, "records": records, **told, "details": vitals.details}


def _size(count: int) -> str:
    return output.size(count) if count < 1024 else f"{output.size(count)} ({count:,} bytes)"


def _spelled(name: str) -> str:
    name = _SPELLING.get(name, name).removeprefix("total_")
    return "size" if name == "bytes" else name.replace("_", " ")


async def stats(arguments: Namespace) -> int:
    """How many records of each family, and how many bytes."""
    async with existing(arguments.url) as store:
        found = await store.get_storage_stats()
    if arguments.json:
        output.emit(found)
        return 0
    del found["storage_type"]
    shown = {**found, "total_bytes": _size(found["total_bytes"])}
    output.pairs((_spelled(name.removesuffix("_count")), value) for name, value in shown.items())
    return 0


async def health(arguments: Namespace) -> int:
    """Whether a store works, proven by a write; one that cannot even be opened is unhealthy too."""
    require(arguments.url)
    begun = time.perf_counter()
    try:
        async with existing(arguments.url) as store:
            found = await store.health_check()
    except LodestoreError as error:
        scheme = path_of(arguments.url)[0]
        found = health_report(scheme, system_clock(), time.perf_counter() - begun, {}, str(error))
    if arguments.json:
        output.emit(found)
    else:
        shown = {**found, **found["details"], "warnings": "; ".join(found["warnings"]) or None}
        del shown["details"]
        output.pairs((_spelled(name), value) for name, value in shown.items())
    return 0 if found["status"] == "healthy" else NO


async def keys(arguments: Namespace) -> int:
    """The keys of a family, as its backend orders them."""
    family = family_of(arguments.family)
    prefix = key_of(family, arguments.prefix, most=len(family.key) - 1)
    async with existing(arguments.url) as store:
        after = None if arguments.after is None else await _bound(store, family, prefix, arguments.after)
        partial = arguments.partial or family is AGENT  # an agent has no document of its own
        page = Page(family, prefix, after, limit=arguments.limit, alive_at=system_clock(), partial=partial)
        found = await store.backend.keys(page)
    if arguments.json:
        output.emit({"family": family.name, "key": family.key, "keys": found})
        return 0
    for key in found:
        print("\t".join(output.one_line(str(part)) for part in key[len(prefix) :]))
    return 0


async def _bound(store: Store, family: Family, prefix: Key, last: str) -> Key:
    """What a page continues after: a place where the family has one, else the key."""
    if len(prefix) < len(family.key) - 1:
        raise InvalidInputError(f"--after: give the {' and '.join(family.key[:-1])} first")
    if family.log:
        return (position(last),)
    key = key_of(family, [*map(str, prefix), last], most=len(family.key))
    if not family.placed:
        return key[len(prefix) :]
    [row] = await store.backend.fetch(family, [key])
    if row is None:
        raise Negative(f"--after: there is no {name_of(family, key)}")
    return (row[PLACE],)


async def show(arguments: Namespace) -> int:
    """A record, or all records under the first part of a key."""
    family = family_of(arguments.family)
    key = key_of(family, arguments.key, most=len(family.key))
    async with existing(arguments.url) as store:
        found = await _found(store, family, key)
    if not found:
        raise Negative(f"no {name_of(family, key)} in {registry.describe(arguments.url)}")
    output.emit(found[0] if len(key) == len(family.key) else found, pretty=not arguments.json)
    return 0


async def _found(store: Store, family: Family, key: Key) -> list[Any]:
    if family is MEMORY:
        memories = await store.load_memories(str(key[0]))
        return [memory for memory in memories if len(key) == 1 or memory["memory_id"] == key[1]]
    if len(key) < len(family.key):
        return [loads(body) for body in await store.backend.bodies(Page(family, key))]
    rows = await store.backend.fetch(family, [key])
    return [loads(row[BODY]) for row in rows if row and row[BODY] and alive(row, system_clock())]


async def sql(arguments: Namespace) -> int:
    """Rows of one reading statement."""
    async with existing(arguments.url) as store:
        rows = await store.sql(_text(arguments.statement), [_value(_text(text)) for text in arguments.parameters])
    if arguments.json:
        output.emit(rows)
    else:
        output.table(rows)
    return 0


def _text(argument: str) -> str:
    """An argument that is text; one the shell could not decode carries half surrogate pairs."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        raise InvalidInputError("SQL: an argument is not valid UTF-8") from None
    return argument


def _value(text: str) -> str | int | float:
    """A parameter: what is written as a number is one, unless writing it back would look different (`007`)."""
    for kind in (int, float):
        try:
            if str(number := kind(text)) == text and abs(number) < 2**63:
                return number
        except ValueError:
            continue
    return text
