"""The demo: six steps on real-looking conversations, with figures, in a few seconds.

`run` tells the story line by line and returns the figures; `writer` is the process that gets killed in it.
"""

from __future__ import annotations

from .story import run

__all__ = ["run"]
