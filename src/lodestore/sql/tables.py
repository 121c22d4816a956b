"""Tables: the families as SQLAlchemy tables, the source of the DDL in `schema/` and of `alembic check`.

Never imported on the way of a read or a write, nor by opening an up-to-date store. SQLite's tables differ from
PostgreSQL's in one thing, `clustered`: there, owners have a number and logs are laid out by it (see `logs`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from ..core.families import FAMILIES, OWNED, Family, owner_of

# PostgreSQL's INTEGER ends at 2^31, and its text orders by the locale of the database unless told otherwise.
_WHOLE = BigInteger().with_variant(Integer(), "sqlite")
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")

_NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


def metadata(*, clustered: bool) -> MetaData:
    """One table per family, `store`: one row with the commit sequence and the newest time written, `dictionary`.

    SQLite has `unindexed` too, and the search index, which SQLAlchemy has no words for (see `search`). PostgreSQL has
    `posting` (see `postings`), and `embedding` once it has pgvector and a reason (see `embeddings`).
    """
    tables = MetaData(naming_convention=_NAMES)
    for family in FAMILIES:
        if clustered and family.log:
            _log(tables, family)
        else:
            _table(tables, family, numbered=clustered and bool(OWNED[family] or family.of))
    Table(
        "store",
        tables,
        Column("id", _WHOLE, primary_key=True, autoincrement=False),
        Column("commits", _WHOLE, nullable=False),
        Column("latest", _WHOLE, nullable=False),
        *([] if clustered else _kept()),
        CheckConstraint("id = 1", name="single"),
        sqlite_strict=True,
    )
    Table(
        "dictionary",
        tables,
        Column("number", _WHOLE, primary_key=True, autoincrement=False),
        Column("family", _TEXT, nullable=False),
        Column("covered", _WHOLE, nullable=False),
        Column("body", LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    if clustered:
        Table(
            "unindexed",
            tables,
            Column("first", _WHOLE, primary_key=True),
            Column("last", _WHOLE, nullable=False),
            sqlite_strict=True,
        )
    else:
        _posting(tables)
    return tables


def _kept() -> list[Column[int]]:
    """Whether there are postings and embeddings, see `postings`."""
    return [Column(name, _WHOLE, nullable=False, server_default=text("0")) for name in ("postings", "embeddings")]


def _posting(tables: MetaData) -> None:
    keys = [Column(name, _TEXT, nullable=False) for name in ("family", "outer_key", "inner_key")]
    table = Table(
        "posting",
        tables,
        *keys,
        Column("position", _WHOLE, nullable=False),
        Column("version", _WHOLE, nullable=False),
        Column("print", LargeBinary, nullable=False),
        Column("part", _TEXT),
        Column("words", TSVECTOR, nullable=False),
        PrimaryKeyConstraint("family", "outer_key", "inner_key"),
    )
    Index("ix_posting_words", table.c.words, postgresql_using="gin")
    Index("ix_posting_part", table.c.outer_key, table.c.part, postgresql_where=table.c.part.is_not(None))


def _log(tables: MetaData, family: Family) -> None:
    # No foreign key: the owner's number is a part of the id.
    Table(
        family.name,
        tables,
        Column("id", _WHOLE, primary_key=True),
        Column("created_at", _WHOLE, nullable=False),
        Column("written_at", _WHOLE),
        Column("sealed", _WHOLE),
        Column("version", _WHOLE, nullable=False),
        Column("body", LargeBinary, nullable=False),
        sqlite_strict=True,
    )


def _table(tables: MetaData, family: Family, *, numbered: bool) -> None:
    keys = [
        Column(name, _WHOLE if family.log and name == family.key[-1] else _TEXT, nullable=False) for name in family.key
    ]
    number = [Column("id", _WHOLE, primary_key=True)] if numbered else []
    body = Column("body", LargeBinary, nullable=False)
    table = Table(family.name, tables, *number, *keys, *_scalars(family), body, sqlite_strict=True)
    if numbered:  # an id of 31 bits, for the position takes the other 32
        table.append_constraint(UniqueConstraint(*family.key))
        if OWNED[family]:
            table.append_constraint(CheckConstraint("id BETWEEN 1 AND 2147483647", name="id"))
    else:
        table.append_constraint(PrimaryKeyConstraint(*family.key))
    if owner := owner_of(family):
        outer = list(owner.key)
        references = [f"{owner.name}.{name}" for name in outer]
        table.append_constraint(ForeignKeyConstraint(outer, references, ondelete="CASCADE"))
    if family.arrival:
        Index(f"uq_{family.name}_position", *(table.c[name] for name in (*family.key[:-1], "position")), unique=True)
    if family.expires:
        some = table.c.expires_at.is_not(None)
        Index(f"ix_{family.name}_expires_at", table.c.expires_at, sqlite_where=some, postgresql_where=some)


def _scalars(family: Family) -> list[Column[int]]:
    # Before the body, so that a scan over times never reads the pages a large body overflows into.
    place = [Column("position", _WHOLE, nullable=False)] if family.arrival else []
    expiry = [Column("expires_at", _WHOLE)] if family.expires else []
    times = [Column(name, _WHOLE, nullable=False) for name in ("created_at", "written_at")]
    return [*place, *times, *expiry, Column("version", _WHOLE, nullable=False)]


def alembic_version() -> Table:
    """Alembic's own table, as it would create it."""
    key = PrimaryKeyConstraint("version_num", name="alembic_version_pkc")
    return Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False), key)


def ddl(dialect: Dialect | None = None) -> list[str]:
    """CREATE statements for every table and index, owners first."""
    dialect = dialect or sqlite.dialect()
    out = []
    for table in metadata(clustered=dialect.name == "sqlite").sorted_tables:
        out.append(str(CreateTable(table).compile(dialect=dialect)).strip())
        out += [
            str(CreateIndex(index).compile(dialect=dialect)).strip()
            for index in sorted(table.indexes, key=lambda i: str(i.name))
        ]
    return out
