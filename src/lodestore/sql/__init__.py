"""SQL shared by SQLite and PostgreSQL: tables for schema and upgrades, statements as text."""

# The newest schema, as the number of its Alembic revision; `PRAGMA user_version` carries it too.
REVISION = 7
APPLICATION_ID = 0x4C4F4445  # "LODE"


def revision_name(number: int = REVISION) -> str:
    """The name Alembic knows a schema number by: `0001`."""
    return f"{number:04d}"
