"""Paired measurements: two ways to do one thing, alternately, in one process; ratios, never milliseconds alone."""
