"""Conversations from elsewhere into a store: the exports of other tools, Connectome's storage, our own export."""

from __future__ import annotations

from .apply import ImportReport
from .run import FORMATS, import_files
from .sources import open_input

__all__ = ["FORMATS", "ImportReport", "import_files", "open_input"]
