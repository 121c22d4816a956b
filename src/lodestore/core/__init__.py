"""The contract between store and backends: record families, writes as values, the backend interface."""
