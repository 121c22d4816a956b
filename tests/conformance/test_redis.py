"""The backends on servers under the conformance kit, on real servers that the tests start."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lodestore.backends.redis import RedisBackend
from lodestore.conformance import InterfacePromises, KernelLaws
from tests.support.scale import scaled


def namespace(folder: Path) -> str:
    """A store of its own for each folder."""
    return "test-" + hashlib.sha256(str(folder).encode()).hexdigest()[:16]


class TestRedis(KernelLaws, InterfacePromises):
    examples = scaled(6, 1)
    steps = 20
    url = ""

    @pytest.fixture(autouse=True)
    def _server(self, redis_url: str) -> None:
        self.url = redis_url

    def backend(self, folder: Path) -> RedisBackend:
        return RedisBackend(self.url, namespace=namespace(folder))


@pytest.mark.slow
class TestRedisCluster(KernelLaws, InterfacePromises):
    examples = 3
    steps = 15
    url = ""

    @pytest.fixture(autouse=True)
    def _servers(self, redis_cluster: str) -> None:
        self.url = redis_cluster

    def backend(self, folder: Path) -> RedisBackend:
        return RedisBackend(self.url, namespace=namespace(folder))
