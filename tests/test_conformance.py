"""The built-in backends under the conformance kit."""

from __future__ import annotations

from pathlib import Path

from lodestore.backends.memory import MemoryBackend, Space
from lodestore.conformance import InterfacePromises, KernelLaws


class TestMemory(KernelLaws, InterfacePromises):
    examples = 15

    def backend(self, folder: Path) -> MemoryBackend:
        return MemoryBackend(SPACES.setdefault(folder, Space()))


SPACES: dict[Path, Space] = {}
