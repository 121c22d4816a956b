"""Filters: what they mean, by a table of answers and by laws that hold for any document and any filter."""

from __future__ import annotations

import ast
import enum
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from lodestore.encoding import json_codec
from lodestore.errors import InvalidInputError
from lodestore.search import filters
from lodestore.search.filters import field, matches, parse
from tests.support.scale import scaled

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
    "2000-02-29", "2023-03-01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59",
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


def true_of(where: dict[str, Any], found: list[dict[str, Any]]) -> list[bool]:
    """The answers of a filter on documents as a store gives them back."""
    tree = parse(where)
    return [matches(tree, json_codec.loads(json_codec.encode(document))) for document in found]


def negated(answers: list[bool]) -> list[bool]:
    return [not answer for answer in answers]


class TestLaws:
    @settings(max_examples=scaled(300, 40))
    @given(st.lists(documents, min_size=1, max_size=8), st.lists(joined, min_size=1, max_size=5))
    def test_joined_filters_follow_from_their_parts(self, found: list[dict[str, Any]], specs: list[Any]) -> None:
        near = [pair for document in found for pair in paths(document)]
        parts = [where_of(spec, near) for spec in specs]
        answers = [true_of(part, found) for part in parts]
        every, some = (
            [all(each) for each in zip(*answers, strict=True)],
            [any(each) for each in zip(*answers, strict=True)],
        )
        assert true_of({"$and": parts}, found) == every
        assert true_of({"$or": parts}, found) == some
        assert true_of({"$not": parts}, found) == negated(every)
        assert true_of({"$not": {"$not": parts[0]}}, found) == answers[0]

    @given(st.lists(documents, min_size=1, max_size=8), keys, st.lists(values, min_size=1, max_size=3))
    def test_values_and_their_opposites(self, found: list[dict[str, Any]], key: str, some: list[Any]) -> None:
        path, equal = field(key), [true_of({field(key): {"$eq": value}}, found) for value in some]
        for value, answers in zip(some, equal, strict=True):
            assert true_of({path: {"$ne": value}}, found) == negated(answers)
            assert true_of({path: {"$not": {"$eq": value}}}, found) == negated(answers)
        inside = [any(each) for each in zip(*equal, strict=True)]
        assert true_of({path: {"$in": some}}, found) == inside
        assert true_of({path: {"$nin": some}}, found) == negated(inside)
        there = [key in document for document in found]
        assert true_of({path: {"$exists": True}}, found) == there
        assert true_of({path: {"$exists": False}}, found) == negated(there)

    def test_numbers_are_ordered_as_numbers_are(self) -> None:
        found = [{"n": number} for number in NUMBERS]
        for number in NUMBERS:
            for name, answer in (("$eq", "__eq__"), ("$lt", "__lt__"), ("$gte", "__ge__")):
                exact = [getattr(exactly(other), answer)(exactly(number)) for other in NUMBERS]
                assert true_of({"n": {name: number}}, found) == exact
            contained = true_of({"l": {"$contains": number}}, [{"l": [None, other]} for other in NUMBERS])
            assert contained == [exactly(other) == exactly(number) for other in NUMBERS]

    def test_any_two_texts_are_in_one_order(self) -> None:
        every = [*TEXTS, *MOMENTS, *NEARLY]
        found = [{"t": text} for text in every]
        for text in every:
            asked = [true_of({"t": {name: text}}, found) for name in ("$lt", "$eq", "$gt", "$lte", "$gte")]
            for less, equal, greater, at_most, at_least in zip(*asked, strict=True):
                assert (less + equal + greater, at_most, at_least) == (1, less or equal, greater or equal)

    def test_each_key_is_itself_alone(self) -> None:
        every = [*KEYS, *NUL_KEYS]
        found = [{key: {key: 1}} for key in every]
        for number, key in enumerate(every):
            assert true_of({field(key, key): 1}, found) == [n == number for n in range(len(found))]

    @given(st.lists(times, min_size=1), times)
    def test_times_are_ordered_as_times_are(self, told: list[datetime], when: datetime) -> None:
        found = [{"t": each.isoformat()} for each in told]
        instants = [in_utc(each) for each in told]
        assert true_of({"t": {"$eq": when}}, found) == [each == in_utc(when) for each in instants]
        assert true_of({"t": {"$lt": when}}, found) == [each < in_utc(when) for each in instants]
        assert true_of({"t": {"$gte": when.isoformat()}}, found) == [each >= in_utc(when) for each in instants]


def exactly(number: int | float) -> Fraction:
    return Fraction(number)


def in_utc(when: datetime) -> timedelta:
    """Since year 1: near the ends of time a datetime in UTC does not exist."""
    return when.replace(tzinfo=None) - datetime.min - (when.utcoffset() or timedelta())


TOLD = {
    "n": 1, "f": 1.5, "t": "ab", "yes": True, "none": None, "list": [1, "x", None, {"k": 1}], "empty": [],
    "object": {"k": [1]}, "o": {"p": {"q": 0}}, "a.b": 2, "when": "2024-02-29T12:00:00+02:00", "day": "2024-02-29",
    "$x": 3, "b\\": 4,
}  # fmt: skip
RULES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    # Types never coerce.
    ({"n": 1}, True), ({"n": 1.0}, True), ({"n": "1"}, False), ({"n": True}, False), ({"yes": True}, True),
    ({"yes": 1}, False), ({"yes": "true"}, False), ({"t": "AB"}, False), ({"empty": None}, False),
    ({"empty": []}, True), ({"list": [1, "x", None, {"k": 1.0}]}, True), ({"list": [1, "x", None]}, False),
    ({"list": 1}, False), ({"object": {"$eq": {"k": [1]}}}, True),
    ({"object": {"$eq": {"k": [1], "l": None}}}, False), ({"object": {"$eq": {}}}, False),
    # Several fields and operators are all meant; there is only true and false.
    ({"n": 1, "t": "ab"}, True), ({"n": 1, "t": "b"}, False), ({"f": {"$gt": 1, "$lt": 2}}, True),
    ({"f": {"$gt": 1, "$lt": 1.5}}, False), ({"n": {"$not": {"$gt": "a"}}}, True),
    ({"$not": [{"n": 1}, {"t": "b"}]}, True), ({"$not": [{"n": 1}, {"t": "ab"}]}, False), ({"$not": {"n": 1}}, False),
    ({"$or": [{"n": 2}, {"$and": [{"n": 1}, {"f": 1.5}]}]}, True),
    # Missing and null.
    ({"gone": None}, True), ({"none": None}, True), ({"gone": {"$ne": None}}, False), ({"gone": {"$ne": 1}}, True),
    ({"none": {"$ne": 1}}, True), ({"n": {"$ne": None}}, True), ({"gone": {"$nin": [1]}}, True),
    ({"gone": {"$nin": [1, None]}}, False), ({"gone": {"$in": [None]}}, True), ({"n": {"$in": []}}, False),
    ({"n": {"$nin": []}}, True), ({"gone": {"$exists": True}}, False), ({"none": {"$exists": True}}, True),
    ({"gone": {"$exists": False}}, True), ({"gone": {"$lt": 1}}, False), ({"none": {"$gte": 0}}, False),
    ({"n": {"$gt": None}}, False), ({"none": {"$lte": None}}, False), ({"gone": {"$contains": None}}, False),
    ({"t.x": None}, True),
    # Order within a kind only.
    ({"n": {"$gte": 1.0}}, True), ({"n": {"$lt": "2"}}, False), ({"t": {"$gt": "aZ"}}, True),
    ({"t": {"$lt": 5}}, False), ({"yes": {"$gt": 0}}, False), ({"list": {"$gt": 0}}, False),
    ({"t": {"$lt": "\U0001f600"}}, True),
    # Lists and texts that contain.
    ({"list": {"$contains": 1.0}}, True), ({"list": {"$contains": "1"}}, False),
    ({"list": {"$contains": None}}, True), ({"list": {"$contains": {"k": 1}}}, True),
    ({"list": {"$contains": True}}, False), ({"t": {"$contains": "b"}}, True), ({"t": {"$contains": ""}}, True),
    ({"n": {"$contains": 1}}, False), ({"object": {"$contains": "k"}}, False), ({"t": {"$contains": 1}}, False),
    # Paths.
    ({"o.p.q": 0}, True), ({"a.b": 2}, False), ({"a\\.b": 2}, True), ({"list.0": 1}, False), ({"\\$x": 3}, True),
    ({"b\\\\": 4}, True),
    # Moments.
    ({"when": "2024-02-29T10:00Z"}, True), ({"when": datetime(2024, 2, 29, 10)}, True),
    ({"when": {"$gt": date(2024, 2, 29)}}, True), ({"when": {"$lt": "2024-02-29T11:00"}}, True),
    ({"day": date(2024, 2, 29)}, True), ({"day": {"$in": [datetime(2024, 2, 29, tzinfo=UTC)]}}, True),
    ({"t": {"$gt": "2024-01-01"}}, True), ({"t": {"$gt": date(2024, 1, 1)}}, False),
    ({"when": {"$contains": "12:00"}}, True), ({"day": {"$lt": "2024-02-3"}}, True),
    ({"n": {"$gt": date(2024, 1, 1)}}, False),
]  # fmt: skip


@pytest.mark.parametrize(("where", "answer"), RULES, ids=[repr(where)[:80] for where, _ in RULES])
def test_what_a_filter_means(where: dict[str, Any], answer: bool) -> None:
    assert true_of(where, [TOLD]) == [answer]


class Colour(enum.Enum):
    RED = "red"


def test_values_are_taken_as_documents_keep_them() -> None:
    assert matches(parse({"c": Colour.RED, "u": uuid.UUID(int=7)}), {"c": "red", "u": str(uuid.UUID(int=7))})
    assert matches(parse({"p": (1, 2)}), {"p": [1, 2]})


def test_a_tree_may_be_kept() -> None:
    tree = parse({"a": {"$in": [[1], {"b": [2]}, "x"]}, "$not": [{"c": date(2024, 1, 1)}]})
    assert hash(tree) == hash(parse({"a": {"$in": [[1], {"b": [2]}, "x"]}, "$not": [{"c": date(2024, 1, 1)}]}))


def deep(levels: int) -> Any:
    where: Any = {"a": 1}
    for _ in range(levels):
        where = {"$not": where}
    return where


REFUSED: list[tuple[Any, str]] = [
    (5, r"where: expected a mapping of fields to values, not int"),
    ([{"a": 1}], r"where: expected a mapping of fields to values, not list"),
    ({1: 2}, r"where: the key 1 is int, expected text"),
    ({"a": {"\ud800": 1}}, r"where\.a: a key holds half a surrogate"),
    ({"$nor": []}, r"where\.\$nor: '\$nor' is not an operator; there are \$and, \$or, \$not. A dollar .* \\\$"),
    ({"$gt": 1}, r"where\.\$gt: '\$gt' stands below a field"),
    ({"a": {"$above": 1}}, r"where\.a\.\$above: '\$above' is not an operator; there are \$eq, .*\$contains"),
    ({"a": {"b": 1}}, r"where\.a\.b: 'b' is not an operator; an object is compared by \$eq, .* with a dot"),
    ({"a": {}}, r"where\.a: expected a value or operators"),
    ({"$and": []}, r"where\.\$and: expected a list of filters with one or more, not an empty list"),
    ({"$or": {"a": 1}}, r"where\.\$or: expected a list of filters"),
    ({"$or": [{"a": 1}, 3]}, r"where\.\$or\[1\]: expected a mapping of fields to values, not int"),
    ({"a": {"$in": 3}}, r"where\.a\.\$in: expected a list of values, not 3"),
    ({"a": {"$nin": "abc"}}, r"where\.a\.\$nin: expected a list of values, not 'abc'"),
    ({"a": {"$exists": 1}}, r"where\.a\.\$exists: expected True or False, not 1"),
    ({"a": {"$not": 5}}, r"where\.a\.\$not: expected operators"),
    ({"a": {"$gt": [1]}}, r"where\.a\.\$gt: expected a number, a text, a date or a datetime, not list"),
    ({"a": {"$lt": True}}, r"where\.a\.\$lt: expected a number"),
    ({"a": {"$in": [1, float("nan")]}}, r"where\.a\.\$in\[1\]: NaN is not JSON"),
    ({"a": [1, {"b": float("inf")}]}, r"where\.a\[1\]\.b: infinity is not JSON"),
    ({"a": 2**64}, r"where\.a: 18446744073709551616 does not fit 64 bits"),
    ({"a": "\udfff"}, r"where\.a: holds half a surrogate pair"),
    ({"a": b"x"}, r"where\.a: bytes is not JSON"),
    ({"a": {1, 2}}, r"where\.a: set is not JSON"),
    ({"a": timedelta(1)}, r"where\.a: timedelta is not JSON"),
    ({"a\\b": 1}, r"a backslash stands before a dot, a dollar or a backslash only"),
    ({"a\\": 1}, r"a backslash stands before a dot"),
    ({".".join("a" * 33): 1}, r"the path has more than 32 keys"),
    (deep(40), r"nested deeper than 32 levels"),
    (deep(5000), r"nested deeper than 32 levels"),
    ({"$or": deep(5000)}, r"where\.\$or: expected a list of filters with one or more, not dict"),
    ({"a": {"$in": {"a": deep(5000)}}}, r"expected a list of values, not dict"),
    ({"a": deep(5000)}, r"nested deeper than 32 levels"),
    ({"a": {"$eq": [[]] * 1000}}, r"more than 1000 conditions and values"),
    ({"$or": [{"a": 1}] * 1001}, r"more than 1000 conditions"),
    ({"$and": [{}] * 1001}, r"more than 1000 conditions"),
    ({"$" * 900: 1}, r"is not an operator"),
    (
        {"$or": [{"a": {"$exists": True}}] * 1001},
        r"more than 1000 conditions and values; many values of a field go in \$in",
    ),
    ({"a": {"$in": [0] * 10_001}}, r"where\.a\.\$in: 10,001 values; at most 10,000 are allowed"),
]


@pytest.mark.parametrize(("where", "message"), REFUSED, ids=map(str, range(len(REFUSED))))
def test_what_is_refused(where: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as refused:
        parse(where)
    assert len(str(refused.value)) < 400


def test_the_largest_filters_run() -> None:
    many = {"n": {"$in": [*range(4000), *(f"t{n}" for n in range(4000)), *(n + 0.5 for n in range(1000))]}}
    wide = {"$or": [{"n": {"$lt": 0}} for _ in range(1000)]}
    level: dict[str, Any] = {"n": {"$not": {"$lt": 0}}}
    for _ in range(27):
        level = {"$and": [level]}
    found = [{"n": 3999, "l": [0] * 999}, {"n": "t5", "l": [0] * 998}, {"n": 4000}, {"n": 7.5}, {"n": -1}]
    assert true_of(many, found) == [True, True, False, True, False]
    assert true_of(wide, found) == [False, False, False, False, True]
    assert true_of(level, found) == [True, True, True, True, False]
    assert true_of({"l": {"$eq": [0] * 999}}, found) == [True, False, False, False, False]
    assert true_of({".".join("p" * 32): None}, found) == [True] * 5


@given(st.lists(st.text(max_size=5), min_size=1, max_size=5))
def test_a_path_is_read_as_field_wrote_it(path: list[str]) -> None:
    assert parse({field(*path): 1}) == filters.Equals(tuple(path), (1,))


def test_a_mistake_in_the_evaluator_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "_same", lambda value, found: value == found)  # True for 1
    assert [where for where, answer in RULES if true_of(where, [TOLD]) != [answer]] != []


def test_the_page_for_users_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "filters.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page, re.S), 1):
        exec(compile(block, f"filters.md block {number}", "exec"), names)  # noqa: S102  our own page
    rows = re.findall(r"^\| .*`(\{.*\})` \|$", page, re.M)
    assert len(rows) == 11
    assert [row for row in rows if not names["found"](ast.literal_eval(row))] == []
    assert set(re.findall(r"\$\w+", page.split("## Fields")[0])) == {*filters._OPERATORS, *filters._LOGIC}
