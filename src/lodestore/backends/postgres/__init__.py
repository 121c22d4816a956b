"""PostgreSQL, for several processes on several machines: a pool, one writer a handle, single statements to read."""

from .backend import PostgresBackend

__all__ = ["PostgresBackend"]
