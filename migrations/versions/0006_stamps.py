"""SQLite: each chunk of the index of vectors bears a stamp, by which a process knows what it has read already.

The index is emptied, and built anew when the store is next searched. PostgreSQL: nothing.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

FIRST, END = -(2**63), 2**63 - 1


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    op.execute("DROP TABLE packed")
    op.execute("DELETE FROM cells")
    op.execute(
        "CREATE TABLE packed ("
        "last INTEGER NOT NULL PRIMARY KEY, first INTEGER NOT NULL, space TEXT NOT NULL, part TEXT NOT NULL,"
        " cell INTEGER, size INTEGER NOT NULL, stamp INTEGER NOT NULL, numbers BLOB NOT NULL, head BLOB NOT NULL,"
        " codes BLOB NOT NULL) STRICT"
    )
    op.execute(
        "CREATE INDEX ix_packed_space_part_cell_last_size_stamp ON packed (space, part, cell, last, size, stamp)"
    )
    op.execute("DELETE FROM unindexed")
    op.execute(f"INSERT INTO unindexed (first, last) VALUES ({FIRST}, {END})")
    op.execute("PRAGMA user_version = 6")
