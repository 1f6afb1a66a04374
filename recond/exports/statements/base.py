"""What every statement is made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from recond.calendar import Calendar
from recond.closing import Gate
from recond.matching.policy import Rules
from recond.money import decimal_from_cents, format_grouped
from recond.posting import Chart
from recond.sections import Filing, Unclaimed
from recond.store import schema
from recond.store.engine import fetch_arrow
from recond.store.sql import total

entry, line = schema.entry, schema.journal_line


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the books, and what reading it needs."""

    connection: Connection
    month: str  # 2026-03
    first: dt.date
    last: dt.date
    chart: Chart
    rules: Rules
    gates: Sequence[Gate]
    unclaimed: Unclaimed = field(default_factory=Unclaimed)
    filing: Sequence[Filing] = ()
    calendar: Calendar = field(default_factory=lambda: Calendar.of("FED", ()))
    as_of: dt.date | None = None  # whose books these are (`store.pastbooks`); None: today's

    def rows(self, query: Any, shape: Mapping[str, pa.DataType]) -> pa.Table:
        """The rows of a query with these columns."""
        return fetch_arrow(self.connection, query, pa.schema(list(shape.items()))).combine_chunks()

    def number(self, query: Any) -> int:
        """A sum, zero where there is nothing to add."""
        return int(self.connection.scalar(query) or 0)

    def gl(self, *accounts: str, fund: str | None = None) -> int:
        """Debits less credits of GL accounts at the month's end."""
        balance = select(total(line.c.debit_cents) - total(line.c.credit_cents)).join(
            entry, entry.c.entry_no == line.c.entry_no
        )
        balance = balance.where(line.c.gl_account.in_(accounts), entry.c.period <= self.month)
        if fund is not None:
            balance = balance.where(line.c.fund == fund)
        return self.number(balance)

    @property
    def receivable_accounts(self) -> tuple[str, ...]:
        """The GL accounts that are receivables."""
        own = {self.chart.receivables, *(account for _, account in self.chart.receivables_of)}
        return tuple(sorted(own))


@dataclass(frozen=True, slots=True)
class Tie:
    """Two figures that have to be equal: cents, or numbers of things where it `counts`."""

    says: str
    left_cents: int
    right_cents: int
    counts: bool = False

    @property
    def difference_cents(self) -> int:
        """Zero when the statement ties."""
        return self.left_cents - self.right_cents

    def figure(self, value: int) -> str:
        """One of its figures as people read it."""
        return str(value) if self.counts else format_grouped(value)


@dataclass(frozen=True, slots=True)
class Statement:
    """A table with its title, its tie-outs, and the total that the manifest names."""

    title: str
    table: pa.Table
    ties: tuple[Tie, ...] = ()
    cents: int = 0


def shown(table: pa.Table) -> pa.Table:
    """The table with each `NAME_cents` as a decimal `NAME`."""
    columns, names = [], []
    for name in table.column_names:
        money = name.endswith("_cents")
        columns.append(decimal_from_cents(table[name]) if money else table[name])
        names.append(name.removesuffix("_cents"))
    return pa.table(columns, names=names)


def summed(table: pa.Table, name: str) -> int:
    """The sum of a column of cents."""
    return sum(table[name].to_pylist())
