"""Background work: eviction, indexing and training, told of what this handle commits."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.records import Write
from ...encoding.dictionary_training import DictionaryTrainer
from ...encoding.packer import Packer
from .maintenance.eviction import Evictor
from .search.index import SQLiteIndex


class BackgroundWork:
    """All that is done beside the callers of one handle; stopped before its connections close."""

    def __init__(self, packer: Packer, evictor: Evictor | None, index: SQLiteIndex, trainer: DictionaryTrainer) -> None:
        self._packer, self._evictor, self._index, self._trainer = packer, evictor, index, trainer

    def committed(self, writes: Sequence[Write]) -> None:
        """Begin what these writes have made due."""
        if self._evictor is not None:
            self._evictor.wrote(writes)
        self._index.wrote(writes)
        if self._packer.due:
            self._trainer.wake()

    async def stop(self) -> None:
        """No further step; returns when those under way are through."""
        await self._index.stop()
        if self._evictor is not None:
            await self._evictor.stop()
        await self._trainer.close()
