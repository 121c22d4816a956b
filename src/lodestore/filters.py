"""Filters of searches, `where=`: `parse` checks one, `matches` applies it to a document, `field` builds one."""

from __future__ import annotations

from .search.filters import Filter, field, matches, parse

__all__ = ["Filter", "field", "matches", "parse"]
