"""The closing lines on laws and servers."""

from __future__ import annotations

from tests.support import servers
from tests.support.legs import Legs


def test_a_law_that_fails_or_is_not_even_set_up_is_counted() -> None:
    legs = Legs()
    for law, when, outcome in (("a", "setup", "passed"), ("a", "call", "passed"), ("b", "call", "failed")):
        legs.note(f"tests/conformance/test_local.py::TestMemory::{law}", when, outcome)
    legs.note("tests/conformance/test_local.py::TestFiles::c", "setup", "failed")
    legs.note("tests/unit/test_json_codec.py::TestPacking::d", "call", "passed")
    assert list(legs.lines()) == ["laws on memory: 1 passed, 1 failed", "laws on files: 1 failed"]


def test_each_server_is_named_with_its_version() -> None:
    legs = Legs()
    for name in servers.redis_binaries():
        legs.note(f"tests/conformance/test_redis.py::TestRedis::a[{name}-x]", "call", "passed")
    assert len(list(legs.lines())) == len(servers.redis_binaries()) > 0
    assert all(line.startswith(("laws on redis ", "laws on valkey ")) for line in legs.lines())
