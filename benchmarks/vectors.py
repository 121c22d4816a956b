"""Records with vectors: real embeddings, as many more as are asked for made of them, and what is truly nearest.

Real are the texts of conversations and documents that come with the data, embedded by all-MiniLM-L6-v2. More are made:
each lies between a real one and one of its 20 nearest, with noise of length 0.45. They are more clustered than real
ones, which flatters approximate indexes. The queries are real questions. Without the data, clusters of made-up vectors.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import workload
from .standin import text
from .workload import Document

if TYPE_CHECKING:
    import numpy as np

    Matrix = np.ndarray[Any, np.dtype[np.float32]]

DIMENSION = 384
USERS, GROUPS = 100, 10
NEIGHBOURS, NOISE = 20, 0.45
TIE = 1e-6  # what scores of one vector may differ by in float32
_SETS = ("locomo.turns", "api_catalogue.docs", "banking_kb.docs", "cosqa.docs", "bfcl_memory.turns", "xquad-en.docs")
_BLOCK = 10_000  # vectors made at once


@dataclass(frozen=True)
class Records:
    """So many vectors of length 1, the row being the id, with the user and the group of each; texts where wanted."""

    vectors: Matrix
    users: Sequence[int]
    groups: Sequence[int]
    texts: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.users)

    def portions(self, size: int) -> Iterator[range]:
        """The ids, so many at a time."""
        return (range(start, min(start + size, len(self))) for start in range(0, len(self), size))

    def text(self, number: int) -> str | None:
        """The text of a record."""
        return self.texts[number] if self.texts else None


@dataclass(frozen=True)
class Scope:
    """Among which records to search: those of one user, of one group, or all."""

    user: int | None = None
    group: int | None = None

    def rows(self, records: Records) -> Any:
        """The ids in it."""
        import numpy as np

        if self.user is not None:
            return np.flatnonzero(np.asarray(records.users) == self.user)
        if self.group is not None:
            return np.flatnonzero(np.asarray(records.groups) == self.group)
        return np.arange(len(records))


EVERYTHING = Scope()


class Embedded:
    """The vectors there are, and the questions."""

    def __init__(self, *, real: bool) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads wait by spinning, which the next one pays for
        import numpy as np

        self._rng = np.random.default_rng(1)
        folder = workload.folder() / "embeddings"
        self.real = real and (folder / "locomo.turns.f16.npy").is_file()
        if self.real:
            self.base = np.concatenate([_loaded(folder / f"{name}.f16.npy") for name in _SETS])
            self.questions = _loaded(folder / "locomo.questions.f16.npy")
            self.asked = [qa["q"] for row in workload.recorded("locomo") for qa in row["qa"]]
            self.said = [_said(turn) for turn in _lifecycle()]
        else:
            words = random.Random(1)
            centres = _unit(self._rng.standard_normal((60, DIMENSION), np.float32))
            self.base, self.questions = (self._around(centres, count) for count in (1500, 500))
            self.asked, self.said = ([text(words, size) for _ in range(500)] for size in (60, 120))

    def records(self, count: int | None, *, users: int = USERS, texts: bool = False) -> Records:
        """`count` records (None: the real ones), users in turn, groups drawn."""
        count = len(self.base) if count is None else count
        vectors = self.base if count == len(self.base) else self._more(count)
        groups = self._rng.integers(0, GROUPS, count).tolist()
        drawn = self._rng.integers(0, len(self.said), count) if texts else []
        return Records(vectors, [n % users for n in range(count)], groups, [self.said[n] for n in drawn])

    def _more(self, count: int) -> Matrix:
        """Made of the real ones."""
        import numpy as np

        near = _neighbours(self.base)
        made = np.empty((count, DIMENSION), np.float32)
        for start in range(0, count, _BLOCK):
            size = min(_BLOCK, count - start)
            first = self._rng.integers(0, len(self.base), size)
            other = near[first, self._rng.integers(0, near.shape[1], size)]
            share = self._rng.random((size, 1), np.float32)
            between = self.base[first] * share + self.base[other] * (1 - share)
            noise = _unit(self._rng.standard_normal((size, DIMENSION), np.float32))
            made[start : start + size] = _unit(between + np.float32(NOISE) * noise)
        return made

    def fresh(self, number: int) -> Any:
        """A vector that nobody has, near to a question."""
        question = self.questions[number % len(self.questions)]
        noise = self._rng.standard_normal((1, DIMENSION), "float32")
        return _unit(question + _unit(noise))[0]

    def _around(self, centres: Matrix, count: int) -> Matrix:
        import numpy as np

        noise = _unit(self._rng.standard_normal((count, DIMENSION), np.float32))
        return _unit(centres[self._rng.integers(0, len(centres), count)] + noise)


def recall(records: Records, vectors: Matrix, scopes: Sequence[Scope], answers: Sequence[Sequence[int]]) -> float:
    """The share of the truly nearest that was found; one that is as near as the last of them counts as well."""
    import numpy as np

    found, wanted = 0, 0
    for vector, scope, answer in zip(vectors, scopes, answers, strict=True):
        rows = scope.rows(records)
        scores = records.vectors[rows] @ vector
        count = min(10, len(rows))
        worst = np.partition(scores, -count)[-count] - TIE
        mine = list(dict.fromkeys(answer))
        inside = np.isin(mine, rows)
        found += int(((records.vectors[mine] @ vector >= worst) & inside).sum()) if mine else 0
        wanted += count
    return found / wanted


def _neighbours(vectors: Matrix) -> Any:
    """(n, 20): the rows nearest to each, without itself."""
    import numpy as np

    parts = []
    for start in range(0, len(vectors), 1000):
        scores = vectors[start : start + 1000] @ vectors.T
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -1
        parts.append(np.argpartition(-scores, NEIGHBOURS, axis=1)[:, :NEIGHBOURS])
    return np.concatenate(parts)


def _loaded(path: Path) -> Matrix:
    import numpy as np

    return _unit(np.load(path, allow_pickle=False).astype(np.float32))


def _unit(vectors: Matrix) -> Matrix:
    import numpy as np

    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)  # type: ignore[no-any-return]


def _lifecycle() -> Iterator[Document]:
    return (turn for row in workload.recorded("locomo") for session in row["sessions"] for turn in session["turns"])


def _said(turn: Document) -> str:
    caption = turn.get("image_caption")
    return f"{turn['speaker']}: {turn['text']}" + (f" [image: {caption}]" if caption else "")
