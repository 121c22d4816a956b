"""What answers filters in the tests: the evaluator, SQLite and PostgreSQL, each over many documents at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import sqlcipher3.dbapi2 as sqlcipher

from lodestore.encoding import json_codec as codec
from lodestore.search.filters import Filter, matches
from lodestore.sql.dialect import POSTGRES, SQLITE
from lodestore.sql.filter_sql.compiler import condition

Engine = Callable[[Filter, list[dict[str, Any]]], list[bool]]


def evaluator(tree: Filter, documents: list[dict[str, Any]]) -> list[bool]:
    return [matches(tree, codec.loads(codec.encode(document))) for document in documents]


def bodies(documents: list[dict[str, Any]]) -> list[str]:
    return [codec.encode(document).decode() for document in documents]


def truth(answer: object) -> bool:
    assert answer in (0, 1), "neither true nor false"
    return bool(answer)


@contextmanager
def sqlite() -> Iterator[Engine]:
    connection = sqlcipher.connect(":memory:")
    connection.execute("CREATE TABLE docs (number INTEGER PRIMARY KEY, value TEXT)")

    def ask(tree: Filter, documents: list[dict[str, Any]]) -> list[bool]:
        # The column bears the name of one of json_each's, and a parameter stands before those of the condition.
        text, parameters = condition(tree, "value", SQLITE, first=2)
        connection.execute("DELETE FROM docs")
        connection.executemany("INSERT INTO docs (value) VALUES (?)", [(body,) for body in bodies(documents)])
        found = connection.execute(f"SELECT {text} FROM docs WHERE number > ?1 ORDER BY number", (0, *parameters))
        return [truth(answer) for (answer,) in found]

    try:
        yield ask
    finally:
        connection.close()


@contextmanager
def postgres(url: str) -> Iterator[Engine]:
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url))

        def ask(tree: Filter, documents: list[dict[str, Any]]) -> list[bool]:
            text, parameters = condition(tree, "document", POSTGRES, first=2)
            source = "unnest($1::text[]) WITH ORDINALITY AS docs(document, number)"
            rows = connection.fetch(f"SELECT {text} FROM {source} ORDER BY number", bodies(documents), *parameters)
            return [truth(answer) for (answer,) in runner.run(rows)]

        try:
            yield ask
        finally:
            runner.run(connection.close())
