"""Between writes, pages and rows on this side and the words and bytes the server is given and gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct

from ...catalogue import Family
from ...codec import pack, unpack, unpack_all
from ...errors import Corrupt, Refused
from ...kernel import Append, Copy, Drop, Key, Page, Put, Row, Write, name_of

Word = str | bytes | int

_HEAD = Struct("<5q")  # version, created_at, written_at, expires_at, place
_MOST = 2**53  # scripts count in doubles


def words_of(writes: Sequence[Write]) -> list[Word]:
    """A batch as the arguments of its script."""
    words: list[Word] = ["1" if any(isinstance(w, Put) and w.expect is not None for w in writes) else "0"]
    for write in writes:
        words += _words(write)
    return words


def _words(write: Write) -> list[Word]:
    family = write.family
    match write:
        case Put():
            ends, expect = _or_none(write.expires_at), "" if write.expect is None else write.expect
            return ["P", family.name, *places(write.key), pack(write.body), write.written_at, ends, expect]
        case Append():
            bodies = map(pack, write.bodies)
            return ["A", family.name, str(write.prefix[0]), write.written_at, len(write.bodies), *bodies]
        case Copy(row=(body, version, created, written, ends, place, *key)):
            times = (version or 0, created, written, _or_none(ends), _or_none(place))
            if max(times) > _MOST:
                raise Refused(f"{name_of(family, tuple(key))}: a version, time or place above 2**53")
            return ["C", family.name, *places(tuple(key)), pack(body), *times]
        case Drop():
            return ["D", family.name, len(write.prefix), *map(str, write.prefix), write.at]
    raise AssertionError(write)


def places(key: Key) -> tuple[str, str]:
    """The outer and the inner part of a whole key."""
    return (str(key[0]) if len(key) == 2 else "", str(key[-1]))


def _or_none(value: int | None) -> int:
    return -1 if value is None else value


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


def rows_of(page: Page, answer: Sequence[bytes]) -> list[Row]:
    """The rows in the answer to a question for rows."""
    keys, stored = split(page, answer)
    return rows(page.family, keys, stored)


def split(page: Page, answer: Sequence[bytes]) -> tuple[list[Key], Sequence[bytes]]:
    """The keys and the stored rows in the answer to a question for rows."""
    step = 2 if page.prefix or len(page.family.key) == 1 else 3
    named = [part for number, part in enumerate(answer) if number % step != step - 1]
    return keys_of(page, named), answer[step - 1 :: step]


def rows(family: Family, keys: Sequence[Key], stored: Sequence[bytes]) -> list[Row]:
    """Rows from what is stored under `keys`; Corrupt, naming the record, where it is not what was written."""
    try:
        bodies = unpack_all([row[_HEAD.size :] for row in stored])
    except Corrupt:
        for key, row in zip(keys, stored, strict=True):
            unpack(row[_HEAD.size :], name_of(family, key))
        raise
    return [(body, *_head(family, key, row), *key) for body, key, row in zip(bodies, keys, stored, strict=True)]


def _head(family: Family, key: Key, row: bytes) -> Iterator[int | None]:
    if len(row) < _HEAD.size:
        raise Corrupt(f"{name_of(family, key)}: the stored record is cut short")
    version, created, written, ends, place = _HEAD.unpack_from(row)
    yield from (version, created, written)
    yield from (ends if ends >= 0 else None, place if place >= 0 else None)


def bodies_of(page: Page, answer: Sequence[bytes]) -> list[bytes]:
    """The bodies in the answer to a question for bodies."""
    try:
        return unpack_all([row[_HEAD.size :] for row in answer])
    except Corrupt as problem:
        where = ", ".join(map(str, page.prefix))
        raise Corrupt(f"{page.family.name}({where}): {problem}; verify() names the record") from None


def _text(family: Family, name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise Corrupt(f"{family.name}: the key {name!r} is no text") from None


def _inner(family: Family, name: bytes) -> str | int:
    if not family.log:
        return _text(family, name)
    if not name.isdigit():
        raise Corrupt(f"{family.name}: the position {name!r} is no number")
    return int(name)
