"""SQLite backend, the core and the default: one file in WAL mode, one writer, reads on the event loop."""

from .backend import SQLiteBackend

__all__ = ["SQLiteBackend"]
