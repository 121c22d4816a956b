"""Places in a JSON document, in the words of PostgreSQL; every parameter is text, or an array of texts.

The type is `json`: `jsonb` forgets whether a number was written as a float, and with it what float that was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from ...search.filters import Sign
from ...search.timestamps import ISO
from .json_paths import Binds, Place, document_without_nul, without_nul

_EXACT, _PAST = 2**53, 2**64  # from the one on, a float and the decimal it is written as may be two numbers

_INSTANT = f"""CASE WHEN {{text}} ~ '{ISO}' THEN (SELECT
 extract(epoch FROM substr(b, 1, 19)::timestamp)::bigint * 1000000
 + rpad(substr(b, 21, 6), 6, '0')::bigint - coalesce((left(z, 1) || '1')::bigint
 * (substr(z, 2, 2)::bigint * 60 + substr(z, 5, 2)::bigint) * 60000000, 0)
 FROM (SELECT regexp_replace({{text}}, '(Z|[+-][0-9][0-9]:[0-9][0-9])$', '') AS b,
 substring({{text}} FROM '[+-][0-9][0-9]:[0-9][0-9]$') AS z OFFSET 0) AS moment) END""".replace("\n", "")

# A float from its text, as the whole number it is; the cast of a float to numeric keeps 15 digits only.
_WHOLE = (
    "floor({text}::float8 / 4294967296)::bigint::numeric * 4294967296"
    " + ({text}::float8 - floor({text}::float8 / 4294967296) * 4294967296)::bigint"
)


class PostgresPlace(Place):
    """`json` is SQL of the value."""

    TEXT, NUMBER = "'string'", "'number'"

    def __init__(self, bind: Binds, json: str) -> None:
        super().__init__(bind)
        self.json = json

    @staticmethod
    def source(expression: str) -> str:
        """What a document is read from, once for all conditions: OFFSET keeps the cast from being copied into each."""
        return f"SELECT ({document_without_nul(expression, 'chr', 'strpos')})::json AS document OFFSET 0"

    @property
    def kind(self) -> str:
        return f"json_typeof({self.json})"

    @property
    def text(self) -> str:
        """SQL of the value as text, text or not."""
        return f"(({self.json} #>> '{{}}') COLLATE \"C\")"

    def child(self, key: str) -> Self:
        return type(self)(self.bind, f"({self.json} -> {self.mark(key)})")

    def item(self, index: int) -> Self:
        return type(self)(self.bind, f"({self.json} -> {self.bind(str(index))}::text::int)")

    def any_item(self, condition: Callable[[Self], str]) -> str:
        listed = f"CASE {self.kind} WHEN 'array' THEN {self.json} END"
        item = condition(type(self)(self.bind, "item.json"))
        return f"EXISTS (SELECT 1 FROM json_array_elements({listed}) AS item(json) WHERE {item})"

    def is_list(self, size: int, items: str) -> str:
        return self.where("'array'", f"json_array_length({self.json}) = {self.whole(size)} AND {items}")

    def is_object(self, size: int, fields: str) -> str:
        count = f"(SELECT count(*) FROM json_object_keys({self.json}))"
        return self.where("'object'", f"{count} = {self.whole(size)} AND {fields}")

    def truth(self, value: bool) -> str:
        return self.where("'boolean'", f"{self.text} = '{'true' if value else 'false'}'")

    def number(self, sign: Sign | str, value: int | float) -> str:
        exact = _EXACT <= abs(value) <= _PAST
        bound = self.bind(str(int(value) if exact else value))
        return self.where(self.NUMBER, f"{self._exact() if exact else self._decimal()} {sign} {bound}::text::numeric")

    def _decimal(self) -> str:
        return f"{self.text}::numeric"

    def _exact(self) -> str:
        large = f"abs({self._decimal()}) BETWEEN {_EXACT - 8} AND {_PAST + 8192}"
        whole = _WHOLE.format(text=self.text)
        return f"CASE WHEN {self.text} ~ '[.eE]' AND {large} THEN {whole} ELSE {self._decimal()} END"

    def numbers(self, values: list[int | float]) -> str:
        if len(values) == 1:
            return self.number("=", values[0])
        usual = [str(value) for value in values if not _EXACT <= abs(value) <= _PAST]
        among = f"{self._decimal()} = ANY({self.bind(usual)}::text[]::numeric[])"
        large = [self.number("=", value) for value in values if _EXACT <= abs(value) <= _PAST]
        return f"({' OR '.join([self.where(self.NUMBER, among), *large])})"

    def texts(self, values: list[str]) -> str:
        if len(values) == 1:
            return self.where(self.TEXT, f"{self.text} = {self.mark(values[0])}")
        listed = self.bind([without_nul(text) for text in values])
        return self.where(self.TEXT, f"{self.text} = ANY({listed}::text[])")

    def holds(self, text: str) -> str:
        return self.where(self.TEXT, f"strpos({self.text}, {self.mark(text)}) > 0")

    def instant(self) -> str:
        return _INSTANT.replace("{text}", self.text)  # no format: the pattern has braces of its own

    def whole(self, value: int) -> str:
        return f"{self.bind(str(value))}::text::bigint"

    def mark(self, text: str) -> str:
        return f"{self.bind(without_nul(text))}::text"
