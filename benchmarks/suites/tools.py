"""The tool cache of a replay: asked by tool and arguments before a tool runs, in turns that were recorded.

In the namespace of its session a hit is what the agent itself has seen. In one namespace for all it may be the answer
of another session's world: a hit whose result is not the recorded one is stale, and the share of those is no win.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..bench import Bench
from ..peers.ours import OurHistory
from ..workload import Conversation, Document

SUITE = "tool cache"
TTL = 300.0  # seconds
KINDS = {"tau": "support", "ic-": "shell", "swe": "coding"}  # by how the ids of recordings begin
OWN, ALL, ALL_TTL = "its session", "all", f"all, {TTL:g} s"  # whose namespace it is
# Hits of calls and stale ones of hits, counted once in all the recordings, of which ours are seven tenths: what we
# replay must look like that.
WHOLE = {
    (OWN, "support"): (0.118, 0.15),
    (OWN, "shell"): (0.141, 0.02),
    (ALL, "support"): (0.725, 0.23),
    (ALL, "shell"): (0.519, 0.36),
}
APPENDS_A_SECOND = 0.74 * 64  # of 64 sessions at once, by the clocks of the recordings
Ask = Callable[[str, "Call"], Awaitable[Document | None]]


class Call(NamedTuple):
    """One call of a tool and what came back."""

    tool: str
    arguments: str
    result: Any

    def key(self, namespace: str) -> str:
        """A hash of tool and arguments, in a namespace."""
        return f"{namespace}/{hashlib.sha256(f'{self.tool} {self.arguments}'.encode()).hexdigest()}"


@dataclass
class Tally:
    """Calls, those that were answered from the cache, and those of them with another result than the recorded one."""

    calls: int = 0
    hits: int = 0
    stale: int = 0

    def count(self, call: Call, found: Document | None) -> None:
        """One more."""
        self.calls += 1
        self.hits += found is not None
        self.stale += found is not None and found["result"] != call.result

    @property
    def ratio(self) -> float:
        """Hits of all calls."""
        return self.hits / max(1, self.calls)

    @property
    def staleness(self) -> float:
        """Stale ones of all hits."""
        return self.stale / max(1, self.hits)


def calls(messages: Sequence[Document]) -> dict[int, Call]:
    """The calls of a session whose result was recorded, by the position of the result."""
    asked: dict[str, Document] = {}
    found = {}
    for position, message in enumerate(messages):
        asked |= {call["id"]: call["function"] for call in message.get("tool_calls") or ()}
        function = asked.get(message.get("tool_call_id", "")) if message["role"] == "tool" else None
        if function:
            found[position] = Call(function["name"], function["arguments"], message["content"])
    return found


def kind_of(conversation: Conversation) -> str:
    """What sort of agent it was."""
    return KINDS.get(conversation.id[:3], "stand-in")


async def count(recorded: Iterable[Conversation], ask: Ask, namespace: str | None = None) -> dict[str, Tally]:
    """One session after the other, in the namespace of each or in one for all: a tally for each kind of agent."""
    tallies: dict[str, Tally] = {}
    for conversation in recorded:
        tally = tallies.setdefault(kind_of(conversation), Tally())
        for call in calls(conversation.messages).values():
            tally.count(call, await ask(namespace or conversation.id, call))
    return tallies


async def run(bench: Bench, recorded: list[Conversation]) -> None:
    """In the namespace of the session; in one for all, for ever; and in one for all with a time to live."""
    for name, namespace, ttl in ((OWN, None, TTL), (ALL, "all", None), (ALL_TTL, "all", TTL)):
        for kind, tally in (await _stored(bench, recorded, namespace, ttl)).items():
            _note(bench, name, kind, "lodestore", tally.ratio, tally.staleness)
            if (name, kind) in WHOLE:
                _note(bench, name, kind, "the whole set", *WHOLE[name, kind])
        bench.told(f"{SUITE}: namespace of {name}")


def _note(bench: Bench, name: str, kind: str, variant: str, hits: float, stale: float) -> None:
    bench.note(SUITE, f"hits, namespace of {name}, {kind}", variant, hits, "of calls")
    bench.note(SUITE, f"stale, namespace of {name}, {kind}", variant, stale, "of hits")


async def _stored(
    bench: Bench, recorded: list[Conversation], namespace: str | None, ttl: float | None
) -> dict[str, Tally]:
    pace, peer = Pace(), OurHistory("process")
    peer.settings = {"clock": pace}
    await peer.open(bench.folder / "tools")
    try:
        return await count(pace.over(recorded), asking(peer.store, ttl), namespace)
    finally:
        await peer.close()


def asking(store: Any, ttl: float | None) -> Ask:
    """Get, and put the recorded result where there is none."""

    async def ask(namespace: str, call: Call) -> Document | None:
        key = call.key(namespace)
        found: Document | None = await store.load_cache_entry(key)
        if found is None:
            await store.store_cache_entry(key, {"result": call.result}, ttl=ttl)
        return found

    return ask


class Pace:
    """A clock in milliseconds that goes on by what the appends of a session took when 64 sessions were running."""

    def __init__(self) -> None:
        self._now = 1_700_000_000_000.0

    def __call__(self) -> int:
        return int(self._now)

    def over(self, recorded: Iterable[Conversation]) -> Iterable[Conversation]:
        """Each conversation, and then the time it took."""
        for conversation in recorded:
            yield conversation
            self._now += len(conversation.messages) / APPENDS_A_SECOND * 1000
