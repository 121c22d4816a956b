"""Strategies: what the kit feeds a backend. Hostile ids, JSON documents, batches of writes, pages.

Times in drawn writes count from the moment of writing; `observe.shift` adds the clock.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st

from ..core.families import FAMILIES, OWNED, VECTORS, Family
from ..core.records import Append, Copy, Drop, Key, Page, Put, Row, Write
from ..encoding.json_codec import encode

Ids = tuple[str, ...]
Families = tuple[Family, ...]
Expect = Literal["any", "current", "older", "newer", "absent"]

# Ids that file names, SQL, Redis keys, URLs and upper-casing have stumbled over.
HOSTILE = (
    *("a", "A", "a_b", "A_B", "a/b", "a%2Fb", "a\\b", "a b", " ", " a", "a ", ".", "..", "../a", "a.", "a.json", ".a"),
    *("%", "_", "%00", "*?<>|:\"'", "--", "; DROP TABLE a", "[a]", "{a}", "a:b", "-1", "9", "10", "CON", "nul", "~"),
    *("\t", "a\nb", "\x01", "\x7f", "\u00e9", "e\u0301", "\u0130", "\u00df", "ss", "\ufeffa", "\u202ea", "\ufffd"),
    *("\uffff", "\U0001d11e", "\U0001f469\u200d\U0001f467", "\u65e5\u672c", "\ud7ff", "\ue000", "null", "None"),
    *("x" * 1024, "X" * 1024, "\u65e5" * 341, "\U0001f600" * 256, "x" * 1023 + "/", "current.json"),
)
# Which families a history is about: an owner with what it owns, or all; few of them meet more often.
FOCUS: dict[str, Families] = {
    **{owner.name: (owner, *owned) for owner, owned in OWNED.items() if owned},
    **{family.name: (family,) for family in FAMILIES if family.expires},
    "alone": tuple(family for family in FAMILIES if not family.owner and not OWNED[family]),
    "all": tuple(FAMILIES),
}
FAR = 2**53  # where the gate of `lodestore.core.validation` cuts limits and positions

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = st.sampled_from(HOSTILE) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | text
documents: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    text,
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=8
    ),
    max_size=4,
)

_repeats = st.builds(
    lambda word, n: {"content": word * n}, st.sampled_from(["yes ", "\u65e5\u672c ", '\0\\"']), st.integers(300, 3000)
)
_small = st.sampled_from([b'{"n":%d}' % n for n in range(10)])
# Small ones most of the time: a history is worth its length, and long bodies use up what Hypothesis may draw.
bodies = st.integers(0, 9).flatmap(lambda n: st.builds(encode, documents if n else _repeats) if n < 2 else _small)
_lifetimes = st.sampled_from([None, 1, 10, 1000, 60_000])


class Step(NamedTuple):
    """A write of a batch, and which version a Put asks for: each store has versions of its own."""

    write: Write
    expect: Expect = "any"


@cache
def keys(family: Family, pool: Ids) -> st.SearchStrategy[Key]:
    """Whole keys of a family, over a few ids so that writes meet."""
    parts: list[st.SearchStrategy[str | int]] = [st.sampled_from(pool) for _ in family.key]
    if family.log:
        parts[-1] = st.integers(0, 6)
    return st.tuples(*parts)


def prefixes(family: Family, pool: Ids) -> st.SearchStrategy[Key]:
    """Whole keys most of the time, and every shorter form of them."""
    lengths = st.sampled_from([*range(len(family.key) + 1), *[len(family.key)] * 4])
    return st.builds(lambda key, length: key[:length], keys(family, pool), lengths)


@cache
def _puts(family: Family, pool: Ids) -> st.SearchStrategy[Step]:
    lifetimes = _lifetimes if family.expires else st.none()
    expects: st.SearchStrategy[Expect] = st.sampled_from(
        ["any", "any", "any", "current", "current", "older", "newer", "absent"]
    )
    # The version is looked up later, on each side; left out here, Hypothesis would draw one.
    put = st.builds(Put, st.just(family), keys(family, pool), bodies, st.just(0), lifetimes, st.none())
    return st.builds(Step, put, expects)


@cache
def _appends(family: Family, pool: Ids) -> st.SearchStrategy[Step]:
    prefix = keys(family, pool).map(lambda key: key[:-1])
    vectors = bodies | st.just(b"") if family in VECTORS else st.just(b"")
    several = st.lists(st.tuples(bodies, vectors), max_size=4)

    def append(prefix: Key, records: list[tuple[bytes, bytes]], bare: bool) -> Step:
        found = tuple(vector for _, vector in records)
        return Step(Append(family, prefix, tuple(body for body, _ in records), 0, () if bare else found))

    return st.builds(append, prefix, several, st.booleans())


@cache
def _copies(family: Family, pool: Ids) -> st.SearchStrategy[Step]:
    body = bodies | st.just(b"") if OWNED[family] else bodies
    version, age = st.none() | st.integers(1, 200), st.integers(-100_000, 1000)
    lifetimes = st.sampled_from([None, -1, 0, 1, 10, 1000]) if family.expires else st.none()
    head = st.tuples(body, version, age, age, lifetimes)

    def row(head: Row, key: Key, place: int) -> Step:
        places = (key[-1] if family.log else place) if family.placed else None
        return Step(Copy(family, (*head, places, *key)))

    return st.builds(row, head, keys(family, pool), st.integers(0, 6))


@cache
def _drops(family: Family, pool: Ids) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.builds(Drop, st.just(family), prefixes(family, pool), st.just(0)))


@cache
def batches(focus: Families, pool: Ids, least: int = 0) -> st.SearchStrategy[list[Step]]:
    """Batches of writes over some families. Records enter a log by Append and Copy only."""
    arrivals = st.one_of([_appends(f, pool) if f.log else _puts(f, pool) for f in focus])
    moves = st.one_of([make(f, pool) for f in focus for make in (_copies, _drops)])
    return st.lists(st.integers(0, 3).flatmap(lambda n: arrivals if n else moves), min_size=least, max_size=6)


def pages(focus: Families, pool: Ids, now: int) -> st.SearchStrategy[Page]:
    """Pages of every shape: prefix of any length, bounds of any row, there or not."""
    return st.one_of([_pages_of(family, pool, now) for family in focus])


def _pages_of(family: Family, pool: Ids, now: int) -> st.SearchStrategy[Page]:
    parts: list[st.SearchStrategy[str | int]] = [st.sampled_from(pool) for _ in family.key]
    if family.placed:
        parts[-1] = st.integers(0, 6) | st.just(FAR)
    orders = st.tuples(*parts)
    moments = st.none() | st.integers(now - 1000, now + 1000) | st.just(now)

    def page(prefix: Key, after: Key | None, before: Key | None, *rest: Any) -> Page:
        depth = len(prefix)
        if depth == len(family.key):
            after = before = None
        return Page(family, prefix, after and after[depth:], before and before[depth:], *rest)

    limits = st.none() | st.integers(0, 4) | st.just(FAR)
    bounds = st.none() | orders
    return st.builds(page, prefixes(family, pool), bounds, bounds, limits, st.booleans(), moments, st.booleans())
