"""Where each family lives in the tree and in which shape: one table, and one rule for families not in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ...core.families import (
    AGENT,
    CACHE,
    CHUNK_INFO,
    CONVERSATION,
    FAMILIES,
    MEMORY,
    OWNED,
    RAW_MESSAGE,
    REASONING_CHAIN,
    RESULT,
    STATE,
    Family,
    catalogue_cache,
    owner_of,
)
from . import filenames

PARTIAL_FILE = ".owner.json"  # stands for an owner that exists only through what it owns
ID_FILE = ".id"  # the true key of a directory whose name is hashed


class FileKind(Enum):
    """How records stand in a file."""

    DOCUMENT = "the members of one record, then its metadata"
    LISTING = "all records of one outer key in a list"
    ENTRY = "one record under `data`, beside its key"


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """The files of one family.

    `file`   name inside the directory of the outer key (a home); None where the key itself names the file.
    `items`  the member that holds the records of a listing; `meta` the one that holds times and checksums.
    `stamp`  the name a listing gives to the time of its last write.
    `shown`  members put in front of a listed record for people to read: its key and its time.
    """

    family: Family
    shape: FileKind
    folder: str
    file: str | None = None
    items: str = "records"
    meta: str = "_metadata"
    stamp: str = "last_updated"
    shown: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """How many parts of the key choose the file."""
        return len(self.family.key) - (self.shape is FileKind.LISTING)

    @property
    def streams(self) -> bool:
        """Whether files in the order of their keys hold records in the order of the family."""
        return self.shape is FileKind.LISTING or not self.family.placed

    @property
    def owns(self) -> bool:
        """Whether this is the document of an owner, which may stand without a body."""
        return self.file is not None and self.shape is FileKind.DOCUMENT and self.family.owner is None


_D, _L, _E = FileKind.DOCUMENT, FileKind.LISTING, FileKind.ENTRY
_TABLE = {
    layout.family: layout
    for layout in (
        Layout(CONVERSATION, _D, "conversations", "current.json", meta="_storage_metadata"),
        Layout(RAW_MESSAGE, _L, "conversations", "raw_messages.json", "messages", stamp="stored_at"),
        Layout(MEMORY, _L, "conversations", "memories.json", "memories", shown=("memory_id", "created_at")),
        Layout(CHUNK_INFO, _D, "conversations", "chunks.json"),
        Layout(AGENT, _D, "agents", "agent.json", meta="_storage_metadata"),
        Layout(REASONING_CHAIN, _L, "agents", "reasoning_chains.json", "chains"),
        Layout(CACHE, _E, "cache"),
        Layout(STATE, _E, "system"),
        Layout(RESULT, _E, "results"),
    )
}


@catalogue_cache
def layout_of(family: Family) -> Layout:
    """The layout of a family: from the table, else the generic one under a folder of the family's own name."""
    return _TABLE.get(family) or _generic(family)


def _generic(family: Family) -> Layout:
    owner, name = owner_of(family), f"{family.name}.json"
    extra = len(family.key) - len(owner.key) if owner else -1
    if owner and extra < 2:
        return Layout(family, _L if extra else _D, layout_of(owner).folder, name)
    if OWNED.get(family):
        return Layout(family, _D, family.name, name, meta="_storage_metadata")
    return Layout(family, _L if family.placed and len(family.key) > 1 else _E, family.name)


@catalogue_cache
def known_files(folder: str) -> frozenset[str]:
    """The names that make a directory under `folder` a home."""
    files = {layout.file for layout in map(layout_of, FAMILIES) if layout.file and layout.folder == folder}
    return frozenset({*files, PARTIAL_FILE})


@catalogue_cache
def scattered_folders() -> tuple[str, ...]:
    """Folders whose records have places and a file each. A hand may put one there, which the folder's time tells."""
    return tuple(layout_of(family).folder for family in FAMILIES if family.placed and len(family.key) == 1)


@catalogue_cache
def unkept_paths() -> tuple[str, ...]:
    """How the paths of files without history begin."""
    alone = (layout_of(family) for family in FAMILIES if family.expires)
    return tuple(f"{layout.folder}/" for layout in alone if layout.file is None)


def flat_path(layout: Layout, group: tuple[str, ...]) -> str:
    """The file of a key that names its own file."""
    return "/".join((layout.folder, *map(filenames.encode, group))) + ".json"


def home_path(folder: str, key: tuple[str, ...]) -> str:
    """The directory of an owner."""
    return "/".join((folder, *map(filenames.encode, key)))
