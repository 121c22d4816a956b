"""Redis errors: the one place where errors of driver and server become errors of lodestore."""

from __future__ import annotations

import ssl

from redis import exceptions as said

from ...errors import (
    CorruptError,
    InvalidInputError,
    LodestoreError,
    OutcomeUnknownError,
    StorageFullError,
    UnavailableError,
    UnsupportedError,
)

ANSWERS = (said.ResponseError, said.BusyLoadingError, said.AuthenticationError)  # all errors a server answers with
NETWORK = (said.ConnectionError, said.TimeoutError, OSError, TimeoutError)
# The server answers and does nothing: another try a little later may find it ready, or another in its place.
_NOT_YET = (
    said.BusyLoadingError,
    said.ClusterDownError,
    said.TryAgainError,
    said.MasterDownError,
    said.ReadOnlyError,
)
_LATER = ("READONLY", "NOREPLICAS", "MISCONF", "BUSY", "LOADING", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN")
_NO_PASSWORD = (
    "the server requires a password: set LODESTORE_PASSWORD (for the target of a migration "
    "LODESTORE_TARGET_PASSWORD), or pass password=... in Python"
)
_NO_RIGHT = ("ACL failure in script", "can't run this command", "can't access at least one of the keys")


class NotSent(Exception):
    """Nothing was asked of the server, or it did nothing; `error` is what to raise when patience ends."""

    def __init__(self, error: LodestoreError) -> None:
        super().__init__(str(error))
        self.error = error


def unreachable(error: BaseException) -> LodestoreError:
    """No connection: nothing was sent."""
    if "NOAUTH" in f"{getattr(error, 'status_code', '')} {error}" or "called without any password" in str(error):
        return InvalidInputError(_NO_PASSWORD)
    if isinstance(error, said.AuthenticationError):
        return InvalidInputError(f"the server rejected the user or the password: {error}")
    if "DB index" in str(error) or "SELECT is not allowed" in str(error):
        return InvalidInputError(f"the server has no such database: {error}")
    if isinstance(error, (said.ResponseError, said.BusyLoadingError)):
        return answered(error, False)
    if isinstance(error.__cause__, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
        return InvalidInputError(f"the server's certificate cannot be verified: {error}")
    if isinstance(error.__cause__, ssl.SSLError) or "SSL" in str(error) or "certificate" in str(error):
        return UnavailableError(f"the TLS connection failed: {error}")
    return UnavailableError(f"the server cannot be reached: {reason(error)}")


def reason(error: BaseException) -> str:
    """What an error says; of those that say nothing, what they are."""
    if isinstance(error, (TimeoutError, said.TimeoutError)) and not str(error):
        return "no answer in time"
    return str(error) or type(error).__name__


def not_yet(error: BaseException) -> bool:
    """Whether the server did nothing, but may later."""
    return isinstance(error, _NOT_YET) or str(error).startswith("BUSY ")


def lacks_right(text: str) -> bool:
    """Whether an error met within a script says that the user may not do it."""
    return any(words in text for words in _NO_RIGHT)


def lost(error: BaseException, writes: bool) -> LodestoreError:
    """Asked, but not answered."""
    if writes:
        return OutcomeUnknownError(f"the server did not answer a write: {reason(error)}")
    return UnavailableError(f"the server did not answer: {reason(error)}")


def lost_store() -> CorruptError:
    """There is nothing left of the store a handle had open, or another one in its place."""
    return CorruptError("the server has lost the store this handle had open: open it again")


def answered(error: said.RedisError, writes: bool) -> LodestoreError:
    """The server's answer is an error."""
    text = str(error)
    if isinstance(error, said.AuthenticationError):
        return unreachable(error)
    if isinstance(error, said.OutOfMemoryError) or "OOM" in text:
        return StorageFullError(f"the server is out of memory: {text}")
    if isinstance(error, said.NoPermissionError) or text.startswith("NOPERM"):
        return InvalidInputError(f"the server refuses: {text}")
    if "Protocol error" in text:
        return InvalidInputError(f"the request is too large for the server: {text}")
    if lacks_right(text) and not writes:
        return InvalidInputError(f"the server refuses: {text}")
    if isinstance(error, _NOT_YET) or text.startswith(_LATER):
        return UnavailableError(f"the server accepts no writes now: {text}")
    if text.startswith("LOST "):
        return lost_store()
    if "WRONGTYPE" in text:
        return CorruptError(f"a key of the store is not what lodestore made: {text}")
    if "unknown command" in text or "Unknown Redis command" in text:
        return UnsupportedError(f"lodestore needs Redis 7.0 or newer: {text}")
    if writes:
        return OutcomeUnknownError(f"the server failed during a write: {text}")
    return UnavailableError(f"the server failed: {text}")
