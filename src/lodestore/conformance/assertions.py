"""Assertions: a backend seen from outside. Its contents, what a batch changes, a walk through its pages."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.backend import Backend
from ..core.families import FAMILIES, Family
from ..core.records import (
    ABSENT,
    BODY,
    CREATED_AT,
    EXPIRES_AT,
    KEY,
    PLACE,
    VERSION,
    WRITTEN_AT,
    Append,
    Copy,
    Drop,
    Key,
    Page,
    Put,
    Row,
    Write,
    alive,
    order_of,
)
from ..errors import ConflictError
from .strategies import Step

Contents = dict[Family, list[Row]]
NEVER = 10**15  # a version no store reaches


def check_shape(family: Family, row: Row) -> None:
    """A row is (body, version, created_at, written_at, expires_at, place, *key), each of its exact type."""
    what = f"{family.name}: {row!r:.300}"
    assert type(row) is tuple, f"a row is a tuple: {what}"
    assert len(row) == KEY + len(family.key), f"a row of the wrong length: {what}"
    assert type(row[BODY]) is bytes, f"the body is not bytes: {what}"
    assert type(row[VERSION]) is int, f"the version is not a whole number: {what}"
    assert row[VERSION] > ABSENT, f"the version is not above 0: {what}"
    assert all(type(row[n]) is int for n in (CREATED_AT, WRITTEN_AT)), f"the times are not milliseconds: {what}"
    assert row[EXPIRES_AT] is None or type(row[EXPIRES_AT]) is int, f"expires_at is neither None nor int: {what}"
    assert type(row[PLACE]) is (int if family.placed else type(None)), f"the place is wrong: {what}"
    kinds = [str] * (len(family.key) - 1) + [int if family.log else str]
    assert [type(part) for part in row[KEY:]] == kinds, f"the key is wrong: {what}"
    assert not family.log or row[PLACE] == row[-1], f"the place of a log record is its position: {what}"


def plain(row: Row | None) -> Row | None:
    """A row without its version, which is each store's own."""
    return row and (row[BODY], *row[CREATED_AT:])


def plainly(rows: Sequence[Row | None]) -> list[Row | None]:
    """Rows without their versions."""
    return [plain(row) for row in rows]


async def contents(backend: Backend) -> Contents:
    """Everything the store holds: owners without body and expired records too."""
    found = {family: await backend.scan(Page(family, partial=True)) for family in FAMILIES}
    for family, rows in found.items():
        for row in rows:
            check_shape(family, row)
    return found


def same(found: Contents, expected: Contents, when: str) -> None:
    """The same rows in the same order in every family, but for versions."""
    for family in FAMILIES:
        assert plainly(found[family]) == plainly(expected[family]), f"{family.name} differs from the model {when}"


def shift(write: Write, now: int) -> Write:
    """A drawn write at the time `now`."""
    match write:
        case Put(expires_at=ends):
            return write._replace(written_at=now, expires_at=None if ends is None else now + ends)
        case Append():
            return write._replace(written_at=now)
        case Drop():
            return write._replace(at=now)
        case Copy(row=(body, version, created, written, ends, *rest)):
            times = (created + now, written + now, None if ends is None else ends + now)
            return write._replace(row=(body, version, *times, *rest))
    raise AssertionError(write)


async def realise(backend: Backend, steps: Sequence[Step], now: int) -> list[Write]:
    """Drawn steps as writes for this store, with the versions this store has."""
    writes: list[Write] = []
    copied: set[tuple[Family, Key]] = set()
    for step in steps:
        write = shift(step.write, now)
        if isinstance(write, Copy):
            copied.add((write.family, write.row[KEY:]))
        elif isinstance(write, Put) and (write.family, write.key) not in copied:
            write = write._replace(expect=await _wanted(backend, write, step.expect))
        writes.append(write)
    return writes


async def _wanted(backend: Backend, put: Put, expect: str) -> int | None:
    row = (await backend.fetch(put.family, [put.key]))[0]
    version = row[VERSION] if row else NEVER
    live = row is not None and bool(row[BODY]) and alive(row, put.written_at)
    wanted = {
        "any": None,
        "absent": ABSENT,
        "current": version if live else ABSENT,
        "older": (version - 1 or NEVER) if live else version,  # 0 would be ABSENT
        "newer": NEVER,
    }
    return wanted[expect]


async def outcome(backend: Backend, writes: Sequence[Write]) -> list[int] | None:
    """The results of a batch; None where it met a ConflictError."""
    try:
        return await backend.apply(writes)
    except ConflictError:
        return None


def comparable(writes: Sequence[Write], results: list[int] | None) -> list[int | str] | None:
    """Results without the versions that are each store's own."""
    if results is None:
        return None
    assert len(results) == len(writes), f"{len(writes)} writes gave {len(results)} results"
    assert all(type(result) is int for result in results), f"results are whole numbers: {results}"
    return [_result(write, result) for write, result in zip(writes, results, strict=True)]


def _result(write: Write, result: int) -> int | str:
    if isinstance(write, Put) or (isinstance(write, Copy) and not write.row[VERSION]):
        return "a version" if result > ABSENT else f"{result} is no version"
    return result


def last_puts(writes: Sequence[Write], results: Sequence[int]) -> dict[tuple[Family, Key], int]:
    """The version each record got from the last Put of a batch, for records no Copy of the batch touches."""
    copied = {(write.family, write.row[KEY:]) for write in writes if isinstance(write, Copy)}
    pairs = zip(writes, results, strict=True)
    puts = {(write.family, write.key): result for write, result in pairs if isinstance(write, Put)}
    return {name: version for name, version in puts.items() if name not in copied}


async def walk(backend: Backend, page: Page, size: int) -> list[Row]:
    """The rows of a page taken `size` at a time, each part starting at the last row of the one before."""
    rows: list[Row] = []
    while part := await backend.scan(page._replace(limit=size)):
        assert len(part) <= size, f"a page of {size} came back with {len(part)} rows"
        assert part[-1] not in rows, f"the cursor stands still at {part[-1]!r:.200}"
        rows += part
        bound = order_of(page.family, part[-1])[len(page.prefix) :]
        page = page._replace(before=bound) if page.newest else page._replace(after=bound)
    return rows


async def compare_reads(backend: Backend, model: Backend, page: Page) -> None:
    """The three ways to read a page give what the model gives."""
    expected = await model.scan(page)
    assert plainly(await backend.scan(page)) == plainly(expected), f"scan differs for {page}"
    assert await backend.keys(page) == [row[KEY:] for row in expected], f"keys differ for {page}"
    assert await backend.bodies(page) == [row[BODY] for row in expected], f"bodies differ for {page}"


async def check_fetch(backend: Backend, family: Family, rows: list[Row]) -> None:
    """`fetch` gives the rows a scan gives, twice if asked, and None for what is not there."""
    ghost: Key = tuple(["no such id"] * (len(family.key) - 1) + [99 if family.log else "no such id"])
    keys = [row[KEY:] for row in rows]
    assert await backend.fetch(family, [ghost, *keys, *keys[:1]]) == [None, *rows, *rows[:1]], "fetch differs from scan"


async def compare_counts(backend: Backend, model: Backend, now: int) -> None:
    """The counts are those of the model."""
    found, expected = await backend.vitals(now), await model.vitals(now)
    assert (found.counts, found.partial) == (expected.counts, expected.partial), "the counts differ"
    assert found.bytes >= 0
