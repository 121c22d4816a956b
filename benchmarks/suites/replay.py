"""Recorded sessions as an agent has them: messages, what is new, a tool cache, titles, and what becomes of each.

The time the model takes is left out. Peers do the part of it that they have (`operations`). What else a replay costs
stands beside: bytes of the log, memory, what a kill loses, and what the tool cache is worth.
"""

from __future__ import annotations

from typing import Any

import lodestore

from ..bench import Bench
from ..peers import entry
from ..peers.ours import OurHistory, forced
from ..workload import Conversation, Document, steps
from . import killed, logged, operations, resident, tools
from .operations import APPEND, LOAD, Clock
from .sessions import fate_of

DELTA, GET, PUT, TITLE = "what is new", "tool cache get", "tool cache put", "title update"
OPEN, COLD, DELETE = "open another handle", "load whole, cold", "delete"


async def run(bench: Bench) -> None:
    """What single operations take, ours and theirs; then the bytes, the memory, the kills and the tool cache."""
    recorded = bench.data.conversations(5000)
    await operations.run(bench, recorded)
    async with bench.opened([entry("ours", "history")]) as peers:
        for count in (1, 8, 64):
            await operations.measure(bench, recorded, peers, session, count, "all of it")
    await logged.run(bench, recorded, session)
    await resident.run(bench, recorded)
    await killed.run(bench, recorded)
    await tools.run(bench, recorded)


async def session(peer: OurHistory, clock: Clock, name: str, conversation: Conversation) -> None:
    """One session: before each answer what is new since the last, the tool cache before each result, then its end."""
    store, ready, told = peer.store, tools.calls(conversation.messages), 0
    seen: int | None = None
    for batch, asks in steps(conversation.messages):
        if asks:
            new = await clock(DELTA, store.load_raw_messages(name, after=seen))
            seen = (-1 if seen is None else seen) + len(new)
        for position in range(told, told + len(batch)):
            if position in ready:
                await _tool(store, clock, name, ready[position])
        told = 1 + (await clock(APPEND, store.append_raw_messages(name, batch)))[-1]
    await clock(TITLE, store.store_conversation(name, title(conversation)))
    await _end(peer, clock, name, conversation)


async def _tool(store: Any, clock: Clock, name: str, call: tools.Call) -> None:
    key = call.key(name)
    if await clock(GET, store.load_cache_entry(key)) is None:
        await clock(PUT, store.store_cache_entry(key, {"result": call.result}, ttl=tools.TTL))


def title(conversation: Conversation) -> Document:
    """What is kept of a session beside its messages."""
    words = next((str(m["content"]) for m in conversation.messages if m["role"] == "user"), "")
    return {"title": words[:60], "messages": len(conversation.messages), "metadata": {"recorded": conversation.id}}


async def _end(peer: OurHistory, clock: Clock, name: str, conversation: Conversation) -> None:
    fate = fate_of(conversation.id)
    if fate == "resumed":
        await _resume(peer, clock, name, conversation)
    elif fate == "forked":
        whole = await clock(LOAD, peer.load(name))
        await clock(APPEND, peer.append(f"{name}-fork", whole[: max(1, len(whole) // 2)]))
    elif fate == "deleted":
        await clock(DELETE, peer.delete(name))


async def _resume(peer: OurHistory, clock: Clock, name: str, conversation: Conversation) -> None:
    """By a handle of its own, which finds what was recorded."""
    settings = {"durability": peer.durability, **peer.settings, **forced}
    other = await clock(OPEN, _opened(f"sqlite:///{peer.folder}/store.db", settings))
    try:
        found = await clock(COLD, other.load_raw_messages(name))
        if found != list(conversation.messages):
            raise RuntimeError(f"{name} was resumed with other messages than it was left with")
    finally:
        await other.shutdown()


async def _opened(url: str, settings: dict[str, Any]) -> lodestore.Store:
    return await lodestore.open(url, **settings)
