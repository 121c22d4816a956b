"""Laws of fusing ranked legs into one order: pure functions, so any lists will do."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given, strategies as st

from lodestore.core.families import FAMILIES, MEMORY, RAW_MESSAGE, RESULT
from lodestore.core.records import RecordId
from lodestore.core.searchable import Leg
from lodestore.errors import InvalidInputError
from lodestore.search.rank_fusion import (
    GROWTH,
    MAX_POOL,
    Fused,
    FusionSettings,
    depths,
    first_tier,
    fuse,
    fusion_settings,
)

messages = st.tuples(st.just(RAW_MESSAGE), st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 12)))
memories = st.tuples(st.just(MEMORY), st.tuples(st.sampled_from(["a", "b"]), st.sampled_from("uvwxyz")))
results = st.tuples(st.just(RESULT), st.tuples(st.sampled_from("rst")))
identities = messages | memories | results
ranked = st.lists(identities, unique=True, max_size=30).map(lambda found: [(i, -float(n)) for n, i in enumerate(found)])
weight = st.sampled_from([0.1, 0.4, 0.6, 1.0])
blends = st.builds(
    FusionSettings,
    weights=st.tuples(weight, weight),
    k=st.sampled_from([0, 1, 5, 60]),
    pool=st.integers(1, 8),
    neighbours=st.sampled_from([0, 0.25, 0.5, 1.0]),
)
DEEP = 10_000  # deeper than any leg here
POOLED = FusionSettings(pool=100)


def whole(legs: list[Leg], blend: FusionSettings) -> list[Fused]:
    return list(fuse(legs, DEEP, blend))


def names(order: list[Fused]) -> list[RecordId]:
    return [fused.identity for fused in order]


def leg(*found: RecordId) -> Leg:
    return [(identity, 1 / rank) for rank, identity in enumerate(found, 1)]


def message(position: int) -> RecordId:
    return RAW_MESSAGE, ("a", position)


def memory(name: str) -> RecordId:
    return MEMORY, ("a", name)


def beside(identity: RecordId) -> set[RecordId]:
    family, key = identity
    if family is not RAW_MESSAGE:
        return set()
    return {(family, (key[0], int(key[1]) + step)) for step in (-2, -1, 1, 2) if int(key[1]) + step >= 0}


def plain(identity: RecordId, legs: list[Leg], blend: FusionSettings, bound: int) -> float:
    """The fused score by its definition."""
    score = 0.0
    for part, found in zip(blend.weights, legs, strict=True):
        ranks = [rank for rank, (other, _) in enumerate(found, 1) if other == identity and rank <= bound]
        score += sum(part / (blend.k + rank) for rank in ranks)
    return score


class TestTheOrder:
    @given(ranked, ranked, blends)
    def test_all_that_was_found_is_there_once_and_else_only_neighbours(
        self, one: Leg, two: Leg, blend: FusionSettings
    ) -> None:
        order = names(whole([one, two], blend))
        found = {identity for identity, _ in (*one, *two)}
        assert len(order) == len(set(order))
        assert found <= set(order)
        pooled = {identity for identity, _ in (*one[: blend.pool], *two[: blend.pool])}
        near = set().union(*map(beside, pooled)) if blend.neighbours else set()
        assert set(order) == found | near

    @given(ranked, ranked, blends)
    def test_scores_never_rise_and_ties_follow_the_catalogue(self, one: Leg, two: Leg, blend: FusionSettings) -> None:
        order = whole([one, two], blend)
        for left, right in itertools.pairwise(order):
            assert left.score >= right.score > 0
            if left.score == right.score and order.index(right) < len(first_tier([one, two], blend)):
                assert tied(left) < tied(right)

    @given(ranked, ranked, blends, st.data())
    def test_pages_of_any_size_fit_together(
        self, one: Leg, two: Leg, blend: FusionSettings, data: st.DataObject
    ) -> None:
        """Whatever depth each page was read to."""
        order, pages, limit = whole([one, two], blend), [], data.draw(st.integers(1, 9))
        for offset in range(0, len(order), limit):
            pages += self.page([one, two], blend, offset, limit)
        assert pages == order

    def page(self, legs: list[Leg], blend: FusionSettings, offset: int, limit: int) -> list[Fused]:
        for depth in depths(blend):
            read = [found[:depth] for found in legs]
            order = fuse(read, depth, blend)
            if len(order) >= offset + limit or all(len(found) < depth for found in read):
                return list(order[offset : offset + limit])
        raise AssertionError("depths end")

    @given(ranked, ranked, blends)
    def test_what_is_read_deeper_moves_nothing(self, one: Leg, two: Leg, blend: FusionSettings) -> None:
        order = whole([one, two], blend)
        for depth in (*range(1, 40), DEEP):
            certain = list(fuse([one[:depth], two[:depth]], depth, blend))
            assert certain == order[: len(certain)]
            if depth >= blend.pool:
                assert {i for i, _ in (*one[: blend.pool], *two[: blend.pool])} <= set(names(certain))

    @given(ranked, blends, st.permutations([0, 1, 2]))
    def test_the_order_of_the_legs_does_not_matter(self, one: Leg, blend: FusionSettings, order: list[int]) -> None:
        parts = ((one, 0.1), (one[::-1], 0.3), (one[::2], 0.7))
        first = whole([found for found, _ in parts], blend._replace(weights=tuple(w for _, w in parts)))
        mixed = [parts[n] for n in order]
        second = whole([found for found, _ in mixed], blend._replace(weights=tuple(w for _, w in mixed)))
        assert [(f.identity, f.score) for f in first] == [(f.identity, f.score) for f in second]

    @given(ranked, ranked, blends)
    def test_with_all_the_weight_a_leg_is_the_order(self, one: Leg, two: Leg, blend: FusionSettings) -> None:
        blend = blend._replace(neighbours=0)
        assert names(whole([one, two], blend._replace(weights=(1, 0)))) == [identity for identity, _ in one]
        assert names(whole([one, two], blend._replace(weights=(0, 1)))) == [identity for identity, _ in two]

    @given(ranked, ranked, blends)
    def test_tiers_are_of_the_best_rank(self, one: Leg, two: Leg, blend: FusionSettings) -> None:
        blend = blend._replace(neighbours=0)
        order = whole([one, two], blend)
        tiers = [tier(blend, fused.identity, one, two) for fused in order]
        assert tiers == sorted(tiers)
        for number, fused in zip(tiers, order, strict=True):
            bound = blend.pool * GROWTH**number
            ranks = [place_in(found, fused.identity, bound) for found in (one, two)]
            assert [place and place[0] for place in fused.places] == ranks

    @given(ranked, ranked, blends)
    def test_within_a_tier_the_fused_score_decides(self, one: Leg, two: Leg, blend: FusionSettings) -> None:
        blend = blend._replace(neighbours=0)
        for number, group in itertools.groupby(
            whole([one, two], blend), key=lambda fused: tier(blend, fused.identity, one, two)
        ):
            bound = blend.pool * GROWTH**number
            scores = [plain(fused.identity, [one, two], blend, bound) for fused in group]
            assert all(a > b or math.isclose(a, b) for a, b in itertools.pairwise(scores))


class TestScores:
    @given(ranked, ranked, blends)
    def test_the_first_tier_is_the_definition(self, one: Leg, two: Leg, blend: FusionSettings) -> None:
        legs = [one, two]
        first = set(first_tier(legs, blend))
        for fused in whole(legs, blend)[: len(first)]:
            assert fused.identity in first
            near = (
                blend.neighbours ** abs(int(other[1][1]) - int(fused.identity[1][1]))
                * plain(other, legs, blend, blend.pool)
                for other in beside(fused.identity)
            )
            assert math.isclose(fused.boost, sum(near) if blend.neighbours else 0)
            assert math.isclose(fused.score, plain(fused.identity, legs, blend, blend.pool) + fused.boost)

    @given(ranked, ranked, blends, st.data())
    def test_a_better_rank_never_lowers_a_score(
        self, one: Leg, two: Leg, blend: FusionSettings, data: st.DataObject
    ) -> None:
        blend = blend._replace(pool=100)
        assume(len(one) > 1)
        at = data.draw(st.integers(1, len(one) - 1))
        raised = [*one[: at - 1], one[at], one[at - 1], *one[at + 1 :]]
        before, after = (score_of(whole([found, two], blend), one[at][0]) for found in (one, raised))
        assert after >= before or math.isclose(after, before)

    def test_the_figures(self) -> None:
        order = whole([leg(memory("u"), memory("v")), leg(memory("v"), memory("w"))], POOLED)
        assert [(f.identity[1][1], f.score) for f in order] == [
            ("v", pytest.approx(0.4 / 7 + 0.6 / 6)),
            ("w", pytest.approx(0.6 / 7)),
            ("u", pytest.approx(0.4 / 6)),
        ]

    def test_a_neighbour_that_no_leg_found_comes_in(self) -> None:
        order = whole([leg(message(3)), leg()], POOLED)
        assert [(f.identity, f.boost) for f in order] == [
            (message(3), 0),
            (message(2), pytest.approx(0.5 * 0.4 / 6)),
            (message(4), pytest.approx(0.5 * 0.4 / 6)),
            (message(1), pytest.approx(0.25 * 0.4 / 6)),
            (message(5), pytest.approx(0.25 * 0.4 / 6)),
        ]

    def test_nothing_stands_before_the_first_message(self) -> None:
        assert set(names(whole([leg(message(0)), leg()], POOLED))) == {message(0), message(1), message(2)}

    def test_a_neighbour_from_beyond_the_pool_is_of_the_first_tier(self) -> None:
        blend = FusionSettings(pool=1)
        order = whole([leg(message(3), memory("u"), message(4)), leg()], blend)
        assert names(order) == [message(n) for n in (3, 2, 4, 1, 5)] + [memory("u")]
        assert order[2].places == (None, None)

    def test_what_a_hit_says(self) -> None:
        order = whole([leg(message(3), message(4)), leg(message(4))], POOLED)
        assert order[0].legs(["vector", "text"]) == {
            "vector": {"rank": 2, "score": 0.5},
            "text": {"rank": 1, "score": 1.0},
            "neighbours": {"boost": order[0].boost},
        }


class TestRecency:
    @given(ranked, ranked, blends, st.dictionaries(identities, st.integers(0, 10**13)), st.floats(1, 1e9))
    def test_a_factor_from_a_half_to_one(
        self, one: Leg, two: Leg, blend: FusionSettings, times: dict[RecordId, int], life: float
    ) -> None:
        aged = fuse([one, two], DEEP, blend._replace(recency=life), times.get)
        first, plainly = set(first_tier([one, two], blend)), by_name(whole([one, two], blend))
        newest = max((times[i] for i in first if i in times), default=0)
        assert set(names(aged)) == plainly.keys()
        for fused in aged:
            if fused.identity not in first or fused.identity not in times:
                assert fused.factor == 1
            else:
                age = (newest - times[fused.identity]) / 1000
                assert fused.factor == pytest.approx(0.5 + 0.5 * 2 ** (-age / life))
            if fused.identity in first:
                assert fused.score == pytest.approx(plainly[fused.identity].score * fused.factor)

    def test_a_half_life_is_in_seconds(self) -> None:
        times = {memory("u"): 1_000_000, memory("v"): 1_060_000}
        order = fuse([leg(memory("u"), memory("v")), leg()], DEEP, FusionSettings(recency=60), times.get)
        assert [(f.identity, f.factor) for f in order] == [(memory("v"), 1), (memory("u"), 0.75)]
        assert order[1].legs(["vector", "text"])["recency"] == {"factor": 0.75}

    @given(ranked, ranked, blends, st.integers(0, 10**12))
    def test_the_hour_of_asking_does_not_matter(self, one: Leg, two: Leg, blend: FusionSettings, shift: int) -> None:
        blend = blend._replace(recency=3600)
        early, late = (
            list(fuse([one, two], DEEP, blend, lambda identity, by=by: by + 1000 * len(repr(identity))))
            for by in (0, shift)
        )
        assert early == late


class TestArguments:
    def test_what_is_taken(self) -> None:
        assert fusion_settings((0.4, 0.6), 5, 100, 0.5, None) == FusionSettings()
        assert fusion_settings([1, 0], 60, MAX_POOL, 0, 86_400) == FusionSettings((1, 0), 60, MAX_POOL, 0, 86_400)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *[("weights", bad) for bad in ("ab", None, (1,), (1, 2, 3), (0, 0), (-1, 1), (math.nan, 1), ("1", 1))],
            *[("k", bad) for bad in (-1, math.nan, math.inf, True, "5", None)],
            *[("pool", bad) for bad in (0, 1.5, True, MAX_POOL + 1, None)],
            *[("neighbours", bad) for bad in (-0.1, 1.1, math.nan, None)],
            *[("recency", bad) for bad in (0, -1, math.nan, math.inf, "1d", False)],
        ],
    )
    def test_what_is_refused(self, name: str, value: object) -> None:
        arguments = {**FusionSettings()._asdict(), name: value}
        with pytest.raises(InvalidInputError, match=f"^{name}: "):
            fusion_settings(**arguments)


def tier(blend: FusionSettings, identity: RecordId, *legs: Leg) -> int:
    best = min(place for found in legs if (place := place_in(found, identity, DEEP)) is not None)
    return next(n for n in itertools.count() if best <= blend.pool * GROWTH**n)


def place_in(found: Leg, identity: RecordId, bound: int) -> int | None:
    return next((rank for rank, (other, _) in enumerate(found[:bound], 1) if other == identity), None)


def tied(fused: Fused) -> tuple[int, tuple[str | int, ...]]:
    return FAMILIES.index(fused.identity[0]), fused.identity[1]


def by_name(order: list[Fused]) -> dict[RecordId, Fused]:
    return {fused.identity: fused for fused in order}


def score_of(order: list[Fused], identity: RecordId) -> float:
    return by_name(order)[identity].score
