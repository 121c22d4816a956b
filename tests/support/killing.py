"""Processes that are killed while they work: after so much of it, never after so much time."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable


def kill_after(
    child: subprocess.Popen[bytes], enough: int | Callable[[list[bytes]], bool], pause: float
) -> list[bytes]:
    """`kill -9` a child `pause` seconds after it has said enough, by count or by what it said; all whole lines of it.

    The child writes a line for each thing done, for ever. `pause` only moves the moment within what it does next.
    """
    assert child.stdout is not None
    said: list[bytes] = []
    with child:
        while not (enough(said) if callable(enough) else len(said) >= enough) and (line := child.stdout.readline()):
            said.append(line)
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL, "it ended by itself"
    return [line for line in said if line.endswith(b"\n")]
