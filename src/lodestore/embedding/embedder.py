"""Embedder interface: a function from texts to vectors, with the name of its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.validation import check_id
from ..errors import InvalidInputError

# From texts to a vector for each: a list of lists, an array of two dimensions, or a list of float32 as bytes
# (little-endian). It may be asynchronous.
EmbedFunction = Callable[[list[str]], Any]


class Embedder(Protocol):
    """An object that makes vectors of texts.

    It may also have a function `for_queries`, for models that embed queries differently from documents; without it,
    queries are embedded as documents are.
    """

    @property
    def name(self) -> str:
        """The name of the model: vectors of different names are never compared."""

    @property
    def dimension(self) -> int | None:
        """How many numbers a vector has; None if only the first answer tells."""

    def __call__(self, texts: list[str], /) -> Any:
        """Return a vector for each text, in order, now or awaitable."""


@dataclass(frozen=True, slots=True)
class NamedEmbedder:
    """An embedder made of a function.

    Attributes:
        function: Takes a list of texts and returns a vector for each, now or awaitable.
        name: The name of the model: vectors of different names are never compared.
        dimension: How many numbers a vector has; None if only the first answer tells.
        for_queries: A function for queries, if they are embedded differently.

    Raises:
        InvalidInputError: One of these is not valid.
    """

    function: EmbedFunction
    name: str
    dimension: int | None = None
    for_queries: EmbedFunction | None = None

    def __post_init__(self) -> None:
        check_id(self.name, "embedder name")
        if not callable(self.function) or isinstance(self.function, type):
            raise InvalidInputError(f"embedder: expected a function of a list of texts, not {_kind(self.function)}")
        if self.for_queries is not None and not callable(self.for_queries):
            raise InvalidInputError(
                f"for_queries: expected a function of a list of texts, not {_kind(self.for_queries)}"
            )
        if self.dimension is not None:
            check_dimension(self.dimension)

    def __call__(self, texts: list[str], /) -> Any:
        """Call the function."""
        return self.function(texts)


def as_embedder(value: object, name: str | None = None) -> NamedEmbedder:
    """Make an embedder of a plain function, or of an object that is called like one.

    Args:
        value: The function or object; `dimension` and `for_queries` are taken from it if it has them.
        name: The name of the model; None: the value's own `name`, else the `__name__` of a function.

    Returns:
        The embedder.

    Raises:
        InvalidInputError: It cannot be called, or has no name.
    """
    if isinstance(value, NamedEmbedder) and name in (None, value.name):
        return value
    if not callable(value) or isinstance(value, type):
        raise InvalidInputError(
            f"embedder: expected a function of a list of texts, or an object with `name` and `dimension` that is"
            f" called like one, not {_kind(value)}"
        )
    function = value.function if isinstance(value, NamedEmbedder) else value
    known = getattr(value, "dimension", None), getattr(value, "for_queries", None)
    return NamedEmbedder(function, _name(value) if name is None else name, *known)


def _name(value: object) -> str:
    found = getattr(value, "name", None) or getattr(value, "__name__", None)
    if found is None or found == "<lambda>":
        raise InvalidInputError(
            "embedder: it has no name, and vectors are kept apart by name: use as_embedder(function, name)"
        )
    return check_id(found, "embedder name")


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def check_dimension(value: object) -> int:
    """Check the dimension of vectors; InvalidInputError if it is not a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInputError(f"dimension: expected a whole number from 1, not {value!r}")
    return value
