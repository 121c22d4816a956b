"""Recorded sessions of agents, replayed without the time the model takes: what many of them at once ask of a store."""

from __future__ import annotations

import hashlib
import itertools
import statistics
from collections.abc import Callable
from typing import Any

from ..bench import Bench, settle
from ..peers.base import History
from ..workload import Conversation, steps
from .messages import POWER, PROCESS

SUITE = "sessions"
LAST = 20


async def run(bench: Bench) -> None:
    """1, 8 and 64 sessions at once; the context read whole, or its last twenty messages; 64 also without fsync."""
    recorded = bench.data.conversations(2000)
    bench.note(SUITE, "writes per session", "workload", _writes(recorded), "writes")
    for durability, entries, counts in (("power", POWER, (1, 8, 64)), ("process", PROCESS, (64,))):
        settle()
        async with bench.opened(entries) as peers:
            for count, mode in itertools.product(counts, ("full reload", f"last {LAST}")):
                await _replay_all(bench, recorded, peers, count, mode, durability)


async def _replay_all(
    bench: Bench, recorded: list[Conversation], peers: list[Any], count: int, mode: str, durability: str
) -> None:
    run, each = f"{count}-{mode}", max(4, count)
    appends: dict[str, list[int]] = {peer.name: [] for peer in peers}  # of each block

    def work(peer: History) -> tuple[Callable[..., Any], Callable[[], Any]]:
        numbers, feed = itertools.count(), itertools.cycle(recorded)

        async def one(session: str, conversation: Conversation) -> None:
            await replay(peer, session, conversation, None if mode == "full reload" else LAST)

        def block() -> list[tuple[str, Conversation]]:
            chosen = [next(feed) for _ in range(each)]
            appends[peer.name].append(sum(_appends(conversation) for conversation in chosen))
            return [(f"{run}-{next(numbers)}", conversation) for conversation in chosen]

        return one, block

    name = f"{count} session{'s' if count > 1 else ''}, {mode}, {durability}"
    await bench.compare(SUITE, name, "us per session", peers, work, tasks=count, rounds=max(5, bench.rounds // 2))
    scenario = bench.report.find(SUITE, name)
    for peer, counted in appends.items() if scenario else ():
        rate = appends_a_second(scenario.timings[peer].rounds, counted[1:], each)
        bench.note(SUITE, f"appends, {name}", peer, rate, "per second")


def appends_a_second(rounds: list[float], appends: list[int], sessions: int) -> float:
    """The median of the rounds, which are microseconds a session; later blocks have no figure."""
    return statistics.median(n / (us * sessions / 1e6) for us, n in zip(rounds, appends, strict=False))


def _appends(conversation: Conversation) -> int:
    return len(list(steps(conversation.messages))) + (fate_of(conversation.id) == "forked")


async def replay(peer: History, session: str, conversation: Conversation, last: int | None) -> None:
    """One session as it was recorded, then what becomes of it: resumed, forked, deleted, or nothing."""
    for batch, asks in steps(conversation.messages):
        if asks:
            await (peer.load(session) if last is None else peer.last(session, last))
        await peer.append(session, batch)
    fate = fate_of(conversation.id)
    if fate == "resumed":
        await peer.load(session)
    elif fate == "forked":
        whole = await peer.load(session)
        await peer.append(f"{session}-fork", whole[: max(1, len(whole) // 2)])
    elif fate == "deleted":
        await peer.delete(session)


def fate_of(id: str) -> str:
    """Of a hundred sessions five are resumed, one is forked, two are deleted; by a hash, the same for all peers."""
    draw = hashlib.sha256(id.encode()).digest()[0] * 100 // 256
    return "resumed" if draw < 5 else "forked" if draw < 6 else "deleted" if draw < 8 else ""


def _writes(recorded: list[Conversation]) -> float:
    return sum(map(_appends, recorded)) / len(recorded)
