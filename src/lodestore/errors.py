"""Errors: every way an operation can fail, and what the caller may conclude from it.

Each failure is exactly one of these classes (law 6 of the design). Drivers' own exceptions never reach the
caller: each backend renames them at one point.
"""

from __future__ import annotations


class LodestoreError(Exception):
    """Base of all errors raised by lodestore."""


class InvalidInputError(LodestoreError, ValueError):
    """An argument, a value or a setting is wrong. Nothing was written; the same call will fail again."""


class ConflictError(LodestoreError):
    """A precondition (`expect`) did not hold: somebody else wrote first. Nothing was written; read again and retry."""


class UnavailableError(LodestoreError):
    """The store is not open, is busy or cannot be reached. Nothing was written; retrying later is safe."""


class OutcomeUnknownError(LodestoreError):
    """A commit failed half-way: the write may or may not have happened.

    Running it again is safe for writes that replace a record. Before you append or increment again, read.
    """


class CorruptError(LodestoreError):
    """Stored bytes are not what was written, or this is not a lodestore store. The message names the record."""


class StorageFullError(LodestoreError):
    """No space is left (disk, quota, server memory). Nothing was written; free space and retry."""


class UnsupportedError(LodestoreError):
    """The backend cannot do this, a package is missing, or the store needs another version of lodestore."""


class EmbeddingError(LodestoreError):
    """The embedder returned no usable vectors.

    Messages, memories and results are stored without a vector then, and `reindex(pending=True)` embeds them later; only
    where nothing can be done without one is this raised.
    """


# The short names from before these, until 1.0.
Refused = InvalidInputError
Conflict = ConflictError
Unavailable = UnavailableError
Unknown = OutcomeUnknownError
Corrupt = CorruptError
Full = StorageFullError
Unsupported = UnsupportedError
EmbeddingFailed = EmbeddingError
