"""SQLite: owners get a number, and logs one b-tree, clustered by it. PostgreSQL: nothing.

The rows are copied by SQLite itself, in the order they will lie in, so memory stays that of a page cache.
"""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0003"
down_revision = "0002"

LAST = 2**32 - 1  # the greatest position that fits beside an owner
FORMER = "former_"


def owner(name: str) -> None:
    key = f"{name}_id"
    op.execute(f"ALTER TABLE {name} RENAME TO {FORMER}{name}")
    op.create_table(
        name,
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column(key, sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("written_at", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.UniqueConstraint(key, name=f"uq_{name}_{key}"),
        sa.CheckConstraint("id BETWEEN 1 AND 2147483647", name=op.f(f"ck_{name}_id")),
        sqlite_strict=True,
    )
    columns = f"{key}, created_at, written_at, version, body"
    op.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {FORMER}{name} ORDER BY rowid")


def log(name: str, owner: str) -> None:
    key = f"{owner}_id"
    refuse_what_does_not_fit(name)
    # A damaged store may have lost an owner; what it owned is not lost with it.
    op.execute(
        f"INSERT INTO {owner} ({key}, created_at, written_at, version, body)"
        f" SELECT {key}, min(created_at), min(created_at), max(version), x'' FROM {name} AS m"
        f" WHERE NOT EXISTS (SELECT 1 FROM {owner} AS o WHERE o.{key} = m.{key}) GROUP BY {key}"
    )
    op.execute(f"ALTER TABLE {name} RENAME TO {FORMER}{name}")
    op.create_table(
        name,
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("written_at", sa.Integer),
        sa.Column("sealed", sa.Integer),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sqlite_strict=True,
    )
    op.execute(
        f"INSERT INTO {name} (id, created_at, written_at, version, body)"
        " SELECT (o.id << 32) + m.position, m.created_at, nullif(m.written_at, m.created_at), m.version, m.body"
        f" FROM {owner} AS o CROSS JOIN {FORMER}{name} AS m WHERE m.{key} = o.{key} ORDER BY o.id, m.position"
    )


def refuse_what_does_not_fit(name: str) -> None:
    # Beyond the last position, rows would run into the log of the next owner.
    found = op.get_bind().execute(sa.text(f"SELECT min(position), max(position) FROM {name}"))
    least, greatest = found.one()
    if greatest is not None and not 0 <= least <= greatest <= LAST:
        raise CommandError(f"{name} has the positions {least} to {greatest}, and 0 to {LAST} is what fits")


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    # What refers to the owners by name goes on doing so, to the new tables.
    op.execute("PRAGMA legacy_alter_table = ON")
    owner("agent")
    owner("conversation")
    log("raw_message", "conversation")
    log("reasoning_chain", "agent")
    for name in ("raw_message", "reasoning_chain", "agent", "conversation"):
        op.execute(f"DROP TABLE {FORMER}{name}")
    op.execute("PRAGMA legacy_alter_table = OFF")
    op.execute("PRAGMA user_version = 3")
