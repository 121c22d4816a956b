"""SQLite: the index of text, and the queue of what it has not taken in: everything there is. PostgreSQL: nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

FIRST, END = -(2**63), 2**63 - 1


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    op.create_table(
        "unindexed",
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("first", name="pk_unindexed"),
        sqlite_strict=True,
    )
    op.execute(
        "CREATE VIRTUAL TABLE posting USING fts5("
        "t, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2')"
    )
    op.execute(f"INSERT INTO unindexed (first, last) VALUES ({FIRST}, {END})")
    op.execute("PRAGMA user_version = 4")
