"""Documents: stored rows as the records that callers load."""

from __future__ import annotations

from ..core.clock import iso
from ..core.interface import Document
from ..core.records import BODY, CREATED_AT, KEY, Row
from ..encoding import json_codec


def memory_document(row: Row) -> Document:
    """Make a memory as it is loaded: with its id, and the time of its creation if its document has none."""
    document: Document = json_codec.loads(row[BODY])
    document["memory_id"] = row[KEY + 1]
    document.setdefault("created_at", iso(row[CREATED_AT]))
    return document
