"""The encoder's laws."""

from __future__ import annotations

import dataclasses
import enum
import tracemalloc
import uuid
from datetime import UTC, date, datetime
from typing import Any

import pydantic
import pytest
from hypothesis import given, strategies as st

from lodestore.encoding import json_codec
from lodestore.errors import InvalidInputError

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=20
)
documents = st.dictionaries(keys, values, max_size=6)


class Colour(enum.Enum):
    RED = "red"


class Odd(enum.Enum):
    NAN = float("nan")


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Model(pydantic.BaseModel):
    name: str
    when: datetime


class TestEncode:
    @given(documents)
    def test_what_comes_back_is_what_went_in(self, document: dict[str, Any]) -> None:
        back = json_codec.loads(json_codec.encode(document))
        assert back == document
        assert repr(back) == repr(document), "key order, and 1 is not 1.0"

    @given(documents)
    def test_it_is_canonical(self, document: dict[str, Any]) -> None:
        body = json_codec.encode(document)
        assert json_codec.encode(json_codec.loads(body)) == body

    @given(
        documents,
        st.sampled_from(
            [
                float("nan"),
                float("inf"),
                Odd.NAN,
                2**64,
                -(2**63) - 1,
                b"x",
                {1: 2},
                "\ud800",
                {"\ud800": 1},
                object(),
                {1, 2},
            ]
        ),
    )
    def test_a_bad_value_is_refused_wherever_it_stands(self, document: dict[str, Any], bad: object) -> None:
        document["list"] = [document.copy(), {"deep": [0, bad]}]
        with pytest.raises(InvalidInputError, match=r"data\.list\[1\]\.deep\[1\]"):
            json_codec.encode(document)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"usage": {"cost": float("nan")}}, "messages.usage.cost: NaN"),
            ({"n": float("-inf")}, "messages.n: infinity"),
            ({"n": 2**64}, "does not fit 64 bits"),
            ({"a": {2: 3}}, r"messages.a: the key 2 is int"),
            ({"a": ["ok", "\udfff"]}, r"messages.a\[1\]: holds half a surrogate"),
            ({"a": b"raw"}, "messages.a: bytes is not JSON"),
            ([1], "messages: expected an object"),
            ("text", "messages: expected an object"),
            (None, "messages: expected an object"),
        ],
    )
    def test_the_message_names_the_path(self, value: object, message: str) -> None:
        with pytest.raises(InvalidInputError, match=message):
            json_codec.encode(value, "messages")

    def test_depth(self) -> None:
        def nested(levels: int) -> Any:
            value: Any = "leaf"
            for level in range(levels):
                value = {"k": value} if level % 2 else [value]
            return {"top": value}

        body = json_codec.encode(nested(json_codec.MAX_DEPTH - 2))
        assert json_codec.loads(body) == nested(json_codec.MAX_DEPTH - 2)
        for levels in (json_codec.MAX_DEPTH, 260, 5000):
            with pytest.raises(InvalidInputError, match="nested deeper than 200"):
                json_codec.encode(nested(levels))
        wide = {"a": [[] for _ in range(1000)]}
        assert json_codec.loads(json_codec.encode(wide)) == wide, "many brackets, little depth"

    def test_a_value_that_holds_itself_is_refused(self) -> None:
        value: dict[str, Any] = {}
        value["self"] = value
        with pytest.raises(InvalidInputError, match="nested deeper"):
            json_codec.encode(value)

    def test_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(json_codec, "MAX_BODY", 1000)
        json_codec.encode({"t": "x" * 990})
        with pytest.raises(InvalidInputError, match="1,008 bytes as JSON, above the limit of 1,000"):
            json_codec.encode({"t": "x" * 1000})

    def test_the_cap_is_64_mib(self) -> None:
        assert json_codec.MAX_BODY == 64 * 1024 * 1024

    def test_common_types_have_one_form(self) -> None:
        when = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
        value = {
            "when": when,
            "day": date(2026, 11, 20),
            "id": uuid.UUID(int=7),
            "colour": Colour.RED,
            "point": Point(1.5),
            "model": Model(name="m", when=when),
            "pair": (1, None),
        }
        assert json_codec.loads(json_codec.encode(value)) == {
            "when": "2026-11-20T09:30:00+00:00",
            "day": "2026-11-20",
            "id": "00000000-0000-0000-0000-000000000007",
            "colour": "red",
            "point": {"x": 1.5, "y": 0.0},
            "model": {"name": "m", "when": "2026-11-20T09:30:00Z"},
            "pair": [1, None],
        }

    def test_a_model_or_dataclass_may_be_the_document(self) -> None:
        assert json_codec.loads(json_codec.encode(Point(2.0))) == {"x": 2.0, "y": 0.0}
        with pytest.raises(InvalidInputError, match=r"data\.x: NaN"):
            json_codec.encode(Point(float("nan")))

    def test_a_model_that_cannot_be_read_is_refused(self) -> None:
        class Broken:
            def model_dump(self, mode: str) -> dict[str, object]:
                raise RuntimeError("no fields today")

        with pytest.raises(InvalidInputError, match="no fields today"):
            json_codec.encode({"a": Broken()})

    def test_a_short_body_holds_no_more_memory_than_it_needs(self) -> None:
        bodies = [{"n": n} for n in range(2000)]
        tracemalloc.start()
        try:
            encoded = json_codec.encode_all(bodies, "messages")
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(encoded) == 2000
        assert held < 2000 * 200

    def test_encode_all_says_which(self) -> None:
        with pytest.raises(InvalidInputError, match=r"messages\[3\]\.usage\.cost: NaN"):
            json_codec.encode_all([{}, {}, {}, {"usage": {"cost": float("nan")}}], "messages")
