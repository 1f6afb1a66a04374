"""What went back: returned items and their rates, refunds, and later decisions by person."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Select, and_, case, func, or_, select

from recond.adjusting import ASSESSED, COMMISSION
from recond.exports.adjusted import receipt_ids
from recond.exports.columns import FileIds, int64s
from recond.exports.returned import RATE_DAYS, by_code, rates
from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.exports.statements.cash import SAME
from recond.exports.statements.transit import BACK, credited
from recond.model import REFUNDED, RETURNED
from recond.store import schema
from recond.store.sql import total

entry, journal, receipt = schema.entry, schema.journal_line, schema.receipt
decision, placement, deposit = schema.decision, schema.placement, schema.deposit
item = schema.return_item
TEXT, INT, DATE = pa.string(), pa.int64(), pa.date32()


def _left(month: Month, bucket: int) -> Select[Any]:
    """Receipts that went into a bucket by the month's entries, with who decided and why."""
    return (
        select(
            placement.c.receipt_no, decision.c.entry_no, entry.c.effective_date,
            entry.c.business_date,
            entry.c.decided_by, decision.c.rule, decision.c.evidence.label("reason"),
            total(placement.c.cents).label("amount_cents"),
        )
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(placement.c.bucket == bucket, entry.c.period == month.month)
        .group_by(placement.c.receipt_no, placement.c.version, decision.c.entry_no,
                  entry.c.effective_date, entry.c.business_date,
                  entry.c.decided_by, decision.c.rule, decision.c.evidence)
        .having(func.sum(placement.c.cents) != 0)
    )  # fmt: skip


def returns(month: Month) -> Statement:
    """Payments that came back by the month's entries: the item's amount, what of it was reversed,
    and the bank's debit. What was reversed ties to the debits that are expected of the bank and
    to what card processors netted."""
    left, brought = _left(month, RETURNED).subquery(), credited(month)
    query = (
        select(
            left.c.receipt_no, receipt.c.channel, item.c.kind, item.c.code,
            receipt.c.received_date, item.c.return_date, left.c.effective_date,
            left.c.business_date, item.c.amount_cents, left.c.amount_cents.label("reversed_cents"),
            func.coalesce(-deposit.c.amount_cents, 0).label("expected_cents"),
            func.coalesce(-brought.c.cents, 0).label("debited_cents"),
        )
        .select_from(left)
        .join(receipt, receipt.c.receipt_no == left.c.receipt_no)
        .outerjoin(deposit, and_(deposit.c.entry_no == left.c.entry_no,
                                 deposit.c.kind.in_(BACK)))
        .outerjoin(item, _of_its_item(left))
        .outerjoin(brought, brought.c.deposit_no == deposit.c.deposit_no)
        .order_by(left.c.effective_date, left.c.receipt_no)
    )  # fmt: skip
    shape = {"receipt_no": INT, "channel": TEXT, "kind": TEXT, "code": TEXT,
             "received_date": DATE, "return_date": DATE, "effective_date": DATE,
             "business_date": DATE, "amount_cents": INT, "reversed_cents": INT,
             "expected_cents": INT, "debited_cents": INT}  # fmt: skip
    table = month.rows(query, shape)
    expected = month.number(
        select(-total(deposit.c.amount_cents)).where(
            deposit.c.kind.in_(BACK), deposit.c.period == month.month
        )
    )
    clearing = sorted({account for _, account in month.chart.clearing})
    entries = (
        select(decision.c.entry_no)
        .select_from(decision)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(placement, SAME)
        .where(placement.c.bucket == RETURNED, entry.c.period == month.month)
        .distinct()
    )
    book = month.number(
        select(total(journal.c.credit_cents) - total(journal.c.debit_cents)).where(
            journal.c.entry_no.in_(entries), journal.c.gl_account.in_(clearing)
        )
    )
    amount = summed(table, "reversed_cents")
    ties = (
        Tie("reversed = what returns took off the clearing accounts", amount, book),
        Tie("debits expected of the bank = its list", summed(table, "expected_cents"), expected),
    )
    return Statement("Returned items", shown(_named(month, table)), ties, amount)


def _of_its_item(left: Any) -> Any:
    """SQL: the item that a movement was made for: that of the expected debit, or, inside a card
    batch, that of the same payment, cents and day."""
    netted = and_(
        deposit.c.deposit_no.is_(None), item.c.deposit_no.is_(None),
        item.c.receipt_no == left.c.receipt_no, item.c.reversed_cents == left.c.amount_cents,
        item.c.taken_date == left.c.business_date,
    )  # fmt: skip
    return or_(item.c.deposit_no == deposit.c.deposit_no, netted)


def _named(month: Month, table: pa.Table) -> pa.Table:
    names = FileIds.load(month.connection).receipts(int64s(table["receipt_no"]))
    return table.drop_columns(["receipt_no"]).add_column(0, "receipt_id", names)


def return_rates(month: Month) -> Statement:
    """Returned debits of the office's own ACH files against its debits, of the month and of the 60
    days that end with it, by the measures that Nacha limits and by return code."""
    windows = {"month": month.first, "60 days": month.last - dt.timedelta(days=RATE_DAYS - 1)}
    parts, ties = [], []
    for name, first in windows.items():
        codes = by_code(month.connection, first, month.last)
        table = rates(month.connection, first, month.last)
        told = [
            {"measure": "code", "code": code, "first_date": first, "last_date": month.last,
             "returned": count} for code, count in codes.items()
        ]  # fmt: skip
        table = table.add_column(1, "code", pa.nulls(table.num_rows, TEXT))
        both = pa.concat_tables([table, pa.Table.from_pylist(told, schema=table.schema)])
        parts.append(both.add_column(0, "window", pa.repeat(pa.scalar(name), both.num_rows)))
        own = select(receipt.c.receipt_no).where(receipt.c.channel == "ACH_DEBIT")
        items = month.number(
            select(func.count()).where(
                item.c.kind == "RETURN", item.c.reversed_cents > 0, item.c.receipt_no.in_(own),
                item.c.return_date >= first.isoformat(),
                item.c.return_date <= month.last.isoformat(),
            )
        )  # fmt: skip
        says = f"returned debits by code = returned items of the office's debits, {name}"
        ties.append(Tie(says, sum(codes.values()), items, counts=True))
    return Statement("Return rates", pa.concat_tables(parts).combine_chunks(), tuple(ties))


def refunds(month: Month) -> Statement:
    """Refunds of the month with who decided them and why; ties to the liability."""
    left = _left(month, REFUNDED).subquery()
    query = (
        select(left.c.receipt_no, receipt.c.channel, receipt.c.tender, receipt.c.payer_name,
               receipt.c.received_date, left.c.effective_date, left.c.business_date,
               left.c.decided_by, left.c.reason, left.c.amount_cents)
        .select_from(left)
        .join(receipt, receipt.c.receipt_no == left.c.receipt_no)
        .order_by(left.c.effective_date, left.c.receipt_no)
    )  # fmt: skip
    shape = {"receipt_no": INT, "channel": TEXT, "tender": TEXT, "payer_name": TEXT,
             "received_date": DATE, "effective_date": DATE, "business_date": DATE,
             "decided_by": TEXT, "reason": TEXT, "amount_cents": INT}  # fmt: skip
    table = month.rows(query, shape)
    amount = summed(table, "amount_cents")
    book = month.number(
        select(total(journal.c.credit_cents) - total(journal.c.debit_cents))
        .join(entry, entry.c.entry_no == journal.c.entry_no)
        .where(entry.c.period == month.month,
               journal.c.gl_account == month.chart.refunds_payable)
    )  # fmt: skip
    tie = Tie("refunds = refunds payable in the ledger", amount, book)
    return Statement("Refunds", shown(_named(month, table)), (tie,), amount)


def adjustments(month: Month) -> Statement:
    """Later decisions about money by person and rule: how many, and the cents that they placed
    anew and took away; the single decisions stand in the statement of corrections."""
    plus = case((placement.c.cents > 0, placement.c.cents), else_=0)
    minus = case((placement.c.cents < 0, placement.c.cents), else_=0)
    keys = (entry.c.decided_by, decision.c.rule)
    query = (
        select(*keys, func.count(decision.c.receipt_no.distinct()).label("payments"),
               total(plus).label("placed_cents"), total(minus).label("taken_cents"))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(decision.c.version > 1, entry.c.period == month.month)
        .group_by(*keys)
        .order_by(*keys)
    )  # fmt: skip
    shape = {"decided_by": TEXT, "rule": TEXT, "payments": INT, "placed_cents": INT,
             "taken_cents": INT}  # fmt: skip
    table = month.rows(query, shape)
    placed = summed(table, "placed_cents")
    tie = Tie("placed anew = taken away", placed, -summed(table, "taken_cents"))
    return Statement("Later decisions by person", shown(table), (tie,), placed)


def write_offs(month: Month) -> Statement:
    """What was written off in the month, and what of such debt was reinstated, recovered or kept
    by agencies, by decision and item, with who decided it; ties to the allowance and to the
    expense (domain E45, E46)."""
    changed, owner = schema.adjustment, schema.item
    own = and_(changed.c.charge_type.not_in(month.chart.deposits), changed.c.kind != ASSESSED)
    query = (
        select(changed.c.kind, changed.c.decision_id, entry.c.effective_date, entry.c.decided_by,
               schema.account.c.account_number, owner.c.item_number, changed.c.charge_type,
               changed.c.fund, changed.c.gl_account, schema.decision_made.c.note,
               changed.c.receipt_no, (-changed.c.cents).label("amount_cents"))
        .join(entry, entry.c.entry_no == changed.c.entry_no)
        .join(owner, owner.c.item_key == changed.c.item_key)
        .outerjoin(schema.decision_made,
                   schema.decision_made.c.decision_id == changed.c.decision_id)
        .join(schema.account, schema.account.c.account_key == owner.c.account_key)
        .where(entry.c.period == month.month, own)
        .order_by(changed.c.entry_no, changed.c.line)
    )  # fmt: skip
    names = ("kind", "decision_id", "effective_date", "decided_by", "account_number",
             "item_number", "charge_type", "fund", "gl_account", "note")  # fmt: skip
    shape = {**dict.fromkeys(names, TEXT), "effective_date": DATE, "receipt_no": INT,
             "amount_cents": INT}  # fmt: skip
    table = month.rows(query, shape)
    kept = table.filter(pc.equal(table["kind"], COMMISSION))
    amount = summed(table, "amount_cents") - summed(kept, "amount_cents")
    fee = changed.c.kind == COMMISSION
    ties = (
        Tie("written off less recovered = the allowance in the ledger", amount,
            _debits(month, own & ~fee)),
        Tie("kept by agencies = their commission in the ledger", summed(kept, "amount_cents"),
            _debits(month, own & fee)),
    )  # fmt: skip
    files = FileIds.load(month.connection)
    named = receipt_ids(files, table["receipt_no"].combine_chunks())
    table = table.set_column(table.schema.get_field_index("receipt_no"), "receipt_id", named)
    return Statement("Write-offs and recoveries", shown(table), ties, amount)


def _debits(month: Month, chosen: Any) -> int:
    """Debits less credits in the month of the GL accounts that chosen adjustments name, in every
    fund, by the entries that hold adjustments."""
    changed = schema.adjustment.c
    return month.number(
        select(total(journal.c.debit_cents) - total(journal.c.credit_cents))
        .join(entry, entry.c.entry_no == journal.c.entry_no)
        .where(
            entry.c.period == month.month,
            journal.c.entry_no.in_(select(changed.entry_no)),
            journal.c.gl_account.in_(select(changed.gl_account).where(chosen)),
        )
    )
