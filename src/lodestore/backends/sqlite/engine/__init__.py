"""The SQLite engine: driver, store file, worker thread, and the commits that others are told of."""
