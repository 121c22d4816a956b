"""Text search in SQLite: one FTS5 table over all families, numbers for rows, a queue of what it has not taken in yet.

The number of a record says where it is, so nothing maps one to the other, and a namespace is a range of numbers:

    results         place                             0 to 2^32 - 1
    logs            owner << 32 | position            the id of the row, from 2^32
    what arrives    (owner << 32 | place) - 2^63      below 0

`unindexed` holds ranges of numbers in which something was written or deleted since. A write adds one in its own
transaction; whoever searches, or is idle, takes them out again and brings `posting` in line with the records there.
A store that nobody has searched yet has one range, of all numbers: it sleeps, and a write adds nothing to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ..catalogue import MEMORY, RAW_MESSAGE, RESULT, SEARCHABLE, Family, owner_of
from .logs import LAST, OF_OWNER, SPAN

Span = tuple[int, int]  # the first and the last number

FIRST, END = -(2**63), 2**63 - 1

TABLE = (
    "CREATE VIRTUAL TABLE posting USING fts5("
    "t, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2')"
)

_SLEEPS = f"EXISTS (SELECT 1 FROM unindexed WHERE first = {FIRST} AND last = {END})"
_FROM = "INSERT INTO unindexed (first, last)"
_KEPT = f" AND NOT {_SLEEPS} ON CONFLICT (first) DO UPDATE SET last = max(last, excluded.last)"

SLEEPS = f"SELECT {_SLEEPS}"
NOTE = f"{_FROM} SELECT ?1, ?2 WHERE true{_KEPT}"
WAITS = "SELECT 1 FROM unindexed LIMIT 1"
WAITING = "SELECT first, last FROM unindexed WHERE first >= ?1 ORDER BY first LIMIT ?2"
TAKEN = "DELETE FROM unindexed WHERE first BETWEEN ?1 AND ?2"
POST = "INSERT INTO posting (rowid, t) VALUES (?1, ?2)"
UNPOST = "DELETE FROM posting WHERE rowid BETWEEN ?1 AND ?2"
POSTED = "SELECT rowid FROM posting WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid LIMIT 1 OFFSET ?3"
ALL_POSTED = "SELECT rowid FROM posting ORDER BY rowid"
UNPOST_ALL = "INSERT INTO posting (posting) VALUES ('delete-all')"
MERGE = "INSERT INTO posting (posting, rank) VALUES ('merge', ?1)"
FIND = "SELECT 1 FROM posting WHERE posting MATCH ?1 AND rowid = ?2"
OWNER = "SELECT id FROM conversation WHERE conversation_id = ?1"
OWNER_NAME = "SELECT conversation_id FROM conversation WHERE id = ?1"
OWNERS = "SELECT id, conversation_id FROM conversation WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1"


def number(family: Family, owner: int, place: int) -> int:
    """The number of a record; `owner` is 0 where it has none."""
    return (owner << 32 | place) + _base(family)


def place_of(family: Family, number: int) -> tuple[int, int]:
    """The number of the owner (0: none) and the place of a record."""
    return divmod(number - _base(family), SPAN)


def family_of(number: int) -> Family:
    """The family a number belongs to."""
    return MEMORY if number < 0 else RESULT if number <= LAST else RAW_MESSAGE


def span(family: Family, owner: int | None = None) -> Span:
    """The numbers of a family, or of what one owner has of it."""
    if not family.owner:
        return 0, LAST
    low, high = (1, SPAN // 2 - 1) if owner is None else (owner, owner)
    return number(family, low, 0), number(family, high, LAST)


def _base(family: Family) -> int:
    return FIRST if family.arrival and family.owner else 0


@cache
def search(spans: int) -> str:
    """The best of so many ranges of numbers; binds expression, limit, offset, then first and last of each."""
    fresh = "NOT EXISTS (SELECT 1 FROM unindexed AS u WHERE u.first <= p.rowid AND u.last >= p.rowid)"
    found = [
        "SELECT p.rowid AS number, -bm25(posting) AS score FROM posting AS p"
        f" WHERE p.posting MATCH ?1 AND p.rowid BETWEEN ?{n} AND ?{n + 1} AND {fresh}"
        for n in range(4, 4 + 2 * spans, 2)
    ]
    return " UNION ALL ".join(found) + " ORDER BY score DESC, number LIMIT ?2 OFFSET ?3"


@cache
def number_of(family: Family) -> str:
    """The number of a record; binds its key."""
    owner = owner_of(family)
    if owner is None:
        return f"SELECT position FROM {family.name} WHERE {family.key[0]} = ?1"
    outer, inner = family.key
    if family.log:
        return f"SELECT (id << 32) + ?2 FROM {owner.name} WHERE {outer} = ?1"
    joined = f"{owner.name} AS o CROSS JOIN {family.name} AS r"
    same = f"o.{outer} = ?1 AND r.{outer} = ?1 AND r.{inner} = ?2"
    return f"SELECT (o.id << 32 | r.position) + ({_base(family)}) FROM {joined} WHERE {same}"


@cache
def note_record(family: Family) -> str:
    """Queue one record that is there, of a family that is no log; binds its key."""
    return f"{_FROM} SELECT n, n FROM (SELECT ({number_of(family)}) AS n) WHERE n IS NOT NULL{_KEPT}"


@cache
def note_branch(family: Family) -> str:
    """Queue what an owner has of a family, if it has any; binds the owner's key."""
    owner = owner_of(family)
    assert owner is not None, "only what is owned has branches"
    key = owner.key[0]
    mine = OF_OWNER if family.log else f"r.{key} = ?1"
    some = f"EXISTS (SELECT 1 FROM {family.name} AS r WHERE {mine})"
    base = f"(o.id << 32) + ({_base(family)})"
    return f"{_FROM} SELECT {base}, {base} + {LAST} FROM {owner.name} AS o WHERE o.{key} = ?1 AND {some}{_KEPT}"


@cache
def note_all(family: Family) -> str:
    """Queue a whole family, if there is any record of it."""
    first, last = span(family)
    return f"{_FROM} SELECT {first}, {last} WHERE EXISTS (SELECT 1 FROM {family.name}){_KEPT}"


@cache
def numbers(family: Family) -> str:
    """The number of every record in order, and for a chunk, which stands at its last, how many it holds."""
    if family.log:
        return f"SELECT id, sealed FROM {family.name} ORDER BY id"
    owner = owner_of(family)
    if owner is None:
        return f"SELECT position, NULL FROM {family.name} ORDER BY position"
    key = owner.key[0]
    joined = f"{owner.name} AS o CROSS JOIN {family.name} AS r ON r.{key} = o.{key}"
    return f"SELECT (o.id << 32 | r.position) + ({_base(family)}), NULL FROM {joined} ORDER BY o.id, r.position"


def statements() -> Iterator[tuple[str, str]]:
    """Every statement with a name."""
    yield from ((f"search in {count}", search(count)) for count in (1, 2, 3))
    alone = (SLEEPS, NOTE, WAITS, WAITING, TAKEN, POST, UNPOST, POSTED, ALL_POSTED, UNPOST_ALL, MERGE, FIND)
    names = (
        "asleep",
        "queue",
        "anything queued",
        "queued",
        "taken from the queue",
        "post",
        "unpost",
        "posted",
        "all posted",
    )
    yield from zip((*names, "unpost all", "merge postings", "find posting"), alone, strict=True)
    yield from (("owner", OWNER), ("owner name", OWNER_NAME), ("owners", OWNERS))
    for family in SEARCHABLE:
        if not family.log:
            yield f"queue {family.name}", note_record(family)
        if family.owner:
            yield f"queue branch {family.name}", note_branch(family)
        yield f"queue all {family.name}", note_all(family)
        yield f"number of {family.name}", number_of(family)
        yield f"numbers {family.name}", numbers(family)
