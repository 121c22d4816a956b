"""The packed index of vectors: it has what it was given, and finds what a scan of all floats finds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lodestore.backends.sqlite.vectors import chunk_store, index_writer, quantization
from lodestore.backends.sqlite.vectors.knn import nearest
from lodestore.backends.sqlite.vectors.types import Span, VectorEntry
from lodestore.errors import CorruptError, InvalidInputError
from lodestore.sql import sqlite_vectors as sql
from tests.support.vector_box import METRICS, OWNERS, PARTS, WHOLE, Box, agree, box, drawn, places, play, steps


class TestSteps:
    @given(steps)
    def test_the_index_has_what_the_steps_left(self, moves: Any) -> None:
        with box() as held:
            play(held, moves)
            assert held.problems() == []
            for part in (None, *PARTS):
                count = sum(part in (None, one.part) for one in held.model.values())
                assert index_writer.count(held.run, held.space, OWNERS, part) == count

    @given(steps, steps)
    def test_a_rollback_leaves_no_trace(self, moves: Any, undone: Any) -> None:
        with box() as held:
            play(held, moves)
            before = held.dump()
            held.run.execute("BEGIN")
            play(held, undone)
            held.run.execute("ROLLBACK")
            assert held.dump() == before

    def test_vectors_one_by_one_fill_chunks(self) -> None:
        with box() as held:
            for place in range(1300):
                held.step(0, place, place, [("", [place])], place)
                sizes = [row[0] for row in held.run.execute("SELECT size FROM packed")]
                assert sum(size < sql.CHUNK for size in sizes) <= chunk_store.SMALL
            assert sorted(sizes)[-2:] == [sql.CHUNK] * 2
            assert held.problems() == []

    def test_what_is_removed_frees_its_space(self) -> None:
        with box(dimension=64) as held:
            held.step(0, 0, 5000, [("", range(5000))], 0)
            full = sum(len(row[-1]) for row in held.dump())
            for place in range(0, 5000, 2):
                held.step(0, place, place, [], 0)
            assert sum(len(row[-1]) for row in held.dump()) * 2 == full
            held.step(0, 0, 5000, [], 0)
            assert held.dump() == []

    def test_a_vector_of_another_dimension_is_refused(self) -> None:
        with box() as held, pytest.raises(InvalidInputError, match="3 dimensions"):
            index_writer.add(held.run, held.space, OWNERS[0], "", [VectorEntry(OWNERS[0][0], 1, bytes(16))])


class TestNearest:
    @pytest.mark.parametrize("metric", METRICS)
    @given(
        moves=steps,
        seed=st.integers(0, 100),
        owners=st.sampled_from([(0,), (1,), (0, 1)]),
        part=st.sampled_from([None, *PARTS]),
        skip=st.lists(st.tuples(st.integers(0, 1), places, st.integers(0, 100)), max_size=4),
        gone=st.sampled_from([0, 0, 2, 5]),
    )
    def test_it_is_a_scan_of_all_floats(
        self, metric: str, moves: Any, seed: int, owners: Any, part: Any, skip: Any, gone: int
    ) -> None:
        with box(metric) as held:
            play(held, moves)
            if gone:
                held.truth = {row: vector for row, vector in held.truth.items() if row % gone}
            ranges = [(OWNERS[owner][0] + first, OWNERS[owner][0] + first + width) for owner, first, width in skip]
            spans, query = [OWNERS[owner] for owner in owners], drawn(held.space, seed)
            wanted = {
                number: one
                for number, one in held.model.items()
                if any(low <= number <= high for low, high in spans)
                and part in (None, one.part)
                and not any(low <= number <= high for low, high in ranges)
                and one.row in held.truth
            }
            portions = list(held.found(query, spans, part, skip=ranges))
            listed = [hit for portion in portions for hit in portion]
            agree(metric, query, listed, wanted)
            assert all(portions)
            exactly = held.found(query, spans, part, skip=ranges, exact=True)
            assert [hit for portion in exactly for hit in portion] == listed

    @pytest.mark.parametrize("metric", METRICS)
    @settings(max_examples=30)
    @given(
        vectors=st.lists(
            st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4).map(tuple),
            min_size=1,
            max_size=60,
        ),
        data=st.data(),
    )
    def test_bounds_hold_for_any_floats(self, metric: str, vectors: Any, data: Any) -> None:
        query = np.array(data.draw(st.sampled_from(vectors)), "<f4").tobytes()
        with box("l2" if metric == "l2" else "ip", 4) as held:
            span = OWNERS[0]
            blobs = [np.array(vector, "<f4").tobytes() for vector in vectors]
            held.truth = dict(enumerate(blobs))
            index_writer.add(
                held.run, held.space, span, "", [VectorEntry(span[0] + n, n, blob) for n, blob in enumerate(blobs)]
            )
            listed = [hit for portion in held.found(query) for hit in portion]
            assert listed == sorted(listed, key=lambda hit: (-hit[2], hit[0]))
            assert [hit for portion in held.found(query, exact=True) for hit in portion] == listed

    @pytest.mark.parametrize("metric", ["ip", "l2"])
    @given(seed=st.integers(0, 2**32), exponent=st.sampled_from([-20, 0, 10, 30]))
    @settings(max_examples=20)
    def test_lengths_may_be_of_any_size(self, metric: str, seed: int, exponent: int) -> None:
        rng = np.random.default_rng(seed)
        lengths = 10.0 ** rng.uniform(-44, 37, 1500)
        vectors = (rng.standard_normal((1500, 4)) * lengths[:, None]).astype("<f4")
        query = (rng.standard_normal(4) * 10.0**exponent).astype("<f4").tobytes()
        with box(metric, 4) as held:
            held.truth = {row: vector.tobytes() for row, vector in enumerate(vectors)}
            entries = [VectorEntry(OWNERS[0][0] + row, row, vector) for row, vector in held.truth.items()]
            index_writer.add(held.run, held.space, OWNERS[0], "", entries)
            listed = [hit for portion in held.found(query) for hit in portion]
            assert listed == sorted(listed, key=lambda hit: (-hit[2], hit[0]))
            assert [hit for portion in held.found(query, exact=True) for hit in portion] == listed

    def test_ranges_to_skip_may_overlap(self) -> None:
        with box() as held:
            held.step(0, 0, 99, [("", range(100))], 0)
            low, query = OWNERS[0][0], drawn(held.space, 1)
            skip = [(low, low + 89), (low + 3, low + 4), (low + 95, low + 95), (low + 95, low + 97)]
            numbers = [hit[0] - low for portion in held.found(query, skip=skip) for hit in portion]
            assert sorted(numbers) == [90, 91, 92, 93, 94, 98, 99]

    @pytest.mark.parametrize("metric", METRICS)
    def test_a_prefix_is_the_same_however_it_is_read(self, metric: str) -> None:
        with box(metric, 20) as held:
            rng = np.random.default_rng(5)
            vectors = rng.standard_normal((3000, 20)).astype("<f4")
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            held.truth = {row: vector.tobytes() for row, vector in enumerate(vectors)}
            span = OWNERS[0]
            entries = [VectorEntry(span[0] + row, row, vector) for row, vector in held.truth.items()]
            index_writer.add(held.run, held.space, span, "", entries)
            query = rng.standard_normal(20).astype("<f4").tobytes()
            whole = [hit for portion in held.found(query) for hit in portion]
            for many in (1, 2, 3):
                some = [hit for portion in islice(held.found(query), many) for hit in portion]
                assert some
                assert some == whole[: len(some)]
            alone = [
                hit
                for n in range(40)
                for portion in held.found(query, skip=_all_but(span, whole[n][0]))
                for hit in portion
            ]
            assert alone == whole[:40]  # the score of a vector does not depend on what it is scored with

    def test_few_floats_are_read(self) -> None:
        with box("cosine", 64) as held:
            rng = np.random.default_rng(7)
            vectors = rng.standard_normal((4000, 64)).astype("<f4")
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            held.truth = {row: vector.tobytes() for row, vector in enumerate(vectors)}
            index_writer.add(
                held.run,
                held.space,
                OWNERS[0],
                "",
                [VectorEntry(OWNERS[0][0] + row, row, v) for row, v in held.truth.items()],
            )
            read: list[int] = []

            def floats(rows: Sequence[int]) -> list[bytes | None]:
                read.extend(rows)
                return held.floats(rows)

            portions = nearest(held.run, held.space, vectors[17].tobytes(), [WHOLE], None, floats)
            assert next(portions)[0][1] == 17
            assert len(read) < 200

    def test_an_empty_index_has_nothing(self) -> None:
        with box() as held:
            assert list(held.found(drawn(held.space, 1))) == []

    def test_a_query_of_another_dimension_is_refused(self) -> None:
        with box() as held, pytest.raises(InvalidInputError, match="3 dimensions"):
            next(held.found(bytes(8)))


def _all_but(span: Span, number: int) -> list[Span]:
    return [(span[0], number - 1), (number + 1, span[1])]


def _binds(text: str) -> tuple[None, ...]:
    return (None,) * max(map(int, re.findall(r"\?(\d)", text)), default=0)


class TestPlans:
    @pytest.mark.parametrize(("name", "text"), list(sql.statements()))
    def test_no_statement_reads_all_chunks(self, name: str, text: str) -> None:
        with box() as held:
            plan = [row[-1] for row in held.run.execute(f"EXPLAIN QUERY PLAN {text}", _binds(text))]
        assert not any("SCAN packed" in step or ("TEMP B-TREE" in step and name != "small packed") for step in plan), (
            plan
        )

    def test_small_chunks_are_found_in_the_index_alone(self) -> None:
        with box() as held:
            plan = [row[-1] for row in held.run.execute(f"EXPLAIN QUERY PLAN {sql.SMALL}", _binds(sql.SMALL))]
        assert any("USING COVERING INDEX" in step and "last>? AND last<?" in step for step in plan), plan


class TestCodes:
    @given(st.integers(1, 3000), st.integers(0, 1100), st.integers(0, 2**32))
    @settings(max_examples=25)
    def test_both_kernels_are_exact(self, dimension: int, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        matrix = rng.choice(np.array([-127, -126, 3, 126, 127], np.int8), (count, dimension))
        matrix[: count // 2] = 127
        query = np.where(rng.random(dimension) < 0.9, 127, -127).astype(np.int8)
        wanted = matrix.astype(np.int64) @ query.astype(np.int64)
        for kernel in (quantization.plain, quantization.fast):
            out = np.empty(count)
            kernel(query)(matrix, out)
            assert np.array_equal(out, wanted)

    @given(
        st.lists(
            st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=5, max_size=5),
            min_size=1,
            max_size=20,
        )
    )
    def test_residuals_are_not_too_small(self, vectors: list[list[float]]) -> None:
        floats = np.array(vectors, np.float32)
        made, (scale, residual, size) = quantization.quantize(floats)
        off = np.linalg.norm(floats.astype(float) - scale.astype(float)[:, None] * made, axis=1)
        assert (residual >= off * (1 - 1e-12)).all()
        assert (size >= np.linalg.norm(floats.astype(float), axis=1) * (1 - 1e-12)).all()
        assert (np.abs(made) <= 127).all()


class TestProblems:
    @pytest.fixture
    def held(self) -> Iterator[Box]:
        with box(dimension=4) as held:
            held.step(0, 0, 1500, [("", range(0, 1500, 2)), ("a", range(1, 1500, 2))], 0)
            held.step(1, 0, 20, [("", range(20))], 0)
            assert held.problems() == []
            yield held

    @pytest.mark.parametrize(
        ("damage", "told"),
        [
            ("DELETE FROM packed WHERE last = (SELECT min(last) FROM packed)", "missing"),
            ("UPDATE packed SET numbers = substr(numbers, 9)", "the vector index is damaged"),
            ("UPDATE packed SET head = CAST(head || x'00' AS BLOB)", "the vector index is damaged"),
            ("UPDATE packed SET codes = substr(codes, 2)", "the vector index is damaged"),
            ("UPDATE packed SET size = size + 1", "the vector index is damaged"),
            ("UPDATE packed SET first = first - 1", "other numbers"),
            ("UPDATE packed SET space = 't'", "space 't' is missing"),
            ("UPDATE packed SET codes = zeroblob(length(codes))", "not those of its vector"),
            (
                "UPDATE packed SET head = CAST(substr(head, 1, 8 * size) || zeroblob(12 * size) AS BLOB)",
                "not those of its vector",
            ),
            (
                "UPDATE packed SET numbers ="
                " CAST(substr(numbers, 9, 8) || substr(numbers, 1, 8) || substr(numbers, 17) AS BLOB)",
                "ascend",
            ),
            (
                "INSERT INTO packed SELECT last + 9000, first, space, part, NULL, size, 0, numbers, head, codes"
                " FROM packed",
                "twice",
            ),
            (
                "UPDATE packed SET head = CAST(substr(head, 9, 8) || substr(head, 1, 8) || substr(head, 17) AS BLOB)",
                "another row",
            ),
        ],
    )
    def test_damage_is_told(self, held: Box, damage: str, told: str) -> None:
        held.run.execute(damage)
        assert any(told in line for line in held.problems())

    def test_what_is_left_over_is_told(self, held: Box) -> None:
        number = max(held.model)
        del held.model[number]
        assert held.problems() == [f"number {number}: the index of vectors has it, the store does not"]

    def test_a_broken_chunk_is_no_answer(self, held: Box) -> None:
        held.run.execute("UPDATE packed SET codes = substr(codes, 2)")
        with pytest.raises(CorruptError, match="reindex"):
            next(held.found(drawn(held.space, 1)))
