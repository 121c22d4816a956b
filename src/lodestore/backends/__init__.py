"""The backends. They never import one another; the registry names them."""
