"""Row numbers of the search index in SQLite: 64 bits that say where a record is.

So nothing maps one to the other, and a namespace is a range of numbers. The order of the catalogue says all:

    the first log     owner << 32 | position                                    the id of the row, from 2^32
    the n-th other    -2^63 + (n << 57) + (owner << 26 | place)                 below 0
       without owner  -2^63 + (n << 57) + place

Room for 64 others (6 bits), of 2^31 owners each, as many as a store can have, with 2^26 places each, or of 2^57 places
without an owner. A record that finds no place left is refused (`last_place`), and nothing of its batch is written.
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.families import SEARCHABLE, Family, catalogue_cache
from ..core.records import LAST_PLACE

Span = tuple[int, int]  # the first and the last number

FIRST, END = -(2**63), 2**63 - 1
LAST_OWNER = 2**31 - 1
POSITION_BITS = 32  # that a log takes of the id of its rows

_SLOT_BITS, _PLACE_BITS = 57, LAST_PLACE.bit_length()


class Numbering(NamedTuple):
    """The number of place 0 of an owner 0, and how many bits a place takes."""

    base: int
    width: int


@catalogue_cache
def numbering(family: Family) -> Numbering:
    """How the records of a searchable family are numbered."""
    if family is _by_row():
        return Numbering(0, POSITION_BITS)
    base = FIRST + (_others().index(family) << _SLOT_BITS)
    return Numbering(base, _PLACE_BITS if family.owner else _SLOT_BITS)


@catalogue_cache
def _by_row() -> Family:
    """The log whose rows' ids are the numbers."""
    return next(family for family in SEARCHABLE if family.log)


@catalogue_cache
def _others() -> tuple[Family, ...]:
    return tuple(family for family in SEARCHABLE if family is not _by_row())


def number(family: Family, owner: int, place: int) -> int:
    """The number of a record; `owner` is 0 where it has none."""
    base, width = numbering(family)
    return (owner << width | place) + base


def number_of_row(family: Family, row: int) -> int:
    """The number of a record of a log, by the id of its row."""
    base, width = numbering(family)
    return row if not base else (row >> POSITION_BITS << width | row & last_place(family)) + base


def place_of(family: Family, number: int) -> tuple[int, int]:
    """The number of the owner (0: none) and the place of a record."""
    base, width = numbering(family)
    return divmod(number - base, 1 << width)


def family_of(number: int) -> Family:
    """The family a number belongs to; that of the rows' ids, where it belongs to none."""
    if number >= 0:
        return _by_row()
    others, code = _others(), (number - FIRST) >> _SLOT_BITS
    return others[code] if code < len(others) else _by_row()


def last_place(family: Family) -> int:
    """The last place of a placed family: that there is a number for, where it is searched."""
    if family.text:
        return (1 << numbering(family).width) - 1
    return (1 << POSITION_BITS) - 1 if family.log else END


def span(family: Family, owner: int | None = None) -> Span:
    """The numbers of a family, or of what one owner has of it."""
    if not family.owner:
        low = high = 0
    else:
        low, high = (1, LAST_OWNER) if owner is None else (owner, owner)
    return number(family, low, 0), number(family, high, last_place(family))


def span_of(number: int) -> Span:
    """The numbers of what the owner of a record has of its family; of the whole family, where it has no owners."""
    family = family_of(number)
    return span(family, place_of(family, number)[0] if family.owner else None)


# -- the same as SQL


def number_sql(family: Family, owner: str, place: str) -> str:
    """The number of a record; `owner` is the id of its owner, empty where it has none."""
    base, width = numbering(family)
    shifted = f"({owner} << {width}) + " if owner else ""
    return f"{shifted}{place}{_plus(base)}"


def number_of_row_sql(family: Family, row: str) -> str:
    """The number of a record of a log, by the id of its row."""
    base, width = numbering(family)
    return f"({row} >> {POSITION_BITS} << {width}) + ({row} & {last_place(family)}){_plus(base)}" if base else row


def _plus(base: int) -> str:
    return f" + ({base})" if base else ""
