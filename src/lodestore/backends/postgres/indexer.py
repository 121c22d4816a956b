"""Indexer: keeps text and vectors of the index in line with the records, in the transaction that writes them.

A store that nobody has searched yet sleeps: the row of `store`, which every write reads as it takes its turn, says so,
and nothing is added. Once awake each group of writes adds a statement for each family that it stores into, and one for
what it drops.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from ...core.families import CATALOGUE, OWNED, Family
from ...core.records import BODY, KEY, PLACE, VERSION, Drop, Key, Row, Write
from ...encoding import vector_codec
from ...encoding.packer import Packer, UnknownDictionary
from ...errors import CorruptError
from ...search import tokenizers
from ...search.text import namespace_in, text_of
from ...sql import postgres_fts, postgres_vectors
from ...sql.dialect import Dialect
from . import dictionary_table
from .driver import Connection
from .write_batch import key_of

ROWS, BYTES = 1_000, 4 * 1024 * 1024  # in one statement, at most


class IndexState(NamedTuple):
    """What a store has of an index: postings, and embeddings in the type of pgvector, whose schema this is."""

    postings: bool = False
    embeddings: str | None = None
    tokenizer: str = tokenizers.WORDS  # of the postings


def told(d: Dialect) -> str:
    """The columns of the row of `store` that say so; the last is the stored body of the choice of a tokenizer."""
    family, [key] = tokenizers.FAMILY, tokenizers.KEY
    choice = f"SELECT body FROM {d.table(family)} WHERE {family.key[0]} = '{key}'"
    return f"postings, embeddings, CASE WHEN postings <> 0 THEN ({choice}) END"


async def tokenizer(run: Connection, d: Dialect, packer: Packer, choice: bytes | None) -> str:
    """The tokenizer that a stored body says."""
    return tokenizers.chosen(await _body(run, d, packer, choice) if choice else None)


def chooses(write: Write, chosen: bool) -> bool:
    """Whether a write changes the tokenizer, where one is `chosen` or not."""
    if isinstance(write, Drop):
        return chosen and tokenizers.is_choice(write.family, write.prefix)
    return tokenizers.is_choice(write.family, key_of(write))


async def forget_postings(run: Connection, d: Dialect) -> None:
    """Drop all postings, to be made anew when they are next searched."""
    await run.execute(f"UPDATE {d.schema}store SET postings = -abs(postings) - 1 WHERE postings <> 0")
    await run.execute(f"DELETE FROM {d.schema}posting")


async def take(run: Connection, d: Dialect, kept: IndexState, family: Family, rows: Sequence[Row]) -> None:
    """Take in records, or vectors, as they have just been stored."""
    if family.text and kept.postings:
        await _send(run, postgres_fts.post(d), (_posting(family, row, kept.tokenizer) for row in rows))
    elif family.of and kept.embeddings:
        await _send(run, postgres_vectors.embed(kept.embeddings, d), (_embedding(family, row) for row in rows))


async def forget(run: Connection, d: Dialect, kept: IndexState, family: Family, prefixes: Sequence[Key]) -> None:
    """Let go of what drops remove: branches of one family, all equally deep, and what they own."""
    gone = (family, *OWNED[family])
    for table, wanted, names in (
        ("posting", kept.postings, [each.name for each in gone if each.text]),
        ("embedding", kept.embeddings, [each.of for each in gone if each.of]),
    ):
        if wanted and names:
            columns = _columns(prefixes, family)
            await run.execute(postgres_fts.remove(table, len(columns), d), names, *columns)


def _columns(prefixes: Sequence[Key], family: Family) -> list[list[str]]:
    """Prefixes as columns of the keys that the index has."""
    if not prefixes[0]:
        return []
    outer = [] if family.owner or OWNED[family] else [[""] * len(prefixes)]
    return [*outer, *([str(value) for value in column] for column in zip(*prefixes, strict=True))]


def _posting(family: Family, row: Row, kind: str) -> tuple[Any, ...]:
    body, part = row[BODY], namespace_in(family, row[BODY])
    if part is not None and "\0" in part:  # no namespace that anybody can ask for, and no text of PostgreSQL
        part = None
    words = postgres_fts.plain(text_of(family, body), kind)
    told = (part, row[VERSION], vector_codec.content_digest(body))
    return (family.name, *postgres_fts.keys_of(row[KEY:]), row[PLACE] or 0, *told, words)


def _embedding(family: Family, row: Row) -> tuple[Any, ...]:
    try:
        vector = vector_codec.decode_vector(row[BODY])
    except ValueError:
        vector = vector_codec.StoredVector("", b"", b"")
    numbers = text_of_numbers(vector.numbers)
    space = postgres_vectors.number_of(vector.space, len(vector.numbers) // 4) if numbers else None
    return (family.of, *postgres_fts.keys_of(row[KEY:]), row[VERSION], space, vector.of, numbers)


def text_of_numbers(vector: bytes) -> str | None:
    """A vector as pgvector reads it; None where it would not."""
    if len(vector) % 4 or not 0 < len(vector) <= 4 * postgres_vectors.MOST:
        return None
    text = orjson.dumps(struct.unpack(f"<{len(vector) // 4}f", vector)).decode()
    return None if "null" in text else text  # NaN or infinite


async def _send(run: Connection, statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
    for part in _parts(rows):
        await run.execute(statement, *(list(column) for column in zip(*part, strict=True)))


def _parts(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    part: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        part.append(row)
        size += len(row[-1] or "")
        if len(part) >= ROWS or size >= BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


async def portion(
    run: Connection, d: Dialect, packer: Packer, kept: IndexState, family: Family, after: Key
) -> tuple[int, Key | None]:
    """Take in some of the records that the index lacks; how many, and the key to go on behind (None: that was all).

    In a transaction that holds the row of `store`, so that what is read is what stands there.
    """
    table = "embedding" if family.of else "posting"
    found: list[Any] = []
    size = 0
    async for row in run.cursor(postgres_fts.lacking(family, table, d), *after, prefetch=50):
        found.append(row)
        size += len(row[-1])
        if len(found) >= ROWS or size >= BYTES // 4:
            break
    width = len(family.key)
    bodies = [await _body(run, d, packer, row[-1]) for row in found]
    rows = [
        (body, row[width + 1], 0, 0, None, row[width], *row[:width]) for body, row in zip(bodies, found, strict=True)
    ]
    await take(run, d, kept, family, rows)
    return len(rows), tuple(found[-1][:width]) if found else None


async def _body(run: Connection, d: Dialect, packer: Packer, packed: bytes) -> bytes:
    """A body; empty where it is broken, which reading the record tells and `verify`."""
    try:
        return packer.unpack(packed)
    except UnknownDictionary:
        packer.learn(await dictionary_table.rows(run, d, packer.latest))
    except CorruptError:
        return b""
    return packer.readable(packed) or b""


async def problems(run: Connection, d: Dialect, table: str, families: Sequence[Family]) -> list[str]:
    """One line for each record that a table of the index lacks or has in another version, and for each left over."""
    what = "text" if table == "posting" else "vectors"
    lines = []
    for family in families:
        base = CATALOGUE[family.of or family.name]
        name = base.name
        async for row in run.cursor(postgres_fts.lacking(family, table, d), *postgres_fts.before_all(family)):
            lines.append(f"{name}({', '.join(map(repr, row[: len(family.key)]))}): the index of {what} lacks it")
        async for row in run.cursor(postgres_fts.left_over(family, table, d)):
            key = [value for value in row if value]
            lines.append(f"{name}({', '.join(map(repr, key))}): the index of {what} has it, the store does not")
    return lines
