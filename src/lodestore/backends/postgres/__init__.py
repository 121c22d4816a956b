"""PostgreSQL backend: a connection pool, one group-commit queue a handle, single statements to read."""

from .backend import PostgresBackend

__all__ = ["PostgresBackend"]
