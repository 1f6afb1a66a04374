"""Journals for the ERP: entries that no journal file holds yet, by entry, by day or by month of
their GL date, with a line a fund, account and side, or (detailed) a line a journal line.

A journal's id is the file's and its number in it; an entry goes out once, in one journal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    func,
    literal,
    select,
    union_all,
)

from recond.arrays import ints
from recond.errors import InvariantError
from recond.exports.columns import Query, fetch_table
from recond.exports.outbox import Head, Kind, Sums
from recond.exports.writers import cells, csv_lines
from recond.money import decimal_from_cents
from recond.periods import last_day
from recond.posting import numbered_within
from recond.store import schema
from recond.store.engine import insert_table, stage

BY = ("entry", "day", "month")
DETAILED = "detailed"
COLUMNS = (
    "journal_id", "line", "gl_date", "period", "fund", "gl_account", "debit", "credit", "entries",
    "entry_id", "source", "description",
)  # fmt: skip
entry, line, journaled = schema.entry, schema.journal_line, schema.journaled_entry
TEXT, INT = pa.string(), pa.int64()
_SHAPE = pa.schema(
    [("journal_no", INT), ("gl_date", TEXT), ("fund", TEXT), ("gl_account", TEXT), ("debit", INT),
     ("credit", INT), ("entries", INT), ("entry_id", TEXT), ("source", TEXT),
     ("description", TEXT)]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Journals:
    """Entries (`entry_no`, `entry_id`) with the number of the journal that each belongs to."""

    entries: pa.Table
    layout: str
    columns: tuple[str, ...] = COLUMNS

    def names(self) -> list[str]:
        """How they are laid out, and the ids of the entries."""
        return [self.layout, *self.entries["entry_id"].to_pylist()]

    def lines(self, connection: Connection, head: Head, sums: Sums) -> Iterator[bytes]:
        """The journals in order; raises InvariantError when debits are not credits."""
        staged = stage(connection, "journaled_now", self.entries.select(["entry_no", "journal_no"]))
        by, _, detailed = self.layout.partition(" ")
        query = _detailed(staged) if detailed else _summarised(staged, by)
        found = fetch_table(connection, query, _SHAPE)
        debits, credits_ = (pc.sum(found[name]).as_py() or 0 for name in ("debit", "credit"))
        if debits != credits_:
            raise InvariantError(f"{head.file_id}: debits and credits of the entries differ")
        numbers = found["journal_no"].combine_chunks()
        date = found["gl_date"].combine_chunks()
        if by == "month":
            date = _month_ends(date)
        made = {
            "journal_id": pc.binary_join_element_wise(head.file_id, numbers.cast(TEXT), "-"),
            "line": numbered_within(ints(numbers)),
            "gl_date": date,
            "period": pc.utf8_slice_codeunits(date, 0, 7),
            "debit": decimal_from_cents(found["debit"].combine_chunks()),
            "credit": decimal_from_cents(found["credit"].combine_chunks()),
        }
        yield csv_lines(
            [cells(made[n] if n in made else found[n].combine_chunks()) for n in COLUMNS], "\n"
        )
        sums.rows += found.num_rows
        sums.cents += debits

    def remember(self, connection: Connection, number: int) -> None:
        """One row an entry."""
        rows = self.entries.select(["entry_no", "journal_no"])
        insert_table(connection, journaled, rows, constants={"outbox_no": number})


def _month_ends(dates: pa.Array) -> pa.Array:
    """The last day of each date's month."""
    months = pc.utf8_slice_codeunits(dates, 0, 7)
    known = pc.unique(months)
    ends = pa.array([last_day(month).isoformat() for month in known.to_pylist()], TEXT)
    return ends.take(pc.index_in(months, value_set=known))


def _detailed(staged: Any) -> Query:
    return (
        select(
            staged.c.journal_no, entry.c.effective_date, line.c.fund, line.c.gl_account,
            line.c.debit_cents, line.c.credit_cents, literal(1), entry.c.entry_id,
            entry.c.source, entry.c.description,
        )
        .join(entry, entry.c.entry_no == staged.c.entry_no)
        .join(line, line.c.entry_no == staged.c.entry_no)
        .order_by(staged.c.journal_no, staged.c.entry_no, line.c.line)
    )  # fmt: skip


def _summarised(staged: Any, by: str) -> Query:
    """A line a journal, fund, account and side; of one entry its own source and words."""
    words = (entry.c.entry_id, entry.c.source, entry.c.description)
    told = [func.max(column) if by == "entry" else literal("") for column in words]

    def side(amount: ColumnElement[int], debit: Any, credit: Any) -> Select[Any]:
        return (
            select(
                staged.c.journal_no, func.max(entry.c.effective_date).label("gl_date"),
                line.c.fund, line.c.gl_account, debit.label("debit"), credit.label("credit"),
                func.count(staged.c.entry_no.distinct()).label("entries"),
                *(one.label(column.name) for one, column in zip(told, words, strict=True)),
            )
            .join(entry, entry.c.entry_no == staged.c.entry_no)
            .join(line, and_(line.c.entry_no == staged.c.entry_no, amount > 0))
            .group_by(staged.c.journal_no, line.c.fund, line.c.gl_account)
        )  # fmt: skip

    debit, credit = line.c.debit_cents, line.c.credit_cents
    both = union_all(
        side(debit, func.sum(debit), literal(0)), side(credit, literal(0), func.sum(credit))
    ).subquery()
    return select(both).order_by(
        both.c.journal_no, both.c.fund, both.c.gl_account, both.c.debit.desc()
    )


def fresh(connection: Connection, as_of: dt.date, layout: str) -> Journals | None:
    """The entries that no journal file holds yet; None when there are none."""
    by = layout.partition(" ")[0]
    key = {"entry": entry.c.entry_id, "day": entry.c.effective_date, "month": entry.c.period}[by]
    lined = select(line.c.entry_no).where(line.c.entry_no == entry.c.entry_no).exists()
    query = (
        select(entry.c.entry_no, entry.c.entry_id, key.label("journal_key"))
        .outerjoin(journaled, journaled.c.entry_no == entry.c.entry_no)
        .where(journaled.c.entry_no.is_(None), lined,
               entry.c.business_date <= as_of.isoformat())
        .order_by(entry.c.effective_date, entry.c.entry_no)
    )  # fmt: skip
    shape = pa.schema([("entry_no", INT), ("entry_id", TEXT), ("journal_key", TEXT)])
    found = fetch_table(connection, query, shape)
    if not found.num_rows:
        return None
    keys = found["journal_key"].combine_chunks()
    numbers = pc.add(pc.index_in(keys, value_set=pc.unique(keys)), 1).cast(INT)
    entries = found.drop_columns(["journal_key"]).append_column("journal_no", numbers)
    return Journals(entries.sort_by("entry_no"), layout)


def _again(connection: Connection, row: Row[Any]) -> Journals:
    query = (
        select(entry.c.entry_no, entry.c.entry_id, journaled.c.journal_no)
        .join(journaled, journaled.c.entry_no == entry.c.entry_no)
        .where(journaled.c.outbox_no == row.outbox_no)
        .order_by(entry.c.entry_no)
    )
    shape = pa.schema([("entry_no", INT), ("entry_id", TEXT), ("journal_no", INT)])
    return Journals(fetch_table(connection, query, shape), row.layout)


JOURNALS = Kind("journals", "JF", _again)


def journals_of(connection: Connection, outbox_no: int) -> Sequence[int]:
    """The numbers of a file's journals."""
    numbers = select(journaled.c.journal_no).where(journaled.c.outbox_no == outbox_no)
    return connection.scalars(numbers.distinct().order_by(journaled.c.journal_no)).all()
