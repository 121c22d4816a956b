"""The SQLite engine: driver, store file, connection threads, and transactions."""
