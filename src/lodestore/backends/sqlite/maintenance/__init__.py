"""Maintenance of a SQLite store: backup, verify, eviction, compaction, dictionaries."""
