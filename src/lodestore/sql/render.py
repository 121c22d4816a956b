"""Families in, SQL text out: every statement the SQL backends run on records.

Plain text, made once per shape and kept; `schema/statements.sqlite.sql` shows all of them. Parameters are numbered
so that one value can serve twice. Column order of a row is that of `kernel.Row`: body, version, created_at,
written_at, expires_at, place, then the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

from ..catalogue import FAMILIES, OWNED, Family
from ..kernel import Page

Shape = tuple[Family, int, bool, bool, bool, bool, bool]


def _marks(start: int, count: int) -> list[str]:
    return [f"?{number}" for number in range(start, start + count)]


def _where(columns: tuple[str, ...], start: int = 1) -> str:
    return " AND ".join(f"{column} = {mark}" for column, mark in zip(columns, _marks(start, len(columns)), strict=True))


def place_column(family: Family) -> str:
    """The column that orders a placed family within its outer key; NULL elsewhere."""
    return "position" if family.placed else "NULL"


def order_columns(family: Family) -> tuple[str, ...]:
    """The columns `kernel.order_of` is made of."""
    return (*family.key[:-1], "position") if family.placed else family.key


def stored_columns(family: Family) -> tuple[str, ...]:
    """Every column but the key, as `copy` and `put` bind them."""
    return (
        "body",
        "version",
        "created_at",
        "written_at",
        *(["expires_at"] if family.expires else []),
        *(["position"] if family.arrival else []),
    )


def _row(family: Family) -> str:
    expiry = "expires_at" if family.expires else "NULL"
    return f"body, version, created_at, written_at, {expiry}, {place_column(family)}"


def _insert(family: Family, values: list[str]) -> str:
    columns = (*family.key, *stored_columns(family))
    return f"INSERT INTO {family.name} ({', '.join(columns)}) VALUES ({', '.join(values)})"


@cache
def put(family: Family) -> str:
    """Binds the key, body, version, written_at (and expires_at)."""
    width = len(family.key)
    body, version, at = _marks(width + 1, 3)
    values = [*_marks(1, width), body, version, at, at]
    changed = ["body", "version", "written_at"]
    created = ""
    if family.expires:
        values.append(f"?{width + 4}")
        changed.append("expires_at")
        # An expired record is absent: what replaces it is new.
        created = (
            f", created_at = CASE WHEN {family.name}.expires_at <= excluded.written_at"
            f" THEN excluded.created_at ELSE {family.name}.created_at END"
        )
    if family.arrival:
        values.append(f"({next_place(family)})")
    update = ", ".join(f"{column} = excluded.{column}" for column in changed) + created
    return f"{_insert(family, values)} ON CONFLICT ({', '.join(family.key)}) DO UPDATE SET {update}"


@cache
def copy(family: Family) -> str:
    """Binds the key, then `stored_columns`; replaces whatever is there."""
    columns = stored_columns(family)
    update = ", ".join(f"{column} = excluded.{column}" for column in columns)
    values = _marks(1, len(family.key) + len(columns))
    return f"{_insert(family, values)} ON CONFLICT ({', '.join(family.key)}) DO UPDATE SET {update}"


@cache
def append(family: Family) -> str:
    """Binds the key with its position, body, version, written_at."""
    width = len(family.key)
    body, version, at = _marks(width + 1, 3)
    return _insert(family, [*_marks(1, width), body, version, at, at])


@cache
def next_place(family: Family) -> str:
    """The next free position within an outer key; binds the outer key."""
    outer = _where(family.key[:-1])
    return f"SELECT coalesce(max(position) + 1, 0) FROM {family.name}" + (f" WHERE {outer}" if outer else "")


@cache
def at_place(family: Family) -> str:
    """The innermost key at a place; binds the outer key and the place."""
    return f"SELECT {family.key[-1]} FROM {family.name} WHERE {_where(order_columns(family))}"


@cache
def own(family: Family) -> str:
    """An owner without body, where there is no record yet; binds the key, version and time."""
    width = len(family.key)
    version, at = _marks(width + 1, 2)
    values = [*_marks(1, width), "x''", version, at, at]
    return f"{_insert(family, values)} ON CONFLICT DO NOTHING"


@cache
def version(family: Family) -> str:
    """The version of a record that has a body and has not expired; binds the key (and the time)."""
    alive = f" AND (expires_at IS NULL OR expires_at > ?{len(family.key) + 1})" if family.expires else ""
    return f"SELECT version FROM {family.name} WHERE {_where(family.key)} AND length(body) > 0{alive}"


@cache
def fetch(family: Family) -> str:
    """One row without its key; binds the key."""
    return f"SELECT {_row(family)} FROM {family.name} WHERE {_where(family.key)}"


@cache
def drop(family: Family, depth: int) -> str:
    """Binds the first `depth` columns of the key."""
    return f"DELETE FROM {family.name}" + (f" WHERE {_where(family.key[:depth])}" if depth else "")


@cache
def expired(family: Family, depth: int) -> str:
    """How many rows of a branch have expired; binds the prefix and the time."""
    prefix = f"{_where(family.key[:depth])} AND " if depth else ""
    return f"SELECT count(*) FROM {family.name} WHERE {prefix}expires_at <= ?{depth + 1}"


@cache
def sweep(family: Family) -> str:
    """Binds the time and the most rows to remove."""
    chosen = f"SELECT rowid FROM {family.name} WHERE expires_at <= ?1 LIMIT ?2"
    return f"DELETE FROM {family.name} WHERE rowid IN ({chosen})"


@cache
def count(family: Family) -> str:
    """Live rows with a body, and without; binds the time where the family expires."""
    alive = " WHERE expires_at IS NULL OR expires_at > ?1" if family.expires else ""
    whole = "coalesce(sum(length(body) > 0), 0)"
    both = f"{whole}, count(*) - {whole}" if OWNED[family] else "count(*), 0"
    return f"SELECT {both} FROM {family.name}{alive}"


def shape(page: Page) -> Shape:
    """What of a page changes the text of its statement."""
    return (
        page.family,
        len(page.prefix),
        page.after is not None,
        page.before is not None,
        page.alive_at is not None and page.family.expires,
        bool(OWNED[page.family]) and not page.partial,
        page.newest,
    )


@cache
def scan(columns: str, shape: Shape) -> str:
    """`columns` is "rows", "keys" or "bodies"; binds as `bind` does."""
    family, depth, after, before, alive, whole, newest = shape
    rest = order_columns(family)[depth:]
    bound, number = [], depth + 1
    for wanted, sign in ((after, ">"), (before, "<")):
        if wanted:
            left, right = ", ".join(rest), ", ".join(_marks(number, len(rest)))
            bound.append(f"({left}) {sign} ({right})" if len(rest) > 1 else f"{left} {sign} {right}")
            number += len(rest)
    if alive:
        bound.append(f"(expires_at IS NULL OR expires_at > ?{number})")
        number += 1
    if whole:
        bound.append("length(body) > 0")
    where = " AND ".join([*([_where(family.key[:depth])] if depth else []), *bound])
    order = ", ".join(column + (" DESC" if newest else "") for column in rest)
    keys = ", ".join(family.key)
    chosen = {"rows": f"{_row(family)}, {keys}", "keys": keys, "bodies": "body"}[columns]
    text = f"SELECT {chosen} FROM {family.name}" + (f" WHERE {where}" if where else "")
    return text + (f" ORDER BY {order}" if order else "") + f" LIMIT ?{number}"


def bind(page: Page) -> tuple[object, ...]:
    """The parameters of `scan` for a page."""
    alive = (page.alive_at,) if page.alive_at is not None and page.family.expires else ()
    limit = -1 if page.limit is None else page.limit
    return (*page.prefix, *(page.after or ()), *(page.before or ()), *alive, limit)


def statements() -> Iterator[tuple[str, str]]:
    """Every statement with a name, for `schema/` and for the tests that read query plans."""
    for family in FAMILIES:
        yield f"put {family.name}", put(family)
        yield f"copy {family.name}", copy(family)
        if family.log:
            yield f"append {family.name}", append(family)
        if family.placed:
            yield f"next_place {family.name}", next_place(family)
            yield f"at_place {family.name}", at_place(family)
        if OWNED[family]:
            yield f"own {family.name}", own(family)
        yield f"version {family.name}", version(family)
        yield f"fetch {family.name}", fetch(family)
        for depth in range(len(family.key) + 1):
            yield f"drop {family.name} depth={depth}", drop(family, depth)
            if family.expires:
                yield f"expired {family.name} depth={depth}", expired(family, depth)
        if family.expires:
            yield f"sweep {family.name}", sweep(family)
        yield f"count {family.name}", count(family)
        yield from _scans(family)


def _scans(family: Family) -> Iterator[tuple[str, str]]:
    for depth, bound, newest in product(range(len(family.key)), ("", "after", "before"), (False, True)):
        flags = (bound == "after", bound == "before", family.expires, bool(OWNED[family]), newest)
        words = [f"scan {family.name} depth={depth}", bound, "newest" if newest else ""]
        yield " ".join(filter(None, words)), scan("rows", (family, depth, *flags))
