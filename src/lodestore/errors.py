"""Every way an operation can fail, and what the caller may conclude from it.

Each failure is exactly one of these classes (law 6 of the design). Drivers' own exceptions never reach the
caller: each backend renames them at one point.
"""

from __future__ import annotations


class LodestoreError(Exception):
    """Base of all errors raised by lodestore."""


class InvalidInputError(LodestoreError, ValueError):
    """The request itself is wrong (a value, an id, a setting). Nothing was written; the same call will fail again."""


class ConflictError(LodestoreError):
    """A precondition did not hold: somebody else wrote first. Nothing was written; read again and retry."""


class UnavailableError(LodestoreError):
    """The store cannot be reached or is busy. Nothing was written; retrying later is safe."""


class OutcomeUnknownError(LodestoreError):
    """The write may or may not have happened (a commit failed half-way). Run it again: upserts are idempotent."""


class CorruptError(LodestoreError):
    """Stored bytes are not what was written, or the file is not a lodestore store. The message names the record."""


class StorageFullError(LodestoreError):
    """No space left (disk, quota, server memory). Nothing was written; free space and retry."""


class UnsupportedError(LodestoreError):
    """This backend cannot do that, or the store needs another version of lodestore."""


class EmbeddingError(LodestoreError):
    """The embedder gave no usable vectors. The record is stored all the same, without its vector: embed it later."""


# The short names from before these, until 1.0.
Refused = InvalidInputError
Conflict = ConflictError
Unavailable = UnavailableError
Unknown = OutcomeUnknownError
Corrupt = CorruptError
Full = StorageFullError
Unsupported = UnsupportedError
EmbeddingFailed = EmbeddingError
