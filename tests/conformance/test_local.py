"""The built-in backends under the conformance kit: five lines each, and no law is skipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lodestore.backends.files import FileBackend
from lodestore.backends.memory import MemoryBackend, SharedStore
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.backends.sqlite.maintenance import compaction
from lodestore.conformance import InterfacePromises, KernelLaws
from lodestore.core.records import Write
from tests.support.scale import scaled


class TestMemory(KernelLaws, InterfacePromises):
    examples = scaled(15, 3)

    def backend(self, folder: Path) -> MemoryBackend:
        return MemoryBackend(SPACES.setdefault(folder, SharedStore()))


class TestSQLite(KernelLaws, InterfacePromises):
    examples = scaled(10, 2)

    def backend(self, folder: Path) -> SQLiteBackend:
        return SQLiteBackend(folder / "agent.db")


class Sealing(SQLiteBackend):
    """Seals what it can after every other batch, into chunks of up to four messages, looking at few rows at a time."""

    turn = 0

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        results = await super().apply(writes)
        self.turn += 1
        if self.turn % 2 and self._lifecycle.open:
            await compaction.walk(self._writer, self._packer, self._identity.check)
        return results


@pytest.mark.slow
class TestSealedSQLite(KernelLaws, InterfacePromises):
    examples = 10

    def backend(self, folder: Path) -> SQLiteBackend:
        return Sealing(folder / "agent.db", durability="process")

    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compaction, "MESSAGES", 4)
        monkeypatch.setattr(compaction, "ROWS", 6)


@pytest.mark.slow
class TestEncryptedSQLite(KernelLaws, InterfacePromises):
    examples = 4
    steps = 20

    def backend(self, folder: Path) -> SQLiteBackend:
        return SQLiteBackend(folder / "agent.db", key=b"k" * 32, durability="process")


class TestFiles(KernelLaws, InterfacePromises):
    examples = scaled(5, 2)
    steps = 20

    def backend(self, folder: Path) -> FileBackend:
        return FileBackend(folder)


SPACES: dict[Path, SharedStore] = {}
