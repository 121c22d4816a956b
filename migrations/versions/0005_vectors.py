"""Vectors: collections and their items, and the vectors of messages, memories, results and items.

SQLite: the packed index of vectors too; the index of text has a word for the namespace of an item and numbers for
items, so it is emptied and built anew when the store is next searched. PostgreSQL: an index of text, empty until the
store is first searched.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0005"
down_revision = "0004"

FIRST, END = -(2**63), 2**63 - 1
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    sqlite = op.get_context().dialect.name == "sqlite"
    record("collection", ["collection_id"], numbered=sqlite, owner=True)
    record("item", ["collection_id", "item_id"], owned_by="collection", placed=True)
    op.create_index("uq_item_position", "item", ["collection_id", "position"], unique=True)
    vectors = {
        "raw_message_vector": (["conversation_id", "message"], "conversation"),
        "memory_vector": (["conversation_id", "memory_id"], "conversation"),
        "result_vector": (["result_id"], None),
        "item_vector": (["collection_id", "item_id"], "collection"),
    }
    for name, (keys, owner) in vectors.items():
        record(name, keys, numbered=sqlite, owned_by=owner)
    if sqlite:
        anew()
    else:
        postings()


def record(
    name: str,
    keys: list[str],
    *,
    numbered: bool = False,
    owner: bool = False,
    owned_by: str | None = None,
    placed: bool = False,
) -> None:
    """A table of records, as the catalogue lays them out."""
    numbers = [sa.Column("id", WHOLE, nullable=False)] if numbered else []
    places = [sa.Column("position", WHOLE, nullable=False)] if placed else []
    rules: list[sa.Constraint] = [sa.PrimaryKeyConstraint(*(["id"] if numbered else keys), name=f"pk_{name}")]
    if numbered:
        rules.append(sa.UniqueConstraint(*keys, name=f"uq_{name}_{'_'.join(keys)}"))
    if numbered and owner:
        rules.append(sa.CheckConstraint("id BETWEEN 1 AND 2147483647", name=op.f(f"ck_{name}_id")))
    if owned_by:
        outer = keys[0]
        name_of = f"fk_{name}_{owned_by}"
        rules.append(sa.ForeignKeyConstraint([outer], [f"{owned_by}.{outer}"], name=name_of, ondelete="CASCADE"))
    op.create_table(
        name,
        *numbers,
        *(sa.Column(key, TEXT, nullable=False) for key in keys),
        *places,
        *(sa.Column(column, WHOLE, nullable=False) for column in ("created_at", "written_at", "version")),
        sa.Column("body", sa.LargeBinary, nullable=False),
        *rules,
        sqlite_strict=True,
    )


def anew() -> None:
    """The index of text with its new column; all that it held waits for the next search."""
    op.execute("DROP TABLE posting")
    op.execute(
        "CREATE VIRTUAL TABLE posting USING fts5("
        "t, n, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2')"
    )
    op.execute(
        "CREATE TABLE packed ("
        "last INTEGER NOT NULL PRIMARY KEY, first INTEGER NOT NULL, space TEXT NOT NULL, part TEXT NOT NULL,"
        " cell INTEGER, size INTEGER NOT NULL, numbers BLOB NOT NULL, head BLOB NOT NULL, codes BLOB NOT NULL) STRICT"
    )
    op.execute("CREATE INDEX ix_packed_space_part_cell_last_size ON packed (space, part, cell, last, size)")
    op.execute(
        "CREATE TABLE cells ("
        "first INTEGER NOT NULL PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL, space TEXT NOT NULL,"
        " part TEXT NOT NULL, size INTEGER NOT NULL, trained INTEGER NOT NULL, head BLOB NOT NULL, codes BLOB NOT NULL)"
        " STRICT"
    )
    op.execute("DELETE FROM unindexed")
    op.execute(f"INSERT INTO unindexed (first, last) VALUES ({FIRST}, {END})")
    op.execute("PRAGMA user_version = 5")


def postings() -> None:
    """The index of text in PostgreSQL, and what says whether it is kept up."""
    for name in ("postings", "embeddings"):
        op.add_column("store", sa.Column(name, WHOLE, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "posting",
        *(sa.Column(key, TEXT, nullable=False) for key in ("family", "outer_key", "inner_key")),
        *(sa.Column(column, WHOLE, nullable=False) for column in ("position", "version")),
        sa.Column("print", sa.LargeBinary, nullable=False),
        sa.Column("part", TEXT),
        sa.Column("words", TSVECTOR, nullable=False),
        sa.PrimaryKeyConstraint("family", "outer_key", "inner_key", name="pk_posting"),
    )
    op.create_index("ix_posting_words", "posting", ["words"], postgresql_using="gin")
    some = sa.text("part IS NOT NULL")
    op.create_index("ix_posting_part", "posting", ["outer_key", "part"], postgresql_where=some)
    op.execute("CREATE TEXT SEARCH DICTIONARY english (TEMPLATE = pg_catalog.snowball, LANGUAGE = english)")
    op.execute("CREATE TEXT SEARCH CONFIGURATION words (COPY = pg_catalog.simple)")
    op.execute("ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword, word WITH english")
