"""How answers look: aligned text for people, one JSON document for programs."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

_WIDEST = 60  # columns: a longer cell does not push the others away
# What could move the cursor, break a line or turn the text around.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def emit(document: object, *, pretty: bool = True) -> None:
    """Print one JSON document. Bytes, which only SQL can bring here, become hexadecimal digits."""
    options = orjson.OPT_INDENT_2 if pretty else 0
    print(orjson.dumps(document, default=bytes.hex, option=options | orjson.OPT_NON_STR_KEYS).decode())


def one_line(text: str) -> str:
    """Text with control characters escaped, fit for a terminal and for tools that read lines."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def pairs(rows: Mapping[str, object] | Iterable[tuple[str, object]]) -> None:
    """Print names and values in two columns; numbers with thousands separators."""
    listed = list(rows.items() if isinstance(rows, Mapping) else rows)
    width = max((len(name) for name, _ in listed), default=0)
    for name, value in listed:
        print(f"{name:<{width}}  {one_line(said(value))}")


def said(value: object) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    if isinstance(value, bytes):
        return value.hex()
    return f"{value:,}" if isinstance(value, int) else str(value)


def size(count: int) -> str:
    """Bytes in the largest unit that leaves a number above 1: `4.0 KiB`."""
    amount, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount >= 1024:
            amount, unit = amount / 1024, larger
    return f"{count:,} bytes" if unit == "bytes" else f"{amount:,.1f} {unit}"


def plural(count: int, noun: str) -> str:
    """`1 message`, `1,234 messages`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows: with lines on a terminal, else as aligned text that no cell is cut from."""
    names = list(rows[0]) if rows else []
    cells = [[one_line("" if value is None else str(said_raw(value))) for value in row.values()] for row in rows]
    if rows and sys.stdout.isatty():
        _rich(names, cells)
        return
    widths = [min(_WIDEST, max(map(columns, column))) for column in zip(names, *cells, strict=True)]
    for line in [names, *cells] if rows else []:
        padded = (cell + " " * (width - columns(cell)) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def said_raw(value: object) -> object:
    """A value of SQL, as SQL would show it."""
    return value.hex() if isinstance(value, bytes) else value


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def _rich(names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD)
    for name in names:
        shown.add_column(Text(name), overflow="fold")
    for line in cells:
        shown.add_row(*(Text(cell) for cell in line))
    Console().print(shown)
