"""Open settings: what `lodestore.open` takes as keywords for the built-in backends, named and typed for editors.

The classes of `settings` decide: a test holds these names and types equal to theirs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict


class OpenSettings(TypedDict, total=False):
    """Settings of the built-in backends, as keywords of `lodestore.open`.

    A setting may also stand in the URL (`?timeout=5`), but for `key` and `password`. A backend refuses settings of
    another.

    Attributes:
        key: SQLite: encrypts the file; a passphrase or 32 bytes.
        durability: SQLite: "power" (the default) survives a power cut, "process" a killed process.
        timeout: Seconds to wait for a lock, a server or a statement before `UnavailableError`.
        cache: SQLite: MiB of pages that each connection caches.
        hot_bytes: SQLite: bytes of cache entries and recent messages kept in the process; 0: none.
        vector_bytes: SQLite: bytes of vector index kept in the process.
        max_staleness: SQLite: milliseconds by which a read from `hot_bytes` may be old within one event-loop iteration.
        max_cache_bytes: SQLite: upper bound of the stored cache; the least recently used entries are evicted. 0: none.
        dictionaries: Compress small records with trained dictionaries.
        pretty: Files: indent the JSON.
        backups: Files: keep older versions of each file.
        max_backup_files: Files: how many older versions to keep.
        namespace: Redis, PostgreSQL: separates the stores that share a server.
        password: Redis, PostgreSQL: the password, if it is not in the URL.
        ca_file: Redis: certificates that prove the server of a `rediss:` URL.
        db: Redis: the number of the database.
        max_connections: Redis: the size of the connection pool.
        strict: Redis: refuse a server that may lose acknowledged writes.
        host: PostgreSQL: the host, or the folder of its socket.
        sslmode: PostgreSQL: how to use TLS, as libpq says it ("require", "verify-full", ...).
        sslrootcert: PostgreSQL: certificates that prove the server, or "system".
        pool_size: PostgreSQL: the size of the connection pool.
        pool_wait: PostgreSQL: seconds to wait for a connection of the pool.
        recycle: PostgreSQL: seconds after which a connection is replaced.
        pgbouncer: PostgreSQL: the server is a PgBouncer.
    """

    key: str | bytes | None
    durability: Literal["power", "process"]
    timeout: float
    cache: int
    hot_bytes: int
    vector_bytes: int
    max_staleness: float
    max_cache_bytes: int
    dictionaries: bool
    pretty: bool
    backups: bool
    max_backup_files: int
    namespace: str
    password: str | None
    ca_file: str | Path
    db: int | None
    max_connections: int
    strict: bool
    host: str | None
    sslmode: str | None
    sslrootcert: str | Path | None
    pool_size: int
    pool_wait: float
    recycle: float
    pgbouncer: bool
