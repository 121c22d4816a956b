"""Search in PostgreSQL: asleep until asked, kept up by every write, with pgvector and without it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import asyncpg
import numpy
import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings, strategies as st

from lodestore.backends.postgres import PostgresBackend, indexer, pgvector
from lodestore.core.families import CONVERSATION, ITEM, MEMORY, RAW_MESSAGE, RESULT, RESULT_VECTOR, SEARCHABLE
from lodestore.core.records import BODY, Copy, Drop, Put
from lodestore.core.searchable import IndexQuery, Query, VectorQuery, VectorSpace
from lodestore.encoding import vector_codec
from lodestore.encoding.packer import Packer
from lodestore.errors import InvalidInputError
from lodestore.search import vectors
from lodestore.search.query import parse
from lodestore.sql import postgres_fts as sql, postgres_vectors, upgrade
from lodestore.sql.dialect import POSTGRES
from lodestore.store.search_request import Hit
from lodestore.store.store import Store
from tests.backends.postgres.test_postgres import Place, nothing
from tests.support.scale import scaled

pytestmark = pytest.mark.slow

DIMENSION = 4


@pytest.fixture
def place(postgres_url: str) -> Iterator[Place]:
    made = Place(postgres_url)
    yield made
    made.sql(f"DROP SCHEMA IF EXISTS {made.namespace} CASCADE", "SELECT 1")


@pytest.fixture(scope="module")
def plain(postgres_url: str) -> Iterator[Place]:
    """A database without pgvector, and a role that may not install it."""
    name = f"plain_{secrets.token_hex(4)}"
    there = Place(postgres_url)
    there.namespace = "public"
    there.sql(f"CREATE ROLE {name} LOGIN", f"CREATE DATABASE {name}", "SELECT 1")
    seen = Place(postgres_url.rpartition("/")[0] + f"/{name}")
    seen.sql(f"CREATE SCHEMA {seen.namespace} AUTHORIZATION {name}", "SELECT 1")
    tenant = Place(seen.url.replace("postgres@", f"{name}@"))
    tenant.namespace = seen.namespace
    yield tenant
    there.sql(f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}", "SELECT 1")


def work_on(place: Place, work: Callable[[Store], Awaitable[Any]], **settings: Any) -> Any:
    """Run `work` on an open store."""

    async def with_store(handle: PostgresBackend) -> Any:
        return await work(Store(handle, purge_interval=0))

    return place.on(with_store, **settings)


def state(place: Place) -> tuple[int, int]:
    found: tuple[int, int] = place.sql("SELECT postings, embeddings FROM store")[0]
    return found


def keys(hits: Sequence[Hit]) -> list[tuple[object, ...]]:
    return [hit.key for hit in hits]


def saying(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


async def whole(store: Store) -> None:
    assert (await store.verify())["problems"] == []


class TestAsleep:
    def test_what_is_never_searched_pays_for_no_index(self, place: Place) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("kot"), vectors=[[1, 0]])
            await store.store_memory("c", "m", {"text": "kot"})
            await store.upsert_vectors("v", ["a"], [[1, 2, 3]])
            await store.delete_memory("c", "m")
            await store.compact()
            await whole(store)

        work_on(place, work)
        assert state(place) == (0, 0)
        assert place.sql("SELECT count(*) FROM posting") == [(0,)]

        async def search(store: Store) -> None:
            assert keys(await store.search("kot")) == [("c", 0)]

        work_on(place, search)
        assert state(place) == (1, 0)
        assert place.sql("SELECT family, outer_key, inner_key FROM posting ORDER BY 1") == [
            ("item", "v", "a"),
            ("raw_message", "c", "0"),
        ]

    @pytest.mark.slow
    def test_many_first_searches_among_writes(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(indexer, "ROWS", 7)

        async def main() -> None:
            handles = [place.backend() for _ in range(3)]
            stores = [Store(handle, purge_interval=0) for handle in handles]
            for handle in handles:
                await handle.open()
            for n in range(60):
                await stores[0].append_raw_messages(f"c{n % 5}", saying(f"kot {n}"), vectors=[[1, n]])

            async def write(store: Store, name: str) -> None:
                for n in range(20):
                    await store.append_raw_messages(name, saying("kot"), vectors=[[n, 1]])
                    await store.store_memory(name, f"m{n % 3}", {"text": "kot"}, vector=[1, n])
                    if n % 7 == 6:
                        await store.delete_conversation(f"c{n % 5}")

            async def search(store: Store) -> None:
                await store.search("kot", limit=None)
                await store.search(vector=[1, 1], limit=None)

            await asyncio.gather(*(write(s, f"w{n}") for n, s in enumerate(stores)), *map(search, stores))
            await asyncio.gather(stores[0].reindex(), *(write(s, f"x{n}") for n, s in enumerate(stores)))
            counts = (await handles[1].vitals(0)).counts
            found = await stores[2].search("kot", limit=None)
            assert len(found) == counts["raw_message"] + counts["memory"]
            assert len(await stores[1].search(vector=[1, 1], limit=None)) == len(found)
            await whole(stores[0])
            for handle in handles:
                await handle.close()

        asyncio.run(main())
        assert all(number > 0 for number in state(place))

    def test_a_first_search_that_is_cut_off_goes_on(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(indexer, "ROWS", 5)

        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying(*["kot"] * 50))
            search = asyncio.create_task(store.search("kot"))
            while not (await asyncio.to_thread(place.sql, "SELECT count(*) FROM posting"))[0][0]:
                pass
            search.cancel()
            await asyncio.wait([search])
            await store.append_raw_messages("c", saying("kot"))
            assert len(await store.search("kot", limit=None)) == 51
            await whole(store)

        work_on(place, work)

    def test_a_making_that_was_left_off_is_finished_before_anything_is_found(self, place: Place) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("kot", "kot"), vectors=[[1, 0], [0, 1]])
            assert len(await store.search("kot", vector=[1, 0])) == 2
            for sign in (-1, -7):
                left_off = f"UPDATE store SET postings = {sign}, embeddings = {sign}"
                gone = ("DELETE FROM posting WHERE inner_key = '1'", "DELETE FROM embedding")
                await asyncio.to_thread(place.sql, left_off, *gone, "SELECT 1")
                assert len(await store.search("kot")) == 2
                assert len(await store.search(vector=[1, 0])) == 2
                assert await asyncio.to_thread(state, place) == (-sign, -sign)

        work_on(place, work)

    def test_two_makings_at_once(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """One begins anew just before the other is through: nothing is found until it is through as well."""

        async def main() -> None:
            one, other = place.backend(), place.backend()
            await one.open()
            await other.open()
            store, real = Store(one, purge_interval=0), one._index._end
            await store.append_raw_messages("c", saying("kot"))

            async def end(run: Any, table: str, number: int) -> None:
                monkeypatch.undo()
                await other._pool.read("indexing", lambda run: other._index._begin(run, "posting", anew=True))
                await real(run, table, number)

            monkeypatch.setattr(one._index, "_end", end)
            assert len(await store.search("kot")) == 1
            await one.close()
            await other.close()

        asyncio.run(main())

    def test_what_is_overwritten_while_it_is_taken_in(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        async def main() -> None:
            one, other = place.backend(), place.backend()
            await one.open()
            await other.open()
            store, writing = Store(one, purge_interval=0), Store(other, purge_interval=0)
            await store.store_memory("c", "m", {"text": "kot"})
            await store.store_memory("c", "n", {"text": "kot"})
            real, tasks = indexer._body, []

            async def body(*arguments: Any) -> bytes:
                if not tasks:
                    tasks.append(asyncio.create_task(writing.store_memory("c", "m", {"text": "lup"})))
                    tasks.append(asyncio.create_task(writing.delete_memory("c", "n")))
                    await asyncio.sleep(0.3)
                return await real(*arguments)

            monkeypatch.setattr(indexer, "_body", body)
            assert len(await store.search("kot lup", limit=None)) >= 1
            await asyncio.gather(*tasks)
            assert await store.search("kot") == []
            assert len(await store.search("lup")) == 1
            await whole(store)
            await one.close()
            await other.close()

        asyncio.run(main())

    def test_a_store_from_before_has_its_records_found(self, place: Place) -> None:
        place.sql(f"CREATE SCHEMA {place.namespace}", "SELECT 1")
        asyncio.run(_upgraded(place, "0004"))
        packer = Packer()
        said, known = packer.pack(RAW_MESSAGE, b'{"content":"kot"}'), packer.pack(RESULT, b'{"text":"kot"}')
        place.sql(
            "INSERT INTO conversation VALUES ('c', 1, 1, 1, ''::bytea)",
            f"INSERT INTO raw_message VALUES ('c', 0, 1, 1, 1, '\\x{said.hex()}')",
            f"INSERT INTO result VALUES ('r', 0, 1, 1, 2, '\\x{known.hex()}')",
            "UPDATE store SET commits = 2",
            "SELECT 1",
        )

        async def work(store: Store) -> None:
            assert sorted(keys(await store.search("kot"))) == [("c", 0), ("r",)]
            await store.append_raw_messages("c", saying("kot"), vectors=[[1, 0]])
            assert len(await store.search("kot")) == 3
            assert keys(await store.search(vector=[1, 0])) == [("c", 1)]
            await whole(store)

        work_on(place, work)


async def _upgraded(place: Place, revision: str) -> None:
    engine = upgrade._async_engine(place.backend()._address.connect)
    async with engine.begin() as connection:
        await connection.run_sync(
            upgrade._in_namespace, place.namespace, lambda config: command.upgrade(config, revision)
        )
    await engine.dispose()


class TestText:
    @pytest.mark.slow
    def test_long_texts_are_stored_and_found(self, place: Place) -> None:
        letters = [chr(0x4E00 + n) for n in range(20_000)]
        texts = {
            "distinct": " ".join(f"w{n:x}" for n in range(20_000)),
            "characters": "".join(letters) * 5,
            "wide": "".join(chr(0x20000 + n) for n in range(60_000)),
            "ligatures": "\ufdfa" * 100_000,
            "one word": "a" * 100_000,
            "short": "kot " * 30_000,
        }

        async def work(store: Store) -> None:
            await store.search("anything")
            for name, text in texts.items():
                await store.store_memory("c", name, {"text": text})
            asked = {"distinct": "w3e7", "characters": "".join(letters[5:7]), "wide": "\U00020005\U00020006"}
            asked |= {"one word": "a" * 100_000, "short": '"kot kot"', "ligatures": "\ufdfa"}
            for name, query in asked.items():
                assert ("c", name) in keys(await store.search(query)), name
            await whole(store)

        work_on(place, work)

    def test_stems_and_common_words(self, place: Place) -> None:
        async def work(store: Store) -> None:
            texts = ["The cat sat", "universities of Café Zürich", "to be or not to be", "foo_bar a-b 1.5 x@y.org"]
            await store.append_raw_messages("c", saying(*texts))
            expected = {
                "cats": {0},
                "sitting": set(),
                "university": {1},
                "cafe": {1},
                "ZURICH": {1},
                '"to be"': {2},
                "to be": {2},
                "the": {0},
                '"be to"': set(),
                "bar": {3},
                '"foo bar"': {3},
                "org": {3},
                "5": {3},
                "univers*": {1},
                "happ* -x": set(),
                "cat -sat": set(),
                '"x y org"': {3},
            }
            for query, positions in expected.items():
                assert {hit.key[1] for hit in await store.search(query)} == positions, query

        work_on(place, work)

    def test_what_is_rare_counts_more(self, place: Place) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying(*["kot lup"] * 20, "kot", "zik", "kot kot kot"))
            found = await store.search("kot zik", limit=None)
            assert found[0].key == ("c", 21), "what few say is better"
            assert {hit.key[1] for hit in found[1:3]} == {20, 22}, "so is what is short, or says it often"
            assert [hit.key[1] for hit in found[3:]] == list(range(20)), "what ties stands in order"

        work_on(place, work)

    def test_no_query_is_too_much(self, place: Place) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("kot"))
            words = " ".join(f"w{n}" for n in range(3000))
            queries = [f'"{words}"', words, f"kot -{words.replace(' ', ' -')}", "' & | ! ( ) : <-> \\ %", "kot:*", "''"]
            queries += [
                '"' + "\U00020000" * 5000 + '"',
                "1e5 0x1F -7 +8 a.b/c http://kot kot@kot",
                "\u0301 kot -\u0301",
            ]
            for query in queries:
                hits = await store.search(query)
                assert bool(hits) == ("kot" in query), query[:50]

        work_on(place, work)

    def test_words_have_one_spelling(self) -> None:
        assert sql.plain("Stra\u00dfe CAFE\u0301 \uff21\uff22 \u0130x a_b") == "strasse cafe ab ix a b"
        assert sql.plain("\u304c\u65e5 x") == "\u304c \u65e5 x", "marks that make another letter stay"

    @pytest.mark.slow
    @given(text=st.text(max_size=60), query=st.text(max_size=30))
    @settings(max_examples=scaled(200, 30))
    def test_plain_words_hold_nothing_to_be_read_as_syntax(self, text: str, query: str) -> None:
        assert all(word.isalnum() for word in sql.plain(text).split(" ") if word)
        assert sql.plain(sql.plain(text)) == sql.plain(text)
        terms = sql.terms(parse(query).wanted)
        left = " ".join(terms).replace(" <-> ", " ").replace(":*", "").replace("'", "")
        assert left.replace(" ", "").isalnum() or not left
        assert (sql.either(terms) is None) == (not terms)


Step = tuple[Any, ...]
_vectors = st.lists(st.integers(-3, 3), min_size=DIMENSION, max_size=DIMENSION).filter(any)
_ids, _parts = st.sampled_from("abcd"), st.sampled_from(["p", "q", None])
_steps = st.one_of(
    st.tuples(st.just("upsert"), st.sampled_from("vw"), _ids, _vectors, _parts),
    st.tuples(st.just("remember"), st.sampled_from("vw"), _ids, _vectors),
    st.tuples(st.just("append"), st.sampled_from("vw"), _vectors),
    st.tuples(st.just("save"), _ids, _vectors),
    st.tuples(st.just("delete"), st.sampled_from("vw"), _ids),
    st.tuples(st.just("forget"), st.sampled_from("vw"), _ids),
    st.tuples(st.just("clear"), st.sampled_from("vw")),
    st.tuples(st.just("look"), _vectors, st.sampled_from([None, "v", ("v", "p")])),
)


class TestVectors:
    @pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
    @pytest.mark.parametrize("kind", ["pgvector", "scan"])
    def test_near_is_what_comparing_all_of_them_says(
        self, request: pytest.FixtureRequest, kind: str, metric: str
    ) -> None:
        where: Place = request.getfixturevalue("place" if kind == "pgvector" else "plain")

        async def law(store: Store, steps: list[Step]) -> None:
            there: dict[tuple[str, tuple[object, ...]], tuple[list[int], str | None]] = {}
            for name in "vw":
                await store.delete_conversation(name)
                await store.delete_collection(name)
            for name in "abcd":
                await store.delete_result(name)
            for step in [*steps, ("look", [1, 0, 0, 0], None), ("look", [0, 1, -1, 0], "v")]:
                await _do(store, there, metric, step)

        async def main() -> None:
            handle = where.backend()
            await handle.open()
            store = Store(handle, purge_interval=0)
            for steps in _examples(25):
                await law(store, steps)
            await whole(store)
            await handle.close()

        asyncio.run(main())
        embedded = where.sql("SELECT count(*) FROM pg_extension WHERE extname = 'vector'")[0][0]
        assert (kind == "pgvector") == bool(embedded)

    def test_through_an_index_nearly_all_are_found(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pgvector, "MANY", 500)
        chance = numpy.random.default_rng(7)
        vectors = chance.normal(size=(2000, 16))

        async def work(store: Store) -> None:
            ids = [f"i{n}" for n in range(len(vectors))]
            await store.upsert_vectors("v", ids, vectors, namespace="p")
            await store.upsert_vectors("small", ids[:300], vectors[:300])
            await store.search_vectors("v", vectors[0])
            assert _indexes(await asyncio.to_thread(_index_rows, place)) == {}
            assert (await store.compact())["vector_indexes"] == 1
            assert (await store.compact())["vector_indexes"] == 0
            recalls = []
            for asked in chance.normal(size=(40, 16)):
                exact = keys(await store.search_vectors("v", asked, exact=True))
                near = await store.search_vectors("v", asked)
                assert [hit.score for hit in near] == sorted((hit.score for hit in near), reverse=True)
                recalls.append(len(set(exact) & set(keys(near))) / 10)
            assert sum(recalls) / len(recalls) > 0.95
            for asked in chance.normal(size=(3, 16)):
                every = keys(await store.search_vectors("v", asked, limit=None))
                assert len(every) == len(set(every)) == len(vectors)
                for at in (0, 60, 95, 100, 130, 1990):
                    page = await store.search_vectors("v", asked, limit=40, offset=at)
                    assert keys(page) == every[at : at + 40]
                found = keys(await store.search("nothing", vector=asked, namespace="v", limit=None))
                assert sorted(found) == sorted(every)

        async def chosen(handle: PostgresBackend) -> None:
            store, asked = Store(handle, purge_interval=0), vectors[0]
            seen: list[Any] = []
            connection = await handle._pool.lend()
            connection.add_query_logger(lambda record: seen.append((record.query, record.args)))
            handle._pool.give_back(connection)
            await store.search_vectors("v", asked, exact=True)
            await store.search_vectors("v", asked, namespace="p")
            assert not [text for text, _ in seen if "vector(16)" in text], "where all are to be compared"
            await store.search_vectors("v", asked)
            await store.search(vector=asked, namespace="v", limit=3)
            [(text, args), _] = [(text, args) for text, args in seen if "vector(16)" in text]
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *args))
            assert "Index Scan using ix_embedding_ip" in plan

        work_on(place, work)
        place.on(chosen, pool_size=1)

        async def fewer(store: Store) -> None:
            await store.delete_vectors("v", [f"i{n}" for n in range(1500)])
            assert len(await store.search_vectors("v", vectors[0], limit=500)) == 500
            assert len(await store.search_vectors("v", vectors[0], limit=None)) == 500
            first = keys(await store.search_vectors("v", vectors[3], limit=20))
            pages = [await store.search_vectors("v", vectors[3], limit=5, offset=at) for at in range(0, 20, 5)]
            assert [key for page in pages for key in keys(page)] == first
            await whole(store)
            assert await store.reindex() == 800
            assert len(await store.search_vectors("v", vectors[0], limit=501)) == 500

        work_on(place, fewer)

    def test_a_making_of_an_index_that_was_cut_off_is_done_again(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pgvector, "MANY", 5)

        async def work(store: Store) -> None:
            await store.upsert_vectors("v", [f"i{n}" for n in range(9)], [[1, n] for n in range(9)])
            await store.search_vectors("v", [1, 1])
            await store.compact()
            invalid = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{}'::regclass"
            [name] = _indexes(await asyncio.to_thread(_index_rows, place))
            await asyncio.to_thread(place.sql, invalid.format(name), "SELECT 1")
            assert (await store.compact())["vector_indexes"] == 1

        work_on(place, work)

    def test_what_pgvector_cannot_hold_is_compared_here(self, place: Place) -> None:
        async def work(store: Store) -> None:
            wide = numpy.eye(3, 16_384)
            await store.upsert_vectors("wide", ["a", "b", "c"], wide)
            assert [hit.key[1] for hit in await store.search_vectors("wide", wide[1], limit=1)] == ["b"]
            await store.upsert_vectors("narrow", ["a"], [[1, 2]])
            assert keys(await store.search_vectors("narrow", [1, 2])) == [("narrow", "a")]
            assert len(await store.search_vectors("wide", wide[1])) == 3
            await whole(store)

        work_on(place, work)
        assert place.sql("SELECT count(*), count(numbers) FROM embedding") == [(4, 1)]

    def test_a_vector_comes_alone_and_stays_behind(self, place: Place) -> None:
        """As an embedder that failed leaves them, and a hand that drops a record but not its vector."""

        async def work(handle: PostgresBackend) -> None:
            store = Store(handle, purge_interval=0)
            await store.upsert_vectors("default", ["a"], [[1, 0]])
            await store.save_result({"text": "kot"}, "r")
            assert keys(await store.search(vector=[1, 0], families=["result"])) == []
            [row] = await handle.fetch(RESULT, [("r",)])
            assert row is not None
            vector = vector_codec.StoredVector(
                "default", vector_codec.content_digest(row[BODY]), vectors.vector_of([1, 0], "vector")
            )
            await handle.apply([Put(RESULT_VECTOR, ("r",), vector._replace(of=bytes(8)).body, 1)])
            assert keys(await store.search(vector=[1, 0], families=["result"])) == [], "made of something else"
            await handle.apply([Put(RESULT_VECTOR, ("r",), vector.body, 1)])
            assert keys(await store.search(vector=[1, 0], families=["result"])) == [("r",)]
            await handle.apply([Drop(ITEM, ("default", "a"), 1)])
            near = VectorQuery(VectorSpace("default", 2), vectors.vector_of([1, 0], "vector"))
            found, _ = await handle._index.legs(IndexQuery(Query(()), SEARCHABLE, limit=1, near=near))
            assert [identity for identity, _ in found] == [(RESULT, ("r",))]
            await whole(store)

        place.on(work)

    def test_both_legs_are_of_one_moment(self, place: Place) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("kot", "lup"), vectors=[[1, 0], [0, 1]])
            found = await store.search("kot", vector=[0, 1], explain=True)
            assert {hit.key: set(hit.legs or ()) & {"vector", "text"} for hit in found} == {
                ("c", 0): {"vector", "text"},
                ("c", 1): {"vector"},
            }

        work_on(place, work)


def _examples(count: int) -> Iterator[list[Step]]:
    """Lists of steps by chance, the same in every run."""
    found: list[list[Step]] = []

    @settings(max_examples=count, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(steps=st.lists(_steps, min_size=4, max_size=12))
    def gather(steps: list[Step]) -> None:
        found.append(steps)

    gather()
    return iter(found)


async def _do(store: Store, there: dict[Any, Any], metric: str, step: Step) -> None:
    match step:
        case "upsert", name, item, vector, part:
            await store.upsert_vectors(name, [item], [vector], namespace=part, metric=metric)
            there["item", (name, item)] = vector, part
        case "remember", name, memory, vector:
            await store.store_memory(name, memory, {"text": "kot"}, vector=vector)
            there["memory", (name, memory)] = vector, None
        case "append", name, vector:
            [at] = await store.append_raw_messages(name, saying("kot"), vectors=[vector])
            there["raw_message", (name, at)] = vector, None
        case "save", result, vector:
            await store.save_result({"text": "kot"}, result, vector=vector)
            there["result", (result,)] = vector, None
        case "delete", name, item:
            await store.delete_vectors(name, [item])
            there.pop(("item", (name, item)), None)
        case "forget", name, memory:
            await store.delete_memory(name, memory)
            there.pop(("memory", (name, memory)), None)
        case "clear", name:
            await store.delete_conversation(name)
            for key in [key for key in there if key[0] in ("memory", "raw_message") and key[1][0] == name]:
                del there[key]
        case "look", asked, namespace:
            await _look(store, there, metric, asked, namespace)


async def _look(store: Store, there: dict[Any, Any], metric: str, asked: list[int], namespace: Any) -> None:
    items = {key: _score(v, asked, metric) for key, (v, _) in there.items() if key[0] == "item" and key[1][0] == "v"}
    if namespace == ("v", "p"):
        items = {key: score for key, score in items.items() if there[key][1] == "p"}
    part = namespace[1] if isinstance(namespace, tuple) else None
    for exact in (False, True):
        _same(await store.search_vectors("v", asked, limit=None, namespace=part, exact=exact), items)
        _same(await store.search_vectors("v", asked, limit=3, namespace=part, exact=exact), items, 3)
    others = {key: _score(v, asked, "cosine") for key, (v, _) in there.items() if key[0] != "item"}
    _same(await store.search(vector=asked, families=["memory", "raw_message", "result"], limit=None), others)
    inside = {key: score for key, score in others.items() if key[0] != "result" and key[1][0] == "v"}
    families = ["memory", "raw_message"]
    _same(await store.search(vector=asked, namespace="v", families=families, limit=2), inside, 2)


def _score(vector: list[int], asked: list[int], metric: str) -> float:
    a, b = numpy.array(vector, "f8"), numpy.array(asked, "f8")
    if metric == "cosine":
        return float(a @ b / numpy.linalg.norm(a) / numpy.linalg.norm(b))
    return float(a @ b) if metric == "ip" else -float(numpy.linalg.norm(a - b))


def _same(hits: list[Hit], expected: dict[Any, float], limit: int | None = None) -> None:
    best = sorted(expected.values(), reverse=True)[:limit]
    assert [hit.score for hit in hits] == pytest.approx(best, abs=1e-5)
    assert len({(hit.family, hit.key) for hit in hits}) == len(hits)
    for hit in hits:
        assert hit.score == pytest.approx(expected[hit.family, hit.key], abs=1e-5)


def _index_rows(place: Place) -> list[Any]:
    return place.sql(
        "SELECT pg_stat_force_next_flush()",
        "SELECT i.indexrelname::text, i.idx_scan FROM pg_stat_user_indexes AS i"
        f" WHERE i.schemaname = '{place.namespace}' AND i.relname = 'embedding'",
    )


def _indexes(rows: list[Any]) -> dict[str, int]:
    return {name: scans for name, scans in rows if name.startswith("ix_")}


class TestRights:
    def test_without_pgvector_search_goes_on_and_health_says_so(self, plain: Place) -> None:
        async def work(store: Store) -> None:
            await store.upsert_vectors("u", ["a", "b"], [[1, 0], [0, 1]], texts=["kot", None])
            assert [hit.key[1] for hit in await store.search_vectors("u", [0, 1])] == ["b", "a"]
            assert keys(await store.search("kot", namespace="u")) == [("u", "a")]
            health = await store.health_check()
            assert health["details"]["vectors"] == "exact scan, pgvector is not installed"
            assert not [warning for warning in health["details"].get("warnings", []) if "vector" in warning]
            await whole(store)
            await store.reindex()
            await store.delete_collection("u")

        work_on(plain, work)
        assert plain.sql("SELECT to_regclass('embedding')::text") == [(None,)]

    def test_with_it_health_names_its_version(self, place: Place) -> None:
        async def work(store: Store) -> None:
            await store.upsert_vectors("u", ["a"], [[1, 0]])
            await store.search_vectors("u", [0, 1])
            told = (await store.health_check())["details"]["vectors"]
            [(version,)] = await asyncio.to_thread(
                place.sql, "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
            )
            assert told == f"pgvector {version}"

        work_on(place, work)

    def test_who_may_only_write_rows(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pgvector, "MANY", 0)
        role = f"worker_{secrets.token_hex(4)}"
        place.on(nothing)
        worker = Place(place.url.replace("postgres@", f"{role}@"))
        worker.namespace = place.namespace
        place.sql(
            f"CREATE ROLE {role} LOGIN",
            f"GRANT USAGE ON SCHEMA {place.namespace} TO {role}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {place.namespace} TO {role}",
            "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public",
            "SELECT 1",
        )

        async def first(store: Store) -> None:
            await store.upsert_vectors("u", ["a", "b"], [[1, 0], [0, 1]], texts=["kot", None])
            assert keys(await store.search("kot")) == [("u", "a")]
            assert [hit.key[1] for hit in await store.search_vectors("u", [0, 1])] == ["b", "a"]
            assert "exact scan" in (await store.health_check())["details"]["vectors"]

        async def owner(store: Store) -> None:
            assert [hit.key[1] for hit in await store.search_vectors("u", [0, 1])] == ["b", "a"]

        async def again(store: Store) -> None:
            await store.upsert_vectors("u", ["c"], [[0, 2]])
            assert [hit.key[1] for hit in await store.search_vectors("u", [0, 1])][:2] == ["b", "c"]
            await store.delete_vectors("u", ["b"])
            assert (await store.compact())["vector_indexes"] == 0
            await store.reindex()
            await whole(store)

        try:
            work_on(worker, first)
            assert state(place) == (1, 0)
            work_on(place, owner)
            assert state(place) == (1, 1)
            work_on(worker, again)
            assert place.sql("SELECT count(*) FROM embedding") == [(2,)]
        finally:
            place.sql(f"DROP SCHEMA {place.namespace} CASCADE", f"DROP ROLE {role}", "SELECT 1")

    def test_the_extension_may_live_anywhere_and_come_back(self, postgres_url: str) -> None:
        name = f"elsewhere_{secrets.token_hex(4)}"
        there = Place(postgres_url)
        there.namespace = "public"
        there.sql(f"CREATE DATABASE {name}", "SELECT 1")
        place = Place(postgres_url.rpartition("/")[0] + f"/{name}")

        async def work(store: Store) -> None:
            await store.upsert_vectors("u", ["a", "b"], [[1, 0], [0, 1]])
            assert [hit.key[1] for hit in await store.search_vectors("u", [0, 1])] == ["b", "a"]
            await whole(store)

        try:
            place.sql('CREATE SCHEMA "Far ""away"', 'CREATE EXTENSION vector WITH SCHEMA "Far ""away"', "SELECT 1")
            work_on(place, work)
            assert state(place) == (1, 1)
            place.sql("DROP EXTENSION vector CASCADE", "SELECT 1")
            work_on(place, work)
            assert place.sql("SELECT count(numbers) FROM embedding") == [(2,)]
        finally:
            there.sql(f"DROP DATABASE {name} WITH (FORCE)", "SELECT 1")


class TestUpkeep:
    def test_verify_finds_what_is_missing_stale_and_left_over(self, place: Place) -> None:
        async def work(store: Store) -> None:
            await store.append_raw_messages("c", saying("kot", "lup"), vectors=[[1, 0], [0, 1]])
            await store.save_result({"text": "kot"}, "r", vector=[1, 1])
            await store.search("kot", vector=[1, 0])
            await whole(store)
            for damage, told in _DAMAGES.items():
                await asyncio.to_thread(place.sql, damage, "SELECT 1")
                [problem] = (await store.verify())["problems"]
                assert told in problem
                await store.reindex()
                await whole(store)

        work_on(place, work)

    def test_what_another_store_wrote_is_found(self, place: Place) -> None:
        """Copies with a version and a place of their own, below and above those of this store."""

        async def work(handle: PostgresBackend) -> None:
            store = Store(handle, purge_interval=0)
            await store.store_memory("c", "m", {"text": "kot"})
            await store.search("kot")
            for version in (1, 700, 3):
                body = b'{"text":"lup%d"}' % version
                copies = [Copy(MEMORY, (body, version, 1, 1, None, n, "c", key)) for n, key in enumerate(["m", "n"])]
                await handle.apply(copies)
                assert len(await store.search(f"lup{version}")) == 2
                assert await store.search("kot") == []
                await whole(store)
            await handle.apply([Put(ITEM, ("u", "a"), b'{"namespace":"\\u0000","text":"pog\\u0000"}', 1)])
            assert keys(await store.search("pog")) == [("u", "a")]
            await handle.apply([Drop(CONVERSATION, (), 9), Put(MEMORY, ("d", "m"), b'{"text":"kot"}', 1)])
            assert keys(await store.search("kot lup3")) == [("d", "m")]
            await whole(store)

        place.on(work)

    def test_who_may_only_read_cannot_wake_a_store(self, place: Place) -> None:
        role = f"reader_{secrets.token_hex(4)}"
        place.on(nothing)
        reader = Place(place.url.replace("postgres@", f"{role}@"))
        reader.namespace = place.namespace
        rights = f"ALL TABLES IN SCHEMA {place.namespace}"
        place.sql(f"CREATE ROLE {role} LOGIN", f"GRANT USAGE ON SCHEMA {place.namespace} TO {role}", "SELECT 1")
        place.sql(f"GRANT SELECT ON {rights} TO {role}", "SELECT 1")

        async def refused(store: Store) -> None:
            with pytest.raises(InvalidInputError, match="42501"):
                await store.search("kot")

        async def found(store: Store) -> None:
            assert keys(await store.search("kot")) == [("c", 0)]

        async def wake(store: Store) -> None:
            await store.append_raw_messages("c", saying("kot"))
            await store.search("kot")

        try:
            work_on(reader, refused)
            work_on(place, wake)
            work_on(reader, found)
        finally:
            place.sql(f"DROP SCHEMA {place.namespace} CASCADE", f"DROP ROLE {role}", "SELECT 1")


_DAMAGES = {
    "DELETE FROM posting WHERE family = 'result'": "result('r'): the index of text lacks it",
    "UPDATE posting SET version = 99 WHERE inner_key = '1'": "raw_message('c', 1): the index of text lacks it",
    "INSERT INTO posting VALUES ('memory', 'c', 'x', 0, 1, '', NULL, '')": "memory('c', 'x'): the index of text has it",
    "DELETE FROM embedding WHERE inner_key = '0'": "raw_message('c', '0'): the index of vectors lacks it",
    "INSERT INTO embedding VALUES ('result', '', 'y', 1, NULL, NULL, NULL)": "result('y'): the index of vectors has it",
}


def test_every_statement_compiles_against_the_schema(place: Place) -> None:
    async def work(store: Store) -> None:
        await store.upsert_vectors("u", ["a"], [[1, 0]])
        await store.search_vectors("u", [0, 1])

    async def main() -> None:
        connection = await asyncpg.connect(place.url, server_settings={"search_path": f"{place.namespace}, public"})
        for name, text in [*sql.statements(POSTGRES), *postgres_vectors.statements(POSTGRES)]:
            if text.startswith(("SELECT", "INSERT", "DELETE", "WITH")):
                try:
                    await connection.prepare(text)
                except asyncpg.PostgresError as error:
                    pytest.fail(f"{name}: {error}\n{text}")
        await connection.close()

    work_on(place, work)
    asyncio.run(main())
