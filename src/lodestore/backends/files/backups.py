"""Old versions of files, numbered: `.lodestore/backups/<path of the file>/000001.json`."""

from __future__ import annotations

import os
import re

from ...errors import InvalidInputError
from .filesystem import Filesystem

_NUMBERED = re.compile(r"([0-9]{6,})\.json").fullmatch


class Backups:
    """The last `limit` versions of each file; 0 keeps none."""

    def __init__(self, disk: Filesystem, root: str, limit: int) -> None:
        self._disk = disk
        self._root = root
        self._folder = f"{root}/.lodestore/backups"
        self._limit = limit

    def keep(self, path: str) -> None:
        """Link the present version of a file into its history.

        Directories are not synced here: a power cut may cost the newest backup, never a record.
        """
        present = f"{self._root}/{path}"
        if not self._limit or not os.path.lexists(present):
            return
        numbers = self.numbers(path)
        if numbers and os.path.samefile(self._file(path, numbers[-1]), present):
            return  # the write that was to follow did not happen
        self._make_directory(path)
        self._disk.link(present, self._file(path, numbers[-1] + 1 if numbers else 1))
        for number in numbers[: len(numbers) + 1 - self._limit]:
            self._disk.remove(self._file(path, number))

    def numbers(self, path: str) -> list[int]:
        """The versions kept of a file, oldest first."""
        try:
            found = os.listdir(f"{self._folder}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(int(match[1]) for match in map(_NUMBERED, found) if match)

    def content(self, path: str, number: int | None) -> bytes:
        """One version, the newest for None; InvalidInputError where there is none."""
        numbers = self.numbers(path)
        wanted = number if number is not None else numbers[-1] if numbers else 0
        content = self._disk.read(self._file(path, wanted)) if wanted in numbers else None
        if content is None:
            there = ", ".join(map(str, numbers)) or "none"
            raise InvalidInputError(
                f"{path}: no backup {'' if number is None else number}".rstrip() + f"; there are: {there}"
            )
        return content

    def _file(self, path: str, number: int) -> str:
        return f"{self._folder}/{path}/{number:06d}.json"

    def _make_directory(self, path: str) -> None:
        directory = self._folder
        for part in ("", *path.split("/")):
            directory = f"{directory}/{part}" if part else directory
            self._disk.make_directory(directory)


def check_path(path: str) -> str:
    """A path inside the store, as `conversations/conv_001/current.json`; InvalidInputError where it leads elsewhere."""
    parts = path.split("/") if isinstance(path, str) else []
    bad = any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts)
    if len(parts) < 2 or bad or parts[0].startswith(".") or not path.endswith(".json"):
        raise InvalidInputError(f"path: expected one such as conversations/conv_001/current.json, not {path!r}")
    return path
