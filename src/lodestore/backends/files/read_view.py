"""Read view: the store as one call sees it, each file that it needs read once."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.families import Family
from ...core.records import BODY, KEY, Key, Row, order_of
from .layout import Layout, layout_of
from .record_files import Group, OwnerFolder, RecordFiles, flat_paths

_KEPT = 4 * 1024 * 1024  # bytes of files that were read for their keys alone and may be kept for their records


class RecordFile:
    """The rows of one file. `path` is where they were read, None where there is no file yet."""

    __slots__ = ("dirty", "group", "home", "layout", "path", "rows")

    def __init__(
        self, layout: Layout, group: Group, rows: Iterable[Row], path: str | None, home: OwnerFolder | None
    ) -> None:
        self.layout = layout
        self.group = group
        self.rows: dict[Key, Row] = {row[KEY:]: row for row in rows}
        self.path = path
        self.home = home
        self.dirty = False

    def ordered(self, newest: bool = False) -> list[Row]:
        """The rows in the order of the family."""
        family = self.layout.family
        return sorted(self.rows.values(), key=lambda row: order_of(family, row), reverse=newest)


class ReadView:
    """The store as it stands while one call holds the lock."""

    def __init__(self, records: RecordFiles) -> None:
        self.records = records
        self._files: dict[Family, dict[Group, RecordFile]] = {}
        self._homes: dict[tuple[str, Group], OwnerFolder] = {}
        self._listed: set[str] = set()
        self._paths: dict[Family, dict[Group, str]] = {}  # where flat files were found

    def file(self, family: Family, group: Group) -> RecordFile:
        """The file that holds, or would hold, the records under `group`."""
        files = self._files.setdefault(family, {})
        if group not in files:
            files[group] = self._load(layout_of(family), group)
        return files[group]

    def peek(self, family: Family, group: Group) -> RecordFile:
        """The same, but not kept: whoever goes through all files holds one at a time."""
        return self._files.get(family, {}).get(group) or self._load(layout_of(family), group)

    def files_under(self, family: Family, prefix: Key) -> list[RecordFile]:
        """The files that may hold records under a prefix of any length."""
        return [self.file(family, group) for group in self.groups(family, prefix)]

    def dirty(self) -> list[RecordFile]:
        """The files that were written to."""
        return [file for files in self._files.values() for file in files.values() if file.dirty]

    def row(self, family: Family, key: Key) -> Row | None:
        """The row under a whole key."""
        return self.file(family, key[: layout_of(family).depth]).rows.get(key)  # type: ignore[arg-type]

    def groups(self, family: Family, prefix: Key) -> list[Group]:
        """The groups there may be records in, under a prefix of any length."""
        layout = layout_of(family)
        if len(prefix) >= layout.depth:
            return [prefix[: layout.depth]]  # type: ignore[list-item]
        found = {*self._files.get(family, ()), *self._all_groups(layout)}
        return [group for group in found if group[: len(prefix)] == prefix]

    def home(self, layout: Layout, group: Group) -> OwnerFolder:
        """The directory of the owner, looked up once."""
        place = (layout.folder, group)
        if place not in self._homes:
            self._homes[place] = self.records.home(layout.folder, group)
        return self._homes[place]

    def _load(self, layout: Layout, group: Group) -> RecordFile:
        if layout.file is None:
            return self._load_flat(layout, group)
        home = self.home(layout, group)
        path = f"{home.path}/{layout.file}" if layout.file in home.files else None
        return RecordFile(layout, group, self.records.read_home(layout, group, home), path, home)

    def _load_flat(self, layout: Layout, group: Group) -> RecordFile:
        found = self._paths.get(layout.family, {}).get(group)
        for path in [found] if found else flat_paths(layout, group):
            rows = self.records.read_flat(layout, path)
            if rows and rows[0][KEY : KEY + layout.depth] == group:
                return RecordFile(layout, group, rows, path, None)
        return RecordFile(layout, group, (), None, None)

    def _all_groups(self, layout: Layout) -> Iterable[Group]:
        if layout.file is None:
            return self._flat_groups(layout)
        if layout.folder not in self._listed:
            self._listed.add(layout.folder)
            for group, home in self.records.homes(layout.folder, layout.depth).items():
                self._homes.setdefault((layout.folder, group), home)
        there = [(group, home.files) for (folder, group), home in self._homes.items() if folder == layout.folder]
        return [group for group, files in there if (files if layout.owns else layout.file in files)]

    def _flat_groups(self, layout: Layout) -> list[Group]:
        """Reads every file, for the key stands inside; where two hold one key, ours counts."""
        if layout.family not in self._paths:
            paths = self._paths[layout.family] = {}
            files, left = self._files.setdefault(layout.family, {}), _KEPT
            for group, rows, path in self.records.read_all_flat(layout):
                if group in paths:  # ours sort before Connectome's, as % stands before all it kept
                    continue
                paths[group] = path
                left -= sum(len(row[BODY]) for row in rows)
                if group not in files and left > 0:
                    files[group] = RecordFile(layout, group, rows, path, None)
        return list(self._paths[layout.family])
