"""What every suite is given: the data, the options, where to put files, and how to open and compare peers."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .interleave import Items, Variant, interleave
from .peers import Entry, find
from .peers.base import Peer
from .reports.report import Measure, Report, Scenario
from .workload import Data

LIGHT = {
    "ours",
    "memory",
    "aio_sqlite",
    "disk_cache",
    "json_files",
    "ours_search",
    "numpy_exact",
    "plain_fts",
}  # modules of peers a smoke run may use
Work = Callable[[Any], tuple[Callable[..., Any], Callable[[], Items]]]  # of a peer: the call, and a block's items


@dataclass
class Bench:
    """One run."""

    data: Data
    report: Report
    folder: Path
    rounds: int = 15
    keys: int = 100_000
    rows: int = 1_000_000
    conversations: int = 600
    records: int = 100_000
    among: tuple[str, ...] = ()  # packages of the peers to compare with; none: all
    light: bool = False
    wanted: frozenset[tuple[str, str]] = frozenset()  # suite and name of the scenarios to run; none: all
    told: Callable[[str], None] = print
    _numbers: Any = field(default_factory=itertools.count)

    @asynccontextmanager
    async def opened(self, entries: Sequence[Entry]) -> AsyncIterator[list[Any]]:
        """The peers that are there, each open in a folder of its own; what is missing is said."""
        found = find([entry for entry in entries if self._takes(entry)])
        self.report.leave_out(found.missing)
        async with AsyncExitStack() as stack:
            for peer in found.peers:
                await peer.open(self.folder / f"peer-{next(self._numbers)}")
                stack.push_async_callback(peer.close)
            yield found.peers

    def _takes(self, entry: Entry) -> bool:
        if self.among and not entry.module.startswith("ours") and entry.needs not in self.among:
            return False
        return not self.light or entry.module in LIGHT

    async def compare(
        self, suite: str, name: str, unit: str, peers: Sequence[Peer], work: Work, *, tasks: int = 1, rounds: int = 0
    ) -> None:
        """One scenario: the same work by all peers, in turns."""
        if self.wanted and (suite, name) not in self.wanted:
            return
        variants = [Variant(peer.name, *work(peer)) for peer in peers]
        timings = await interleave(variants, rounds or self.rounds, tasks=tasks)
        ours = [peer.name for peer in peers if peer.name.startswith("lodestore")]
        guarantees = {peer.name: await peer.guarantee() for peer in peers}
        self.report.scenarios.append(Scenario(suite, name, unit, ours, timings, guarantees))
        self.told(f"{suite}: {name}")

    def note(self, suite: str, name: str, variant: str, value: float, unit: str, note: str = "") -> None:
        """A figure beside the scenarios."""
        self.report.measures.append(Measure(suite, name, variant, value, unit, note))


def settle() -> None:
    """Let the disk finish what others wrote without fsync, before anybody pays for it with an fsync of their own."""
    if hasattr(os, "sync"):
        os.sync()
