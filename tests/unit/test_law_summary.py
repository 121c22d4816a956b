"""The closing lines on laws and servers."""

from __future__ import annotations

from tests.support import servers
from tests.support.law_summary import LawSummary


def test_a_law_that_fails_or_is_not_even_set_up_is_counted() -> None:
    summary = LawSummary()
    for law, when, outcome in (("a", "setup", "passed"), ("a", "call", "passed"), ("b", "call", "failed")):
        summary.note(f"tests/conformance/test_local.py::TestMemory::{law}", when, outcome)
    summary.note("tests/conformance/test_local.py::TestFiles::c", "setup", "failed")
    summary.note("tests/unit/test_json_codec.py::TestPacking::d", "call", "passed")
    assert list(summary.lines()) == ["laws on memory: 1 passed, 1 failed", "laws on files: 1 failed"]


def test_each_server_is_named_with_its_version() -> None:
    summary = LawSummary()
    for name in servers.redis_binaries():
        summary.note(f"tests/conformance/test_redis.py::TestRedis::a[{name}-x]", "call", "passed")
    assert len(list(summary.lines())) == len(servers.redis_binaries()) > 0
    assert all(line.startswith(("laws on redis ", "laws on valkey ")) for line in summary.lines())
