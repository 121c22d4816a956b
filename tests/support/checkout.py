"""Checkout: what a run of the tests leaves behind in it, as git sees it; outside of one, nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path


class Checkout:
    """The files git does not know, as they were when this was made and when it was looked at again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = self._untracked()
        self._left: set[str] = set()

    def look(self) -> set[str]:
        """What has come since."""
        self._left = self._untracked() - self._before
        return self._left

    def lines(self) -> Iterator[str]:
        """What to say of it: nothing where all is as it was."""
        if self._left:
            yield f"left in the checkout, by the tests or by somebody else meanwhile: {', '.join(sorted(self._left))}"

    def _untracked(self) -> set[str]:
        command = ["git", "-C", str(self._folder), "ls-files", "--others", "--exclude-standard"]
        try:
            return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())
        except (OSError, subprocess.CalledProcessError):
            return set()
