"""Bulk statements for PostgreSQL: each parameter is an array, one element a record."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ..core.families import FAMILIES, OWNED, Family
from .dialect import Dialect
from .statements import overwrite, place_column, replace, stored_columns

OWN, ADD, PUT, COPY = "own", "add", "put", "copy"  # what `insert` does where there is a record already


def _key(family: Family) -> list[tuple[str, str]]:
    """The columns of the key with their types."""
    return [(name, "bigint" if family.log and name == family.key[-1] else "text") for name in family.key]


def _unnest(columns: list[tuple[str, str]], d: Dialect) -> str:
    arrays = (f"{d.param}{number}::{kind}[]" for number, (_, kind) in enumerate(columns, 1))
    return f"unnest({', '.join(arrays)})"


def _asked(columns: list[tuple[str, str]], d: Dialect) -> str:
    """What was asked for, as rows `w`, numbered."""
    return f"{_unnest(columns, d)} WITH ORDINALITY AS w({', '.join(name for name, _ in columns)}, number)"


def _same(names: tuple[str, ...]) -> str:
    return " AND ".join(f"t.{name} = w.{name}" for name in names)


def _next(family: Family, d: Dialect) -> str:
    outer = family.key[:-1]
    found = f"SELECT coalesce(max(t.position) + 1, 0) FROM {d.table(family)} t"
    return f"({found} WHERE {_same(outer)})" if outer else f"({found})"


@cache
def insert(family: Family, how: str, d: Dialect) -> str:
    """Binds the key, then `stored_columns`. OWN leaves a record that is there, PUT and COPY replace it, ADD fails.

    PUT keeps `created_at` and the place of a record that is there, unless it had expired at the new `created_at`.
    """
    kinds = [(name, "bytea" if name == "body" else "bigint") for name in stored_columns(family)]
    columns = _key(family) + kinds
    names = ", ".join(name for name, _ in columns)
    text = f"INSERT INTO {d.table(family)} ({names}) SELECT * FROM {_unnest(columns, d)}"
    ending = {OWN: "ON CONFLICT DO NOTHING", ADD: "", PUT: overwrite(family), COPY: replace(family)}[how]
    return f"{text} {ending}".rstrip()


@cache
def repack(family: Family, d: Dialect) -> str:
    """Replace bodies by the same in other bytes, unless a record was written meanwhile; binds key, version, body."""
    asked = _asked([*_key(family), ("version", "bigint"), ("body", "bytea")], d)
    return f"UPDATE {d.table(family)} t SET body = w.body FROM {asked} WHERE {_same((*family.key, 'version'))}"


@cache
def next_places(family: Family, d: Dialect) -> str:
    """The next free position within each outer key, in the order asked."""
    return f"SELECT {_next(family, d)} FROM {_asked(_key(family)[:-1], d)} ORDER BY number"


@cache
def standing(family: Family, d: Dialect) -> str:
    """What stands under each key, in the order asked: version (0: no body, NULL: no record), expiry, place.

    For a family in order of arrival binds also the places asked for, and gives who holds each and the next free one.
    """
    expiry = "t.expires_at" if family.expires else "NULL::bigint"
    head = f"CASE WHEN length(t.body) > 0 THEN t.version ELSE 0 END AS version, {expiry} AS expires_at"
    # A limit, or the planner may choose to read the whole table for the join.
    here = f"SELECT {head}, {place_column(family)} AS place FROM {d.table(family)} t WHERE {_same(family.key)} LIMIT 1"
    columns, chosen = _key(family), "version, expires_at, place"
    if family.arrival:
        columns = [*columns, ("position", "bigint")]
        holder = f"SELECT t.{family.key[-1]} FROM {d.table(family)} t WHERE {_same((*family.key[:-1], 'position'))}"
        chosen += f", ({holder}), {_next(family, d)}"
    return f"SELECT {chosen} FROM {_asked(columns, d)} LEFT JOIN LATERAL ({here}) AS stood ON true ORDER BY number"


@cache
def drop(family: Family, depth: int, d: Dialect) -> str:
    """Removes branches, all different; binds the first `depth` columns of the key, then a time for each.

    Gives the number of each branch, counted from 1, that lost rows which had not expired at its time, and how many.
    """
    columns = [*_key(family)[:depth], ("at", "bigint")]
    where = f" WHERE {_same(family.key[:depth])}" if depth else ""
    returned = f"number, {'expires_at IS NULL OR expires_at > w.at' if family.expires else 'true'} AS live"
    gone = f"DELETE FROM {d.table(family)} t USING {_asked(columns, d)}{where} RETURNING {returned}"
    return f"WITH gone AS ({gone}) SELECT number, count(*) FROM gone WHERE live GROUP BY number"


def statements(d: Dialect) -> Iterator[tuple[str, str]]:
    """Every statement with a name, as `render.statements`."""
    for family in FAMILIES:
        for how in (*([OWN] if OWNED[family] else []), *([ADD] if family.log else [PUT]), COPY):
            yield f"{how} many {family.name}", insert(family, how, d)
        if family.log:
            yield f"next_places {family.name}", next_places(family, d)
        else:
            yield f"standing {family.name}", standing(family, d)
        yield f"repack many {family.name}", repack(family, d)
        for depth in range(len(family.key) + 1):
            yield f"drop many {family.name} depth={depth}", drop(family, depth, d)
