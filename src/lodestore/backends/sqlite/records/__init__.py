"""Records in SQLite: reads, writes, logs and their chunks."""
