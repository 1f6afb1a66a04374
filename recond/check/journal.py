"""Invariants of the journal: it balances, is what placements make, and ties to items (I2, I8)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import and_, func, select

from recond import posting
from recond.adjusting import ADJUSTED
from recond.check import bank
from recond.check.books import MAX_ROWS, Books, Broken
from recond.model import BUCKETS, CREDIT, SUSPENSE
from recond.posting import ARRIVAL, MOVEMENTS
from recond.receivables.containment import pending_sums
from recond.store import schema
from recond.store.engine import fetch_arrow
from recond.store.sql import total

receipt, decision, placement = schema.receipt, schema.decision, schema.placement
entry, line, item = schema.entry, schema.journal_line, schema.item
balance = schema.item_balance
CHUNK = 200_000  # entries that are derived again at once


def unbalanced(books: Books) -> list[Broken]:
    """Entries that do not balance inside a fund (and so in total)."""
    return books.rows(
        select(
            line.c.entry_no,
            line.c.fund,
            total(line.c.debit_cents).label("debit"),
            total(line.c.credit_cents).label("credit"),
        )
        .group_by(line.c.entry_no, line.c.fund)
        .having(func.sum(line.c.debit_cents) != func.sum(line.c.credit_cents))
    )


def journal_differs(books: Books) -> list[Broken]:
    """Entries whose journal lines are not what their placements make."""
    broken: list[Broken] = []
    last = books.number(select(func.max(entry.c.entry_no)))
    for first in range(1, last + 1, CHUNK):
        if len(broken) >= MAX_ROWS:
            break
        broken += _differing_entries(books, first, first + CHUNK - 1)
    return broken[:MAX_ROWS]


def _differing_entries(books: Books, first: int, last: int) -> list[Broken]:
    moved = _movements(books, first, last)
    changed = fetch_arrow(
        books.connection,
        select(*(schema.adjustment.c[name] for name in ADJUSTED.names)).where(
            schema.adjustment.c.entry_no.between(first, last)
        ),
        ADJUSTED,
    )
    legs = pa.concat_tables(
        [posting.movement_legs(moved, books.chart), posting.adjustment_legs(changed, books.chart)]
    )
    made = legs.group_by(["entry_no", "fund", "gl_account"]).aggregate([("cents", "sum")])
    stored = fetch_arrow(
        books.connection,
        select(
            line.c.entry_no,
            line.c.fund,
            line.c.gl_account,
            (line.c.credit_cents - line.c.debit_cents).label("cents_sum"),
        )
        .join(entry, entry.c.entry_no == line.c.entry_no)
        .where(
            entry.c.entry_no.between(first, last),
            entry.c.source.not_in(("snapshot", *bank.SOURCES)),
        )
        .where(entry.c.entry_id.not_like("%-contra")),
        made.schema,
    )
    both = pa.concat_tables([made.select(stored.column_names), stored])
    sums = both.group_by(["entry_no", "fund", "gl_account"]).aggregate([("cents_sum", "sum")])
    wrong = sums.filter(pc.not_equal(sums["cents_sum_sum"], 0))
    return list(wrong.sort_by("entry_no").slice(0, MAX_ROWS).to_pylist())


def _movements(books: Books, first: int, last: int) -> pa.Table:
    """MOVEMENTS of entries, derived from the placements and the receipts that arrived."""
    same = and_(
        decision.c.receipt_no == placement.c.receipt_no,
        decision.c.version == placement.c.version,
    )
    moved = (
        select(
            decision.c.entry_no,
            receipt.c.channel,
            placement.c.bucket,
            placement.c.charge_type,
            placement.c.fund,
            total(placement.c.cents).label("cents"),
        )
        .join_from(placement, decision, same)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(decision.c.entry_no.between(first, last))
        .group_by(
            decision.c.entry_no,
            receipt.c.channel,
            placement.c.bucket,
            placement.c.charge_type,
            placement.c.fund,
        )
    )
    arrived = (
        select(decision.c.entry_no, receipt.c.channel, total(receipt.c.amount_cents).label("cents"))
        .join_from(decision, receipt, receipt.c.receipt_no == decision.c.receipt_no)
        .where(decision.c.version == 1, decision.c.entry_no.between(first, last))
        .group_by(decision.c.entry_no, receipt.c.channel)
    )
    small = pa.schema([MOVEMENTS.field(name) for name in ("entry_no", "channel", "cents")])
    arrivals = fetch_arrow(books.connection, arrived, small)
    count = arrivals.num_rows
    arrivals = pa.table(
        {
            "entry_no": arrivals["entry_no"],
            "channel": arrivals["channel"],
            "bucket": pa.repeat(pa.scalar(ARRIVAL, pa.int32()), count),
            "charge_type": pa.nulls(count, pa.string()),
            "fund": pa.nulls(count, pa.string()),
            "cents": arrivals["cents"],
        },
        schema=MOVEMENTS,
    )
    return pa.concat_tables([fetch_arrow(books.connection, moved, MOVEMENTS), arrivals])


def _bucket(books: Books, bucket: int) -> int:
    return books.number(select(total(placement.c.cents)).where(placement.c.bucket == bucket))


def _differs(books: Books, bucket: int, gl_account: str) -> list[Broken]:
    journal, placed = books.credit_of(gl_account), _bucket(books, bucket)
    if journal == placed:
        return []
    return [{"gl_account": gl_account, "journal": journal, BUCKETS[bucket]: placed}]


def suspense_differs(books: Books) -> list[Broken]:
    return _differs(books, SUSPENSE, books.chart.suspense)


def credit_differs(books: Books) -> list[Broken]:
    return _differs(books, CREDIT, books.chart.customer_credit)


def unasked(books: Books) -> list[Broken]:
    """Receipts with money in suspense and no open question. A bank credit without a deposit may
    be acknowledged: then its question was asked, and its money waits for its deposit."""
    asked = (
        select(schema.exception.c.receipt_no)
        .where(
            schema.exception.c.receipt_no == placement.c.receipt_no,
            (schema.exception.c.status != "resolved") | (schema.exception.c.scope == "BANK"),
        )
        .exists()
    )
    return books.rows(
        select(placement.c.receipt_no, total(placement.c.cents).label("suspense"))
        .where(placement.c.bucket == SUSPENSE, ~asked)
        .group_by(placement.c.receipt_no)
        .having(func.sum(placement.c.cents) != 0)
    )


def receivables_differ(books: Books) -> list[Broken]:
    """Funds whose receivables in the journal are not the sum of their effective open items."""
    own = {books.chart.receivables, *(account for _, account in books.chart.receivables_of)}
    rows = books.connection.execute(
        select(line.c.fund, total(line.c.debit_cents) - total(line.c.credit_cents))
        .where(line.c.gl_account.in_(sorted(own)))
        .group_by(line.c.fund)
    )
    booked = {row[0]: int(row[1]) for row in rows}
    rows = books.connection.execute(
        select(item.c.fund, total(balance.c.open_cents))
        .select_from(schema.item_and_balance)
        .group_by(item.c.fund)
    )
    owed = {row[0]: int(row[1]) for row in rows}
    return [
        {"fund": fund, "journal": booked.get(fund, 0), "open_items": owed.get(fund, 0)}
        for fund in sorted(booked | owed)
        if booked.get(fund, 0) != owed.get(fund, 0)
    ]


def balances_differ(books: Books) -> list[Broken]:
    """Items without a balance, and balances without an item."""
    return [
        *books.rows(
            select(item.c.item_key, item.c.item_number)
            .outerjoin(balance, balance.c.item_key == item.c.item_key)
            .where(balance.c.item_key.is_(None))
        ),
        *books.rows(
            select(balance.c.item_key, balance.c.open_cents)
            .outerjoin(item, item.c.item_key == balance.c.item_key)
            .where(item.c.item_key.is_(None))
        ),
    ]


def pending_differs(books: Books) -> list[Broken]:
    """Items whose pending amount is not what was posted on them and is in no snapshot yet."""
    applied = pending_sums(books.connection).subquery()
    total = func.coalesce(applied.c.cents, 0)
    return books.rows(
        select(item.c.item_key, item.c.item_number, balance.c.pending_cents, total.label("applied"))
        .select_from(schema.item_and_balance)
        .outerjoin(applied, applied.c.item_key == item.c.item_key)
        .where(balance.c.pending_cents != total)
    )


def dated_into_closed(books: Books) -> list[Broken]:
    """Entries made after a month was closed and dated into it."""
    change = schema.period_change
    last = (
        select(change.c.closed_through, change.c.last_entry)
        .order_by(change.c.change_no.desc())
        .limit(1)
        .subquery()
    )
    return books.rows(
        select(entry.c.entry_id, entry.c.period).where(
            entry.c.period <= last.c.closed_through, entry.c.entry_no > last.c.last_entry
        )
    )
