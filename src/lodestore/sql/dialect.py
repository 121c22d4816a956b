"""SQL dialects: where the SQL of the two engines differs, and only there."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.families import Family


@dataclass(frozen=True, slots=True)
class Dialect:
    """`param` begins a parameter; `schema` stands before the name of a table, with its dot; `row` names a row's address.

    `empty` is an empty body, `number` what to sum to count bodies, `no_limit` the value of LIMIT that sets none.
    `clustered`: owners carry a number and logs are laid out by it (`logs`); else a log has its key in columns.
    """

    param: str
    row: str
    empty: str
    number: str
    no_limit: int | None
    schema: str = ""
    clustered: bool = False

    def table(self, family: Family) -> str:
        """The name of a family's table."""
        return f"{self.schema}{family.name}"


SQLITE = Dialect("?", "rowid", "x''", "length(body) > 0", -1, clustered=True)
POSTGRES = Dialect("$", "ctid", "''::bytea", "(length(body) > 0)::int", None)
