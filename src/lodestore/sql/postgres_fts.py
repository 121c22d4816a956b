"""Full-text search in PostgreSQL: a posting for each record, with term frequencies and positions, scored by BM25.

A posting is named as its record: family, outer key ('' where there is none) and inner key as text. `version` is that
of the record it was made of, so what is missing, stale or left over shows by itself; `print` that of the record's body,
by which a vector says what it was made of. Whether there are postings says
the row of `store`:

    postings    0 the store sleeps: nobody has searched it, and no write makes any
               -n they are being made, for the n-th time; every write makes those of its records
                n there is one of every record

Words come from here in one spelling (`plain`), so the server's parser meets nothing but letters and digits between
spaces; it stems them as English and leaves out none (the configuration `words`, `CONFIGURATION`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

from ..core.families import SEARCHABLE, Family
from ..core.records import Key
from ..core.searchable import Term
from ..search.tokenizers import WORDS, indexed
from .dialect import Dialect

# English without a list of words to leave out: a query of common words alone finds them, as everywhere.
CONFIGURATION = (
    "CREATE TEXT SEARCH DICTIONARY english (TEMPLATE = pg_catalog.snowball, LANGUAGE = english)",
    "CREATE TEXT SEARCH CONFIGURATION words (COPY = pg_catalog.simple)",
    "ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword, word WITH english",
)

MAX_BYTES = 500_000  # of the words of one record: no text of that size makes a tsvector of more than the limit of 1 MB
MAX_WORD = 200  # characters; a word has 2 kB at most
MAX_PHRASE = 200  # words of one phrase, more of it is not looked at

_GAPS = re.compile(r"[\W_]+")
_LONG = re.compile(rf"(\w{{{MAX_WORD}}})\w+")
_MARKS = re.compile("[\u0300-\u036f]+")


def plain(text: str, tokenizer: str = WORDS) -> str:
    """The words of a text between single spaces, in one spelling: small letters without accents, full width as half."""
    text = indexed(text, tokenizer).casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))
    words = _LONG.sub(r"\1", _GAPS.sub(" ", text).strip())
    return words if len(words) <= MAX_BYTES // 4 else words.encode()[:MAX_BYTES].decode(errors="ignore")


def terms(some: Sequence[Term]) -> list[str]:
    """Each term as `to_tsquery` reads it: quoted words, one after the other."""
    return list(dict.fromkeys(filter(None, map(_term, some))))


def _term(term: Term) -> str:
    words = plain(" ".join(term.words)).split()[:MAX_PHRASE]
    return " <-> ".join(f"'{word}'" for word in words) + (":*" if words and term.prefix else "")


def either(some: Sequence[str]) -> str | None:
    """Any of the terms; None where there is none."""
    return " | ".join(f"({term})" for term in some) or None


def key_columns(family: Family, alias: str) -> tuple[str, str]:
    """SQL of the outer and the inner key of a record, or of a vector, as they stand in the index."""
    outer = f"{alias}.{family.key[0]}" if family.owner else "''"
    inner = f"{alias}.{family.key[-1]}"
    return outer, f'{inner}::text COLLATE "C"' if family.log else inner


def key_of(family: Family, outer: str, inner: str) -> Key:
    """The key of a record by the two of the index."""
    last = int(inner) if family.log else inner
    return (outer, last) if family.owner else (last,)


def keys_of(key: Key) -> tuple[str, str]:
    """The two keys of the index by that of a record or of a vector."""
    return (str(key[0]) if len(key) > 1 else "", str(key[-1]))


def configuration(d: Dialect) -> str:
    """The text search configuration, as a literal."""
    return "'" + f"{d.schema}words".replace("'", "''") + "'::regconfig"


@cache
def post(d: Dialect) -> str:
    """Postings in place of those there are; binds arrays: family, both keys, position, part, version, words."""
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_KINDS, 1))
    return (
        f"INSERT INTO {d.schema}posting (family, outer_key, inner_key, position, part, version, print, words)"
        f" SELECT family, outer_key, inner_key, position, part, version, print, to_tsvector({configuration(d)}, words)"
        f" FROM unnest({arrays}) AS w(family, outer_key, inner_key, position, part, version, print, words)"
        " ON CONFLICT (family, outer_key, inner_key) DO UPDATE SET position = excluded.position, part = excluded.part,"
        " version = excluded.version, print = excluded.print, words = excluded.words"
    )


_KINDS = ("text", "text", "text", "bigint", "text", "bigint", "bytea", "text")


def remove(table: str, depth: int, d: Dialect) -> str:
    """What `table` has of some families below branches; binds families, then an array for each key."""
    columns = ("outer_key", "inner_key")[:depth]
    if not columns:
        return f"DELETE FROM {d.schema}{table} WHERE family = ANY($1::text[])"
    asked = f"unnest({', '.join(f'${n}::text[]' for n in range(2, 2 + depth))}) AS w({', '.join(columns)})"
    same = " AND ".join(f"t.{name} = w.{name}" for name in columns)
    return f"DELETE FROM {d.schema}{table} AS t USING {asked} WHERE t.family = ANY($1::text[]) AND {same}"


@cache
def lacking(family: Family, table: str, d: Dialect) -> str:
    """Records of which `table` has nothing of their version, in the order of their keys; binds the key to begin behind.

    Gives the key, position (0: none), version and body.
    """
    outer, inner = key_columns(family, "r")
    columns = [f"r.{name}" for name in family.key]
    marks = [f"${n}" for n in range(1, 1 + len(columns))]
    same = f"p.family = '{family.of or family.name}' AND p.outer_key = {outer} AND p.inner_key = {inner}"
    return (
        f"SELECT {', '.join(columns)}, {'r.position' if family.placed else '0'}, r.version, r.body"
        f" FROM {d.table(family)} AS r WHERE ({', '.join(columns)}) > ({', '.join(marks)}) AND NOT EXISTS"
        f" (SELECT 1 FROM {d.schema}{table} AS p WHERE {same} AND p.version = r.version) ORDER BY {', '.join(columns)}"
    )


def before_all(family: Family) -> Key:
    """A key that stands before those of all records."""
    return ("", -1) if family.log else ("",) * len(family.key)


@cache
def left_over(family: Family, table: str, d: Dialect) -> str:
    """The keys of what `table` has of records that are not there."""
    outer, inner = key_columns(family, "r")
    return (
        f"SELECT p.outer_key, p.inner_key FROM {d.schema}{table} AS p WHERE p.family = '{family.of or family.name}'"
        f" AND NOT EXISTS (SELECT 1 FROM {d.table(family)} AS r WHERE {outer} = p.outer_key AND {inner} = p.inner_key)"
        " ORDER BY p.outer_key, p.inner_key"
    )


@cache
def search(terms: int, outer: bool, part: bool, d: Dialect) -> str:
    """A page of what matches, the best first, as family, outer and inner key, score.

    Binds any of the terms, any of the unwanted (or NULL), families, limit, offset, each term (the outer key, the part).
    A term scores by how often it stands in how long a text, and more where it is rare among what matches.
    """
    rest = 6 + terms
    where = [
        f"words @@ to_tsquery({configuration(d)}, $1)",
        f"coalesce(NOT words @@ to_tsquery({configuration(d)}, $2), true)",
        "family = ANY($3::text[])",
        *([f"outer_key = ${rest}"] if outer else []),
        *([f"part = ${rest + 1}"] if part else []),
    ]
    asked = [(number, f"to_tsquery({configuration(d)}, ${5 + number})") for number in range(1, 1 + terms)]
    ranks = ", ".join(
        f"CASE WHEN words @@ {term} THEN ts_rank(words, {term}, 1) ELSE 0 END AS r{n}" for n, term in asked
    )
    counts = ", ".join(f"count(*) FILTER (WHERE r{n} > 0) AS c{n}" for n, _ in asked)
    score = " + ".join(f"r{n} * ln(1 + matches::float8 / greatest(c{n}, 1))" for n, _ in asked)
    key = "family, outer_key, inner_key"
    return (
        f"WITH found AS MATERIALIZED (SELECT {key}, position, {ranks} FROM {d.schema}posting"
        f" WHERE {' AND '.join(where)}), counted AS (SELECT count(*) AS matches, {counts} FROM found)"
        f" SELECT {key}, {score} AS score FROM found, counted"
        " ORDER BY score DESC, family, outer_key, position, inner_key LIMIT $4 OFFSET $5"
    )


def statements(d: Dialect) -> Iterator[tuple[str, str]]:
    """Every statement with a name."""
    yield "post", post(d)
    yield from ((f"unpost depth={depth}", remove("posting", depth, d)) for depth in range(3))
    for family in SEARCHABLE:
        yield f"not posted {family.name}", lacking(family, "posting", d)
        yield f"posted but gone {family.name}", left_over(family, "posting", d)
    yield "search for one term", search(1, False, False, d)
    yield "search for two terms in one namespace", search(2, True, False, d)
    yield "search for one term in a part of a collection", search(1, True, True, d)
