"""Commands that keep a store well, and the one that prints its schema."""

from __future__ import annotations

from argparse import Namespace

from ..config import registry
from ..errors import InvalidInputError
from ..sql import revision_name
from ..sql.resources import tree
from . import NO, output
from .progress import progress
from .targets import created, existing, is_there, path_of, schema_number, secrets


async def verify(arguments: Namespace) -> int:
    """Everything read back; one line for each problem."""
    async with existing(arguments.url) as store:
        with progress("verifying", of="nothing"):
            found = await store.verify()
    if arguments.json:
        output.emit(found)
    else:
        print("\n".join(map(output.one_line, found["problems"])) or "ok: every record reads back")
        for warning in found["warnings"]:
            print(f"warning: {output.one_line(warning)}")
    return 0 if found["ok"] else NO


async def purge(arguments: Namespace) -> int:
    """What has expired, removed."""
    async with existing(arguments.url) as store:
        removed = await store.purge_expired()
    if arguments.json:
        output.emit({"purged": removed})
    else:
        print(f"{output.plural(removed, 'expired record')} removed")
    return 0


async def compact(arguments: Namespace) -> int:
    """Space given back."""
    async with existing(arguments.url) as store:
        with progress("compacting", of="nothing"):
            found = await store.compact()
    if arguments.json:
        output.emit(found)
        return 0
    output.pairs((_spelled(name), _measured(name, value)) for name, value in found.items())
    return 0


def _spelled(name: str) -> str:
    return name.removeprefix("bytes_").replace("_", " ")


def _measured(name: str, value: int) -> object:
    return output.size(value) if "bytes" in name else value


async def upgrade(arguments: Namespace) -> int:
    """The schema of a store brought up to date, which opening it does."""
    scheme, path = path_of(arguments.url)
    registry.backend(arguments.url, **secrets(arguments.url))
    if registry.whereabouts(arguments.url):
        async with created(arguments.url):
            return _upgraded(arguments, None, None, "opened; its schema is up to date")
    if scheme != "sqlite":
        return _upgraded(arguments, None, None, f"nothing to do: a {scheme} store has no schema")
    before = schema_number(arguments.url) if is_there(scheme, path) else None
    async with created(arguments.url):
        after = revision_name()
    if before is None:
        return _upgraded(arguments, None, after, f"created {path} with schema {after}, up to date")
    old = revision_name(before)
    if old == after:
        return _upgraded(arguments, old, after, f"nothing to do: {path} has schema {after}, the newest")
    return _upgraded(arguments, old, after, f"upgraded {path}: {old} -> {after}")


def _upgraded(arguments: Namespace, before: str | None, after: str | None, said: str) -> int:
    if arguments.json:
        output.emit({"from": before, "to": after, "changed": before != after})
    else:
        print(output.one_line(said))
    return 0


def schema(arguments: Namespace) -> int:
    """The SQL a reviewer reads."""
    folder = tree("schema")
    if arguments.write:
        return _write(arguments)
    name = f"statements.{arguments.dialect}.sql" if arguments.statements else f"{arguments.dialect}.sql"
    text = (folder / name).read_text(encoding="utf-8")
    if arguments.json:
        output.emit({"dialect": arguments.dialect, "sql": text})
    else:
        print(text, end="")
    return 0


def _write(arguments: Namespace) -> int:
    folder = tree("schema")
    if folder.name != "schema":
        raise InvalidInputError("--write: works only in a source checkout, not in an installed lodestore")
    from ..sql.schema_files import write

    changed = write(folder)
    if arguments.json:
        output.emit({"folder": str(folder), "changed": changed})
    else:
        print("\n".join(f"written {folder / name}" for name in changed) or f"{folder} is up to date")
    return 0
