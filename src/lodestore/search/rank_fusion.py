"""Rank fusion (RRF): one ranking out of the two legs of a hybrid search, vectors and text.

    fused score   the sum over the legs of weight / (k + rank), the rank from 1 and at most the pool
    neighbours    a record of a log gains a share of the fused scores of those beside it, and the share of that share
                  of the next but one; one that no leg found comes in so. Whether there is a record at that position
                  the caller finds out
    recency       the score times a half, and times another half that halves again with each half-life of age

What lies beyond the pools follows in tiers, each reaching four times as deep as the one before. A record is of the
tier that its best rank lies in; what gains from a record of the first tier is of the first as well. Within a tier
the ranks it reaches to count, and no others. So nothing that is read deeper moves what came before, and pages of any
size fit together.

Nothing here knows of filters. Who has one walks down the order, and no score changes for what stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, overload

from ..core.families import FAMILIES, Family
from ..core.records import Key, RecordId
from ..core.searchable import Leg
from ..errors import InvalidInputError

GROWTH = 4  # how many times deeper each tier reaches
MAX_POOL = 10_000
_OLD = 0.5  # what is left of the score of a record however old

RankAndScore = tuple[int, float]  # a rank, and the score in the leg
Totals = dict[tuple[Family, Key], dict[str | int, float]]  # by family and outer key, then by the last part of the key
CreatedAt = Callable[[RecordId], int | None]  # in milliseconds; None for what is not there


class FusionSettings(NamedTuple):
    """How legs are fused. `weights` has one for each leg, `recency` is a half-life in seconds, or None for none."""

    weights: tuple[float, ...] = (0.4, 0.6)
    k: float = 5
    pool: int = 100
    neighbours: float = 0.5
    recency: float | None = None


class Fused(NamedTuple):
    """A record in the order, and why it stands there.

    `places` has the rank and the score in each leg, None where it was not found within the tier; `boost` is what its
    neighbours added, `factor` what its age left of the whole. Scores never rise down the order: behind the first tier
    they are scaled to begin where the tier before ends.
    """

    identity: RecordId
    score: float
    places: tuple[RankAndScore | None, ...]
    boost: float = 0.0
    factor: float = 1.0

    def legs(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """As a hit explains itself, the legs by these names."""
        found = zip(names, self.places, strict=True)
        told: dict[str, dict[str, Any]] = {name: {"rank": at[0], "score": at[1]} for name, at in found if at}
        if self.boost:
            told["neighbours"] = {"boost": self.boost}
        return told if self.factor == 1 else {**told, "recency": {"factor": self.factor}}


def fusion_settings(weights: object, k: object, pool: object, neighbours: object, recency: object) -> FusionSettings:
    """The arguments of a hybrid search, checked; InvalidInputError, naming the argument."""
    if isinstance(weights, (str, bytes)) or not isinstance(weights, Sequence) or len(weights) != 2:
        raise InvalidInputError(f"weights: expected two numbers, of vectors and of text, not {weights!r}")
    pair = tuple(_number(weight, "weights", 0, 1e6) for weight in weights)
    if not any(pair):
        raise InvalidInputError("weights: one of the two must be above 0")
    if type(pool) is not int or not 1 <= pool <= MAX_POOL:
        raise InvalidInputError(f"pool: expected a whole number from 1 to {MAX_POOL}, not {pool!r}")
    life = None if recency is None else _number(recency, "recency", 1e-3, 1e12)
    return FusionSettings(pair, _number(k, "k", 0, 1e6), pool, _number(neighbours, "neighbours", 0, 1), life)


def _number(value: object, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InvalidInputError(f"{name}: expected a number from {low:g} to {high:g}, not {value!r}")
    return value


def depths(blend: FusionSettings) -> Iterator[int]:
    """How deep to read the legs for one tier, for two, and so on."""
    depth = blend.pool
    while True:
        yield depth
        depth *= GROWTH


class FusedOrder(Sequence[Fused]):
    """Records in order. Each is told of when it is looked at: hundreds are ranked where ten are shown."""

    def __init__(self, totals: Totals, tell: Callable[[RecordId, float], Fused]) -> None:
        numbers = {family: number for number, family in enumerate(FAMILIES)}
        self._ranked = sorted(
            (-score, numbers[family], outer, last)
            for (family, outer), scores in totals.items()
            for last, score in scores.items()
        )
        self._tell = tell

    def __len__(self) -> int:
        return len(self._ranked)

    @overload
    def __getitem__(self, at: int) -> Fused: ...
    @overload
    def __getitem__(self, at: slice) -> list[Fused]: ...
    def __getitem__(self, at: int | slice) -> Fused | list[Fused]:
        return (
            [self._told(*each) for each in self._ranked[at]] if isinstance(at, slice) else self._told(*self._ranked[at])
        )

    def _told(self, score: float, number: int, outer: Key, last: str | int) -> Fused:
        return self._tell((FAMILIES[number], (*outer, last)), -score)


def fuse(
    legs: Sequence[Leg], depth: int, blend: FusionSettings, created_at: CreatedAt | None = None
) -> Sequence[Fused]:
    """The order of all that was found, as far as legs read to `depth` make it certain.

    A leg that is shorter has ended; when all have, the order is whole. Legs read deeper give a longer list that begins
    with the same. `created_at` is asked only where `recency` is set, of records of the first tier (`first_tier`).
    """
    read = _weighed(legs, blend)
    bounds = list(_bounds(read, depth, blend))
    if len(bounds) < 2:
        return _first(read, blend, created_at) if bounds else []
    order = list(_first(read, blend, created_at))
    for low, bound in pairwise(bounds):
        seen = {fused.identity for fused in order}
        order += _scaled(_later(read, low, bound, blend, seen), order[-1].score if order else math.inf)
    return order


def first_tier(legs: Sequence[Leg], blend: FusionSettings) -> list[RecordId]:
    """What may be in the first tier, in no order to rely on; a neighbour may not be there at all."""
    scores = _scores(_places(_weighed(legs, blend), blend.pool), blend)
    totals = _totals(scores)
    return _identities(_sums(totals, _boosts(totals, blend.neighbours)))


def _weighed(legs: Sequence[Leg], blend: FusionSettings) -> list[Leg]:
    """A leg without weight is as good as empty."""
    return [leg if weight else [] for leg, weight in zip(legs, blend.weights, strict=True)]


def _bounds(legs: Sequence[Leg], depth: int, blend: FusionSettings) -> Iterator[int]:
    """The last rank of each tier that is certain."""
    longest = max(map(len, legs), default=0)
    reach = math.inf if longest < depth else depth
    low = 0
    for bound in depths(blend):
        if low >= longest or bound > reach:
            return
        yield bound
        low = bound


def _places(legs: Sequence[Leg], bound: int) -> dict[RecordId, list[RankAndScore | None]]:
    """Where each record stands in each leg, up to a rank."""
    places: dict[RecordId, list[RankAndScore | None]] = {}
    for number, leg in enumerate(legs):
        for rank, (identity, score) in enumerate(leg[:bound], 1):
            found = places.setdefault(identity, [None] * len(legs))
            found[number] = found[number] or (rank, score)
    return places


def _scores(places: dict[RecordId, list[RankAndScore | None]], blend: FusionSettings) -> dict[RecordId, float]:
    """The fused scores. `fsum` rounds once, so that no order of the legs matters."""
    k, weights, fsum = blend.k, blend.weights, math.fsum
    return {
        identity: fsum([weight / (k + at[0]) for weight, at in zip(weights, found, strict=True) if at is not None])
        for identity, found in places.items()
    }


def _totals(scores: dict[RecordId, float]) -> Totals:
    """The same by what is before the last part of a key."""
    totals: Totals = {}
    for (family, key), score in scores.items():
        totals.setdefault((family, key[:-1]), {})[key[-1]] = score
    return totals


def _identities(totals: Totals) -> list[RecordId]:
    return [(family, (*outer, last)) for (family, outer), scores in totals.items() for last in scores]


def _boosts(totals: Totals, share: float) -> Totals:
    """What neighbours add, to those that were found and to those that were not."""
    return {branch: _gains(scores, share) for branch, scores in totals.items() if share and branch[0].log}


def _gains(scores: dict[Any, float], share: float) -> dict[str | int, float]:
    """What each place of a log gains by what is beside it."""
    gains: dict[str | int, float] = {}
    for place, score in sorted(scores.items()):  # in one order, so that no rounding depends on that of the legs
        beside = share * score
        beyond = share * beside
        for other, gain in (
            (place - 2, beyond),
            (place - 1, beside),
            (place + 1, beside),
            (place + 2, beyond),
        ):
            gains[other] = gains.get(other, 0.0) + gain
    for before_all in (-2, -1):
        gains.pop(before_all, None)
    return gains


def _sums(totals: Totals, boosts: Totals) -> Totals:
    return {
        branch: {last: scores.get(last, 0.0) + gains.get(last, 0.0) for last in {**scores, **gains}}
        if (gains := boosts.get(branch))
        else scores
        for branch, scores in totals.items()
    }


def _first(legs: Sequence[Leg], blend: FusionSettings, created_at: CreatedAt | None) -> FusedOrder:
    places = _places(legs, blend.pool)
    totals = _totals(_scores(places, blend))
    boosts = _boosts(totals, blend.neighbours)
    totals = _sums(totals, boosts)
    factors: dict[RecordId, float] = {}
    if blend.recency and created_at:
        factors = _factors(_identities(totals), blend.recency, created_at)
        totals = {
            (family, outer): {last: factors[family, (*outer, last)] * score for last, score in some.items()}
            for (family, outer), some in totals.items()
        }
    nowhere: list[RankAndScore | None] = [None] * len(legs)

    def tell(identity: RecordId, score: float) -> Fused:
        family, key = identity
        boost = boosts.get((family, key[:-1]), {}).get(key[-1], 0.0)
        return Fused(identity, score, tuple(places.get(identity, nowhere)), boost, factors.get(identity, 1.0))

    return FusedOrder(totals, tell)


def _later(legs: Sequence[Leg], low: int, bound: int, blend: FusionSettings, seen: set[RecordId]) -> FusedOrder:
    """The tier of the best ranks from behind `low` to `bound`."""
    places = _places(legs, bound)
    new = {
        identity: found
        for identity, found in places.items()
        if identity not in seen and min(at[0] for at in found if at) > low
    }
    return FusedOrder(
        _totals(_scores(new, blend)), lambda identity, score: Fused(identity, score, tuple(new[identity]))
    )


def _scaled(tier: Sequence[Fused], floor: float) -> Sequence[Fused]:
    """The same order, no score above what the tier before ends with."""
    if not tier or tier[0].score <= floor:
        return tier
    scale = floor / tier[0].score
    return [fused._replace(score=min(floor, fused.score * scale)) for fused in tier]


def _factors(identities: Iterable[RecordId], half_life: float, created_at: CreatedAt) -> dict[RecordId, float]:
    """What age leaves of a score, from 1 down to a half.

    Ages count from the newest of them, so that a search gives the same pages whenever they are asked for.
    """
    times = {identity: created_at(identity) for identity in identities}
    newest = max((time for time in times.values() if time is not None), default=0)
    return {
        identity: 1.0 if time is None else _factor((newest - time) / 1000 / half_life)
        for identity, time in times.items()
    }


def _factor(lives: float) -> float:
    return _OLD + (1 - _OLD) * math.exp2(-lives)
