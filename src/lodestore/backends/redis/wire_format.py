"""Wire format: writes, pages and rows as the words and bytes a Redis server takes and gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from struct import Struct, unpack_from

from ...core.families import VECTORS, Family
from ...core.records import KEY, Append, Copy, Drop, Key, Page, Put, Row, Write, name_of
from ...encoding.packer import Packer
from ...errors import CorruptError, InvalidInputError

Word = str | bytes | int

_HEAD = Struct("<5q")  # version, created_at, written_at, expires_at, place
_MOST = 2**53  # scripts count in doubles


def words_of(packer: Packer, writes: Sequence[Write]) -> list[Word]:
    """A batch as the arguments of its script."""
    words: list[Word] = ["1" if any(type(w) is Put and w.expect is not None for w in writes) else "0"]
    for kind, group in groupby(writes, _run_of):
        if kind is None:
            for write in group:
                words += _words(packer, write)
        else:
            copies = [part for write in group if isinstance(write, Copy) for part in _copied(packer, write)]
            words += ["C", *kind, len(copies) // 2, *copies]
    return words


def _run_of(write: Write) -> tuple[str, str] | None:
    """Where a copy goes; neighbours with one outer key travel as one run."""
    if type(write) is not Copy:
        return None
    row = write.row
    return write.family.name, str(row[KEY]) if len(row) > KEY + 1 else ""


def _copied(packer: Packer, write: Copy) -> tuple[str, bytes]:
    body, version, created, written, ends, place = write.row[:KEY]
    head = (version or 0, created, written, -1 if ends is None else ends, -1 if place is None else place)
    if max(head) > _MOST:
        raise InvalidInputError(f"{name_of(write.family, write.row[KEY:])}: a version, time or place above 2**53")
    return str(write.row[-1]), _HEAD.pack(*head) + packer.pack(write.family, body)


def _words(packer: Packer, write: Write) -> list[Word]:
    family = write.family
    match write:
        case Put():
            ends, expect = -1 if write.expires_at is None else write.expires_at, write.expect
            times = (write.written_at, ends, "" if expect is None else expect)
            return ["P", family.name, *outer_and_inner(write.key), packer.pack(family, write.body), *times]
        case Append():
            bodies = [packer.pack(family, body) for body in write.bodies]
            other = VECTORS.get(family)
            vectors = [packer.pack(other, body) for body in write.vectors] if other else []
            head = ("A", family.name, str(write.prefix[0]), write.written_at)
            return [*head, len(bodies), *bodies, len(vectors), *vectors]
        case Drop():
            return ["D", family.name, len(write.prefix), *map(str, write.prefix), write.at]
    raise AssertionError(write)


def results_of(answer: bytes) -> list[int]:
    """One number for each write."""
    return list(unpack_from(f"<{len(answer) // 8}q", answer))


def outer_and_inner(key: Key) -> tuple[str, str]:
    """The outer and the inner part of a whole key."""
    return (str(key[0]) if len(key) == 2 else "", str(key[-1]))


def question(page: Page, what: str) -> list[Word]:
    """A page as the arguments of its script; its prefix is shorter than the key."""
    wide = len(page.family.key) == 2 and not page.prefix
    bounds = [*_bound(page.after, wide), *_bound(page.before, wide)]
    limit = "" if page.limit is None else page.limit
    moment = "" if page.alive_at is None else page.alive_at
    outer = str(page.prefix[0]) if page.prefix else ""
    return [what, page.family.name, outer, int(wide), *bounds, limit, int(page.newest), moment, int(page.partial)]


def _bound(bound: Key | None, wide: bool) -> tuple[str, str]:
    if bound is None:
        return "", ""
    return (str(bound[0]), str(bound[1])) if wide else ("", str(bound[0]))


def keys_of(page: Page, answer: Sequence[bytes]) -> list[Key]:
    """The keys in the answer to a question for keys."""
    family, step = page.family, 1 if page.prefix or len(page.family.key) == 1 else 2
    outers = [page.prefix] * len(answer) if step == 1 else [(_text(family, outer),) for outer in answer[::2]]
    inners = answer[step - 1 :: step]
    return [(*outer, _inner(family, inner)) for outer, inner in zip(outers, inners, strict=True)]


def rows_of(packer: Packer, page: Page, answer: Sequence[bytes]) -> list[Row]:
    """The rows in the answer to a question for rows."""
    keys, stored = split(page, answer)
    return rows(packer, page.family, keys, stored)


def split(page: Page, answer: Sequence[bytes]) -> tuple[list[Key], Sequence[bytes]]:
    """The keys and the stored rows in the answer to a question for rows."""
    step = 2 if page.prefix or len(page.family.key) == 1 else 3
    named = [part for number, part in enumerate(answer) if number % step != step - 1]
    return keys_of(page, named), answer[step - 1 :: step]


def rows(packer: Packer, family: Family, keys: Sequence[Key], stored: Sequence[bytes]) -> list[Row]:
    """Rows from what is stored under `keys`; CorruptError, naming the record, where it is not what was written."""
    try:
        bodies = packer.unpack_all([row[_HEAD.size :] for row in stored])
    except CorruptError:
        for key, row in zip(keys, stored, strict=True):
            packer.unpack(row[_HEAD.size :], name_of(family, key))
        raise
    return [(body, *_head(family, key, row), *key) for body, key, row in zip(bodies, keys, stored, strict=True)]


def stored_rows(page: Page, answer: Sequence[bytes]) -> list[Row]:
    """The rows in the answer to a question for rows, their bodies as they are stored."""
    keys, stored = split(page, answer)
    return [(row[_HEAD.size :], *_head(page.family, key, row), *key) for key, row in zip(keys, stored, strict=True)]


def _head(family: Family, key: Key, row: bytes) -> Iterator[int | None]:
    if len(row) < _HEAD.size:
        raise CorruptError(f"{name_of(family, key)}: the stored record is cut short")
    version, created, written, ends, place = _HEAD.unpack_from(row)
    yield from (version, created, written)
    yield from (ends if ends >= 0 else None, place if place >= 0 else None)


def bodies_of(packer: Packer, page: Page, answer: Sequence[bytes]) -> list[bytes]:
    """The bodies in the answer to a question for bodies."""
    try:
        return packer.unpack_all([row[_HEAD.size :] for row in answer])
    except CorruptError as problem:
        where = ", ".join(map(str, page.prefix))
        raise type(problem)(f"{page.family.name}({where}): {problem}; verify() names the record") from None


def _text(family: Family, name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise CorruptError(f"{family.name}: the key {name!r} is not text") from None


def _inner(family: Family, name: bytes) -> str | int:
    if not family.log:
        return _text(family, name)
    if not name.isdigit():
        raise CorruptError(f"{family.name}: the position {name!r} is not a number")
    return int(name)
