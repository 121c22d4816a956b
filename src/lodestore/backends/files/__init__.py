"""Files: a folder of readable JSON files, in the shape of Connectome's tree.

A call goes through four layers: the `backend` hands it to its thread, the `session` holds the lock and commits, the
records (`read_view`, `write_batch` and `scan` over `record_files`) say what is in which file, the `filesystem` does it.
"""

from .backend import FileBackend

__all__ = ["FileBackend"]
