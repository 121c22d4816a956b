"""SQLite: the numbers of the search index follow from the order of the catalogue, with room for 64 families more.

All but messages get other numbers, so the index of a store that was searched is emptied and waits to be built anew.
PostgreSQL: nothing.
"""

from alembic import op
from alembic.util import CommandError

revision = "0007"
down_revision = "0006"

FIRST, END = -(2**63), 2**63 - 1
LAST = 2**26 - 1  # the last place there is a number for
OWNED = {"memory": "conversation_id", "item": "collection_id"}


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    for table, owner in OWNED.items():
        close_gaps(table, owner)
    op.execute("INSERT INTO posting (posting) VALUES ('delete-all')")
    op.execute("DELETE FROM packed")
    op.execute("DELETE FROM cells")
    sleeps = f"SELECT 1 FROM unindexed WHERE first = {FIRST} AND last = {END}"
    if not op.get_bind().exec_driver_sql(sleeps).scalar():
        op.execute("DELETE FROM unindexed")
        op.execute(f"INSERT INTO unindexed (first, last) VALUES ({FIRST}, -1), (0, {END})")  # one of all would sleep
    op.execute("PRAGMA user_version = 7")


def close_gaps(table: str, owner: str) -> None:
    """Places from 0 on, in their order, for owners with one that is too large; by way of places that nobody has."""
    large = f"SELECT {owner} FROM {table} GROUP BY {owner} HAVING max(position) > {LAST}"
    ranked = f"row_number() OVER (PARTITION BY {owner} ORDER BY position) AS n FROM {table} WHERE {owner} IN ({large})"
    op.execute(
        f"UPDATE {table} SET position = -ranked.n FROM (SELECT rowid AS row, {ranked}) AS ranked"
        f" WHERE {table}.rowid = ranked.row"
    )
    op.execute(f"UPDATE {table} SET position = -1 - position WHERE position < 0")
    if full := op.get_bind().exec_driver_sql(f"{large} LIMIT 1").scalar():
        raise CommandError(
            f"{table}: {full!r} has more than {LAST + 1} records; delete some with the lodestore that wrote them"
        )
