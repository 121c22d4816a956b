"""Places in a JSON document as SQL sees them: what the two engines share.

A place is where a path leads, or an item of a list there. Every condition made here is true or false, never NULL, also
where nothing stands at the place. Keys and values are bound, each once; the text of a condition holds neither.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Self

from ...search.filters import Moment, Sign

NOWHERE, EVERYWHERE = "FALSE", "TRUE"

# U+0000 cannot stand in text of PostgreSQL and ends a key of SQLite. In the documents and in what is compared with
# them it is written as three other characters, and so are those. No two texts become one, their order stays, and one
# is within another only where it was.
_CODES = {0: "\1\2\2", 1: "\1\2\3", 2: "\1\3\2", 3: "\1\3\3"}


def without_nul(text: str) -> str:
    """`text` as it is compared."""
    return text.translate(_CODES)


def document_without_nul(json: str, char: str, find: str) -> str:
    """The same of a document; `json` is SQL of its text, `char` and `find` the engine's names of two functions.

    No raw control character stands in JSON, so four of them serve as signs meanwhile: for an escaped backslash (else
    the text `\\u0000` would pass for the character), and for the three that the codes are made of.
    """
    text = f"replace({json}, '\\\\', {char}(1))"
    for number, code in _CODES.items():
        signs = " || ".join(f"{char}({ord(sign) + 1})" for sign in code)
        text = f"replace({text}, '\\u000{number}', {signs})"
    for number in (1, 2, 3):
        text = f"replace({text}, {char}({number + 1}), '\\u000{number}')"
    text = f"replace({text}, {char}(1), '\\\\')"
    return f"CASE WHEN {find}({json}, '\\u000') > 0 THEN {text} ELSE {json} END"


class Binds:
    """The parameters of a statement from number `first` on; the same value is bound once."""

    def __init__(self, mark: str, first: int) -> None:
        self.values: list[object] = []
        self._mark, self._first = mark, first
        self._known: dict[tuple[type, object], str] = {}

    def __call__(self, value: object) -> str:
        """The mark of a value."""
        key = (type(value), tuple(value) if isinstance(value, list) else value)
        if key not in self._known:
            self._known[key] = f"{self._mark}{self._first + len(self.values)}"
            self.values.append(value)
        return self._known[key]


class Place(ABC):
    """A place; the methods that say what is here give a condition."""

    TEXT: ClassVar[str]
    NUMBER: ClassVar[str]

    def __init__(self, bind: Binds) -> None:
        self.bind = bind

    @property
    @abstractmethod
    def kind(self) -> str:
        """SQL of the engine's word for what is here; NULL for nothing."""

    @property
    @abstractmethod
    def text(self) -> str:
        """SQL of the text here, where there is one."""

    @abstractmethod
    def child(self, key: str) -> Self:
        """The place under a key, where here is an object."""

    @abstractmethod
    def item(self, index: int) -> Self:
        """The place at an index, where here is a list."""

    @abstractmethod
    def any_item(self, condition: Callable[[Self], str]) -> str:
        """Here is a list, and the condition is true of one of its items."""

    @abstractmethod
    def is_list(self, size: int, items: str) -> str:
        """Here is a list of `size` items, and the condition `items` is true."""

    @abstractmethod
    def is_object(self, size: int, fields: str) -> str:
        """Here is an object of `size` fields, and the condition `fields` is true."""

    @abstractmethod
    def truth(self, value: bool) -> str:
        """Here is this of the two."""

    @abstractmethod
    def number(self, sign: Sign | str, value: int | float) -> str:
        """Here is a number that stands so to the value."""

    @abstractmethod
    def numbers(self, values: list[int | float]) -> str:
        """Here is one of the numbers."""

    @abstractmethod
    def texts(self, values: list[str]) -> str:
        """Here is one of the texts."""

    @abstractmethod
    def holds(self, text: str) -> str:
        """Here is a text with the text in it."""

    @abstractmethod
    def instant(self) -> str:
        """SQL of `moments.told` of the text here."""

    @abstractmethod
    def whole(self, value: int) -> str:
        """The mark of a whole number that is none of the document's."""

    @abstractmethod
    def mark(self, text: str) -> str:
        """The mark of a text, as it is compared."""

    def order(self, sign: Sign, text: str) -> str:
        """Here is a text that stands so to the text."""
        return self.where(self.TEXT, f"{self.text} {sign} {self.mark(text)}")

    def moment(self, sign: Sign | str, moment: Moment) -> str:
        """Here is a moment that stands so to the other; where it is another text, their texts do, if both are."""
        compared = f"{self.instant()} {sign} {self.whole(moment.at)}"
        texts = sign != "=" and moment.text is not None
        otherwise = f"{self.text} {sign} {self.mark(moment.text or '')}" if texts else NOWHERE
        return self.where(self.TEXT, f"coalesce({compared}, {otherwise})")

    def where(self, kinds: str, then: str, otherwise: str = NOWHERE) -> str:
        """CASE and no AND: of what follows, only what the kind allows is ever worked out."""
        return f"CASE WHEN {self.kind} IN ({kinds}) THEN {then} ELSE {otherwise} END"
