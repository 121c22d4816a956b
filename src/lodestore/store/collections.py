"""The items of a collection as a caller gives them, checked, and the records they are kept in.

An item is two records of one key: its document (`text`, `metadata`, `namespace`, each only where given) and its vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.families import ITEM, ITEM_VECTOR, Family
from ..core.interface import Document
from ..core.records import BODY, KEY, PLACE, Key, Row
from ..core.validation import check_id
from ..encoding import json_codec, vector_codec
from ..errors import InvalidInputError
from ..search import vectors


class Items(NamedTuple):
    """Items of one collection, their keys all different."""

    collection: str
    keys: list[Key]
    documents: list[bytes]
    texts: list[str | None]

    @classmethod
    def checked(cls, collection: object, ids: object, metadata: object, namespace: object, texts: object) -> Items:
        """Check the arguments of an upsert; InvalidInputError names the argument."""
        keys = cls.keys_of(collection, ids)
        if len(set(keys)) < len(keys):
            raise InvalidInputError("ids: an id is given twice")
        part = {} if namespace is None else {"namespace": check_id(namespace, "namespace")}
        said = _each(texts, len(keys), str, "texts")
        about = _each(metadata, len(keys), Mapping, "metadata")
        documents = [_document(*both, part, n) for n, both in enumerate(zip(said, about, strict=True))]
        return cls(keys[0][0] if keys else check_id(collection, "collection"), keys, documents, said)  # type: ignore[arg-type]

    @staticmethod
    def keys_of(collection: object, ids: object) -> list[Key]:
        """Make the keys of items."""
        name = check_id(collection, "collection")
        if isinstance(ids, (str, bytes)) or not isinstance(ids, Sequence):
            raise InvalidInputError(f"ids: expected a list of ids, not {type(ids).__name__}")
        return [(name, check_id(item, f"ids[{index}]")) for index, item in enumerate(ids)]

    def records(self, vectors: Sequence[bytes]) -> Iterator[tuple[Family, Key, bytes]]:
        """Make the records that are stored, given the bodies of the vectors."""
        for key, document, vector in zip(self.keys, self.documents, vectors, strict=True):
            yield ITEM, key, document
            yield ITEM_VECTOR, key, vector


def _each(values: object, count: int, kind: type, name: str) -> list[Any]:
    """One for each id, None for none."""
    if values is None:
        return [None] * count
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Sequence) or len(values) != count:
        raise InvalidInputError(f"{name}: expected a list of {count}, one for each id (None for none)")
    for index, value in enumerate(values):
        if value is not None and not isinstance(value, kind):
            raise InvalidInputError(f"{name}[{index}]: expected {kind.__name__} or None, not {type(value).__name__}")
    return list(values)


def _document(text: str | None, metadata: Mapping[str, Any] | None, part: Document, index: int) -> bytes:
    document: Document = dict(part)
    if metadata is not None:
        document["metadata"] = metadata
    if text is not None:
        document["text"] = text
    return json_codec.encode(document, f"item[{index}]")


def loaded(row: Row, vector: Row | None) -> Document:
    """Make an item as it is loaded: `id`, `namespace`, `metadata`, `text`, and `vector` as a list of numbers."""
    document = shown(row)
    document["vector"] = (
        None if vector is None else vectors.numbers_of(vector_codec.decode_vector(vector[BODY]).numbers)
    )
    return document


def shown(row: Row) -> Document:
    """Make an item as a search gives it: all but its vector."""
    empty: Document = {"namespace": None, "metadata": {}, "text": None}
    return {"id": row[KEY + 1], **empty, **json_codec.loads(row[BODY])}


def place_of(row: Row) -> int:
    """Where in its collection an item stands."""
    return int(row[PLACE])
