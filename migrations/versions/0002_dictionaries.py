"""`dictionary`: what the records of one family have in common, so that each can be stored without it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "dictionary",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("family", TEXT, nullable=False),
        sa.Column("covered", WHOLE, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_dictionary"),
        sqlite_strict=True,
    )
    if op.get_context().dialect.name == "sqlite":
        op.execute("PRAGMA user_version = 2")
