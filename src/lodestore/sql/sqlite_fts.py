"""Text search in SQLite: one FTS5 table over all families, numbers for rows, a queue of what it has not taken in yet.

The number of a record says where it is (`sqlite_numbers`), so a namespace is a range of them.

`unindexed` holds ranges of numbers in which something was written or deleted since. A write adds one in its own
transaction; whoever searches, or is idle, takes them out again and brings `posting` in line with the records there.
A store that nobody has searched yet has one range, of all numbers: it sleeps, and a write adds nothing to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import blake2b

from ..core.families import SEARCHABLE, Family, owner_of
from .sqlite_logs import OF_OWNER
from .sqlite_numbers import END, FIRST, last_place, number_of_row_sql, number_sql, span

# `n` holds the namespace of an item within its collection, as one word (`namespace`).
TABLE = (
    "CREATE VIRTUAL TABLE posting USING fts5("
    "t, n, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2')"
)

_SLEEPS = f"EXISTS (SELECT 1 FROM unindexed WHERE first = {FIRST} AND last = {END})"
_FROM = "INSERT INTO unindexed (first, last)"
_KEPT = f" AND NOT {_SLEEPS} ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last)"

SLEEPS = f"SELECT {_SLEEPS}"
NOTE = f"{_FROM} SELECT ?1, ?2 WHERE true{_KEPT}"
WAITS = "SELECT 1 FROM unindexed LIMIT 1"
WAITING = "SELECT first, last FROM unindexed WHERE first >= ?1 ORDER BY first LIMIT ?2"
TAKEN = "DELETE FROM unindexed WHERE first BETWEEN ?1 AND ?2"
POST = "INSERT INTO posting (rowid, t, n) VALUES (?1, ?2, ?3)"
UNPOST = "DELETE FROM posting WHERE rowid BETWEEN ?1 AND ?2"
POSTED = "SELECT rowid FROM posting WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid LIMIT 1 OFFSET ?3"
ANY_POSTED = "SELECT rowid FROM posting LIMIT 1"
ALL_POSTED = "SELECT rowid FROM posting ORDER BY rowid"
UNPOST_ALL = "INSERT INTO posting (posting) VALUES ('delete-all')"
MERGE = "INSERT INTO posting (posting, rank) VALUES ('merge', ?1)"
FIND = "SELECT 1 FROM posting WHERE posting MATCH ?1 AND rowid = ?2"


def namespace(name: str | None) -> str:
    """The word by which a namespace within a collection is indexed."""
    return "" if name is None else "n" + blake2b(name.encode(), digest_size=12).hexdigest()


def within(expression: str, name: str | None) -> str:
    """An expression of FTS5 that finds nothing outside a namespace; None: no namespace."""
    return expression if name is None else f't : ({expression}) AND n : "{namespace(name)}"'


@cache
def search(spans: int) -> str:
    """The best of so many ranges of numbers; binds expression, limit, offset, then first and last of each."""
    fresh = "NOT EXISTS (SELECT 1 FROM unindexed AS u WHERE u.first <= p.rowid AND u.last >= p.rowid)"
    found = [
        "SELECT p.rowid AS number, -bm25(posting, 1.0, 0.0) AS score FROM posting AS p"
        f" WHERE p.posting MATCH ?1 AND p.rowid BETWEEN ?{n} AND ?{n + 1} AND {fresh}"
        for n in range(4, 4 + 2 * spans, 2)
    ]
    return " UNION ALL ".join(found) + " ORDER BY score DESC, number LIMIT ?2 OFFSET ?3"


def owner(family: Family) -> str:
    """The number of the owner of a family; binds its name."""
    table, key = _owner(family)
    return f"SELECT id FROM {table} WHERE {key} = ?1"


def owner_name(family: Family) -> str:
    """The name of the owner of a family; binds its number."""
    table, key = _owner(family)
    return f"SELECT {key} FROM {table} WHERE id = ?1"


def owners(family: Family) -> str:
    """The first of the owners with numbers in a range, with its name; binds the range."""
    table, key = _owner(family)
    return f"SELECT id, {key} FROM {table} WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1"


def _owner(family: Family) -> tuple[str, str]:
    owner = owner_of(family)
    assert owner is not None, "only what is owned has a namespace of its own"
    return owner.name, owner.key[0]


@cache
def names_at(family: Family) -> str:
    """Place and inner key of the records at places; binds these as a JSON array (and the outer key)."""
    return f"SELECT r.position, r.{family.key[-1]} FROM {_at(family)}"


@cache
def rows_at(family: Family) -> str:
    """The records at places, with their keys; binds the same."""
    columns = ("body", "version", "created_at", "written_at", "NULL", "position", *family.key)
    return f"SELECT {', '.join(columns)} FROM {_at(family)}"


def _at(family: Family) -> str:
    same = f"r.{family.key[0]} = ?2 AND " if len(family.key) > 1 else ""
    return f"json_each(?1) AS j CROSS JOIN {family.name} AS r ON {same}r.position = j.value"


@cache
def number_of(family: Family) -> str:
    """The number of a record; binds its key."""
    owner = owner_of(family)
    if owner is None:
        return f"SELECT {number_sql(family, '', 'position')} FROM {family.name} WHERE {family.key[0]} = ?1"
    outer, inner = family.key
    if family.log:
        return f"SELECT {number_sql(family, 'id', '?2')} FROM {owner.name} WHERE {outer} = ?1"
    joined = f"{owner.name} AS o CROSS JOIN {family.name} AS r"
    same = f"o.{outer} = ?1 AND r.{outer} = ?1 AND r.{inner} = ?2"
    return f"SELECT {number_sql(family, 'o.id', 'r.position')} FROM {joined} WHERE {same}"


@cache
def note_record(family: Family) -> str:
    """Queue one record, if it is there; binds its key."""
    return f"{_FROM} SELECT n, n FROM (SELECT ({number_of(family)}) AS n) WHERE n IS NOT NULL{_KEPT}"


@cache
def note_branch(family: Family) -> str:
    """Queue what an owner has of a family, if it has any; binds the owner's key."""
    table, key = _owner(family)
    mine = OF_OWNER if family.log else f"r.{key} = ?1"
    some = f"EXISTS (SELECT 1 FROM {family.name} AS r WHERE {mine})"
    bounds = (number_sql(family, "o.id", str(place)) for place in (0, last_place(family)))
    numbers = f"SELECT {', '.join(bounds)} FROM {table} AS o"
    return f"{_FROM} {numbers} WHERE o.{key} = ?1 AND {some}{_KEPT}"


@cache
def note_all(family: Family) -> str:
    """Queue a whole family, if there is any record of it."""
    first, last = span(family)
    return f"{_FROM} SELECT {first}, {last} WHERE EXISTS (SELECT 1 FROM {family.name}){_KEPT}"


@cache
def numbers(family: Family) -> str:
    """The number of every record in order, and for a chunk, which stands at its last, how many it holds."""
    if family.log:
        return f"SELECT {number_of_row_sql(family, 'id')}, sealed FROM {family.name} ORDER BY id"
    owner = owner_of(family)
    if owner is None:
        return f"SELECT {number_sql(family, '', 'position')}, NULL FROM {family.name} ORDER BY position"
    key = owner.key[0]
    joined = f"{owner.name} AS o CROSS JOIN {family.name} AS r ON r.{key} = o.{key}"
    return f"SELECT {number_sql(family, 'o.id', 'r.position')}, NULL FROM {joined} ORDER BY o.id, r.position"


def statements() -> Iterator[tuple[str, str]]:
    """Every statement with a name."""
    yield from ((f"search in {count}", search(count)) for count in (1, 2, 3))
    alone = (SLEEPS, NOTE, WAITS, WAITING, TAKEN, POST, UNPOST, POSTED, ANY_POSTED, ALL_POSTED, UNPOST_ALL, MERGE, FIND)
    names = (
        "asleep",
        "queue",
        "anything queued",
        "queued",
        "taken from the queue",
        "post",
        "unpost",
        "posted",
        "any posted",
        "all posted",
    )
    yield from zip((*names, "unpost all", "merge postings", "find posting"), alone, strict=True)
    for family in SEARCHABLE:
        if family.owner:
            yield f"owner of {family.name}", owner(family)
            yield f"owner name of {family.name}", owner_name(family)
            yield f"owners of {family.name}", owners(family)
        yield f"queue {family.name}", note_record(family)
        if family.owner:
            yield f"queue branch {family.name}", note_branch(family)
        yield f"queue all {family.name}", note_all(family)
        yield f"number of {family.name}", number_of(family)
        if not family.log:
            yield f"names {family.name}", names_at(family)
            yield f"rows at {family.name}", rows_at(family)
        yield f"numbers {family.name}", numbers(family)
