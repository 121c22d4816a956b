"""Statements: the SQL text of every read and write of records, rendered from their families.

Plain text, made once per shape and kept; `schema/statements.*.sql` show all of them. Parameters are numbered
so that one value can serve twice. Column order of a row is that of `core.records.Row`: body, version, created_at,
written_at, expires_at, place, then the key. What a clustered dialect runs on its logs is in `sqlite_logs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

from ..core.families import FAMILIES, OWNED, Family
from ..core.records import Page
from . import dictionaries, sqlite_fts, sqlite_logs, sqlite_vectors
from .dialect import SQLITE, Dialect
from .sqlite_numbers import last_place

ReadShape = tuple[Family, int, bool, bool, bool, bool, bool]


def _params(start: int, count: int, d: Dialect) -> list[str]:
    return [f"{d.param}{number}" for number in range(start, start + count)]


def _where(columns: tuple[str, ...], d: Dialect) -> str:
    params = _params(1, len(columns), d)
    return " AND ".join(f"{column} = {param}" for column, param in zip(columns, params, strict=True))


def place_column(family: Family) -> str:
    """The column that orders a placed family within its outer key; NULL elsewhere."""
    return "position" if family.placed else "NULL"


def order_columns(family: Family) -> tuple[str, ...]:
    """The columns `core.records.order_of` is made of."""
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


def _insert(family: Family, values: list[str], d: Dialect) -> str:
    columns = (*family.key, *stored_columns(family))
    return f"INSERT INTO {d.table(family)} ({', '.join(columns)}) VALUES ({', '.join(values)})"


@cache
def put(family: Family, d: Dialect = SQLITE) -> str:
    """Binds the key, body, version, written_at (and expires_at)."""
    width = len(family.key)
    body, version, at = _params(width + 1, 3, d)
    values = [*_params(1, width, d), body, version, at, at]
    if family.expires:
        values.append(f"{d.param}{width + 4}")
    if family.arrival:
        values.append(f"({_place_to_put(family, d)})")
    return f"{_insert(family, values, d)} {overwrite(family)}"


def overwrite(family: Family) -> str:
    """How a put replaces a record that is there."""
    changed = ["body", "version", "written_at"]
    created = ""
    if family.expires:
        changed.append("expires_at")
        # A record that has expired by the time of the put is absent: what replaces it is new.
        created = (
            f", created_at = CASE WHEN {family.name}.expires_at <= excluded.created_at"
            f" THEN excluded.created_at ELSE {family.name}.created_at END"
        )
    update = ", ".join(f"{column} = excluded.{column}" for column in changed) + created
    return f"ON CONFLICT ({', '.join(family.key)}) DO UPDATE SET {update}"


@cache
def put_alone(family: Family, d: Dialect) -> str:
    """`put` and the commit sequence in one statement, where writes may share one; binds as `put` less the version."""
    width = len(family.key)
    body, at, expiry = _params(width + 1, 3, d)
    chosen = [
        *(f"{param}::text" for param in _params(1, width, d)),
        f"{body}::bytea",
        "commits",
        f"{at}::bigint",
    ]
    chosen += [f"{at}::bigint", *([f"{expiry}::bigint"] if family.expires else [])]
    changed = f"commits = commits + 1, latest = greatest(latest, {at}::bigint)"
    advance = f"WITH advance AS (UPDATE {d.schema}store SET {changed} RETURNING commits)"
    columns = ", ".join((*family.key, *stored_columns(family)))
    insert = f"INSERT INTO {d.table(family)} ({columns}) SELECT {', '.join(chosen)} FROM advance"
    return f"{advance} {insert} {overwrite(family)} RETURNING version"


@cache
def copy(family: Family, d: Dialect = SQLITE) -> str:
    """Binds the key, then `stored_columns`; replaces whatever is there."""
    values = _params(1, len(family.key) + len(stored_columns(family)), d)
    return f"{_insert(family, values, d)} {replace(family)}"


def replace(family: Family) -> str:
    """How a copy replaces a record that is there."""
    update = ", ".join(f"{column} = excluded.{column}" for column in stored_columns(family))
    return f"ON CONFLICT ({', '.join(family.key)}) DO UPDATE SET {update}"


@cache
def next_place(family: Family, d: Dialect = SQLITE) -> str:
    """The place behind the last, NULL where that is none to be had; binds the outer key."""
    place, last = _behind_all(family, d), _last_place(family, d)
    return place if last is None else place.replace(_NEXT, f"nullif({_NEXT}, {last + 1})")


def _place_to_put(family: Family, d: Dialect) -> str:
    """The same for a put, which may replace a record where no place is left; binds the key."""
    place, last = _behind_all(family, d), _last_place(family, d)
    if last is None:
        return place
    there = f"EXISTS (SELECT 1 FROM {family.name} WHERE {_where(family.key, d)})"
    return f"SELECT iif(n <= {last} OR {there}, n, NULL) FROM ({place.replace(_NEXT, f'{_NEXT} AS n')})"


_NEXT = "coalesce(max(position) + 1, 0)"


def _behind_all(family: Family, d: Dialect) -> str:
    outer = _where(family.key[:-1], d)
    return f"SELECT {_NEXT} FROM {d.table(family)}" + (f" WHERE {outer}" if outer else "")


def _last_place(family: Family, d: Dialect) -> int | None:
    """The last place there may be; None where there are as many as a column has numbers."""
    return last_place(family) if d.clustered and family.text else None


@cache
def at_place(family: Family, d: Dialect = SQLITE) -> str:
    """The innermost key at a place; binds the outer key and the place."""
    return f"SELECT {family.key[-1]} FROM {d.table(family)} WHERE {_where(order_columns(family), d)}"


@cache
def own(family: Family, d: Dialect = SQLITE) -> str:
    """An owner without body, where there is no record yet; binds the key, version and time."""
    width = len(family.key)
    version, at = _params(width + 1, 2, d)
    values = [*_params(1, width, d), d.empty, version, at, at]
    return f"{_insert(family, values, d)} ON CONFLICT DO NOTHING"


@cache
def version(family: Family, d: Dialect = SQLITE) -> str:
    """The version of a record that has a body and has not expired; binds the key (and the time)."""
    alive = f" AND (expires_at IS NULL OR expires_at > {d.param}{len(family.key) + 1})" if family.expires else ""
    return f"SELECT version FROM {d.table(family)} WHERE {_where(family.key, d)} AND length(body) > 0{alive}"


@cache
def fetch(family: Family, d: Dialect = SQLITE) -> str:
    """One row without its key; binds the key."""
    return f"SELECT {_row(family)} FROM {d.table(family)} WHERE {_where(family.key, d)}"


@cache
def fetch_many(family: Family, d: Dialect) -> str:
    """Rows with their keys; binds an array for each column of the key."""
    kinds = ["bigint" if family.log and name == family.key[-1] else "text" for name in family.key]
    arrays = ", ".join(f"{param}::{kind}[]" for param, kind in zip(_params(1, len(kinds), d), kinds, strict=True))
    chosen = f"SELECT {_row(family)}, {', '.join(family.key)} FROM {d.table(family)}"
    return f"{chosen} WHERE ({', '.join(family.key)}) IN (SELECT * FROM unnest({arrays}))"


@cache
def changed(family: Family, d: Dialect = SQLITE) -> str:
    """Rows with their keys that were written after a commit; binds its number. Reads every row but no old body."""
    if family.log and d.clustered:
        return sqlite_logs.changed(family)
    return f"SELECT {_row(family)}, {', '.join(family.key)} FROM {d.table(family)} WHERE version > {d.param}1"


@cache
def drop(family: Family, depth: int, d: Dialect = SQLITE) -> str:
    """Binds the first `depth` columns of the key."""
    return f"DELETE FROM {d.table(family)}" + (f" WHERE {_where(family.key[:depth], d)}" if depth else "")


@cache
def expired(family: Family, depth: int, d: Dialect = SQLITE) -> str:
    """How many rows of a branch have expired; binds the prefix and the time."""
    prefix = f"{_where(family.key[:depth], d)} AND " if depth else ""
    return f"SELECT count(*) FROM {d.table(family)} WHERE {prefix}expires_at <= {d.param}{depth + 1}"


@cache
def sweep(family: Family, d: Dialect = SQLITE) -> str:
    """Binds the time and the most rows to remove."""
    chosen = f"SELECT {d.row} FROM {d.table(family)} WHERE expires_at <= {d.param}1 LIMIT {d.param}2"
    return f"DELETE FROM {d.table(family)} WHERE {d.row} IN ({chosen})"


@cache
def sweepable(family: Family, d: Dialect = SQLITE) -> str:
    """One row where anything has expired; binds the time."""
    return f"SELECT 1 FROM {d.table(family)} WHERE expires_at <= {d.param}1 LIMIT 1"


@cache
def count(family: Family, d: Dialect = SQLITE) -> str:
    """Live rows with a body, and without; binds the time where the family expires."""
    if family.log and d.clustered:
        return sqlite_logs.count(family)
    alive = f" WHERE expires_at IS NULL OR expires_at > {d.param}1" if family.expires else ""
    whole = f"coalesce(sum({d.number}), 0)"
    both = f"{whole}, count(*) - {whole}" if OWNED[family] else "count(*), 0"
    return f"SELECT {both} FROM {d.table(family)}{alive}"


def shape(page: Page) -> ReadShape:
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
def scan(columns: str, shape: ReadShape, d: Dialect = SQLITE) -> str:
    """`columns` is "rows", "keys" or "bodies"; binds as `bind` does."""
    family, depth, after, before, alive, whole, newest = shape
    rest = order_columns(family)[depth:]
    bound, number = [], depth + 1
    for wanted, sign in ((after, ">"), (before, "<")):
        if wanted:
            left, right = ", ".join(rest), ", ".join(_params(number, len(rest), d))
            bound.append(f"({left}) {sign} ({right})" if len(rest) > 1 else f"{left} {sign} {right}")
            number += len(rest)
    if alive:
        bound.append(f"(expires_at IS NULL OR expires_at > {d.param}{number})")
        number += 1
    if whole:
        bound.append("length(body) > 0")
    where = " AND ".join([*([_where(family.key[:depth], d)] if depth else []), *bound])
    order = ", ".join(column + (" DESC" if newest else "") for column in rest)
    keys = ", ".join(family.key)
    chosen = {"rows": f"{_row(family)}, {keys}", "keys": keys, "bodies": "body"}[columns]
    text = f"SELECT {chosen} FROM {d.table(family)}" + (f" WHERE {where}" if where else "")
    return text + (f" ORDER BY {order}" if order else "") + f" LIMIT {d.param}{number}"


def bind(page: Page, d: Dialect = SQLITE) -> tuple[object, ...]:
    """The parameters of `scan` for a page."""
    alive = (page.alive_at,) if page.alive_at is not None and page.family.expires else ()
    limit = d.no_limit if page.limit is None else page.limit
    return (*page.prefix, *(page.after or ()), *(page.before or ()), *alive, limit)


def statements(d: Dialect = SQLITE) -> Iterator[tuple[str, str]]:
    """Every statement with a name, for `schema/` and for the tests that read query plans."""
    for family in FAMILIES:
        yield from sqlite_logs.statements(family) if family.log and d.clustered else _statements(family, d)
    yield from dictionaries.statements(d)
    if d is SQLITE:
        yield from sqlite_fts.statements()
        yield from sqlite_vectors.statements()
        yield from sqlite_vectors.upkeep()


def _statements(family: Family, d: Dialect) -> Iterator[tuple[str, str]]:
    yield from _one_by_one(family) if d is SQLITE else _together(family, d)
    yield f"fetch {family.name}", fetch(family, d)
    if family.expires:
        yield f"sweep {family.name}", sweep(family, d)
        if d is SQLITE:
            yield f"sweepable {family.name}", sweepable(family, d)
    yield f"count {family.name}", count(family, d)
    yield from _scans(family, d)


def _one_by_one(family: Family) -> Iterator[tuple[str, str]]:
    yield f"put {family.name}", put(family)
    yield f"copy {family.name}", copy(family)
    if family.placed:
        yield f"next_place {family.name}", next_place(family)
        yield f"at_place {family.name}", at_place(family)
    if OWNED[family]:
        yield f"own {family.name}", own(family)
    yield f"version {family.name}", version(family)
    yield f"changed {family.name}", changed(family)
    for depth in range(len(family.key) + 1):
        yield f"drop {family.name} depth={depth}", drop(family, depth)
        if family.expires:
            yield f"expired {family.name} depth={depth}", expired(family, depth)


def _together(family: Family, d: Dialect) -> Iterator[tuple[str, str]]:
    # The other statements over many records are in `sets`.
    yield f"fetch_many {family.name}", fetch_many(family, d)
    if not family.placed and not family.owner:
        yield f"put_alone {family.name}", put_alone(family, d)


def _scans(family: Family, d: Dialect) -> Iterator[tuple[str, str]]:
    for depth, bound, newest in product(range(len(family.key)), ("", "after", "before"), (False, True)):
        flags = (bound == "after", bound == "before", family.expires, bool(OWNED[family]), newest)
        words = [f"scan {family.name} depth={depth}", bound, "newest" if newest else ""]
        yield " ".join(filter(None, words)), scan("rows", (family, depth, *flags), d)
