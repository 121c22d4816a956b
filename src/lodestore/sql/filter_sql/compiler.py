"""Filters as conditions of SQL: the answers of `filters.matches`, over documents as text; keys and values are bound.

A search puts the condition into a WHERE of its own:

    text, parameters = condition(parse(where), "m.metadata", SQLITE, first=3)
    f"SELECT ... FROM memory AS m WHERE m.conversation_id = ?1 AND {text} LIMIT ?2"
"""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from ...search.filters import Every, Exists, Fields, Filter, Holds, Moment, Not, Order, Path, Same, Some, Value, text_of
from ..dialect import SQLITE, Dialect
from .json_paths import EVERYWHERE, NOWHERE, Binds, Place
from .json_paths_postgres import PostgresPlace
from .json_paths_sqlite import SQLitePlace

P = TypeVar("P", bound=Place)


def condition(
    tree: Filter, expression: str, dialect: Dialect = SQLITE, first: int = 1
) -> tuple[str, tuple[object, ...]]:
    """SQL that is true of the documents a filter matches and false of all others, and its parameters in order.

    `expression` is SQL of the document's JSON text, written by the caller and never made from what a user gave; what
    it names is what it names outside. NULL counts as a document without fields, text that is no JSON is an error of
    the engine. `first` is the number of the first parameter.
    """
    bind = Binds(dialect.mark, first)
    # The document has a name that no column of the caller's can hide, and hides none.
    kind: type[SQLitePlace | PostgresPlace] = SQLitePlace if dialect is SQLITE else PostgresPlace
    text = _condition(tree, kind(bind, "filtered.document"))
    return f"(SELECT {text} FROM ({kind.source(expression)}) AS filtered)", tuple(bind.values)


def _condition(tree: Filter, document: Place) -> str:
    match tree:
        case Every(parts):
            return _joined("AND", [_condition(part, document) for part in parts], EVERYWHERE)
        case Some(parts):
            return _joined("OR", [_condition(part, document) for part in parts], NOWHERE)
        case Not(part):
            return f"NOT ({_condition(part, document)})"
        case Same(_, ()):
            return NOWHERE
    place = _at(document, tree.path)
    match tree:
        case Same(_, values):
            return _one_of(place, values)
        case Order(_, sign, value):
            if isinstance(value, Moment):
                return place.moment(sign, value)
            return place.order(sign, value) if isinstance(value, str) else place.number(sign, value)
        case Exists():
            return f"{place.kind} IS NOT NULL"
        case Holds(_, value):
            return _holds(place, value)


def _joined(word: str, parts: list[str], without: str) -> str:
    """Halves of halves: a chain of a thousand would be deeper than SQLite parses."""
    if len(parts) < 2:
        return parts[0] if parts else without
    middle = len(parts) // 2
    left, right = _joined(word, parts[:middle], without), _joined(word, parts[middle:], without)
    return f"({left} {word} {right})"


def _at(place: P, path: Path) -> P:
    for key in path:
        place = place.child(key)
    return place


def _one_of(place: Place, values: tuple[Value, ...]) -> str:
    """The many of one kind are one list; what is compared in another way has a condition each."""
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    texts = [v for v in values if isinstance(v, str)]
    others = [v for v in values if v is None or isinstance(v, (bool, Moment, Fields, tuple))]
    parts = [place.numbers(numbers)] if numbers else []
    parts += [place.texts(texts)] if texts else []
    parts += [_none(place) if v is None else _same(v, place) for v in others]
    return _joined("OR", parts, NOWHERE)


def _none(place: Place) -> str:
    return f"coalesce({place.kind}, 'null') = 'null'"


def _same(value: Value, place: Place) -> str:
    """What is here is the value; nothing is not null."""
    match value:
        case None:
            return place.where("'null'", EVERYWHERE)
        case bool():
            return place.truth(value)
        case int() | float():
            return place.number("=", value)
        case str():
            return place.texts([value])
        case Moment():
            return place.moment("=", value)
        case Fields(pairs):
            fields = [_same(item, place.child(key)) for key, item in pairs]
            return place.is_object(len(pairs), _joined("AND", fields, EVERYWHERE))
        case _:
            items = [_same(item, place.item(index)) for index, item in enumerate(value)]
            return place.is_list(len(value), _joined("AND", items, EVERYWHERE))


def _holds(place: Place, value: Value) -> str:
    held = place.any_item(partial(_same, value))
    text = text_of(value)
    return held if text is None else f"({held} OR {place.holds(text)})"
