"""Places in a JSON document, in the words of SQLite.

Whole numbers from 2^63, which the engine would round to a float, are compared by their digits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Self

from ...search.filters import Sign
from .json_paths import EVERYWHERE, NOWHERE, Binds, Place, document_without_nul, without_nul

_BIG, _PAST = 2**63, 2**64

# Of a text `x`: `z` is the length of its offset, `e` that of what stands before. `date` moves the 30th of February on.
# LIMIT keeps what is named from being worked out wherever the name stands: a quarter of the time.
_INSTANT = """(SELECT unixepoch(substr(x, 1, min(e, 19))) * 1000000
 + CASE WHEN e > 20 THEN CAST(substr(substr(x, 21, e - 20) || '000000', 1, 6) AS INTEGER) ELSE 0 END
 - CASE z WHEN 6 THEN (substr(x, -6, 1) || '1') * (substr(x, -5, 2) * 60 + substr(x, -2)) * 60000000 ELSE 0 END
 FROM (SELECT x, z, length(x) - z AS e FROM (SELECT x, CASE WHEN substr(x, -1) = 'Z' THEN 1
 WHEN length(x) > 21 AND substr(x, -6, 1) IN ('+', '-') THEN 6 ELSE 0 END AS z
 FROM (SELECT {text} AS x LIMIT 1) LIMIT 1))
 WHERE x GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]*' AND x >= '0001'
 AND date(substr(x, 1, 10)) = substr(x, 1, 10)
 AND CASE e WHEN 10 THEN z = 0 ELSE substr(x, 11, 6) GLOB '[T ][0-2][0-9]:[0-5][0-9]' AND substr(x, 12, 2) < '24'
 AND (z < 6 OR substr(x, -6) GLOB '[+-][0-2][0-9]:[0-5][0-9]' AND substr(x, -5, 2) < '24')
 AND (e = 16 OR substr(x, 17, 3) GLOB ':[0-5][0-9]' AND (e = 19 OR e BETWEEN 21 AND 29
 AND substr(x, 20, 1) = '.' AND substr(x, 21, e - 20) NOT GLOB '*[^0-9]*')) END)"""
_INSTANT = _INSTANT.replace("\n", "")


class SQLitePlace(Place):
    """`inside` is SQL of a JSON text, `path` where in it; an item of a list has columns, and `digits` of its own."""

    TEXT, NUMBER = "'text'", "'integer', 'real'"

    def __init__(self, bind: Binds, inside: str, path: str = "$", digits: str | None = None) -> None:
        super().__init__(bind)
        self.inside, self.path, self._digits = inside, path, digits

    @staticmethod
    def source(expression: str) -> str:
        """What a document is read from."""
        return f"SELECT {document_without_nul(expression, 'char', 'instr')} AS document"

    @property
    def at(self) -> str:
        return self.bind(self.path)

    @property
    def kind(self) -> str:
        return "item.type" if self._digits else f"json_type({self.inside}, {self.at})"

    @property
    def text(self) -> str:
        """SQL of the value, text or not."""
        return "item.atom" if self._digits else f"json_extract({self.inside}, {self.at})"

    @property
    def digits(self) -> str:
        """SQL of the number as it is written."""
        return self._digits or f"({self.inside} -> {self.at})"

    def child(self, key: str) -> Self:
        return type(self)(self.bind, self.inside, f"{self.path}.{json.dumps(without_nul(key), ensure_ascii=False)}")

    def item(self, index: int) -> Self:
        return type(self)(self.bind, self.inside, f"{self.path}[{index}]")

    def any_item(self, condition: Callable[[Self], str]) -> str:
        digits = f"({self.inside} -> ({self.at} || '[' || item.key || ']'))"
        item = condition(type(self)(self.bind, "item.value", digits=digits))
        return self.where("'array'", f"EXISTS (SELECT 1 FROM json_each({self.inside}, {self.at}) AS item WHERE {item})")

    def is_list(self, size: int, items: str) -> str:
        return self.where("'array'", f"json_array_length({self.inside}, {self.at}) = {self.whole(size)} AND {items}")

    def is_object(self, size: int, fields: str) -> str:
        count = f"(SELECT count(*) FROM json_each({self.inside}, {self.at}))"
        return self.where("'object'", f"{count} = {self.whole(size)} AND {fields}")

    def truth(self, value: bool) -> str:
        return self.where("'true'" if value else "'false'", EVERYWHERE)

    def number(self, sign: Sign | str, value: int | float) -> str:
        if _BIG <= value <= _PAST:
            return _big(self, sign, int(value))
        return self.where(self.NUMBER, f"{self.text} {sign} {self.bind(value)}")

    def numbers(self, values: list[int | float]) -> str:
        if len(values) == 1:
            return self.number("=", values[0])
        usual = [value for value in values if not _BIG <= value <= _PAST]
        among = f"{self.text} IN (SELECT value FROM json_each({self.bind(json.dumps(usual))}))"
        big = [self.number("=", value) for value in values if _BIG <= value <= _PAST]
        return f"({' OR '.join([self.where(self.NUMBER, among), *big])})"

    def texts(self, values: list[str]) -> str:
        if len(values) == 1:
            return self.where(self.TEXT, f"{self.text} = {self.mark(values[0])}")
        listed = json.dumps([without_nul(text) for text in values], ensure_ascii=False)
        return self.where(self.TEXT, f"{self.text} IN (SELECT value FROM json_each({self.bind(listed)}))")

    def holds(self, text: str) -> str:
        return self.where(self.TEXT, f"instr({self.text}, {self.mark(text)}) > 0")

    def instant(self) -> str:
        return _INSTANT.format(text=self.text)

    def whole(self, value: int) -> str:
        return self.bind(value)

    def mark(self, text: str) -> str:
        return self.bind(without_nul(text))


def _big(place: SQLitePlace, sign: str, value: int) -> str:
    """A whole number from 2^63 to 2^64 against what is here: a smaller one, another such, or a float."""
    digits = str(value)
    bound = f"({place.bind(len(digits))}, {place.bind(digits)})"
    large = f"(length({place.digits}), {place.digits}) {sign} {bound}"
    small = EVERYWHERE if sign in ("<", "<=") else NOWHERE
    whole = f"CASE typeof({place.text}) WHEN 'integer' THEN {small} ELSE {large} END"
    return place.where("'integer'", whole, place.where("'real'", _float(place, sign, value)))


def _float(place: SQLitePlace, sign: str, value: int) -> str:
    """A float against a whole number that may lie between two floats."""
    below = float(value)
    if below == value:
        return f"{place.text} {sign} {place.bind(below)}"
    below = below if below < value else math.nextafter(below, 0)
    sides = {"<": "<=", "<=": "<=", ">": ">", ">=": ">"}
    return f"{place.text} {sides[sign]} {place.bind(below)}" if sign in sides else NOWHERE
