"""Filters: what they mean, and that the evaluator, SQLite and PostgreSQL mean the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lodestore.filters import field, parse

from .filter_engines import Engine, evaluator, postgres, sqlite


@pytest.fixture(scope="module")
def engines(postgres_url: str) -> Iterator[dict[str, Engine]]:
    with sqlite() as lite, postgres(postgres_url) as big:
        yield {"evaluator": evaluator, "sqlite": lite, "postgres": big}


# What documents and filters are made of: few and hostile keys, so that filters meet documents, and values of every
# kind that lie close to one another.

KEYS = [
    "a", "b", "user", "user.age", "0", "", " ", "$gt", "$", "a]", "[0]", "$[0]", 'a"b', "a'b", "a\\b", "a\\", '"', "%s",
    "x') OR 1=1 --", "'; DROP TABLE docs; --", "?1", "$1", "{}", "{text}", "\n", "\x01", "\x02\x03", "\x7f", "é",
    "e\u0301", "\U0001f600", "\uffff", "k" * 300, "value", "key", "document", "null",
]  # fmt: skip
NUL_KEYS = ["\0", "a\0", "a\0b", "\x01\x02\x02"]
NUMBERS: list[int | float] = [
    0, 1, -1, 2, 1.0, -0.0, 0.5, 0.1, 1.5, 2**53, 2**53 + 1, 2.0**53, -(2**53) - 1, -(2.0**53), 2**63 - 1, 2**63,
    2**63 + 1, 2.0**63, -(2**63), -(2.0**63), 2**64 - 1, 2**64 - 1024, 2.0**64, 2.0**64 - 2048, 2.0**65, 1e300, 5e-324,
    1e23, 36028797018963968, 3.602879701896397e16, 36028797018963970, 9223372036854776000, -36028797018963968.0,
]  # fmt: skip
MOMENTS = [
    "2024-01-01", "2024-01-01T00:00", "2024-01-01 00:00:00", "2024-01-01T00:00:00Z", "2024-01-01T02:00:00+02:00",
    "2023-12-31T23:59:59.999999Z", "2024-01-01T00:00:00.0000019", "2024-02-29", "2024-02-29T12:30:00.5-05:30",
    "2000-02-29", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59",
]  # fmt: skip
NEARLY = [
    "2023-02-29", "1900-02-29", "0000-01-01", "2024-04-31", "2024-1-1", "2024-13-01", "2024-01-00", "2024-01-01T24:00",
    "2024-01-01T00:60", "2024-01-01T00:00:60", "2024-01-01Z", "2024-01-01+02:00", "2024-01-01T00:00:00z",
    "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+0200", "2024-01-01T00:00:00.", "2024-01-01T00:00:00.1234567890",
    "2024-01-01T00:00:00,5", "2024-01-01T00", "2024-01-01  00:00", " 2024-01-01", "2024-01-01 ", "2024-01-01\n",
    "20240101", "2024-01", "2024-W01-1", "-2024-01-01", "2024-01-01T00:00.5", "\uff12024-01-01",
    "2024-01-01T00:00:00.5ZZ", "2024-01-01\0",
]  # fmt: skip
TEXTS = [
    "", "a", "ab", "b", "B", "é", "e\u0301", "\U0001f600", "\uffff", "1", "true", "null", "a\0", "a\0b", "\0", "\x01",
    "\x02", "\x03", "\x04", "\\u0000", "\\", "x' OR '1'='1", "%", "_", "[]",
]  # fmt: skip

keys = st.sampled_from(KEYS) | st.sampled_from(KEYS[:3]) | st.sampled_from(NUL_KEYS)
numbers = st.sampled_from(NUMBERS) | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
texts = (
    st.sampled_from(TEXTS)
    | st.sampled_from(MOMENTS)
    | st.sampled_from(NEARLY)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
    | st.text("\0\x01\x02\x03\\ua", max_size=4)
)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=5
)
documents = st.dictionaries(keys, values, max_size=5)
times = st.datetimes(timezones=st.none() | st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]))


def paths(document: Any, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, item in document.items() if isinstance(document, dict) else ():
        yield (*prefix, key), item
        yield from paths(item, (*prefix, key))


def pieces(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, str):
        yield value[1:2]
    yield from value if isinstance(value, list) else ()


OPERATORS = ["", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$contains"]
ORDERED = ("$gt", "$gte", "$lt", "$lte")
choices = st.integers(0, 50)
# A condition before it knows the documents: two in three look where one of them has something.
bare = st.fixed_dictionaries(
    {
        "near": choices,
        "path": st.lists(keys, min_size=1, max_size=3),
        "operator": st.sampled_from(OPERATORS),
        "value": values,
        "orderable": numbers | texts | times | times.map(datetime.date) | st.none(),
        "more": st.lists(values | numbers | texts, max_size=4),
        "truth": st.booleans(),
        "negated": st.booleans(),
    }
)
joined = st.recursive(
    bare,
    lambda inner: st.tuples(st.sampled_from(["$and", "$or", "$not"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=4,
)
Near = list[tuple[tuple[str, ...], Any]]


def where_of(spec: Any, near: Near) -> dict[str, Any]:
    if isinstance(spec, tuple):
        return {spec[0]: [where_of(part, near) for part in spec[1]]}
    path, value, operator = spec["path"], spec["value"], spec["operator"]
    if near and spec["near"] % 3:
        path, there = near[spec["near"] % len(near)]
        found = [*pieces(there), value]
        value = found[spec["near"] // 3 % len(found)]
    if operator in ORDERED and isinstance(value, (bool, list, dict)):
        value = spec["orderable"]
    if operator in ("$in", "$nin"):
        value = [value, *spec["more"]] if spec["truth"] else spec["more"]
    value = spec["truth"] if operator == "$exists" else value
    test = value if not operator and not isinstance(value, dict) else {operator or "$eq": value}
    return {field(*path): {"$not": test} if spec["negated"] and isinstance(test, dict) else test}


def agree(engines: dict[str, Engine], where: dict[str, Any], found: list[dict[str, Any]]) -> list[bool]:
    tree = parse(where)
    answers = {name: ask(tree, found) for name, ask in engines.items()}
    for name, answer in answers.items():
        assert answer == answers["evaluator"], f"{name} on {where!r}"
    return answers["evaluator"]


class TestAllEnginesAgree:
    @settings(max_examples=300)
    @given(st.lists(documents, min_size=1, max_size=8), st.lists(joined, min_size=1, max_size=5))
    def test_on_any_filter(self, engines: dict[str, Engine], found: list[dict[str, Any]], specs: list[Any]) -> None:
        near = [pair for document in found for pair in paths(document)]
        for spec in specs:
            agree(engines, where_of(spec, near), found)

    @pytest.mark.parametrize("name", ["$eq", "$gt", "$gte", "$lt", "$lte"])
    def test_on_every_pair_of_numbers(self, engines: dict[str, Engine], name: str) -> None:
        found = [{"n": number, "l": [0, number], "o": {"n": [number]}} for number in NUMBERS]
        for number in NUMBERS:
            agree(engines, {"n": {name: number}}, found)
        if name == "$eq":
            for number in NUMBERS:
                agree(engines, {"$or": [{"l": {"$contains": number}}, {"o": {"$eq": {"n": [number]}}}]}, found)
            agree(engines, {"n": {"$in": NUMBERS[::2]}}, found)

    @pytest.mark.parametrize("name", ["$eq", "$gt", "$lte", "$contains"])
    def test_on_every_pair_of_texts(self, engines: dict[str, Engine], name: str) -> None:
        found = [{"t": text, "l": [text]} for text in (*TEXTS, *MOMENTS, *NEARLY)]
        for text in (*TEXTS, *MOMENTS, *NEARLY[:5], date(2024, 1, 1), datetime(2024, 2, 29, 18, 0, 0, 500000)):
            agree(engines, {"t": {name: text}}, found)
            if name == "$contains":
                agree(engines, {"l": {"$contains": text}}, found)
        agree(engines, {"t": {"$in": [*TEXTS, *MOMENTS]}}, found)

    def test_on_every_key(self, engines: dict[str, Engine]) -> None:
        all_keys = [*KEYS, *NUL_KEYS]
        found = [{key: {key: 1}} for key in all_keys]
        for number, key in enumerate(all_keys):
            assert agree(engines, {field(key, key): 1}, found) == [n == number for n in range(len(found))]

    @given(st.lists(st.sampled_from(MOMENTS) | times.map(datetime.isoformat), min_size=1), times)
    def test_on_any_time(self, engines: dict[str, Engine], told: list[str], when: datetime) -> None:
        for name in ("$eq", "$lt", "$gte"):
            agree(engines, {"t": {name: when}}, [{"t": text} for text in told])
