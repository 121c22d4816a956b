"""Bytes a replay writes to the log: exact, for nothing empties the log meanwhile; and what is on disk at the end.

The log is never opened here, only its length is asked for.
"""

from __future__ import annotations

from typing import Any

from ..bench import Bench
from ..interleave import perform
from ..peers.ours import OurHistory
from ..workload import Conversation
from . import operations
from .counting import HEADER
from .operations import APPEND, Clock, Session

SUITE = "log"
SESSIONS = 128


async def run(bench: Bench, recorded: list[Conversation], whole: Session) -> None:
    """Messages alone, then `whole`, one session with all that belongs to it; 1, 8 and 64 at once."""
    chosen = recorded[: min(SESSIONS, bench.conversations)]
    for what, session in (("messages alone", operations.session), ("all of it", whole)):
        for count in (1, 8, 64):
            await _weigh(bench, chosen, session, count, f"{count} at once, {what}")


async def _weigh(bench: Bench, chosen: list[Conversation], session: Session, count: int, name: str) -> None:
    peer, clock = OurHistory(), Clock()
    written, disk = await write(bench, peer, clock, chosen, session, count)
    raw = sum(conversation.raw for conversation in chosen)
    if session is operations.session:
        bench.note(SUITE, f"per append, {name}", peer.name, written / clock.count(APPEND), "bytes of the log")
    bench.note(SUITE, f"per session, {name}", peer.name, written / len(chosen), "bytes of the log")
    bench.note(SUITE, f"written, {name}", peer.name, written / raw, "bytes of the log / raw byte")
    bench.note(SUITE, f"closed, {name}", peer.name, disk / raw, "bytes on disk / raw byte")
    bench.told(f"{SUITE}: {name}")


async def write(
    bench: Bench, peer: OurHistory, clock: Clock, chosen: list[Conversation], session: Session, count: int
) -> tuple[int, int]:
    """Replay on a new store; how much longer its log became, and the bytes of the folder after closing."""
    await peer.open(bench.folder / "log")
    await keep_log(peer)
    before = length(peer)
    items = ((peer, clock, str(number), conversation) for number, conversation in enumerate(chosen))
    await perform(session, items, count)
    written = length(peer) - before
    await peer.close()
    return written, peer.bytes_on_disk()


async def keep_log(peer: OurHistory) -> None:
    """No checkpoint from here on: the log only grows."""
    writing: Any = peer.store.backend._connections.writing
    await writing.run("keeping the log", lambda c: c.execute("PRAGMA wal_autocheckpoint = 0").fetchall())


def length(peer: OurHistory) -> int:
    """Bytes in the log, without its header."""
    return max(0, (peer.folder / "store.db-wal").stat().st_size - HEADER)
