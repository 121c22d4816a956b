"""Transfer: everything from one backend to another as it stood, with proof; exports and imports."""

from .migration import migrate
from .report import FamilyReport, MigrationReport

__all__ = ["FamilyReport", "MigrationReport", "migrate"]
