"""The peak of this process's memory; imports next to nothing, for it would count."""

from __future__ import annotations

import sys
from pathlib import Path


def peak() -> float:
    """The most this process ever held, in megabytes.

    Not what getrusage says where there is /proc: a child inherits the peak of the process that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
