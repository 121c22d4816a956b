"""The messages of a conversation: appended one by one, read whole, the last twenty."""

from __future__ import annotations

import itertools
from typing import Any

from ..bench import Bench, settle
from ..peers import entry
from ..workload import Document

SUITE = "messages"
POWER = [
    entry("ours", "history"),
    entry("openai_agents", "session", "openai-agents"),
    entry("langgraph_sqlite", "saver", "langgraph-checkpoint-sqlite"),
    entry("json_files", "files"),
]
PROCESS = [
    entry("ours", "history", durability="process"),
    entry("langgraph_sqlite", "saver", "langgraph-checkpoint-sqlite", durability="process"),
    entry("json_files", "files", durability="process"),
]
LONG = 1000


def some(bench: Bench, count: int) -> list[Document]:
    """`count` messages, of as many conversations as it takes."""
    feed = itertools.chain.from_iterable(c.messages for c in bench.data.conversations(count))
    return list(itertools.islice(itertools.cycle(list(feed)), count))


async def run(bench: Bench) -> None:
    """At equal durability: all that sync at each commit, then all that do not."""
    for durability, entries in (("power", POWER), ("process", PROCESS)):
        settle()
        async with bench.opened(entries) as peers:
            await _run(bench, peers, durability)


async def _run(bench: Bench, peers: list[Any], durability: str) -> None:
    messages = some(bench, LONG)
    for peer in peers:
        for start in range(0, LONG, 50):
            await peer.append("long", messages[start : start + 50])
    settle()
    for tasks, many in ((1, "1 task"), (100, "100 tasks")):
        feeds = {peer.name: _appends(messages, tasks) for peer in peers}
        await bench.compare(
            SUITE,
            f"append, {many}, {durability}",
            "us per message",
            peers,
            lambda peer, feeds=feeds: (peer.append, feeds[peer.name]),
            tasks=tasks,
        )
    rounds = bench.rounds * 2
    for name, unit, work in (
        (f"load {LONG}", "us per load", lambda peer: (peer.load, lambda: [("long",)] * 4)),
        ("last 20", "us per load", lambda peer: (peer.last, lambda: [("long", 20)] * 20)),
    ):
        await bench.compare(SUITE, f"{name}, {durability}", unit, peers, work, rounds=rounds)


def _appends(messages: list[Document], tasks: int) -> Any:
    """A hundred messages: one conversation of 25 after the other, or one for each of the tasks."""
    blocks = itertools.count()

    def block() -> list[tuple[str, list[Document]]]:
        number = next(blocks)
        chosen = (messages[(number * 100 + n) % len(messages)] for n in range(100))
        return [(f"{tasks}-{number}-{n // 25 if tasks == 1 else n}", [message]) for n, message in enumerate(chosen)]

    return block
