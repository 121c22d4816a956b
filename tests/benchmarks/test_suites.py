"""The benchmarks measure what they say: the arithmetic, the turns, the workloads, the counts, the pictures."""

from __future__ import annotations

import asyncio
import gc
import itertools
import math
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from benchmarks import __main__ as program, peers, switches
from benchmarks.bench import Bench
from benchmarks.interleave import Timing, Variant, interleave, interval, paired, percentile
from benchmarks.peers import ours
from benchmarks.peers.ours import OurHistory
from benchmarks.reports import bars, page, targets
from benchmarks.reports.report import Measure, Report, Scenario, command
from benchmarks.suites import counting, sessions, size, smoke
from benchmarks.workload import Data, Documents, Zipf, key, steps
from lodestore.backends.sqlite import group_commit
from lodestore.backends.sqlite.engine import driver

REPOSITORY = Path(__file__).parents[2]
figures = st.lists(st.floats(0.01, 100), min_size=1, max_size=40)


class TestArithmetic:
    def test_ratios_are_of_the_same_round(self) -> None:
        # The second round was slow for both: a ratio of medians would not care, a pair must.
        ratio = paired([1, 100, 2, 3, 1], [2, 200, 4, 6, 2])
        assert (ratio.value, ratio.low, ratio.high) == (2, 2, 2)

    def test_a_ratio_says_how_many_times_longer_theirs_takes(self) -> None:
        assert paired([1, 1, 1], [5, 4, 6]).value == 5

    @given(figures)
    def test_the_interval_holds_the_median(self, values: list[float]) -> None:
        low, high, _ = interval(values)
        assert min(values) <= low <= statistics.median(values) <= high <= max(values)

    @pytest.mark.parametrize("count", range(1, 13))
    def test_its_coverage_is_what_counting_gives(self, count: int) -> None:
        # Each value is above or below the true median with equal chance: count all the ways it can fall out.
        low, high, coverage = interval(list(range(count)))
        outcomes = [sum(way) for way in itertools.product((0, 1), repeat=count)]  # how many lie below the median
        held = sum(low < below <= high for below in outcomes)
        assert coverage == pytest.approx(held / len(outcomes))

    def test_it_is_the_narrowest_that_is_sure_enough(self) -> None:
        assert interval(list(range(15)))[:2] == (3, 11)
        assert interval(list(range(15)))[2] >= 0.95
        assert interval([1, 2, 3]) == (1, 3, 0.75)  # too few for more

    @given(figures, st.floats(0.01, 1))
    def test_percentiles(self, values: list[float], share: float) -> None:
        found = percentile(values, share)
        assert sum(value <= found for value in values) >= share * len(values)
        assert sum(value < found for value in values) < share * len(values)


class TestTurns:
    @pytest.fixture(autouse=True)
    def little_to_collect(self) -> Iterator[None]:
        """Each block begins with a full collection, which is slow where other tests have left much."""
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()

    def run(self, rounds: int, **options: Any) -> tuple[list[str], dict[str, Timing]]:
        done: list[str] = []

        def variant(name: str) -> Variant:
            async def call(number: int) -> None:
                assert not gc.isenabled()
                done.append(name)

            return Variant(name, call, lambda: [(number,) for number in range(10)])

        timings = asyncio.run(interleave([variant(name) for name in "abc"], rounds, **options))
        return done, timings

    def test_every_variant_has_one_block_in_every_round(self) -> None:
        done, timings = self.run(8)
        blocks = done[::10]
        assert len(done) == 10 * 3 * (1 + 8 + 5)  # one to warm up, eight rounds, five clocked
        assert all(set(blocks[start : start + 3]) == set("abc") for start in range(0, 27, 3))
        assert {len(timing.rounds) for timing in timings.values()} == {8}
        assert {len(timing.single) for timing in timings.values()} == {50}
        assert gc.isenabled()

    def test_the_order_is_drawn_anew_and_the_same_for_the_same_seed(self) -> None:
        first, again, other = (self.run(12, seed=seed)[0] for seed in (1, 1, 2))
        assert first == again != other
        assert len({tuple(first[30 * n : 30 * n + 30 : 10]) for n in range(13)}) > 2

    def test_many_tasks_share_the_items_and_are_in_flight_together(self) -> None:
        flying, most, seen = 0, 0, []

        async def call(number: int) -> None:
            nonlocal flying, most
            flying, most = flying + 1, max(most, flying + 1)
            seen.append(number)
            await asyncio.sleep(0)
            flying -= 1

        variant = Variant("one", call, lambda: [(number,) for number in range(50)])
        asyncio.run(interleave([variant], 1, tasks=7))
        assert most == 7
        assert sorted(seen[:50]) == list(range(50))

    def test_preparing_is_not_timed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [0.0]

        async def nothing() -> None:
            clock[0] += 1e-6

        def slow() -> list[tuple[()]]:
            clock[0] += 3600
            return [()] * 10

        monkeypatch.setattr("benchmarks.interleave.time.perf_counter", lambda: clock[0])
        timing = asyncio.run(interleave([Variant("one", nothing, slow)], 3))["one"]
        assert timing.median == pytest.approx(1)


class TestWorkload:
    def test_the_same_seed_gives_the_same_data(self) -> None:
        first, again, other = (Data(seed, standin_only=True) for seed in (1, 1, 2))
        assert first.conversations(20) == again.conversations(20) != other.conversations(20)
        assert first.responses() == again.responses() != other.responses()
        assert first.arrivals() == again.arrivals() != other.arrivals()

    def test_generated_data_says_so(self) -> None:
        assert "STAND-IN" in Data(standin_only=True).label

    def test_it_stands_in_where_there_is_no_real_data(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LODESTORE_DATA", str(tmp_path))
        assert not Data().real
        assert len(Data().conversations(5)) == 5

    def test_no_document_comes_twice(self) -> None:
        documents = Documents(Data(standin_only=True).responses())
        bodies = [orjson.dumps(documents.fresh()) for _ in range(2000)]
        assert len(set(bodies)) == len(bodies)

    def test_keys_have_the_popularity_asked_for(self) -> None:
        drawn = Zipf(100, seed=1).keys(20_000)
        assert drawn == Zipf(100, seed=1).keys(20_000)
        first, tenth = drawn.count(key(0)), drawn.count(key(9))
        assert 7 < first / tenth < 14
        assert set(drawn) <= {key(number) for number in range(100)}

    def test_a_session_is_replayed_whole_and_in_order(self) -> None:
        for conversation in Data(standin_only=True).conversations(30):
            replayed = [message for batch, _ in steps(conversation.messages) for message in batch]
            assert replayed == list(conversation.messages)

    def test_the_context_is_read_before_each_answer_and_only_then(self) -> None:
        roles = ("system", "user", "assistant", "tool", "tool", "assistant", "user")
        found = [([m["role"] for m in batch], asks) for batch, asks in steps(tuple({"role": role} for role in roles))]
        assert found == [
            (["system", "user"], False),
            (["assistant"], True),
            (["tool", "tool"], False),
            (["assistant"], True),
            (["user"], False),
        ]

    def test_the_fates_of_sessions(self) -> None:
        fates = [sessions.fate_of(f"session-{number}") for number in range(10_000)]
        for fate, share in (("resumed", 0.05), ("forked", 0.01), ("deleted", 0.02)):
            assert fates.count(fate) / len(fates) == pytest.approx(share, abs=0.01)

    def test_a_replay_leaves_the_session_behind(self, tmp_path: Path) -> None:
        [conversation] = [c for c in Data(standin_only=True).conversations(400) if sessions.fate_of(c.id) == "forked"][
            :1
        ]

        async def main() -> tuple[list[Any], list[Any]]:
            history = OurHistory("process")
            await history.open(tmp_path / "store")
            await sessions.replay(history, "s", conversation, 20)
            found = await history.load("s"), await history.load("s-fork")
            await history.close()
            return found

        whole, fork = asyncio.run(main())
        assert whole == list(conversation.messages)
        assert fork == whole[: len(whole) // 2]


class TestPeers:
    def test_one_that_is_missing_is_a_line_and_not_a_crash(self) -> None:
        entries = [peers.entry("memory", "Dict"), peers.entry("not_there", "make", "some-package")]
        found = peers.find(entries)
        assert [peer.name for peer in found.peers] == ["dict"]
        [line] = found.missing
        assert line.startswith("some-package is not installed")

    def test_only_their_own_modules_import_them(self) -> None:
        script = "import benchmarks.__main__, sys; print(*sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        loaded = set(done.stdout.split())
        assert loaded & {"diskcache", "cashews", "redis", "key_value", "agents", "langgraph", "matplotlib"} == set()
        assert loaded & {"numpy", "chromadb", "lancedb", "pyarrow", "sqlite_vec", "asyncpg"} == set()


def outcome_of(report: Report, what: str) -> targets.Outcome:
    return next(outcome for outcome in targets.judge(report) if what in outcome.what)


def report() -> Report:
    """One scenario in which ours takes 1, one peer 2 and one 6."""
    figures = {"lodestore": 1.0, "x": 2.0, "y": 6.0}
    timings = {name: Timing(name, [value] * 7, [value]) for name, value in figures.items()}
    found = Report("made up")
    found.scenarios = [Scenario("sessions", targets.REPLAY, "us", ["lodestore"], timings)]
    found.measures = [Measure("size", "fresh", "lodestore", 0.4, "times"), Measure("size", "fresh", "x", 30, "times")]
    return found


class TestTargets:
    def test_the_best_peer_is_the_fastest(self) -> None:
        outcome = outcome_of(report(), "sessions")
        assert (outcome.value, outcome.met) == (2, False)
        assert "(x)" in outcome.what

    def test_what_was_not_measured_is_not_judged(self) -> None:
        assert len(targets.judge(report())) == 2
        assert targets.judge(Report("nothing")) == []

    def test_a_figure_must_stay_below(self) -> None:
        assert outcome_of(report(), "fresh").met is True


class TestGates:
    def test_a_figure_that_is_missing_fails(self) -> None:
        assert not smoke.Gate("any", None, 1).met
        assert not smoke.Gate("any", None, 1, least=True).met
        assert not smoke.Gate("any", math.nan, 1).met

    def test_which_way_they_look(self) -> None:
        assert [smoke.Gate("any", value, 2).met for value in (1, 2, 3)] == [True, True, False]
        assert [smoke.Gate("any", value, 2, least=True).met for value in (1, 2, 3)] == [False, True, True]

    def test_a_count_that_went_missing_fails(self) -> None:
        counts = dict(smoke.COUNTS)
        assert all(gate.met for gate in smoke.count_gates(counts))
        del counts["commits, 100 appends at once"]
        assert [gate.name for gate in smoke.count_gates(counts) if not gate.met] == ["commits, 100 appends at once"]

    def test_fsyncs_need_a_tracer_and_nothing_else_does(self) -> None:
        counts = {name: value for name, value in smoke.COUNTS.items() if not name.startswith("fsyncs")}
        assert all(gate.met for gate in smoke.count_gates(counts))

    def test_without_group_commit_the_counts_fail(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counting, "can_trace", lambda: False)
        counts = asyncio.run(counting.count_all(tmp_path / "with"))
        assert [gate.name for gate in smoke.count_gates(counts) if not gate.met] == []
        monkeypatch.setattr(group_commit, "BATCH", group_commit.BATCH)
        monkeypatch.setattr(switches, "off", set())
        assert switches.switch_off(["group"]) == ["without group commit"]
        failed = {g.name for g in smoke.count_gates(asyncio.run(counting.count_all(tmp_path / "without"))) if not g.met}
        assert {"commits, 100 appends at once", "commits with fsync, 100 state sets at once"} <= failed

    def test_without_the_hot_tier_a_count_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counting, "can_trace", lambda: False)
        monkeypatch.setattr(ours, "forced", {})
        monkeypatch.setattr(switches, "off", set())
        switches.switch_off(["hot"])
        gates = smoke.count_gates(asyncio.run(counting.count_all(tmp_path)))
        failed = [gate.name for gate in gates if not gate.met]
        assert failed == [
            "statements, 100 cache hits, hot tier on",
            "reads of messages, 100 appends, the conversation loaded after each",
        ]

    @pytest.mark.parametrize("off", [[], ["dictionaries"]])
    def test_without_dictionaries_a_size_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: list[str]
    ) -> None:
        monkeypatch.setattr(ours, "forced", {})
        monkeypatch.setattr(switches, "off", set())
        switches.switch_off(off)
        data = Data(standin_only=True)
        bench = Bench(data, Report(data.label), tmp_path, light=True, told=lambda _: None)
        asyncio.run(size.states(bench))
        [gate] = [gate for gate in smoke.size_gates(bench.report) if gate.value is not None]
        assert gate.met == (not off)

    def test_a_ratio_that_vanished_fails(self) -> None:
        found = Report("made up")
        for suite, name, faster, slower, _ in smoke.RATIOS:
            timings = {who: Timing(who, [1.0] * 7, [1.0]) for who in (faster, slower)}
            found.scenarios.append(Scenario(suite, name, "us", [faster], timings))
        assert [gate.met for gate in smoke.ratio_gates(found)] == [False] * len(smoke.RATIOS)

    def test_counting_leaves_the_driver_as_it_was(self) -> None:
        connect = driver.connect
        with counting.counted():
            assert driver.connect is not connect
        assert driver.connect is connect

    def test_every_switch_has_a_name(self) -> None:
        assert set(switches.NAMES) == set(switches._SWITCHES)


DRAW = """
import sys, orjson
from pathlib import Path
from benchmarks.reports import page
results = orjson.loads(Path(sys.argv[1]).read_bytes())
print(list(page.draw_all(results, Path(sys.argv[2]))))
"""


class TestPictures:
    def draw(self, results: Path, folder: Path, seed: int) -> dict[str, bytes]:
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", DRAW, str(results), str(folder)]
        subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def test_the_same_figures_give_the_same_bytes(self, tmp_path: Path) -> None:
        results = tmp_path / "results.json"
        results.write_bytes(orjson.dumps(report().as_dict()))
        first, again = (self.draw(results, tmp_path / str(seed), seed) for seed in (1, 2))
        assert first == again
        assert set(first) == {"sessions.svg", "size.svg"}
        assert all(picture.startswith(b"<?xml") and b"<dc:date>" not in picture for picture in first.values())

    def test_bars_are_of_one_suite_and_one_of_ours(self) -> None:
        results = report().as_dict()
        assert bars.bars_of(results, "cache", "lodestore") == {}
        [group] = bars.bars_of(results, "sessions", "lodestore").values()
        assert [(name, ratio) for name, ratio, *_ in group] == [("x", 2), ("y", 6)]

    def test_the_page_is_written_between_its_marks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page, "draw_all", lambda results, folder: iter([("Bars", "bars.svg")]))
        file = tmp_path / "benchmarks.md"
        file.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
        for _ in range(2):
            page.write(report().as_dict(targets.judge(report())), file)
        text = file.read_text()
        assert text.startswith("before\n")
        assert text.endswith("\nafter\n")
        assert "old" not in text
        assert "![Bars](benchmarks/bars.svg)" in text
        assert "| y | 6 | 6 | 6 | 6 | 6 (6 to 6) |" in (tmp_path / "benchmarks" / "figures.md").read_text()
        kept = orjson.loads((tmp_path / "benchmarks" / "results.json").read_bytes())
        assert kept["scenarios"] == report().as_dict()["scenarios"]
        assert "./dev bench" in text


def test_kept_figures_without_p95_are_drawn_without() -> None:
    kept = report().as_dict()["scenarios"][0]
    for variant in kept["variants"]:
        del variant["p95"]
    assert "| y | 6 | 6 | 6 | 6 (6 to 6) |" in page._scenario(kept)


def test_the_report_is_the_same_for_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (1.0, 1.0, 1.0))
    first, again = (orjson.dumps(report().as_dict(targets.judge(report()))) for _ in range(2))
    assert first == again


def test_the_command_says_nothing_of_where_the_figures_went() -> None:
    assert command(["cache", "--out", "/some/where", "--rounds", "9", "--docs"]) == "./dev bench cache --rounds 9"


def test_an_unknown_suite_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "cahce"])
    with pytest.raises(SystemExit):
        program.main()
    assert "cahce" in capsys.readouterr().err


def test_the_generator_needs_no_global_random_state() -> None:
    random.seed(1)
    first = Data(standin_only=True).conversations(3)
    random.seed(2)
    assert Data(standin_only=True).conversations(3) == first
