"""The benchmarks of search measure what they say: what is nearest, with which effort, and where the time goes."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from benchmarks.bench import Bench
from benchmarks.interleave import Timing
from benchmarks.peers.nearest import Nearest, Record
from benchmarks.peers.numpy_exact import NumpyExact
from benchmarks.reports import page, search_page
from benchmarks.reports.report import Measure, Report, Scenario
from benchmarks.suites import cells, search, search_text
from benchmarks.vectors import EVERYTHING, Embedded, Records, Scope, recall
from benchmarks.workload import Data

EMBEDDED = Embedded(real=False)
RECORDS = EMBEDDED.records(400, users=7)
scopes = st.one_of(
    st.just(EVERYTHING), st.integers(0, 6).map(lambda n: Scope(user=n)), st.integers(0, 9).map(lambda n: Scope(group=n))
)
questions = st.integers(0, len(EMBEDDED.questions) - 1).map(lambda number: EMBEDDED.questions[number])


def nearest(vector: Any, scope: Scope) -> list[int]:
    """All of a scope, one by one, the nearest first."""
    rows = scope.rows(RECORDS).tolist()
    return sorted(rows, key=lambda row: -float(np.dot(RECORDS.vectors[row], vector)))


class TestRecall:
    @given(questions, scopes, st.integers(0, 10))
    def test_it_is_the_share_of_the_ten_nearest(self, vector: Any, scope: Scope, found: int) -> None:
        order = nearest(vector, scope)
        tenth, next_one = RECORDS.vectors[order[9:11]] @ vector
        assume(tenth - next_one > 1e-4)  # else either may stand there
        answer = [*order[:found], *order[10 : 20 - found]]
        assert recall(RECORDS, [vector], [scope], [answer]) == pytest.approx(found / 10)

    @given(questions)
    def test_what_is_not_in_the_scope_does_not_count(self, vector: Any) -> None:
        others = [row for row in nearest(vector, EVERYTHING) if RECORDS.users[row] != 3][:10]
        assert recall(RECORDS, [vector], [Scope(user=3)], [others]) == 0

    @given(questions, scopes)
    def test_one_that_is_named_twice_counts_once(self, vector: Any, scope: Scope) -> None:
        assert recall(RECORDS, [vector], [scope], [nearest(vector, scope)[:1] * 10]) == pytest.approx(0.1)

    @given(questions, scopes)
    @settings(deadline=None)
    def test_arrays_in_memory_find_all(self, vector: Any, scope: Scope) -> None:
        async def main() -> list[int]:
            peer = NumpyExact()
            await peer._open()
            await peer.fill(RECORDS)
            return await peer.near(vector, scope)

        assert recall(RECORDS, [vector], [scope], [asyncio.run(main())]) == 1


class TestRecords:
    def test_the_same_ones_again(self) -> None:
        first, again = (Embedded(real=False).records(2000, texts=True) for _ in range(2))
        assert np.array_equal(first.vectors, again.vectors)
        assert (first.users, first.groups, first.texts) == (again.users, again.groups, again.texts)

    @pytest.mark.parametrize("count", [300, None, 2500])
    def test_all_have_length_one_and_every_user_as_many(self, count: int | None) -> None:
        records = EMBEDDED.records(count, users=50)
        assert np.allclose(np.linalg.norm(records.vectors, axis=1), 1, atol=1e-5)
        assert len({list(records.users).count(user) for user in range(50)}) == 1

    def test_more_are_made_near_to_those_that_are_there(self) -> None:
        made = EMBEDDED.records(2500).vectors
        nearest = (made @ EMBEDDED.base.T).max(axis=1)
        assert nearest.min() > 0.5
        assert len(np.unique(made, axis=0)) == 2500


class Climbing(Nearest):
    """Finds one more of the nearest with each step of effort."""

    name, efforts = "climbing", range(1, 9)

    async def _open(self) -> None: ...

    async def close(self) -> None: ...

    async def fill(self, records: Records) -> None: ...

    async def write(self, record: Record) -> None: ...

    async def setting(self) -> str:
        return "none"

    async def near(self, vector: Any, scope: Scope) -> list[int]:
        return nearest(vector, scope)[: self.effort + 3]


class TestEffort:
    def strive(self, monkeypatch: pytest.MonkeyPatch, enough: float, efforts: Sequence[int]) -> Climbing:
        monkeypatch.setattr(search, "ENOUGH", enough)
        peer = Climbing()
        peer.efforts = efforts
        asked = [(vector, Scope(user=2)) for vector in EMBEDDED.questions[:5]]
        asyncio.run(search._strive(peer, RECORDS, asked))
        return peer

    def test_it_is_the_least_that_finds_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        peer = self.strive(monkeypatch, 0.6, range(1, 9))
        assert (peer.effort, peer.recall) == (3, pytest.approx(0.6))

    def test_where_none_finds_enough_it_is_the_last(self, monkeypatch: pytest.MonkeyPatch) -> None:
        peer = self.strive(monkeypatch, 0.99, range(1, 4))
        assert (peer.effort, peer.recall) == (3, pytest.approx(0.6))

    def test_a_peer_that_does_not_find_what_it_stored_is_told_of(self) -> None:
        record = Record(10_000, EMBEDDED.fresh(1), 1, 1, "text")
        with pytest.raises(AssertionError, match="climbing"):
            asyncio.run(Climbing().write_and_find(record))


class TestParts:
    def test_all_kinds_of_functions_are_clocked_and_give_what_they_gave(self) -> None:
        def plain(n: int) -> int:
            time.sleep(0.02)
            return n

        async def waiting(n: int) -> int:
            await asyncio.sleep(0.02)
            return n

        def giving(n: int) -> Any:
            for number in range(n):
                time.sleep(0.01)
                yield number

        parts: dict[str, float] = defaultdict(float)
        assert search_text._timed(plain, parts, "plain")(3) == 3
        assert asyncio.run(search_text._timed(waiting, parts, "waiting")(3)) == 3
        assert list(search_text._timed(giving, parts, "giving")(3)) == [0, 1, 2]
        assert all(parts[name] >= 0.02 for name in ("plain", "waiting", "giving"))

    def test_what_is_clocked_is_there_and_left_as_it_was(self) -> None:
        def found() -> list[Any]:
            return [getattr(owner, name) for owner, name in search_text.PARTS.values()]

        before = found()
        with search_text._clocked():
            assert all(mine is not other for mine, other in zip(found(), before, strict=True))
        assert found() == before


@pytest.mark.slow
def test_the_light_form_measures_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SAMPLE", 10)
    data = Data(standin_only=True)
    bench = Bench(data, Report(data.label), tmp_path, rounds=1, light=True, told=lambda _: None)
    asyncio.run(search.run(bench))
    names = {scenario.name.rsplit(", ", 1)[0] for scenario in bench.report.scenarios}
    assert names == {
        *(what for _, what, _ in search.KINDS),
        "durable write",
        "durable write and found",
        "write without fsync",
        "write without fsync and found",
        "text, one user of 20",
        *(f"{mode}, one user of 100" for mode in ("hybrid", "vector", "text")),
    }
    assert {m.variant for m in bench.report.measures} == {
        "lodestore, namespaces",
        "lodestore, conversations",
        "lodestore, namespaces, no fsync",
        "numpy, in memory",
    }
    recalls = [m.value for m in bench.report.measures if m.name.startswith("recall")]
    assert (len(recalls), min(recalls)) == (9, 1.0)
    parts = {m.name.rsplit(", one user", 1)[0] for m in bench.report.measures if m.name.startswith("hybrid")}
    assert parts == {f"hybrid, {part}" for part in ("p50", "in all", *search_text.PARTS)}
    assert bench.report.left_out == []


def test_questions_are_the_same_for_every_peer() -> None:
    for _, _, draw in search.KINDS:
        first, again = (search._searches(EMBEDDED, draw)(20) for _ in range(2))
        assert [scope for _, scope in first] == [scope for _, scope in again]
        assert np.array_equal([vector for vector, _ in first], [vector for vector, _ in again])
    draw = search.KINDS[0][2]
    assert len({draw(random.Random(seed)) for seed in range(50)}) > 10


class TestPage:
    def results(self) -> dict[str, Any]:
        """One user at 5 and 20 ms, the peer finding 90 %."""
        report = Report("made up")
        timings = {name: Timing(name, [value] * 3, [value]) for name, value in (("lodestore", 5e3), ("peer", 2e4))}
        report.scenarios = [Scenario("search", "one user of 100, 9 vectors", "us", ["lodestore"], timings)]
        report.measures = [Measure("search", "recall@10, one user of 100, 9 vectors", "peer", 0.9, "")]
        return report.as_dict()

    def test_an_engine_is_a_row_with_its_recall_where_it_is_not_whole(self) -> None:
        _, table = search_page.tables(self.results())
        assert table.splitlines()[2:] == [
            "| lodestore | 5 |  |  |  |  |  |  |  |",
            "| peer | 20 (0.900) |  |  |  |  |  |  |  |",
        ]

    def test_it_has_a_part_of_the_page_of_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page, "draw_all", lambda results, folder: iter([]))
        file = tmp_path / "benchmarks.md"
        begin, end, figures, kept = page.SEARCH
        file.write_text(f"{page.BEGIN}\nstays\n{page.END}\n{begin}\nold\n{end}\n")
        page.write(self.results(), file)
        text = file.read_text()
        assert ("stays" in text, "old" in text, "20 (0.900)" in text) == (True, False, True)
        assert {path.name for path in file.with_suffix("").iterdir()} == {figures, kept}


def test_the_light_form_of_cells_finds_all(tmp_path: Path) -> None:
    bench = Bench(Data(standin_only=True), Report("x"), tmp_path, rounds=2, light=True, told=lambda line: None)
    asyncio.run(cells.run(bench))
    found = {m.variant: m.value for m in bench.report.measures if m.name.startswith("recall")}
    assert found == {"lodestore, one namespace": 1.0, "numpy, in memory": 1.0}
    assert [scenario.name for scenario in bench.report.scenarios] == ["no filter, 1,000 vectors in one namespace"]


def test_only_the_peers_that_are_wanted(tmp_path: Path) -> None:
    async def names(*among: str) -> list[str]:
        bench = Bench(Data(standin_only=True), Report("x"), tmp_path, among=among, light=True)
        async with bench.opened(search.ENTRIES) as peers:
            return [peer.name for peer in peers]

    ours = ["lodestore, namespaces", "lodestore, conversations", "lodestore, namespaces, no fsync"]
    assert asyncio.run(names("numpy", "chromadb")) == [*ours, "numpy, in memory"]
    assert asyncio.run(names("chromadb")) == ours
