"""Step five: a process is killed while it writes, and every message it acknowledged is still there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from ...store.opening import open as open_store
from .figures import Story
from .writer import CALLERS, CONVERSATION

# Acknowledgements, or seconds after the first, before the kill; not a multiple of CALLERS, to hit it amid a commit.
ENOUGH, PATIENCE = 1003, 2.0


def kill_a_writer(story: Story) -> bool:
    """Whether nothing acknowledged was lost."""
    story.step(5, "Kill -9 a process while it writes")
    acknowledged, error = _acknowledgements(story.url)
    story.note("acknowledged", len(acknowledged), f"{len(acknowledged)} messages acknowledged, then SIGKILL")
    if not acknowledged:
        story.note("error", error, f"THE WRITER NEVER WROTE: {error}")
        return False
    return asyncio.run(_check(story, acknowledged))


def _acknowledgements(url: str) -> tuple[dict[int, str], str]:
    """What the writer acknowledged before it was killed, by position; and what it had to say on stderr."""
    package = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    with subprocess.Popen(
        [sys.executable, "-m", "lodestore.cli.demo.writer", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    ) as writer:
        assert writer.stdout
        assert writer.stderr
        lines = [writer.stdout.readline()]
        until = time.monotonic() + PATIENCE
        while lines[-1] and len(lines) < ENOUGH and time.monotonic() < until:
            lines.append(writer.stdout.readline())
        writer.kill()
        # What it put into the pipe before it died was acknowledged too.
        lines += writer.stdout.readlines()
        said = writer.stderr.read().decode(errors="replace").strip()
    pairs = (line.decode().rstrip("\n").split(" ", 1) for line in lines if line.endswith(b"\n"))
    return {int(position): text for position, text in pairs}, said.rpartition("\n")[2]


async def _check(story: Story, acknowledged: dict[int, str]) -> bool:
    began = time.perf_counter()
    async with open_store(story.url) as store:
        taken = round((time.perf_counter() - began) * 1000, 1)
        stored = [message["content"] for message in await store.load_raw_messages(CONVERSATION)]
        verified = await store.verify()
    lost = [position for position, text in acknowledged.items() if stored[position : position + 1] != [text]]
    unanswered = len(stored) - len(acknowledged)
    story.note("reopened_ms", taken, f"reopened in {taken} ms: {len(stored)} messages stored")
    story.note("unacknowledged", unanswered, f"{unanswered} of them not yet acknowledged (at most {CALLERS})")
    story.note("lost", len(lost), f"lost: {len(lost)}" if not lost else f"LOST: positions {lost[:10]}")
    for problem in verified["problems"]:
        story.say(f"   PROBLEM: {problem}")
    story.note("verified", verified["ok"], f"every record reads back: {'yes' if verified['ok'] else 'NO'}")
    return not lost and bool(verified["ok"])
