"""Free loopback ports for servers that are started, killed and started again; each process has its own."""

from __future__ import annotations

import os
import random
import socket

BUS = 10_000  # a node of a Redis cluster also listens so far above its port
FIRST, LAST = 10_000, 22_000
_given: set[int] = set()


def share() -> range:
    """The ports of this process: all, or an equal part where pytest-xdist runs several."""
    name, count = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number, size = int(name.removeprefix("gw")) % count, (LAST - FIRST) // count
    return range(FIRST + number * size, FIRST + (number + 1) * size)


def free_port() -> int:
    """A port nobody listens on, the one `BUS` above likewise; never given twice.

    Both lie below the ports of outgoing connections (from 32768 on Linux, from 49152 elsewhere): one of those, free
    when it was looked at, may belong to some client's connection when the server starts.
    """
    while True:
        port = random.choice(share())
        if port not in _given and _free(port) and _free(port + BUS):
            _given.add(port)
            return port


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
