"""Summary of the laws, one line for each backend and each server: `laws on valkey 9.1.2: 62 passed`."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator

from . import postgres_server, servers

FILES = tuple(f"tests/conformance/test_{name}.py" for name in ("local", "redis", "postgres"))

# By the name of the test class; the two on servers are completed by what the server calls itself.
NAMES = {
    "TestMemory": "memory",
    "TestSQLite": "sqlite",
    "TestEncryptedSQLite": "encrypted sqlite",
    "TestFiles": "files",
    "TestRedis": "",
    "TestRedisCluster": "a cluster of three nodes of",
    "TestPostgres": "PostgreSQL",
}


class LawSummary:
    """Counts laws by class and server as pytest reports them."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Counter[str]] = {}

    def note(self, nodeid: str, when: str, outcome: str) -> None:
        """Take in one phase of one test: what was not even set up has failed."""
        path, _, rest = nodeid.partition("::")
        name, _, law = rest.partition("::")
        if path.endswith(FILES) and law and (when == "call" or outcome != "passed"):
            server = next((server for server in servers.redis_names() if re.search(rf"[\[-]{server}[]-]", law)), "")
            self._found.setdefault((name, server), Counter())[outcome] += 1

    def lines(self) -> Iterator[str]:
        """One for each class and server that was met."""
        for (name, server), counts in self._found.items():
            told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items(), reverse=True))
            yield f"laws on {label(name, server)}: {told}"


def label(name: str, server: str) -> str:
    """What a line is about, with the version of its server."""
    known = NAMES.get(name, name.removeprefix("Test"))
    if name in ("TestRedis", "TestRedisCluster"):
        return f"{known} {_redis(server or next(iter(servers.redis_binaries()), ''))}".strip()
    return f"{known} {_postgres()}".strip() if "Postgres" in name else known


def _redis(server: str) -> str:
    if server not in servers.redis_binaries():
        return "the server of TEST_REDIS_URL"
    kind = "redis" if server.startswith("redis") else "valkey"
    return f"{kind} {_version(servers.redis_binaries()[server])}"


def _postgres() -> str:
    found = postgres_server.binaries()
    given = found is None or "TEST_POSTGRES_URL" in os.environ
    return "of TEST_POSTGRES_URL" if given else _version(str(found / "postgres"))


def _version(binary: str) -> str:
    told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\d+(?:\.\d+)+", told)[0]
