"""Arrays in memory and one product of matrices: no store at all, so what is left to gain."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..vectors import EVERYTHING, Records, Scope
from .nearest import Nearest, Record


class NumpyExact(Nearest):
    """The vectors of each user and each group side by side, every score worked out."""

    def __init__(self) -> None:
        self.name, self.durability = "numpy, in memory", "none"

    async def _open(self) -> None:
        self._parts: dict[Scope, tuple[Any, Any]] = {}

    async def close(self) -> None:
        self._parts.clear()

    async def setting(self) -> str:
        return "none"

    async def fill(self, records: Records) -> None:
        users, groups = sorted(set(records.users)), sorted(set(records.groups))
        for scope in (EVERYTHING, *(Scope(user=user) for user in users), *(Scope(group=group) for group in groups)):
            rows = scope.rows(records)
            self._parts[scope] = rows, np.ascontiguousarray(records.vectors[rows])

    async def near(self, vector: Any, scope: Scope) -> list[int]:
        rows, matrix = self._parts[scope]
        scores = matrix @ vector
        best = np.argpartition(-scores, 9)[:10] if len(scores) > 10 else np.arange(len(scores))
        return rows[best[np.argsort(-scores[best])]].tolist()  # type: ignore[no-any-return]

    async def write(self, record: Record) -> Any:
        raise NotImplementedError("arrays in memory are not written to")


def exact() -> NumpyExact:
    """The only one."""
    return NumpyExact()
