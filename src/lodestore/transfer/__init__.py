"""From one backend to another: everything, as it stood, with proof."""

from .migration import migrate
from .report import FamilyReport, MigrationReport

__all__ = ["FamilyReport", "MigrationReport", "migrate"]
