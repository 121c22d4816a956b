"""Alembic's entry: always on a connection that lodestore opened (see `lodestore.sql.upgrade`)."""

from alembic import context

from lodestore.sql.tables import metadata

connection = context.config.attributes["connection"]
target = metadata(clustered=connection.dialect.name == "sqlite")


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out tables lodestore did not declare, such as the shadow tables of a search index."""
    return kind != "table" or name in target.tables


context.configure(
    connection=connection,
    target_metadata=target,
    include_name=ours,
    compare_type=True,
    render_as_batch=True,
    transactional_ddl=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
