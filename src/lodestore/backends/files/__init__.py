"""A folder of readable JSON files, in the shape of Connectome's tree."""

from .backend import FileBackend

__all__ = ["FileBackend"]
