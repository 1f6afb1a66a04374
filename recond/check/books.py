"""What the invariants read, and how: violations as rows, sums as integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from recond.home import Home
from recond.posting import Chart
from recond.store import schema
from recond.store.sql import total

MAX_ROWS = 20  # rows shown of one broken invariant

Broken = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Books:
    """What is read: the database, the home with its archive, the chart of accounts."""

    connection: Connection
    home: Home
    chart: Chart
    read_archive: bool = False

    def rows(self, wanted: Select[Any]) -> list[Broken]:
        """The first rows that a query for violations finds."""
        found = self.connection.execute(wanted.limit(MAX_ROWS)).mappings()
        return [dict(row) for row in found]

    def number(self, wanted: Select[Any]) -> int:
        """A sum, zero where there is nothing to add."""
        return int(self.connection.scalar(wanted) or 0)

    def credit_of(self, gl_account: str) -> int:
        """Credits less debits of an account of the pool fund."""
        line = schema.journal_line.c
        wanted = select(total(line.credit_cents) - total(line.debit_cents))
        return self.number(
            wanted.where(line.fund == self.chart.pool_fund, line.gl_account == gl_account)
        )


def keys_of_file() -> tuple[Any, Any]:
    """The first and the last key that a receipt of `file` may have."""
    file = schema.file
    size = 1 << schema.ORDINAL_BITS
    return file.c.file_no * size, file.c.file_no * size + (size - 1)
