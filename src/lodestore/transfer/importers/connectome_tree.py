"""Connectome folder importer: where its file storage keeps conversations, agents, cache and system state.

Its files carry an envelope (`_metadata`, `_storage_metadata`), which is read for its times and not kept. Ids of
conversations and agents are paths, so one that holds `/` is a folder in a folder; keys of cache and state stand in
the files, whose names only resemble them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from ...core.families import AGENT, CACHE, CHUNK_INFO, MEMORY, REASONING_CHAIN, STATE
from ...core.records import Append, Put
from ...core.validation import check_id
from ...encoding.json_codec import MAX_BODY
from ...errors import CorruptError, InvalidInputError
from .records import Bundle, ImportSource, Item, attempt, conversation, encoded, id_of, list_of, object_of, told_time
from .sources import parse

FOLDERS = ("conversations", "agents", "cache", "system")
MAX_FILE = 4 * MAX_BODY
_CONVERSATION_FILES = {"current.json", "raw_messages.json", "memories.json", "chunks.json"}
_CHAINS = "reasoning_chains.json"
_BACKUP = re.compile(r"\.\d{8}_\d{6}\.backup\.json$")


def read(source: ImportSource) -> Iterator[Item]:
    root = cast(Path, source.path)
    for folder, names in _walk(root / "conversations"):
        if _CONVERSATION_FILES & names:
            yield attempt(_place(source, folder), _conversation, folder, names, source)
    for folder, names in _walk(root / "agents"):
        if _CHAINS in names:
            yield attempt(_place(source, folder / _CHAINS), _chains, folder, source)
    yield from _entries(source, "cache", _cache)
    yield from _entries(source, "system", _state)


def total_bytes(root: Path) -> int:
    """The size of all files a reader would look at."""
    return sum(
        (folder / name).lstat().st_size for top in FOLDERS for folder, names in _walk(root / top) for name in names
    )


def _walk(top: Path) -> Iterator[tuple[Path, set[str]]]:
    for folder, below, names in os.walk(top, onerror=_unreadable):
        below.sort()
        yield Path(folder), set(names)


def _unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise CorruptError(f"{error.filename}: cannot be read ({error.strerror})")


def _place(source: ImportSource, path: Path) -> str:
    return f"{source.label}/{path.relative_to(cast(Path, source.path)).as_posix()}"


def _load(path: Path, source: ImportSource) -> dict[str, Any]:
    """A file's document; InvalidInputError, naming the file, when it is torn."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise InvalidInputError(f"{path.name}: {size:,} bytes, above the limit of {MAX_FILE:,}")
        text = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path.name}: cannot be read ({error.strerror})") from None
    source.consumed += size
    try:
        return object_of(parse(text))
    except InvalidInputError as error:
        raise InvalidInputError(f"{path.name}: {error}") from None


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _conversation(where: str, folder: Path, names: set[str], source: ImportSource) -> Bundle:
    name = folder.relative_to(cast(Path, source.path) / "conversations").as_posix()
    document, messages, at = None, [], None
    if "current.json" in names:
        document = _load(folder / "current.json", source)
        envelope = document.pop("_storage_metadata", None)
        at = source.time(document, envelope, _age(folder / "current.json"))
    if "raw_messages.json" in names:
        file = _load(folder / "raw_messages.json", source)
        messages = list_of(file.get("messages"), "messages")
        at = at or source.time(messages, file.get("_metadata"), _age(folder / "raw_messages.json"))
    bundle = conversation(where, name, document, messages, at or source.modified)
    if "memories.json" in names:
        bundle.singles += _memories(folder, name, source)
    if "chunks.json" in names:
        bundle.singles.append(_chunks(folder, name, source))
    return bundle


def _memories(folder: Path, conversation_id: str, source: ImportSource) -> list[Put]:
    """Memories by their ids: of two with one id the first gives the place and the age, the last what it says."""
    file = _load(folder / "memories.json", source)
    kept: dict[str, Put] = {}
    for n, memory in enumerate(list_of(file.get("memories"), "memories")):
        body = encoded(object_of(memory, f"memories[{n}]"), f"memories[{n}]")
        name = id_of(memory.get("memory_id"), f"memories[{n}].memory_id")
        at = source.time(memory, file.get("_metadata"), _age(folder / "memories.json"))
        kept[name] = Put(MEMORY, (conversation_id, name), body, kept[name].written_at if name in kept else at)
    return list(kept.values())


def _chunks(folder: Path, conversation_id: str, source: ImportSource) -> Put:
    chunks = _load(folder / "chunks.json", source)
    at = source.time(chunks.pop("_metadata", None), chunks, _age(folder / "chunks.json"))
    return Put(CHUNK_INFO, (conversation_id,), encoded(chunks, "chunks"), at)


def _chains(where: str, folder: Path, source: ImportSource) -> Bundle:
    name = check_id(folder.relative_to(cast(Path, source.path) / "agents").as_posix(), "agent_id")
    file = _load(folder / _CHAINS, source)
    age = _age(folder / _CHAINS)
    bundle = Bundle(where, AGENT, (name,))
    for n, chain in enumerate(list_of(file.get("chains"), "chains")):
        at = source.time(object_of(chain, f"chains[{n}]").get("stored_at"), chain, age)
        bundle.log.append(Append(REASONING_CHAIN, (name,), (encoded(chain, f"chains[{n}]"),), at))
    return bundle


def _entries(source: ImportSource, top: str, build: Callable[..., Bundle]) -> Iterator[Item]:
    for folder, names in _walk(cast(Path, source.path) / top):
        for name in sorted(names):
            if name.endswith(".json") and not _BACKUP.search(name):
                yield attempt(_place(source, folder / name), build, folder / name, source)


def _cache(where: str, path: Path, source: ImportSource) -> Bundle:
    entry = _load(path, source)
    key = (id_of(entry.get("cache_key"), "cache_key"),)
    at = source.time(entry.get("stored_at"), _age(path))
    expires_at = None
    if entry.get("expires_at") is not None and (expires_at := told_time(entry["expires_at"])) is None:
        raise InvalidInputError(f"expires_at: {entry['expires_at']!r} is not a time")
    return Bundle(where, CACHE, key, [Put(CACHE, key, encoded(entry.get("data")), at, expires_at)])


def _state(where: str, path: Path, source: ImportSource) -> Bundle:
    entry = _load(path, source)
    key = (id_of(entry.get("state_key"), "state_key"),)
    at = source.time(entry.get("stored_at"), _age(path))
    return Bundle(where, STATE, key, [Put(STATE, key, encoded(entry.get("data")), at)])
