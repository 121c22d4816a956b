"""What the decisions in docs/decisions chose between; each module is run by hand, with `python -m`."""
