"""The replay is the workload it says, and loses nothing: operations, log, memory, kills, the tool cache."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.peers.ours import OurCache, OurHistory
from benchmarks.reports.report import Report
from benchmarks.suites import growth, killed, logged, operations, replay, resident, sessions, tools, where
from benchmarks.suites.operations import Clock
from benchmarks.workload import Conversation, Data, save, saved

pytestmark = pytest.mark.slow

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")


def some(count: int, seed: int = 1) -> list[Conversation]:
    return Data(seed, standin_only=True).conversations(count)


def bench(folder: Path) -> Bench:
    data = Data(standin_only=True)
    return Bench(data, Report(data.label), folder, rounds=1, conversations=6, light=True, told=lambda _: None)


def repeating() -> list[Conversation]:
    """Three sessions: one asks twice and gets the same, one asks twice and gets something else, one asks once."""

    def messages(*results: str) -> Iterator[dict[str, Any]]:
        yield {"role": "user", "content": "go"}
        for number, result in enumerate(results):
            call = {"id": f"call_{number}", "function": {"name": "look", "arguments": "{}"}}
            yield {"role": "assistant", "content": None, "tool_calls": [call]}
            yield {"role": "tool", "tool_call_id": call["id"], "content": result}

    recorded = {"tau-a": ("x", "x"), "tau-b": ("x", "y"), "ic-c": ("z",)}
    return [Conversation(id, tuple(messages(*results))) for id, results in recorded.items()]


class TestSessions:
    def test_the_same_seed_gives_the_same_workload(self) -> None:
        first, again, other = ([replayed(c) for c in some(10, seed)] for seed in (1, 1, 2))
        assert first == again != other

    def test_what_another_process_reads_is_what_was_saved(self, tmp_path: Path) -> None:
        assert list(saved(save(some(5), tmp_path / "sessions.jsonl"))) == some(5)

    @pytest.mark.parametrize("fate", ["", "resumed", "forked", "deleted"])
    def test_a_session_leaves_behind_what_its_fate_says(self, tmp_path: Path, fate: str) -> None:
        conversation = next(c for c in some(400) if sessions.fate_of(c.id) == fate)
        found, clock = replay_one(tmp_path, conversation)
        whole = list(conversation.messages)
        assert found["s"] == ([] if fate == "deleted" else whole)
        assert found["s-fork"] == (whole[: len(whole) // 2] if fate == "forked" else [])
        assert clock.count(replay.COLD) == (fate == "resumed")

    def test_what_is_new_is_all_that_was_not_read_before(self, tmp_path: Path) -> None:
        [conversation] = some(1)
        read: list[Any] = []

        class Reading(Clock):
            async def __call__(self, name: str, operation: Any) -> Any:
                found = await super().__call__(name, operation)
                read.extend(found if name == replay.DELTA else [])
                return found

        replay_one(tmp_path, conversation, Reading())
        last = max(n for n, message in enumerate(conversation.messages) if message["role"] == "assistant")
        assert read == list(conversation.messages[:last])


def replayed(conversation: Conversation) -> tuple[Any, ...]:
    steps = list(sessions.steps(conversation.messages))
    return conversation.id, steps, sessions.fate_of(conversation.id), tools.calls(conversation.messages)


def replay_one(folder: Path, conversation: Conversation, clock: Clock | None = None) -> tuple[dict[str, Any], Clock]:
    async def main() -> tuple[dict[str, Any], Clock]:
        peer, used = OurHistory("process"), clock or Clock()
        await peer.open(folder / "store")
        await replay.session(peer, used, "s", conversation)
        found = {name: await peer.load(name) for name in ("s", "s-fork")}
        await peer.close()
        return found, used

    return asyncio.run(main())


class TestOperations:
    def test_each_has_a_scenario_with_every_one_of_its_kind(self, tmp_path: Path) -> None:
        made = bench(tmp_path)
        asyncio.run(measure(made, 8))
        names = {scenario.name for scenario in made.report.scenarios}
        wanted = (operations.APPEND, replay.DELTA, replay.GET, replay.PUT, replay.TITLE)
        assert {f"{name}: 8 sessions, test, power" for name in wanted} <= names
        for scenario in made.report.as_dict()["scenarios"]:
            [variant] = scenario["variants"]
            assert variant["p50"] <= variant["p95"] <= variant["p99"]

    def test_the_warm_up_does_not_count(self) -> None:
        clock = Clock()
        clock.blocks = [{"read": [900.0]}, {"read": [1.0, 3.0]}, {}, {"read": [5.0]}]
        timing = clock.timing("any", "read")
        assert (timing.rounds, timing.single) == ([2, 5], [1, 3, 5])

    def test_who_stops_the_loop_is_waited_for(self) -> None:
        async def one(clock: Clock) -> None:
            await clock("stop", stop())

        async def stop() -> None:
            sum(range(300_000))

        async def main(clock: Clock) -> None:
            await asyncio.gather(*(one(clock) for _ in range(8)))

        clock = Clock(turns=True)
        asyncio.run(main(clock))
        taken = clock.blocks[0]["stop"]
        assert taken[-1] > 3 * taken[0]  # the last has waited for all that came before it

    def test_appends_a_second(self) -> None:
        # Two sessions of 500 ms each held ten appends, then twenty; a third block had no figure.
        assert sessions.appends_a_second([500_000, 500_000], [10, 20, 99], 2) == 15


async def measure(made: Bench, count: int) -> None:
    async with made.opened([peers.entry("ours", "history", durability="process")]) as opened:
        await operations.measure(made, some(40), opened, replay.session, count, "test")


class TestLog:
    def write(self, folder: Path, count: int) -> tuple[int, int]:
        peer, clock = OurHistory("process"), Clock()
        peer.settings = {"dictionaries": False}  # when training is ready is a matter of time
        written, _ = asyncio.run(logged.write(bench(folder), peer, clock, some(6), operations.session, count))
        return written, clock.count(operations.APPEND)

    def test_the_same_sessions_write_the_same_bytes(self, tmp_path: Path) -> None:
        first, again = (self.write(tmp_path / name, 1) for name in "ab")
        assert first == again

    def test_it_is_whole_pages_and_every_append_counts(self, tmp_path: Path) -> None:
        written, appends = self.write(tmp_path, 1)
        assert appends == sum(len(list(sessions.steps(c.messages))) for c in some(6))
        assert written % (4096 + 24) == 0
        assert written >= appends * (4096 + 24)

    def test_together_they_write_less(self, tmp_path: Path) -> None:
        assert self.write(tmp_path / "together", 6)[0] < self.write(tmp_path / "alone", 1)[0]


class TestMemory:
    def test_a_peak_never_falls(self) -> None:
        # In a process of its own: what earlier tests held and gave back would be used again.
        grow = "before = peak(); bytearray(b'x' * 50_000_000).clear(); print(peak() - before)"
        words = [sys.executable, "-c", f"from benchmarks.peak import peak; {grow}"]
        assert float(subprocess.check_output(words, cwd=Path(__file__).parents[2])) >= 40

    def test_a_process_of_its_own_does_not_inherit_ours(self, tmp_path: Path) -> None:
        held = bytearray(b"x" * 200_000_000)  # else a growth of less would not be seen
        file = save(some(20), tmp_path / "sessions.jsonl")
        entry = peers.entry("json_files", "files", durability="process")
        above = asyncio.run(resident.measure(entry, tmp_path / "files", file))
        assert 0 < above < len(held) / 2**20


@POSIX
class TestKills:
    @pytest.mark.parametrize("durability", ["power", "process"])
    def test_nothing_acknowledged_is_lost(self, tmp_path: Path, durability: str) -> None:
        chosen = some(30)
        found = asyncio.run(killed.recover(chosen, tmp_path / "killed", durability))
        assert found.acknowledged >= sum(len(list(sessions.steps(c.messages))) for c in chosen)
        assert found.lost == 0
        assert found.seconds > 0

    def test_a_process_that_ends_by_itself_proves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="by itself"):
            killed.kill([str(tmp_path / "store"), str(tmp_path / "nothing"), "process"], 10)


class TestLosses:
    def test_what_is_missing_or_changed_is_lost(self) -> None:
        chosen = some(2)
        whole = [list(c.messages) for c in chosen]
        acknowledged = [(0, 2), (0, 3), (1, 2), (1, 4)]
        assert killed.lost(acknowledged, dict(enumerate(whole)), chosen) == 0
        assert killed.lost(acknowledged, {0: whole[0][:2], 1: whole[1]}, chosen) == 1
        changed = [whole[1][0], {"role": "user", "content": "not this"}, *whole[1][2:]]
        assert killed.lost(acknowledged, {0: whole[0], 1: changed}, chosen) == 2


class TestToolCache:
    def counted(self, folder: Path, recorded: list[Conversation], namespace: str | None) -> dict[str, tools.Tally]:
        return asyncio.run(tools._stored(bench(folder), recorded, namespace, tools.TTL))

    @pytest.mark.parametrize("namespace", [None, "all"])
    def test_the_hits_are_those_of_a_plain_recount(self, tmp_path: Path, namespace: str | None) -> None:
        # Arguments of the stand-in are all alike, so that tools are asked again in most sessions.
        recorded, hits, calls = some(60), 0, 0
        seen: dict[Any, Any] = {}
        for conversation in recorded:
            for call in tools.calls(conversation.messages).values():
                where = (namespace or conversation.id, call.tool, call.arguments)
                hits, calls = hits + (where in seen), calls + 1
                seen[where] = True
        [tally] = self.counted(tmp_path, recorded, namespace).values()
        assert (tally.hits, tally.calls) == (hits, calls)
        assert 0 < tally.ratio < 1

    def test_a_hit_with_another_result_is_stale(self, tmp_path: Path) -> None:
        alone, together = (self.counted(tmp_path, repeating(), namespace) for namespace in (None, "all"))
        assert alone == {"support": tools.Tally(4, 2, 1), "shell": tools.Tally(1, 0, 0)}
        assert together == {"support": tools.Tally(4, 3, 1), "shell": tools.Tally(1, 1, 1)}

    def test_time_goes_on_and_entries_end(self, tmp_path: Path) -> None:
        first, *_ = repeating()
        long = Conversation(
            "ic-long", ({"role": "user", "content": "x"},) * int(tools.TTL * tools.APPENDS_A_SECOND + 1)
        )
        found = self.counted(tmp_path, [first, long, first], "all")
        assert found["support"] == tools.Tally(4, 2, 0)  # found at once each time, but not 300 s later

    def test_a_result_belongs_to_the_last_call_of_its_id(self) -> None:
        [first, second, *_] = tools.calls(repeating()[1].messages).items()
        assert [(n, call.result) for n, call in (first, second)] == [(2, "x"), (4, "y")]


def test_growth_is_filled_with_every_key_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "TOGETHER", 7)

    async def main() -> list[str]:
        peer = OurCache(hot=False)
        await peer.open(tmp_path / "store")
        await growth._fill(peer, growth.random.Random(1), 10, 30)
        found = await peer.store.list_cache_keys()
        await peer.close()
        return found

    assert asyncio.run(main()) == sorted(growth.key(number) for number in range(10, 30))


def test_the_parts_of_an_operation_are_no_more_than_the_whole(tmp_path: Path) -> None:
    run = bench(tmp_path)
    run.keys, run.rounds = 300, 3
    asyncio.run(where.run(run))
    figures = {tuple(m.name.split(": ")): m.value for m in run.report.measures}
    assert all(value > 0 for value in figures.values())
    append = {part: value for (operation, part), value in figures.items() if "append" in operation}
    whole = append.pop("in all, wall")
    assert max(append.values()) < whole
    assert figures["a set, 100 tasks", "of that, packing"] < figures["a set, 100 tasks", "the writer's thread"]
    assert figures["a set, 100 tasks", "of that, encoding"] < figures["a set, 100 tasks", "the event loop"]
