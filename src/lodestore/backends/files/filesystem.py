"""The few calls through which everything reaches the disk, so that a test can stop the world at any of them."""

from __future__ import annotations

import errno
import os
import re
import secrets

from ...core import os_support
from ...errors import CorruptError, LodestoreError, StorageFullError, UnavailableError

_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp").fullmatch
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WRONG_TYPE = {errno.ELOOP, errno.ENOTDIR, errno.EISDIR}


def temporary(directory: str) -> str:
    """A fresh name for a file that is not yet there."""
    return f"{directory}/.{secrets.token_hex(8)}.tmp"


def is_temporary(name: str) -> bool:
    """Whether a file name is one of ours that never came to be."""
    return _TEMPORARY(name) is not None


def renamed(error: OSError) -> LodestoreError:
    """The one place where the system's errors get a meaning."""
    kind: type[LodestoreError] = UnavailableError
    if error.errno in _FULL:
        kind = StorageFullError
    elif error.errno in _WRONG_TYPE:
        kind = CorruptError
    return kind(f"{error.filename or 'the store'}: {error.strerror or error}")


class Filesystem:
    """Plain file operations; every path is absolute."""

    def read(self, path: str) -> bytes | None:
        """All of a file, None where there is none; a symbolic link is not followed."""
        try:
            with open(path, "rb", opener=os_support.open_plain) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, path: str, content: bytes) -> None:
        """A new file with `content`, on the disk when this returns."""
        handle = os_support.open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            self.sync(handle)

    def replace(self, old: str, new: str) -> None:
        os_support.replace(old, new)

    def link(self, old: str, new: str) -> None:
        """A second name for a file; a copy where the file system knows no links."""
        if not os_support.link(old, new):
            self.write(new, self.read(old) or b"")

    def remove(self, path: str) -> bool:
        """Whether there was a file to remove."""
        return os_support.remove(path)

    def make_directory(self, path: str) -> bool:
        """Whether the directory is new."""
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            return False
        return True

    def remove_directory(self, path: str) -> bool:
        """Remove a directory if it is empty; whether it is gone."""
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
        return True

    def sync_directory(self, path: str) -> None:
        """Make the names in a directory survive a power cut."""
        handle = os_support.open_folder(path)
        if handle is None:
            return
        try:
            self.sync(handle)
        finally:
            os.close(handle)

    def sync(self, handle: int) -> None:
        os.fsync(handle)
