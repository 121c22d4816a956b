"""Dictionary statements: SQL that stores compression dictionaries, samples records and repacks them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ..core.families import FAMILIES, Family
from .dialect import SQLITE, Dialect


@cache
def learn(d: Dialect = SQLITE) -> str:
    """The dictionaries from a number on, that one excluded."""
    return f"SELECT number, family, covered, body FROM {d.schema}dictionary WHERE number > {d.param}1 ORDER BY number"


@cache
def keep(d: Dialect = SQLITE) -> str:
    """Binds number, family, covered and body."""
    values = ", ".join(f"{d.param}{n}" for n in range(1, 5))
    return f"INSERT INTO {d.schema}dictionary (number, family, covered, body) VALUES ({values})"


@cache
def held(family: Family, d: Dialect = SQLITE) -> str:
    """Bytes of all bodies of a family, as stored."""
    return f"SELECT coalesce(sum(length(body)), 0) FROM {d.table(family)}"


@cache
def repack(family: Family) -> str:
    """Replace a body by the same in other bytes, unless it changed meanwhile; binds key, the body as read, the body."""
    width = len(family.key)
    found = " AND ".join(f"{column} = ?{n}" for n, column in enumerate((*family.key, "body"), 1))
    return f"UPDATE {family.name} SET body = ?{width + 2} WHERE {found}"


@cache
def sample(family: Family, d: Dialect = SQLITE) -> str:
    """Bodies: in SQLite the newest first, elsewhere of blocks taken by chance; binds per cent of them there."""
    order = f"ORDER BY {d.row} DESC" if d is SQLITE else f"TABLESAMPLE SYSTEM ({d.param}1)"
    return f"SELECT body FROM {d.table(family)} {order}"


def statements(d: Dialect = SQLITE) -> Iterator[tuple[str, str]]:
    """Every one with a name."""
    yield "learn dictionaries", learn(d)
    yield "keep dictionary", keep(d)
    for family in FAMILIES:
        yield f"held {family.name}", held(family, d)
        if d is SQLITE and not family.log:
            yield f"repack {family.name}", repack(family)
        yield f"sample {family.name}", sample(family, d)
