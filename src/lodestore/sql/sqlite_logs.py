"""Log statements for SQLite: every statement on a log, as text.

One b-tree, clustered by owner and nothing beside it: the id of a row is `owner << 32 | position`, where the owner is
the small number (`id`) that the owner's table gave it. A row whose `sealed` is a number holds so many messages, at
its own position and those right before it, in one body (`backends/sqlite/chunks.py`); NULL is one message.
`written_at` is NULL where it equals `created_at`, which is nearly always.

A chunk stands at its last position, so whatever lies after a bound is found by the id alone; a page before a bound
takes in the chunk that reaches beyond it, if there is one. The reader cuts off what lies outside. Marks are numbered,
as in `render`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

from ..core.families import Family, owner_of
from ..core.records import Key, Page
from .sqlite_numbers import POSITION_BITS, last_place

SPAN = 1 << POSITION_BITS  # positions that the ids have room for; of a log that is searched, see `last_place`
LAST = SPAN - 1

LogReadShape = tuple[Family, int, bool, bool, bool]

# Of `o`, an owner, and `r`, a row.
_BASE = "o.id << 32"
POSITION = f"r.id & {LAST}"
OF_OWNER = f"r.id BETWEEN {_BASE} AND ({_BASE}) + {LAST}"


def _owner(family: Family) -> tuple[str, str]:
    """Table and key column of a log's owner."""
    owner = owner_of(family)
    if owner is None:
        raise TypeError(f"the log {family.name} has no owner to be clustered by")
    return owner.name, owner.key[0]


def _last_before(family: Family, position: str) -> str:
    """The id of the last row of `o` that holds anything before a position: that of the chunk the bound cuts, if any."""
    bound = f"({_BASE}) + {position}"
    row = f"SELECT id, sealed FROM {family.name} WHERE id BETWEEN {bound} AND ({_BASE}) + {LAST} ORDER BY id LIMIT 1"
    return f"coalesce((SELECT cut.id FROM ({row}) AS cut WHERE cut.id - cut.sealed + 1 < {bound}), {bound} - 1)"


@cache
def base(family: Family) -> str:
    """The id that position 0 has or would have; binds the owner's key."""
    table, key = _owner(family)
    return f"SELECT id << 32 FROM {table} WHERE {key} = ?1"


@cache
def end(family: Family) -> str:
    """The ids of position 0 and of the next free position; binds the owner's key."""
    table, key = _owner(family)
    last = f"(SELECT max(r.id) FROM {family.name} AS r WHERE {OF_OWNER})"
    return f"SELECT {_BASE}, coalesce({last} + 1, {_BASE}) FROM {table} AS o WHERE o.{key} = ?1"


@cache
def append(family: Family) -> str:
    """A message after the last one; binds the owner's key, body, version, written_at.

    A mismatch of types where there is none, or no owner, or no position left: `end` tells which.
    """
    table, key = _owner(family)
    last = f"nullif((SELECT max(r.id) FROM {family.name} AS r WHERE {OF_OWNER}), ({_BASE}) + {last_place(family)})"
    number = f"coalesce((SELECT {last} + 1 FROM {table} AS o WHERE o.{key} = ?1), 'none')"
    return f"INSERT INTO {family.name} (id, body, version, created_at) VALUES ({number}, ?2, ?3, ?4)"


@cache
def insert(family: Family) -> str:
    """Binds id, body, version, written_at."""
    return f"INSERT INTO {family.name} (id, body, version, created_at) VALUES (?1, ?2, ?3, ?4)"


@cache
def copy(family: Family) -> str:
    """Binds id, body, version, created_at, written_at; replaces the message that is there."""
    columns = ("body", "version", "created_at", "written_at")
    update = ", ".join(f"{column} = excluded.{column}" for column in columns)
    values = "?1, ?2, ?3, ?4, nullif(?5, ?4)"
    insert = f"INSERT INTO {family.name} (id, {', '.join(columns)}) VALUES ({values})"
    return f"{insert} ON CONFLICT (id) DO UPDATE SET {update}"


@cache
def seal(family: Family) -> str:
    """Store a chunk; binds id, body, greatest version, first created_at, number of messages."""
    return f"INSERT INTO {family.name} (id, body, version, created_at, sealed) VALUES (?1, ?2, ?3, ?4, ?5)"


@cache
def covering(family: Family) -> str:
    """The chunk a message is in, if it is in one; binds the id of the message and the last one of its log."""
    row = f"SELECT id, sealed, body FROM {family.name} WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1"
    return f"SELECT id, sealed, body FROM ({row}) WHERE id - sealed < ?1"


@cache
def stretch(family: Family) -> str:
    """Rows as they are stored, without a key; binds the first and the last id."""
    times = "created_at, coalesce(written_at, created_at)"
    return f"SELECT id, sealed, body, version, {times} FROM {family.name} WHERE id BETWEEN ?1 AND ?2 ORDER BY id"


@cache
def erase(family: Family) -> str:
    """Binds the first and the last id."""
    return f"DELETE FROM {family.name} WHERE id BETWEEN ?1 AND ?2"


@cache
def outline(family: Family) -> str:
    """Where rows are, how many messages and how many bytes each holds; binds the id to start after, and a limit."""
    return f"SELECT id, sealed, length(body) FROM {family.name} WHERE id > ?1 ORDER BY id LIMIT ?2"


@cache
def stored(family: Family) -> str:
    """Ids and bodies as they are stored; binds the id to start after, and a limit."""
    return f"SELECT id, body FROM {family.name} WHERE id > ?1 ORDER BY id LIMIT ?2"


@cache
def repack(family: Family) -> str:
    """Replace a body by the same in other bytes, unless it changed meanwhile; binds id, the body as read, the body."""
    return f"UPDATE {family.name} SET body = ?3 WHERE id = ?1 AND body = ?2"


@cache
def fetch(family: Family) -> str:
    """The row a message is in, or the next one; binds the owner's key and the position."""
    table, key = _owner(family)
    first = f"(SELECT min(c.id) FROM {family.name} AS c WHERE c.id BETWEEN ({_BASE}) + ?2 AND ({_BASE}) + {LAST})"
    return (
        f"SELECT {_columns(family, 'rows')} FROM {table} AS o CROSS JOIN {family.name} AS r"
        f" WHERE o.{key} = ?1 AND r.id = {first}"
    )


@cache
def drop(family: Family, depth: int) -> str:
    """A whole log, or all; binds the owner's key, if any."""
    return f"DELETE FROM {family.name}" + (_branch(family) if depth else "")


@cache
def size(family: Family, depth: int) -> str:
    """How many messages a log, or all, has; binds the owner's key, if any."""
    return f"SELECT count(*) + coalesce(sum(sealed - 1), 0) FROM {family.name}" + (_branch(family) if depth else "")


@cache
def count(family: Family) -> str:
    """Messages; a log has none without a body."""
    return f"SELECT count(*) + coalesce(sum(sealed - 1), 0), 0 FROM {family.name}"


@cache
def changed(family: Family) -> str:
    """Rows with their keys that hold anything written after a commit; binds its number. Reads every row but no body."""
    table, _ = _owner(family)
    return (
        f"SELECT {_columns(family, 'rows')} FROM {family.name} AS r CROSS JOIN {table} AS o ON o.id = r.id >> 32"
        " WHERE r.version > ?1"
    )


@cache
def orphans(family: Family) -> str:
    """Ids of rows whose owner is missing."""
    table, _ = _owner(family)
    return f"SELECT id FROM {family.name} AS r WHERE NOT EXISTS (SELECT 1 FROM {table} AS o WHERE o.id = r.id >> 32)"


def _branch(family: Family) -> str:
    return f" WHERE id BETWEEN ({base(family)}) AND ({base(family)}) + {LAST}"


def shape(page: Page) -> LogReadShape:
    """What of a page changes the text of its statement."""
    return page.family, len(page.prefix), page.after is not None, page.before is not None, page.newest


@cache
def scan(columns: str, shape: LogReadShape) -> str:
    """`columns` is "rows", "keys", "bodies" or "counted"; binds as `bind` does. Gives chunks whole, cut by no bound."""
    family, depth, after, before, newest = shape
    table, key = _owner(family)
    where, mark, low, high = [f"o.{key} = ?1"] if depth else [], depth + 1, _BASE, f"({_BASE}) + {LAST}"
    if after:
        mark, same = _bound(where, key, ">=", depth, mark)
        low = f"({_BASE}) + " + _only(same, f"?{mark - 1} + 1", "0")
    if before:
        mark, same = _bound(where, key, "<=", depth, mark)
        high = _only(same, _last_before(family, f"?{mark - 1}"), high)
    where.append(f"r.id BETWEEN {low} AND {high}")
    order = f"{'' if depth else f'o.{key}{_down(newest)}, '}r.id{_down(newest)}"
    chosen = (
        f"SELECT {_columns(family, columns, placed=after or before)} FROM {table} AS o CROSS JOIN {family.name} AS r"
    )
    return f"{chosen} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ?{mark}"


def _bound(where: list[str], key: str, sign: str, depth: int, mark: int) -> tuple[int, str]:
    """Count the marks of a bound; over all logs, it begins with a key, and its position is meant for that one alone."""
    if depth:
        return mark + 1, ""
    where.append(f"o.{key} {sign} ?{mark}")
    return mark + 2, f"o.{key} = ?{mark}"


def _only(same: str, bound: str, other: str) -> str:
    return f"iif({same}, {bound}, {other})" if same else bound


def _down(newest: bool) -> str:
    return " DESC" if newest else ""


def _columns(family: Family, columns: str, *, placed: bool = False) -> str:
    _, key = _owner(family)
    name = f"o.{key}, {POSITION}"
    if columns in ("bodies", "counted"):
        shown = ["r.body", *(["r.sealed"] if columns == "counted" else []), *([POSITION] if placed else [])]
        return ", ".join(shown)
    if columns == "keys":
        return f"r.sealed, {name}"
    times = "r.created_at, coalesce(r.written_at, r.created_at)"
    return f"r.sealed, r.body, r.version, {times}, NULL, {POSITION}, {name}"


def bounded(page: Page) -> bool:
    """Whether a page has bounds, and so may get a chunk it does not want all of."""
    return page.after is not None or page.before is not None


def bind(page: Page) -> tuple[object, ...]:
    """The parameters of `scan` for a page."""
    limit = -1 if page.limit is None else page.limit
    return (*page.prefix, *_bind(page.after, LAST), *_bind(page.before, SPAN), limit)


def _bind(bound: Key | None, most: int) -> Key:
    # Further on lies the next log.
    return () if bound is None else (*bound[:-1], min(int(bound[-1]), most))


def statements(family: Family) -> Iterator[tuple[str, str]]:
    """Every statement with a name, for `schema/` and for the tests that read query plans."""
    name = family.name
    for make in (
        base,
        end,
        append,
        insert,
        copy,
        seal,
        covering,
        stretch,
        erase,
        outline,
        stored,
        repack,
        fetch,
        changed,
        count,
        orphans,
    ):
        yield f"{make.__name__} {name}", make(family)
    for depth in (0, 1):
        yield f"drop {name} depth={depth}", drop(family, depth)
        yield f"size {name} depth={depth}", size(family, depth)
    for depth, bound, newest in product((0, 1), ("", "after", "before"), (False, True)):
        words = [f"scan {name} depth={depth}", bound, "newest" if newest else ""]
        text = scan("rows", (family, depth, bound == "after", bound == "before", newest))
        yield " ".join(filter(None, words)), text
