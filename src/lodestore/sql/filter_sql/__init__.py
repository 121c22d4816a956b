"""Filters as SQL conditions."""
