"""A process that replays sessions is killed in the middle: what it had acknowledged must be there, and how soon.

An acknowledgement, `session messages`, is written to a pipe after the append has returned, never before.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import lodestore

from ..bench import Bench
from ..interleave import perform
from ..peers.ours import OurHistory
from ..runner import Figure
from ..workload import REPOSITORY, Conversation, save, saved, steps

SUITE = "kill -9"
SESSIONS, AT_ONCE = 200, 8
Acknowledged = list[tuple[int, int]]  # which session, and how many messages of it are stored


@dataclass
class Recovery:
    """Appends that were acknowledged before the kill, those that are not there, and how long opening took."""

    acknowledged: int
    lost: int
    seconds: float


async def run(bench: Bench, recorded: list[Conversation]) -> None:
    """Once for each durability; a loss is a limit that is missed."""
    chosen = recorded[: min(SESSIONS, bench.conversations)]
    for durability in ("power", "process"):
        found = await recover(chosen, bench.folder / f"killed-{durability}", durability)
        bench.note(SUITE, f"acknowledged, {durability}", "lodestore", found.acknowledged, "appends")
        bench.note(SUITE, f"lost, {durability}", "lodestore", found.lost, "appends")
        bench.note(SUITE, f"reopening, {durability}", "lodestore", found.seconds, "s")
        bench.report.limits.append(Figure(f"lost to kill -9, {durability}", found.lost, "appends", 0))
        bench.told(f"{SUITE}: {durability}")


async def recover(chosen: list[Conversation], folder: Path, durability: str) -> Recovery:
    """Kill a process that replays `chosen` over and over when it has acknowledged so many appends, and look."""
    file = save(chosen, folder / "sessions.jsonl")
    appends = sum(len(list(steps(c.messages))) for c in chosen)
    acknowledged = await asyncio.to_thread(kill, [str(folder / "store"), str(file), durability], appends)
    begun = time.perf_counter()
    async with lodestore.open(f"sqlite:///{folder}/store/store.db", durability=durability) as store:
        seconds = time.perf_counter() - begun
        stored = {number: await store.load_raw_messages(str(number)) for number, _ in acknowledged}
    return Recovery(len(acknowledged), lost(acknowledged, stored, chosen), seconds)


def kill(arguments: list[str], after: int) -> Acknowledged:
    """What a process acknowledged that was killed after so many acknowledgements."""
    command = [sys.executable, "-m", "benchmarks.suites.killed", *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        lines = [line for _, line in zip(range(after), writer.stdout, strict=False)]
        writer.kill()
        lines += writer.stdout  # what it put into the pipe before it died was acknowledged too
    if writer.returncode != -signal.SIGKILL:
        raise RuntimeError("the process that was to be killed ended by itself, which proves nothing")
    pairs = [line.split() for line in lines if line.endswith(b"\n")]
    return [(int(number), int(messages)) for number, messages in pairs]


def lost(acknowledged: Acknowledged, stored: dict[int, list[dict[str, object]]], chosen: list[Conversation]) -> int:
    """Appends of which a message is not there, or not what it was."""
    whole = {number: _agreeing(found, chosen[number % len(chosen)]) for number, found in stored.items()}
    return sum(messages > whole[number] for number, messages in acknowledged)


def _agreeing(found: list[dict[str, object]], conversation: Conversation) -> int:
    pairs = enumerate(zip(found, conversation.messages, strict=False))
    return next((n for n, (mine, recorded) in pairs if mine != recorded), min(len(found), len(conversation.messages)))


async def _write(folder: Path, file: Path, durability: str) -> None:
    history = OurHistory(durability)
    await history.open(folder)
    again = itertools.chain.from_iterable(saved(file) for _ in itertools.count())  # it never ends by itself
    await perform(_talk, ((history, number, conversation) for number, conversation in enumerate(again)), AT_ONCE)


async def _talk(history: OurHistory, number: int, conversation: Conversation) -> None:
    told = 0
    for batch, asks in steps(conversation.messages):
        if asks:
            await history.load(str(number))
        await history.append(str(number), batch)
        told += len(batch)
        # One write below the size of a pipe's buffer: never cut in half, and out of our hands at once.
        os.write(sys.stdout.fileno(), f"{number} {told}\n".encode())


if __name__ == "__main__":
    asyncio.run(_write(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
