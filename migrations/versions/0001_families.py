"""The families of records, and `store`: the commit sequence and the newest time written."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def record(*, place: bool = False, expires: bool = False) -> list[sa.Column[int]]:
    """The columns every record has, scalars before the body."""
    return [
        *([sa.Column("position", WHOLE, nullable=False)] if place else []),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("written_at", WHOLE, nullable=False),
        *([sa.Column("expires_at", WHOLE)] if expires else []),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    ]


def family(
    name: str, *keys: str, owner: str | None = None, log: bool = False, place: bool = False, expires: bool = False
) -> None:
    columns = [sa.Column(key, WHOLE if log and key == keys[-1] else TEXT, nullable=False) for key in keys]
    constraints: list[sa.Constraint] = [sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}")]
    if owner:
        reference = sa.ForeignKeyConstraint(
            [keys[0]], [f"{owner}.{keys[0]}"], name=f"fk_{name}_{owner}", ondelete="CASCADE"
        )
        constraints.append(reference)
    op.create_table(name, *columns, *record(place=place, expires=expires), *constraints, sqlite_strict=True)


def upgrade() -> None:
    family("agent", "agent_id")
    family("cache", "cache_key", expires=True)
    some = sa.text("expires_at IS NOT NULL")
    op.create_index("ix_cache_expires_at", "cache", ["expires_at"], sqlite_where=some, postgresql_where=some)
    family("conversation", "conversation_id")
    family("result", "result_id", place=True)
    op.create_index("uq_result_position", "result", ["position"], unique=True)
    family("state", "state_key")
    op.create_table(
        "store",
        sa.Column("id", WHOLE, nullable=False, autoincrement=False),
        sa.Column("commits", WHOLE, nullable=False),
        sa.Column("latest", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_store"),
        sa.CheckConstraint("id = 1", name=op.f("ck_store_single")),
        sqlite_strict=True,
    )
    op.execute("INSERT INTO store (id, commits, latest) VALUES (1, 0, 0)")
    family("chunk_info", "conversation_id", owner="conversation")
    family("memory", "conversation_id", "memory_id", owner="conversation", place=True)
    op.create_index("uq_memory_position", "memory", ["conversation_id", "position"], unique=True)
    family("raw_message", "conversation_id", "position", owner="conversation", log=True)
    family("reasoning_chain", "agent_id", "position", owner="agent", log=True)
    if op.get_context().dialect.name == "sqlite":
        op.execute("PRAGMA user_version = 1")
