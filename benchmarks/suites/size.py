"""Bytes on disk for a byte of messages: the same conversations in every system, closed, then compacted where it can."""

from __future__ import annotations

import orjson

from .. import standin
from ..bench import Bench
from ..peers import find
from ..peers.base import History
from ..peers.ours import OurState
from ..workload import Conversation, steps
from .messages import POWER, PROCESS

SUITE = "size"
# Without fsync where a system has the choice: what is on disk is the same, and sooner there.
ENTRIES = [*PROCESS, *(entry for entry in POWER if entry.module == "openai_agents")]


async def run(bench: Bench) -> None:
    """Fresh and compacted."""
    recorded = bench.data.conversations(bench.conversations)
    raw = sum(conversation.raw for conversation in recorded)
    bench.note(SUITE, "raw", "workload", raw, "bytes", f"{len(recorded)} conversations as compact JSON")
    found = find([entry for entry in ENTRIES if not bench.light or entry.module in ("ours", "json_files")])
    bench.report.leave_out(found.missing)
    for peer in found.peers:
        fresh, compacted = await weigh(bench, peer, recorded)
        bench.note(SUITE, "fresh", peer.name, fresh / raw, "bytes on disk / raw byte")
        bench.note(SUITE, "compacted", peer.name, compacted / raw, "bytes on disk / raw byte")
        bench.told(f"size: {peer.name}")


async def states(bench: Bench) -> None:
    """Records of one shape that are no messages: nothing but dictionaries makes these small.

    Weighed as a backup, which holds no half-empty pages, after compacting, which trains what is due first.
    """
    rows = [{"name": row["id"], **row["messages"][-2]} for row in standin.conversations(1, 2000)]
    peer = OurState()
    await peer.open(bench.folder / "size-states")
    await peer.fill((f"state-{number}", row) for number, row in enumerate(rows))
    await peer.store.compact()
    copy = bench.folder / "states.db"
    await peer.store.backup(copy)
    await peer.close()
    raw = sum(len(orjson.dumps(row)) for row in rows)
    bench.note(SUITE, "2000 states, backup", peer.name, copy.stat().st_size / raw, "bytes on disk / raw byte")


async def weigh(bench: Bench, peer: History, recorded: list[Conversation]) -> tuple[int, int]:
    """Bytes after closing, and after compacting and closing again."""
    await peer.open(bench.folder / f"size-{peer.name.replace(' ', '-')}")
    for conversation in recorded:
        for batch, _ in steps(conversation.messages):
            await peer.append(conversation.id, batch)
    await peer.close()
    fresh = peer.bytes_on_disk()
    if type(peer).compact is History.compact:
        return fresh, fresh
    await peer._open()
    await peer.compact()
    await peer.close()
    return fresh, peer.bytes_on_disk()
