"""Cells of the packed index: nothing is lost in them, and what is near is found in the first few."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lodestore.backends.sqlite.vectors import index_writer, ivf, ivf_training, verify
from lodestore.backends.sqlite.vectors.quantization import Floats
from lodestore.backends.sqlite.vectors.score_bounds import ScoreBounds
from lodestore.backends.sqlite.vectors.types import Span, VectorEntry
from tests.support.vector_box import METRICS, OWNERS, PARTS, WHOLE, Box, agree, box, drawn, play, steps


def clustered(count: int, seed: int, dimension: int = 32) -> Floats:
    """Vectors of length 1 around a few dozen centres, the same for every seed."""
    centres = np.random.default_rng(0).standard_normal((60, dimension))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, len(centres), count)] + 0.7 * rng.standard_normal((count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("<f4")


def fill(held: Box, span: Span, part: str, vectors: Floats, start: int = 0) -> None:
    entries = []
    for place, vector in enumerate(vectors, start):
        row = len(held.truth) + 1
        held.truth[row] = vector.tobytes()
        entries.append(VectorEntry(span[0] + place, row, held.truth[row]))
    index_writer.add(held.run, held.space, span, part, entries)


def divide(held: Box, owner: int, part: str, count: int | None = None) -> None:
    """Give a namespace cells."""
    vectors, wanted = ivf_training.sample(held.run, held.space, OWNERS[owner], part)
    if len(vectors):
        centres = ivf_training.train(vectors, count or wanted)
        ivf_training.swap(held.run, held.space, OWNERS[owner], part, centres)


def cells_used(held: Box) -> list[int]:
    return [row[0] for row in held.run.execute("SELECT DISTINCT cell FROM packed WHERE cell NOT NULL ORDER BY cell")]


class TestSets:
    @pytest.mark.parametrize("metric", METRICS)
    @given(
        before=steps,
        after=steps,
        divided=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(PARTS), st.integers(1, 40)), max_size=3),
        seed=st.integers(0, 100),
        part=st.sampled_from([None, *PARTS]),
    )
    def test_every_vector_comes_once_whatever_is_divided(
        self, metric: str, before: Any, after: Any, divided: Any, seed: int, part: Any
    ) -> None:
        with box(metric) as held:
            play(held, before)
            for owner, name, count in divided:
                divide(held, owner, name, count)
            assert held.problems() == []
            play(held, after)
            assert held.problems() == []
            query = drawn(held.space, seed)
            wanted = {number: one for number, one in held.model.items() if part in (None, one.part)}
            exactly = [hit for portion in held.found(query, OWNERS, part, exact=True) for hit in portion]
            agree(metric, query, exactly, wanted)
            listed = [hit for portion in held.found(query, OWNERS, part) for hit in portion]
            assert sorted(listed) == sorted(exactly)
            if len(cells_used(held)) <= ivf.LEAST_PROBED and max((c for *_, c in divided), default=0) <= 5:
                assert listed == exactly

    @given(steps, st.integers(1, 40))
    def test_a_rollback_leaves_no_trace(self, moves: Any, count: int) -> None:
        with box() as held:
            play(held, moves)
            divide(held, 0, "a", 3)
            before = held.dump(), held.run.execute("SELECT * FROM cells").fetchall()
            held.run.execute("BEGIN")
            divide(held, 0, "", count)
            divide(held, 0, "a", count)
            held.run.execute("ROLLBACK")
            assert (held.dump(), held.run.execute("SELECT * FROM cells").fetchall()) == before

    def test_a_namespace_that_goes_takes_its_cells_along(self) -> None:
        with box() as held:
            for owner in (0, 1):
                held.step(owner, 0, 500, [("", range(500))], 3)
                divide(held, owner, "")
            index_writer.remove(held.run, OWNERS[0], *OWNERS[0])
            assert held.run.execute("SELECT low FROM cells").fetchall() == [(OWNERS[1][0],)]

    def test_cells_are_made_anew(self) -> None:
        with box("cosine", 32) as held:
            fill(held, OWNERS[0], "", clustered(3000, 1))
            divide(held, 0, "")
            old = cells_used(held)
            fill(held, OWNERS[0], "", clustered(3000, 2), 3000)
            divide(held, 0, "")
            assert set(cells_used(held)).isdisjoint(old)
            assert held.run.execute("SELECT count(*), min(trained) FROM cells").fetchone() == (1, 6000)
            assert index_writer.count(held.run, held.space, OWNERS, "") == 6000


class TestNearest:
    @pytest.fixture
    def held(self) -> Iterator[Box]:
        with box("cosine", 32) as held:
            fill(held, OWNERS[0], "", clustered(20_000, 1))
            divide(held, 0, "")
            fill(held, OWNERS[0], "", clustered(2000, 2), 20_000)
            yield held

    @pytest.mark.parametrize("metric", METRICS)
    def test_the_nearest_are_in_the_cells_read_first(self, held: Box, metric: str) -> None:
        held.space = held.space._replace(metric=metric)
        hits = 0
        for query in clustered(30, 3):
            exactly = next(held.found(query.tobytes(), exact=True))[:10]
            portions = islice(held.found(query.tobytes()), 2)
            hits += len({*exactly} & {*[hit for portion in portions for hit in portion][:10]})
        assert hits >= 0.95 * 300

    def test_few_codes_are_read(self, held: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        looked: list[int] = []
        above = ScoreBounds.above

        def counted(bounds: ScoreBounds, factors: Any, codes: Any) -> Any:
            looked.append(len(codes))
            return above(bounds, factors, codes)

        monkeypatch.setattr(ScoreBounds, "above", counted)
        assert next(held.found(clustered(1, 3)[0].tobytes()))
        assert 0 < sum(looked) < 22_000 / 2

    def test_a_cell_that_is_not_there_is_told(self, held: Box) -> None:
        held.run.execute("UPDATE packed SET cell = 9999 WHERE last = (SELECT min(last) FROM packed)")
        problems = verify.problems(held.run, {"s": held.space}, WHOLE, [], held.floats)
        assert any("there is no cell 9999" in line for line in problems)


def test_large_namespaces_want_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ivf_training, "LARGE", 1000)
    with box("cosine", 32) as held:

        def wants(part: str = "") -> bool:
            return ivf_training.wants_training(held.run, held.space, OWNERS[0], part)

        fill(held, OWNERS[0], "", clustered(999, 1))
        fill(held, OWNERS[0], "a", clustered(10, 1), 900_000)
        assert not wants()
        fill(held, OWNERS[0], "", clustered(1, 2), 999)
        assert wants()
        assert not wants("a")
        divide(held, 0, "")
        assert not wants()
        fill(held, OWNERS[0], "", clustered(3000, 2), 1000)
        assert wants()


def test_a_sample_is_from_all_over_and_small() -> None:
    with box("cosine", 32) as held:
        fill(held, OWNERS[0], "", clustered(20_000, 1))
        vectors, count = ivf_training.sample(held.run, held.space, OWNERS[0], "")
        assert count == 141
        assert count * ivf_training.PER_CELL <= len(vectors) < 1.5 * count * ivf_training.PER_CELL
        whole = clustered(20_000, 1)
        near = (vectors[:: len(vectors) // 50] @ whole.T).argmax(axis=1)
        assert (np.diff(near) > 0).all()
        assert near[-1] > 19_000


@pytest.mark.parametrize("metric", METRICS)
def test_a_vector_lies_in_the_cell_of_the_nearest_centre(metric: str) -> None:
    vectors = clustered(3000, 1) * np.random.default_rng(2).uniform(0.2, 3, (3000, 1)).astype("<f4")
    with box(metric, 32) as held:
        fill(held, OWNERS[0], "", vectors[:1500])
        divide(held, 0, "")
        fill(held, OWNERS[0], "", vectors[1500:], 1500)
        (there,) = ivf.cells_of(held.run, held.space, OWNERS, "")
        centres = there.codes * there.factors[0][:, None]
        away = np.linalg.norm(vectors[:, None] - centres[None], axis=2)
        for cell, blob in held.run.execute("SELECT cell, numbers FROM packed").fetchall():
            places = np.frombuffer(blob, "<i8") - OWNERS[0][0]
            assert (away[places, cell - there.first] <= away[places].min(axis=1) + 0.03).all()
