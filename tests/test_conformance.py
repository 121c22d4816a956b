"""The built-in backends under the conformance kit: five lines each, and no law is skipped."""

from __future__ import annotations

from pathlib import Path

from lodestore.backends.files import FileBackend
from lodestore.backends.memory import MemoryBackend, Space
from lodestore.backends.sqlite import SQLiteBackend
from lodestore.conformance import InterfacePromises, KernelLaws


class TestMemory(KernelLaws, InterfacePromises):
    examples = 15

    def backend(self, folder: Path) -> MemoryBackend:
        return MemoryBackend(SPACES.setdefault(folder, Space()))


class TestSQLite(KernelLaws, InterfacePromises):
    examples = 10

    def backend(self, folder: Path) -> SQLiteBackend:
        return SQLiteBackend(folder / "agent.db")


class TestEncryptedSQLite(KernelLaws, InterfacePromises):
    examples = 4
    steps = 20

    def backend(self, folder: Path) -> SQLiteBackend:
        return SQLiteBackend(folder / "agent.db", key=b"k" * 32, durability="process")


class TestFiles(KernelLaws, InterfacePromises):
    examples = 5
    steps = 20

    def backend(self, folder: Path) -> FileBackend:
        return FileBackend(folder)


SPACES: dict[Path, Space] = {}
