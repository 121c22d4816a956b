"""The store: one implementation of the wide interface, over any backend."""
