"""What the steps of the demo share: where things are, what is said, the figures so far."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

Say = Callable[[str], None]


class Story:
    """The folder, the stores in it, and the figures so far."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self.say = folder, say
        self.url, self.copy_url = url_of("sqlite", folder / "agent.db"), url_of("file", folder / "copy")
        self.figures: dict[str, Any] = {"ok": False, "folder": str(folder), "url": self.url}

    def step(self, number: int, title: str) -> None:
        """Say which step begins."""
        self.say(f"\n{number}. {title}")

    def note(self, name: str, value: Any, line: str) -> None:
        """Keep a figure and say it."""
        self.figures[name] = value
        self.say(f"   {line}")


def url_of(scheme: str, path: Path) -> str:
    """The URL of an absolute path."""
    return f"{scheme}:///{quote(path.as_posix(), safe='/:')}"
