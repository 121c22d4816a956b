"""Importers: conversations from elsewhere, such as exports of other tools, Connectome's storage and our own export."""

from __future__ import annotations

from .apply import ImportReport
from .run import FORMATS, import_files
from .sources import open_input

__all__ = ["FORMATS", "ImportReport", "import_files", "open_input"]
