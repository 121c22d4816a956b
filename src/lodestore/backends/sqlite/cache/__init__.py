"""Read caches of the SQLite backend: hot entries, ends of logs, and what keeps both coherent with the file."""
