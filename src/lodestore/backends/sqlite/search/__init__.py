"""The search index of the SQLite backend: full text and vectors, kept up with the records."""
