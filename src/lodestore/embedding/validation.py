"""Validation of embedder answers: whatever was returned, as float32 bytes or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import EmbeddingError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def rows_of(answer: Any, count: int) -> list[bytes]:
    """`count` vectors of one dimension, finite and none of them zero; EmbeddingError for anything else."""
    matrix = _matrix(answer)
    if matrix.ndim != 2 or not matrix.shape[1]:
        raise EmbeddingError(f"expected a list of vectors, not {type(answer).__name__} of shape {matrix.shape}")
    if len(matrix) != count:
        raise EmbeddingError(f"{len(matrix)} vectors for {count} texts")
    import numpy as np

    if not np.isfinite(matrix).all():
        raise EmbeddingError("a vector has a number that is not finite as float32")
    if not matrix.any(axis=1).all():
        raise EmbeddingError("a vector is all zeros")
    return [row.tobytes() for row in matrix]


def _matrix(answer: Any) -> npt.NDArray[np.float32]:
    import numpy as np

    try:
        packed = isinstance(answer, (list, tuple)) and answer and isinstance(answer[0], (bytes, bytearray))
        found = np.asarray([np.frombuffer(row, "<f4") for row in answer] if packed else answer)
    except ValueError as error:
        raise EmbeddingError("vectors of different lengths, or no vectors") from error
    if found.dtype.kind not in "fiu":  # text would be read as numbers, and objects called
        raise EmbeddingError(f"expected vectors of numbers, not {type(answer).__name__} of {found.dtype}")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused for that
        return found.astype("<f4", copy=False)
