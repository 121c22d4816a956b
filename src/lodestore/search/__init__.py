"""Search for backends that have no index of their own."""
