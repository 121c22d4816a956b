"""Scan: rows, pages, counts and expired records, read from a view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ...core.backend import Vitals
from ...core.families import FAMILIES, Family
from ...core.records import BODY, EXPIRES_AT, KEY, Key, Page, Row, alive, order_of, selected, within
from .layout import FileKind, Layout, layout_of
from .read_view import ReadView
from .record_files import Group

T = TypeVar("T")
LIGHT = 256  # bytes a record counts for besides its body


def read_rows(view: ReadView, family: Family, keys: Sequence[Key]) -> list[Row | None]:
    """The rows under whole keys."""
    return [view.row(family, key) for key in keys]


def read_page(view: ReadView, page: Page) -> list[Row]:
    """The rows of a page; files are read in the order of the family until the page is full."""
    return _gathered(view, page, lambda row: row)


def _gathered(view: ReadView, page: Page, taken: Callable[[Row], T]) -> list[T]:
    """What is taken of each row of a page; no more is held."""
    found: list[T] = []
    if page.limit == 0:
        return found
    for group in groups_in_order(view, page):
        found += map(taken, wanted_of(view, page, group))
        if page.limit is not None and len(found) >= page.limit:
            return found[: page.limit]
    return found


def groups_in_order(view: ReadView, page: Page) -> list[Group]:
    """The files that may hold records of a page, in its order."""
    groups = [group for group in view.groups(page.family, page.prefix) if _reaches(page, group)]
    if layout_of(page.family).streams:
        return sorted(groups, reverse=page.newest)
    return [group for _, group in sorted(_placed(view, page, groups), reverse=page.newest)]


def _placed(view: ReadView, page: Page, groups: list[Group]) -> Iterator[tuple[Key, Group]]:
    """The places of records that have a file each: all are read for it, and none is held."""
    for group in groups:
        for row in view.peek(page.family, group).rows.values():
            yield order_of(page.family, row), group


def wanted_of(view: ReadView, page: Page, group: Group) -> list[Row]:
    """The records of a page in one file."""
    return [row for row in view.peek(page.family, group).ordered(page.newest) if _wanted(page, row)]


def portion(view: ReadView, page: Page, groups: list[Group], size: int) -> tuple[list[Row], int]:
    """The records of the first files, until there are `size` bytes of bodies; of how many files they are."""
    rows: list[Row] = []
    for count, group in enumerate(groups, 1):
        found = wanted_of(view, page, group)
        rows += found
        size -= sum(len(row[BODY]) + LIGHT for row in found)
        if size < 0:
            return rows, count
    return rows, len(groups)


def sliced(rows: list[Row], size: int) -> Iterator[list[Row]]:
    """Rows in parts of about `size` bytes: one file may hold many times that."""
    start, left = 0, size
    for end, row in enumerate(rows, 1):
        left -= len(row[BODY]) + LIGHT
        if left < 0 or end == len(rows):
            yield rows[start:end]
            start, left = end, size


def read_keys(view: ReadView, page: Page) -> list[Key]:
    """The keys of a page; documents are told by their file names, unread."""
    layout = layout_of(page.family)
    if layout.shape is not FileKind.DOCUMENT or page.family.expires:
        return _gathered(view, page, lambda row: row[KEY:])
    depth = len(page.prefix)
    keys = [
        group
        for group in sorted(view.groups(page.family, page.prefix), reverse=page.newest)
        if _is_there(view, layout, group, page.partial) and within(page, group[depth:])
    ]
    return list(keys[: page.limit])


def _is_there(view: ReadView, layout: Layout, group: Group, partial: bool) -> bool:
    files = view.home(layout, group).files
    return layout.file in files or bool(partial and layout.owns and files)


def vitals(view: ReadView, now: int) -> Vitals:
    """Counts of live records, and the bytes of all files."""
    counts, partial = {}, {}
    for family in FAMILIES:
        whole, bare = _count(view, family, now)
        counts[family.name], partial[family.name] = whole, bare
    return Vitals(counts, partial, view.records.measure()[0])


def _count(view: ReadView, family: Family, now: int) -> tuple[int, int]:
    """Live records with a body and without one."""
    layout = layout_of(family)
    if layout.shape is FileKind.DOCUMENT and not family.expires:
        groups = view.groups(family, ())
        whole = sum(_is_there(view, layout, group, False) for group in groups)
        return whole, len(groups) - whole
    whole = bare = 0
    for group in view.groups(family, ()):
        bodies = [row[BODY] for row in view.peek(family, group).rows.values() if alive(row, now)]
        whole += sum(map(bool, bodies))
        bare += sum(not body for body in bodies)
    return whole, bare


def expired(view: ReadView, now: int, limit: int) -> list[tuple[Family, Key]]:
    """The keys of at most `limit` records that have expired by `now`."""
    found = (
        (family, key)
        for family in FAMILIES
        if family.expires
        for group in view.groups(family, ())
        for key, row in view.peek(family, group).rows.items()
        if row[EXPIRES_AT] is not None and not alive(row, now)
    )
    return [pair for pair, _ in zip(found, range(limit), strict=False)]


def _wanted(page: Page, row: Row) -> bool:
    return selected(page, row) and within(page, order_of(page.family, row)[len(page.prefix) :])


def _reaches(page: Page, group: Group) -> bool:
    """Whether the bounds leave room for records of a group."""
    layout, rest = layout_of(page.family), group[len(page.prefix) :]
    if not layout.streams or len(page.prefix) > len(group):
        return True
    if layout.shape is not FileKind.LISTING:
        return within(page, rest)
    size = len(rest)
    return (page.after is None or rest >= page.after[:size]) and (page.before is None or rest <= page.before[:size])
