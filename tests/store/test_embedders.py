"""Embedders: what is one, what comes of its calls, the clients of services, and the one that needs nothing."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import math
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import combinations
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import lodestore
from lodestore.embedding import (
    BatchingEmbedder,
    Embedder,
    HashingEmbedder,
    NamedEmbedder,
    as_embedder,
    from_cohere,
    from_openai,
    from_sentence_transformers,
)
from lodestore.errors import EmbeddingError, InvalidInputError, LodestoreError, UnsupportedError
from tests.support import embedding_service as fake
from tests.support.embedding_service import KEY, POISON, Service, vector_of

Rows = list[list[float]]


def packed(text: str, kind: str = "") -> bytes:
    return struct.pack("<4f", *vector_of(text, kind))


def plain(texts: list[str]) -> Rows:
    return [vector_of(text) for text in texts]


async def waiting(texts: list[str]) -> Rows:
    await asyncio.sleep(0)
    return plain(texts)


class Called:
    """An object that is an embedder, and says nothing of its dimension."""

    name, dimension = "called", None

    def __call__(self, texts: list[str]) -> Rows:
        return plain(texts)


class CalledLater(Called):
    async def __call__(self, texts: list[str]) -> Rows:  # type: ignore[override]
        return await waiting(texts)


def using(work: Callable[[BatchingEmbedder], Awaitable[None]], embedder: Any, **options: Any) -> None:
    """Run `work` with an embedding, on a loop of its own."""

    async def main() -> None:
        embedding = BatchingEmbedder(embedder, **options)
        try:
            await work(embedding)
        finally:
            await embedding.close()

    asyncio.run(main())


def embedded(embedder: Any, *texts: str, **options: Any) -> list[bytes]:
    found: list[bytes] = []

    async def work(embedding: BatchingEmbedder) -> None:
        found.extend(await embedding.embed(texts))

    using(work, embedder, **options)
    return found


def failure(embedder: Any, *texts: str, **options: Any) -> EmbeddingError:
    with pytest.raises(EmbeddingError) as raised:
        embedded(embedder, *texts or ("a", "b"), **options)
    return raised.value


class TestWhatIsOne:
    @pytest.mark.parametrize("embedder", [plain, waiting, Called(), CalledLater(), functools.partial(waiting)])
    def test_functions_and_objects_now_or_later(self, embedder: Any) -> None:
        named = as_embedder(embedder, "model")
        assert (named.name, named.dimension) == ("model", None)
        assert embedded(named, "a", "bc") == [packed("a"), packed("bc")]

    def test_the_name(self) -> None:
        assert as_embedder(plain).name == "plain"
        assert as_embedder(Called()).name == "called"
        assert as_embedder(Called(), "mine").name == as_embedder(as_embedder(plain), "mine").name == "mine"
        named = NamedEmbedder(plain, "x", 4, waiting)
        assert as_embedder(named) is named
        assert as_embedder(named, "y") == NamedEmbedder(plain, "y", 4, waiting)

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (3, "embedder: expected a function of a list of texts"),
            ("text-embedding-3-small", "not str"),
            (None, "not NoneType"),
            (Called, "not the class Called"),
            (lambda texts: texts, "it has no name"),
            (functools.partial(plain), "it has no name"),
            (SimpleNamespace(name="a"), "not SimpleNamespace"),
        ],
    )
    def test_what_is_none_is_refused(self, value: object, said: str) -> None:
        with pytest.raises(InvalidInputError, match=said):
            as_embedder(value)

    @pytest.mark.parametrize("known", [{"name": ""}, {"name": 3}, {"dimension": 0}, {"dimension": True}])
    def test_what_it_says_of_itself_is_checked(self, known: dict[str, Any]) -> None:
        class Wrong(Called):
            pass

        for name, value in known.items():
            setattr(Wrong, name, value)
        with pytest.raises(InvalidInputError):
            BatchingEmbedder(as_embedder(Wrong(), known.get("name")))
        for wrong in ({"batch": 0}, {"timeout": 0}, {"timeout": float("nan")}):
            with pytest.raises(InvalidInputError):
                BatchingEmbedder(plain, **wrong)

    def test_without_numpy_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "numpy", None)
        with pytest.raises(UnsupportedError, match=r"pip install 'lodestore\[vector\]'"):
            BatchingEmbedder(plain)

    def test_the_protocol_is_met(self) -> None:
        embedders: list[Embedder] = [NamedEmbedder(plain, "a"), HashingEmbedder(), Called()]
        assert [embedder.dimension for embedder in embedders] == [None, 256, None]

    def test_numpy_waits_until_it_is_needed(self) -> None:
        script = "import lodestore.embedding as e, sys; e.HashingEmbedder()(['a']); print('numpy' in sys.modules)"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == "False", done.stderr


class TestAnswers:
    @given(st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3)))
    def test_every_form_of_a_vector_is_the_same_bytes(self, rows: Rows) -> None:
        rows = [row if any(row) else [1.0, 0.0, 0.0] for row in rows]
        expected = [struct.pack("<3f", *row) for row in rows]
        texts = ["x"] * len(rows)
        array = np.array(rows, dtype=np.float64).reshape(-1, 3)
        forms: list[Any] = [rows, tuple(rows), array, array.astype(">f4"), [*array.astype("f4")], expected]
        for form in forms:
            assert embedded(NamedEmbedder(lambda _, form=form: form, "m"), *texts, batch=99) == expected

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ([[1.0, 2.0]], "1 vectors for 2 texts"),
            ([[1.0], [2.0], [3.0]], "3 vectors for 2 texts"),
            ([[1.0, 2.0], [1.0]], "different lengths"),
            ([[1.0, math.nan], [1.0, 2.0]], "not finite"),
            ([[1.0, math.inf], [1.0, 2.0]], "not finite"),
            ([[1.0, 1e39], [1.0, 2.0]], "not finite"),
            ([[1.0, 2.0], [0.0, 0.0]], "zeros"),
            ([[1e-60, 0.0], [1.0, 0.0]], "zeros"),
            ([["1", "2"], ["3", "4"]], "numbers"),
            ([[True], [True]], "numbers"),
            ([[], []], "shape"),
            ([], "shape"),
            ([1.0, 2.0], "shape"),
            ([[[1.0]], [[2.0]]], "shape"),
            ([b"12345678", b"1234"], "different lengths"),
            ([b"12345", b"12345"], "no vectors"),
            (None, "NoneType"),
            ({"a": [1.0]}, "dict"),
            (iter([[1.0], [2.0]]), "list_iterator"),
        ],
    )
    def test_anything_else_is_a_failure(self, answer: object, said: str) -> None:
        error = failure(NamedEmbedder(lambda _: answer, "model"))
        assert str(error).startswith("model: ")
        assert said in str(error)

    def test_the_dimension_is_what_was_said_or_the_first_answer(self) -> None:
        assert "instead of 3" in str(failure(NamedEmbedder(plain, "m", 3)))
        sizes = iter([2, 2, 3])

        async def work(embedding: BatchingEmbedder) -> None:
            assert embedding.dimension is None
            for _ in range(2):
                await embedding.embed(["a"])
            assert embedding.dimension == 2
            with pytest.raises(EmbeddingError, match="vectors of 3 numbers instead of 2"):
                await embedding.embed(["a"])

        using(work, NamedEmbedder(lambda texts: np.ones((len(texts), next(sizes))), "m"))

    @pytest.mark.parametrize("error", [ValueError(KEY), KeyError(KEY), StopIteration(KEY), TimeoutError(KEY)])
    @pytest.mark.parametrize("later", [False, True])
    def test_what_it_raises_is_the_cause_and_not_the_text(self, error: Exception, later: bool) -> None:
        def now(_: list[str]) -> Rows:
            raise error

        async def soon(_: list[str]) -> Rows:
            raise error

        found = failure(soon if later else now)
        assert isinstance(found, LodestoreError)
        assert KEY not in str(found)
        causes = (found.__cause__, found.__cause__ and found.__cause__.__cause__)
        assert KEY in {cause.args[0] for cause in causes if cause}  # a StopIteration has to be wrapped
        assert type(causes[0]).__name__ in str(found)


class Counting:
    """Counts calls, and how many went on at once; none ends while the gate is shut; fails where a text is poison."""

    name, dimension = "counting", 4

    def __init__(self, seconds: float = 0.0) -> None:
        self.calls: list[list[str]] = []
        self.now = self.most = 0
        self._seconds = seconds
        self._lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        self.came = threading.Event()

    def __call__(self, texts: list[str]) -> Rows:
        with self._lock:
            self.calls.append(texts)
            self.now += 1
            self.most = max(self.most, self.now)
        self.came.set()
        try:
            time.sleep(self._seconds)
            assert self.gate.wait(120)
            if any(POISON in text for text in texts):
                raise ValueError("poison")
            return plain(texts)
        finally:
            with self._lock:
                self.now -= 1

    async def later(self, texts: list[str]) -> Rows:
        return await asyncio.to_thread(self, texts)

    async def hold(self, call: Awaitable[Any]) -> asyncio.Future[Any]:
        """Shut the gate, and let a call come to it."""
        self.gate.clear()
        task = asyncio.ensure_future(call)
        assert await asyncio.to_thread(self.came.wait, 20)
        return task


class TestCalls:
    @given(st.integers(0, 40), st.integers(1, 16))
    def test_a_batch_is_one_call_and_order_is_kept(self, count: int, batch: int) -> None:
        embedder, texts = Counting(), [f"text {n}" for n in range(count)]
        assert embedded(embedder, *texts, batch=batch) == [packed(text) for text in texts]
        assert [text for call in embedder.calls for text in call] == texts
        assert len(embedder.calls) == math.ceil(count / batch)

    @pytest.mark.parametrize("later", [False, True])
    def test_a_hundred_callers_are_few_calls_and_each_gets_its_own(self, later: bool) -> None:
        counting = Counting(0.01)

        async def work(embedding: BatchingEmbedder) -> None:
            texts = [f"{'x' * n} {n}" for n in range(100)]
            found = await asyncio.gather(*(embedding.embed([text]) for text in texts))
            assert found == [[packed(text)] for text in texts]

        using(work, NamedEmbedder(counting.later, "m") if later else counting)
        assert [len(call) for call in counting.calls] == [64, 36]

    def test_what_gathers_during_a_call_is_the_next(self) -> None:
        counting = Counting()

        async def work(embedding: BatchingEmbedder) -> None:
            tasks = [await counting.hold(embedding.embed(["first"]))]
            for n in range(20):
                tasks.append(asyncio.ensure_future(embedding.embed([str(n), "y" * n])))
                await asyncio.sleep(0)  # one after another, while the first is under way
            counting.gate.set()
            _, *found = await asyncio.gather(*tasks)
            assert found == [[packed(str(n)), packed("y" * n)] for n in range(20)]

        using(work, counting)
        assert [len(call) for call in counting.calls] == [1, 40]

    def test_a_plain_function_is_called_once_at_a_time_in_one_thread(self) -> None:
        counting, threads = Counting(0.005), set()

        def embed(texts: list[str]) -> Rows:
            threads.add(threading.current_thread())
            return counting(texts)

        async def work(embedding: BatchingEmbedder) -> None:
            kinds = [embedding.embed, embedding.embed_queries]
            await asyncio.gather(*(kinds[n % 2](["a"] * 40) for n in range(20)))

        using(work, NamedEmbedder(embed, "m", None, lambda texts: embed(texts)))
        assert counting.most == 1
        assert threading.main_thread() not in threads
        assert len(threads) == 1

    def test_an_asynchronous_one_a_few_times_at_once(self) -> None:
        async def work() -> None:
            now, most, four = 0, 0, asyncio.Barrier(4)

            async def embed(texts: list[str]) -> Rows:
                nonlocal now, most
                now, most = now + 1, max(most, now + 1)
                await four.wait()  # three more must come
                now -= 1
                return plain(texts)

            embedding = BatchingEmbedder(embed)
            await asyncio.wait_for(asyncio.gather(*(embedding.embed(["a"] * 64) for _ in range(12))), 120)
            assert most == 4
            await embedding.close()

        asyncio.run(work())

    def test_a_query_waits_for_one_call_and_not_for_all(self) -> None:
        counting = Counting()

        async def work(embedding: BatchingEmbedder) -> None:
            many = await counting.hold(embedding.embed(["x"] * 640))
            query = asyncio.create_task(embedding.embed_queries(["query"]))
            await asyncio.sleep(0.01)
            counting.gate.set()
            await asyncio.gather(many, query)

        using(work, NamedEmbedder(counting, "m", None, lambda texts: counting(texts)))
        assert counting.calls.index(["query"]) == 1

    def test_so_does_another_caller(self) -> None:
        counting = Counting()

        async def work(embedding: BatchingEmbedder) -> None:
            many = await counting.hold(embedding.embed(["x"] * 640))
            another = asyncio.create_task(embedding.embed(["another"]))
            await asyncio.sleep(0.01)
            counting.gate.set()
            await asyncio.gather(many, another)

        using(work, counting)
        assert counting.calls.index(["another"]) == 1

    def test_a_text_that_fails_fails_its_caller_alone(self) -> None:
        counting = Counting()

        async def work(embedding: BatchingEmbedder) -> None:
            calls = [[f"a{n}", POISON if n == 7 else f"b{n}"] for n in range(20)]
            found = await asyncio.gather(*map(embedding.embed, calls), return_exceptions=True)
            for n, (texts, got) in enumerate(zip(calls, found, strict=True)):
                assert isinstance(got, EmbeddingError) if n == 7 else got == [packed(text) for text in texts]

        using(work, counting)
        assert [len(call) for call in counting.calls] == [40] + [2] * 20

    def test_the_event_loop_goes_on(self) -> None:
        counting = Counting()

        async def work(embedding: BatchingEmbedder) -> None:
            call = await counting.hold(embedding.embed(["a"]))
            await asyncio.sleep(0)
            counting.gate.set()  # which nobody could if the loop stood still
            assert await call == [packed("a")]

        using(work, counting)


class TestCancelling:
    def test_it_passes_through_and_ends_the_call(self) -> None:
        ended: list[bool] = []
        began = asyncio.Event()

        async def stuck(_: list[str]) -> Rows:
            began.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append(True)
                raise
            return []

        async def work(embedding: BatchingEmbedder) -> None:
            tasks = [asyncio.create_task(embedding.embed([text])) for text in "ab"]
            await began.wait()
            tasks[0].cancel()
            await asyncio.wait(tasks, timeout=0.01)
            assert tasks[0].cancelled()
            assert not ended  # the other still waits for it
            tasks[1].cancel()
            await asyncio.wait(tasks)
            await asyncio.sleep(0.01)
            assert tasks[1].cancelled()
            assert ended

        using(work, stuck)

    def test_who_waits_is_given_up_and_the_others_are_served(self) -> None:
        counting = Counting()

        async def work(embedding: BatchingEmbedder) -> None:
            first = await counting.hold(embedding.embed(["first"]))
            gone, stays = (asyncio.create_task(embedding.embed([text])) for text in ("gone", "stays"))
            await asyncio.sleep(0.01)
            gone.cancel()
            await asyncio.sleep(0)
            counting.gate.set()
            assert await stays == [packed("stays")]
            assert await first == [packed("first")]

        using(work, counting)
        assert counting.calls == [["first"], ["stays"]]

    def test_an_embedder_that_cancels_itself_leaves_nobody_waiting(self) -> None:
        async def gone(_: list[str]) -> Rows:
            raise asyncio.CancelledError

        async def work(embedding: BatchingEmbedder) -> None:
            for _ in range(2):
                with pytest.raises(asyncio.CancelledError):
                    await embedding.embed(["a"])

        using(work, gone)

    def test_closing_ends_all(self) -> None:
        async def stuck(_: list[str]) -> Rows:
            await asyncio.sleep(60)
            return []

        async def work(embedding: BatchingEmbedder) -> None:
            tasks = [asyncio.create_task(embedding.embed([text] * 64)) for text in "abcdefgh"]
            await asyncio.sleep(0.01)
            await embedding.close()
            await asyncio.wait(tasks, timeout=1)
            assert all(task.cancelled() for task in tasks)

        using(work, stuck)

    @pytest.mark.parametrize("later", [False, True])
    def test_a_call_has_its_time(self, later: bool) -> None:
        counting = Counting(0.2)
        calls = counting.later if later else counting

        async def work(embedding: BatchingEmbedder) -> None:
            failures = await asyncio.gather(*(embedding.embed([t]) for t in "abc"), return_exceptions=True)
            assert {str(error) for error in failures} == {"m: no answer within 0.05 s"}
            assert len(counting.calls) == 1  # what is late for all is not tried for each
            await asyncio.sleep(0.3)

        using(work, as_embedder(calls, "m"), timeout=0.05)
        assert counting.most == 1


@pytest.fixture
def service() -> Iterator[Service]:
    with fake.running() as found:
        yield found


CLIENTS: list[tuple[Callable[..., NamedEmbedder], type[Any]]] = [
    (from_openai, fake.OpenAI),
    (from_openai, fake.AsyncOpenAI),
    (from_cohere, fake.ClientV2),
    (from_cohere, fake.AsyncClientV2),
]
each_client = pytest.mark.parametrize(("adapt", "client"), CLIENTS, ids=[client.__name__ for _, client in CLIENTS])


@each_client
class TestServices:
    def test_documents_and_queries(self, service: Service, adapt: Any, client: Any) -> None:
        kinds = ("search_document", "search_query") if adapt is from_cohere else ("", "")

        async def work(embedding: BatchingEmbedder) -> None:
            assert await embedding.embed(["a", "bc", "d"]) == [packed(text, kinds[0]) for text in ("a", "bc", "d")]
            assert await embedding.embed_queries(["ef"]) == [packed("ef", kinds[1])]
            assert embedding.dimension == 4

        using(work, adapt(client(service.url), "model-1"))
        assert {request["model"] for request in service.requests} == {"model-1"}
        assert len(service.requests) == 2

    def test_shorter_vectors_are_another_model(self, service: Service, adapt: Any, client: Any) -> None:
        embedder = adapt(client(service.url), "model-1", dimensions=3)
        assert (embedder.name, embedder.dimension) == ("model-1@3", 3)
        assert embedded(embedder, "a") == [
            packed("a", "search_document" if adapt is from_cohere else "")[:12],
        ]

    @pytest.mark.parametrize(
        ("fault", "said", "requests"),
        [
            (401, "ApiError (HTTP 401)", 1),
            (429, "ApiError (HTTP 429)", 1),
            (500, "ApiError (HTTP 500)", 1),
            ("cut", "RemoteDisconnected", 1),
            (400, "ApiError (HTTP 400)", 4),
            ("few", "for 2 texts", 4),
            ("nan", "not finite", 4),
            ("ragged", "", 4),
        ],
    )
    def test_a_fault_of_the_service(
        self, service: Service, adapt: Any, client: Any, fault: Any, said: str, requests: int
    ) -> None:
        service.fault = fault

        async def work(embedding: BatchingEmbedder) -> None:
            calls = [embedding.embed(["a", "b"]) for _ in range(3)]
            for found in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(found, EmbeddingError)
                assert said in str(found)
                assert KEY not in f"{found!s} {found!r}"
                assert isinstance(found.__cause__, Exception)

        using(work, adapt(client(service.url), "m"))
        assert len(service.requests) == requests  # together, and then alone where that may help

    def test_a_text_the_service_refuses(self, service: Service, adapt: Any, client: Any) -> None:
        async def work(embedding: BatchingEmbedder) -> None:
            good, bad = await asyncio.gather(
                embedding.embed(["good"]), embedding.embed([POISON]), return_exceptions=True
            )
            assert isinstance(good, list)
            assert "HTTP 400" in str(bad)

        using(work, adapt(client(service.url), "m"))

    def test_no_service(self, adapt: Any, client: Any) -> None:
        assert "URLError" in str(failure(adapt(client(f"http://127.0.0.1:{fake.free_port()}"), "m")))

    def test_a_wrapper_that_hides_that_it_waits(self, service: Service, adapt: Any, client: Any) -> None:
        method = "embed" if adapt is from_cohere else "create"
        traced = client(service.url)
        real = getattr(traced, method)
        setattr(traced, method, lambda **body: real(**body))
        assert len(embedded(adapt(traced, "m"), "a", "b")) == 2

    def test_something_else_is_refused(self, adapt: Any, client: Any) -> None:
        for wrong in (None, "key", client):
            with pytest.raises(InvalidInputError, match="client: expected an object with a method"):
                adapt(wrong, "m")


class Transformer:
    """A `SentenceTransformer` of before version 5."""

    model_card_data = SimpleNamespace(base_model=None)

    def encode(
        self,
        sentences: list[str],
        prompt_name: str = "",
        *,
        normalize_embeddings: bool,
        convert_to_numpy: bool,
        show_progress_bar: bool,
    ) -> Any:
        assert (normalize_embeddings, convert_to_numpy, show_progress_bar) == (False, True, False)
        return np.array([vector_of(text, prompt_name) for text in sentences], dtype=np.float32)

    def get_sentence_embedding_dimension(self) -> int | None:
        return 4


class LaterTransformer(Transformer):
    """One of version 5, which knows its model."""

    model_card_data = SimpleNamespace(base_model="org/model")

    def encode_query(self, inputs: list[str], **known: Any) -> Any:
        return self.encode(inputs, "query", **known)

    def encode_document(self, inputs: list[str], **known: Any) -> Any:
        return self.encode(inputs, "document", **known)

    def get_embedding_dimension(self) -> int | None:
        return 4

    def get_sentence_embedding_dimension(self) -> int | None:
        raise AssertionError("deprecated")


class TestSentenceTransformers:
    def test_prompts_for_documents_and_queries_where_there_are_any(self) -> None:
        for model, name, kinds in (
            (Transformer(), "mine", ("", "")),
            (LaterTransformer(), None, ("document", "query")),
        ):
            embedder = from_sentence_transformers(model, name)
            assert (embedder.name, embedder.dimension) == (name or "org/model", 4)

            async def work(embedding: BatchingEmbedder, kinds: tuple[str, str] = kinds) -> None:
                assert await embedding.embed(["a"]) == [packed("a", kinds[0])]
                assert await embedding.embed_queries(["a"]) == [packed("a", kinds[1])]

            using(work, embedder)

    def test_a_name_is_needed(self) -> None:
        with pytest.raises(InvalidInputError, match="name: "):
            from_sentence_transformers(Transformer())
        with pytest.raises(InvalidInputError, match="model: expected a SentenceTransformer, not the name"):
            from_sentence_transformers("all-MiniLM-L6-v2", "mine")
        with pytest.raises(InvalidInputError, match="model: expected an object with a method `encode`"):
            from_sentence_transformers(None)


def cosine(one: bytes, other: bytes) -> float:
    return float(np.dot(np.frombuffer(one, "<f4"), np.frombuffer(other, "<f4")))


SENTENCES = {
    "en": ["the flight to Lisbon was cancelled", "a refund for the cancelled flight", "Lisbon has seven hills"],
    "de": ["Rechnung über neun Euro", "die Rechnung ist bezahlt", "neun Tage Urlaub"],
    "ru": ["отмена рейса в Москву", "рейса сегодня нет", "погода в Риге"],
    "ja": ["航空券を取消す", "取消の理由", "天気は晴れ"],
    "ar": ["إلغاء الرحلة", "الرحلة القادمة", "كتاب جديد"],
}


class TestHashing:
    @given(st.text(), st.integers(1, 300))
    def test_any_text_has_one_unit_vector(self, text: str, dimension: int) -> None:
        embedder = HashingEmbedder(dimension)
        first, again = embedder([text, text])
        assert first == again == HashingEmbedder(dimension)([text])[0]
        assert len(first) == 4 * dimension
        assert cosine(first, first) == pytest.approx(1, abs=1e-5)

    @given(st.text(st.sampled_from(" \t\n.,!?-\u2014\u2026\u00ab\u3000\0\U0001f600")))
    def test_a_text_without_words_is_the_first_axis(self, text: str) -> None:
        assert HashingEmbedder(8)([text]) == [struct.pack("<8f", 1, *[0] * 7)]

    def test_a_shared_word_makes_texts_nearer(self) -> None:
        near, far = [], []
        texts = [text for group in SENTENCES.values() for text in group]
        vectors = dict(zip(texts, HashingEmbedder()(texts), strict=True))
        for one, other in combinations(texts, 2):
            shared = set(one.split()) & set(other.split())
            (near if shared else far).append(cosine(vectors[one], vectors[other]))
        assert min(len(near), len(far)) >= 5
        assert np.mean(near) > np.mean(far) + 0.2

    @pytest.mark.parametrize("language", SENTENCES)
    def test_in_any_script(self, language: str) -> None:
        one, like, other = HashingEmbedder()(SENTENCES[language])
        assert cosine(one, like) > cosine(like, other)

    def test_spelling_and_not_meaning(self) -> None:
        cancel, cancelled, stop = HashingEmbedder()(["cancellation", "cancelled", "stop"])
        assert cosine(cancel, cancelled) > 0.3 > abs(cosine(cancel, stop))
        assert HashingEmbedder()(["REFUND, Flight!"]) == HashingEmbedder()(["refund flight"])

    def test_it_never_changes(self) -> None:
        text = (
            "The flight was cancelled: \uff32efund 9 \u20ac, \u9000\u6b3e, \u043e\u0442\u043c\u0435\u043d\u0430 the the"
        )
        [vector] = HashingEmbedder()([text])
        assert HashingEmbedder().name == "hashing-256"
        assert hashlib.sha256(vector).hexdigest() == "a4f1e1fea5173cbee37aa77c77f91b33b28139e3bd458e5cfe4cd95c8af19bc1"

    @pytest.mark.parametrize("dimension", [0, -1, True, 2.0, "256", None])
    def test_the_dimension_is_checked(self, dimension: Any) -> None:
        with pytest.raises(InvalidInputError, match="dimension"):
            HashingEmbedder(dimension)

    def test_through_an_embedding(self) -> None:
        assert embedded(HashingEmbedder(16), "a", "") == HashingEmbedder(16)(["a", ""])


def test_the_page_runs(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    """Every Python block of the page, with clients of the same shape in the place of the real ones."""
    modules = {
        "openai": {"AsyncOpenAI": lambda: fake.AsyncOpenAI(service.url)},
        "cohere": {"AsyncClientV2": lambda: fake.AsyncClientV2(service.url)},
        "sentence_transformers": {"SentenceTransformer": lambda name: LaterTransformer()},
    }
    for name, members in modules.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    page = (Path(__file__).parents[2] / "docs" / "embeddings.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    blocks = page.split("```python\n")[1:]
    assert len(blocks) >= 5
    for block in blocks:
        exec(compile(block.split("```")[0], "embeddings.md", "exec"), names)  # noqa: S102  our own page
        if "embedder" in names:
            assert len(embedded(names["embedder"], "a", "b")) == 2


def test_the_error_is_public() -> None:
    assert lodestore.EmbeddingFailed is EmbeddingError
