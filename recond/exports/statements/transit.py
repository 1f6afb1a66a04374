"""Deposits: what should reach the bank, and what of it was on the way at the month's end.

The clearing accounts of the ledger are proved to be that list (domain section 2.7): deposits less
what the bank brought, receipts that no deposit holds yet, and what returned and withheld.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Select, String, case, cast, func, literal, null, select

from recond import periods
from recond.exports.bank import CHANNELS, clearing_period
from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.exports.statements.cash import SAME
from recond.model import RETURNED, VOIDED
from recond.store import schema
from recond.store.sql import total

entry, journal, receipt = schema.entry, schema.journal_line, schema.receipt
decision, placement = schema.decision, schema.placement
deposit, clearing = schema.deposit, schema.clearing
TEXT, INT, DATE = pa.string(), pa.int64(), pa.date32()

NOT_DEPOSITED, KEPT = "not deposited", "kept or returned"
BACK = ("return", "redeposit")  # what the bank takes, and brings again
SHAPE = {
    "channel": TEXT, "deposit_id": TEXT, "kind": TEXT, "business_date": DATE,
    "expected_date": DATE, "reference": TEXT, "amount_cents": INT, "credited_cents": INT,
    "in_transit_cents": INT,
}  # fmt: skip


def before(month: Month) -> Month:
    """The month before, read from the same books."""
    name = periods.month_before(month.month)
    return dataclasses.replace(
        month, month=name, first=periods.first_day(name), last=periods.last_day(name)
    )


def credited(month: Month) -> Any:
    """A subquery of `deposit_no` and `cents`: what lines brought by the month's end."""
    return (
        select(clearing.c.deposit_no, total(clearing.c.cents).label("cents"))
        .outerjoin(entry, entry.c.entry_no == clearing.c.entry_no)
        .where(clearing.c.deposit_no.is_not(None), clearing_period() <= month.month)
        .group_by(clearing.c.deposit_no)
        .subquery()
    )


def withdrawn(month: Month) -> Any:
    """A subquery of `deposit_no` and `cents` (negative): what later withdrawals take off it."""
    taken = schema.deposit.alias()
    return (
        select(taken.c.withdraws_no.label("deposit_no"), total(taken.c.amount_cents).label("cents"))
        .where(taken.c.withdraws_no.is_not(None), taken.c.period <= month.month)
        .group_by(taken.c.withdraws_no)
        .subquery()
    )


def _rests(month: Month) -> Select[Any]:
    """Deposits whose money is not, or not all, or too much in the bank at the month's end."""
    brought, less = credited(month), withdrawn(month)
    amount = deposit.c.amount_cents + func.coalesce(less.c.cents, 0)
    came = func.coalesce(brought.c.cents, 0)
    return (
        select(
            deposit.c.channel, deposit.c.deposit_id, deposit.c.kind, deposit.c.business_date,
            deposit.c.expected_date, deposit.c.reference, amount.label("amount_cents"),
            came.label("credited_cents"), (amount - came).label("in_transit_cents"),
        )
        .outerjoin(brought, brought.c.deposit_no == deposit.c.deposit_no)
        .outerjoin(less, less.c.deposit_no == deposit.c.deposit_no)
        .where(deposit.c.withdraws_no.is_(None), deposit.c.period <= month.month, amount != came)
    )  # fmt: skip


def _not_deposited(month: Month) -> Select[Any]:
    """Receipts of the books by channel and day, less what deposits of that day hold."""
    counted = func.coalesce(receipt.c.deposit_date, receipt.c.received_date)
    day = case((receipt.c.channel == "CASHIER", receipt.c.received_date), else_=counted)
    posted = (
        select(receipt.c.channel, day.label("day"), placement.c.cents)
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(placement.c.bucket != VOIDED, receipt.c.channel != "BANK",
               entry.c.period <= month.month)
    )  # fmt: skip
    held = select(
        deposit.c.channel, deposit.c.business_date, (-deposit.c.receipts_cents).label("cents")
    ).where(deposit.c.period <= month.month, deposit.c.receipts_cents != 0)
    both = posted.union_all(held).subquery()
    left = total(both.c.cents)
    query = select(both.c.channel, both.c.day, left.label("cents"))
    return query.group_by(both.c.channel, both.c.day).having(func.sum(both.c.cents) != 0)


def _kept(month: Month) -> Select[Any]:
    """What card processors kept of their batches, and what was returned, where the other half of
    it is not in the books: refunds and chargebacks whose sale is not taken back yet."""
    amount = case((deposit.c.kind == "card", -deposit.c.aside_cents), else_=-deposit.c.amount_cents)
    kept = select(deposit.c.channel, amount.label("cents")).where(
        deposit.c.kind.in_(["card", *BACK]), deposit.c.period <= month.month
    )
    taken = (
        select(receipt.c.channel, (-placement.c.cents).label("cents"))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(placement.c.bucket == RETURNED, receipt.c.channel != "BANK",
               entry.c.period <= month.month)
    )  # fmt: skip
    both = kept.union_all(taken).subquery()
    left = total(both.c.cents)
    query = select(both.c.channel, left.label("cents")).group_by(both.c.channel)
    return query.having(func.sum(both.c.cents) != 0)


def on_the_way(month: Month) -> pa.Table:
    """Everything that the clearing accounts hold at the month's end (SHAPE): deposits, then
    receipts that no deposit holds, then what was kept or returned."""
    text = cast(null(), String)
    left = _not_deposited(month).subquery()
    kept = _kept(month).subquery()
    receipts = select(
        left.c.channel, text.label("deposit_id"), literal(NOT_DEPOSITED).label("kind"),
        left.c.day.label("business_date"), text.label("expected_date"), text.label("reference"),
        left.c.cents.label("amount_cents"), literal(0).label("credited_cents"),
        left.c.cents.label("in_transit_cents"),
    ).order_by(left.c.day, left.c.channel)  # fmt: skip
    withheld = select(
        kept.c.channel, text.label("deposit_id"), literal(KEPT).label("kind"),
        text.label("business_date"), text.label("expected_date"), text.label("reference"),
        kept.c.cents.label("amount_cents"), literal(0).label("credited_cents"),
        kept.c.cents.label("in_transit_cents"),
    ).order_by(kept.c.channel)  # fmt: skip
    rests = _rests(month).order_by(deposit.c.business_date, deposit.c.deposit_no)
    return pa.concat_tables([month.rows(query, SHAPE) for query in (rests, receipts, withheld)])


def _word(channel: str) -> str:
    return CHANNELS.get(channel, channel.lower())


def in_transit(month: Month) -> Statement:
    """Deposits in transit at the month's end with their age in days, and what else the clearing
    accounts hold; each account ties to the ledger."""
    table = on_the_way(month)
    accounts = {name: gl for name, gl in month.chart.clearing if gl != month.chart.bank}
    sums: dict[str, int] = dict.fromkeys(accounts.values(), 0)
    channels = table["channel"].to_pylist()
    for channel, cents in zip(channels, table["in_transit_cents"].to_pylist(), strict=True):
        if channel in accounts:
            sums[accounts[channel]] += cents
    ties = tuple(
        Tie(f"in transit = clearing account {gl} in the ledger", cents,
            month.gl(gl, fund=month.chart.pool_fund))
        for gl, cents in sorted(sums.items())
    )  # fmt: skip
    days = pc.days_between(table["business_date"], pa.scalar(month.last)).cast(INT)
    words = pa.array([_word(channel) for channel in channels], TEXT)
    table = table.set_column(0, "channel", words).append_column("age_days", days)
    amount = summed(table, "in_transit_cents")
    return Statement("Deposits in transit", shown(table), ties, amount)


def register(month: Month) -> Statement:
    """Deposits of the month: what they are made of, and what of each was in the bank by its end.
    Fees tie to the ledger, over and short of bags to the drawers."""
    brought = credited(month)
    over = (
        deposit.c.amount_cents - deposit.c.receipts_cents - deposit.c.aside_cents
        - deposit.c.fee_cents
    )  # fmt: skip
    came = func.coalesce(brought.c.cents, 0)
    query = (
        select(
            deposit.c.deposit_id, deposit.c.kind, deposit.c.channel, deposit.c.business_date,
            deposit.c.expected_date, deposit.c.reference,
            deposit.c.receipts_cents, deposit.c.aside_cents.label("withheld_cents"),
            deposit.c.fee_cents.label("fees_cents"), over.label("over_short_cents"),
            deposit.c.amount_cents, came.label("credited_cents"),
        )
        .outerjoin(brought, brought.c.deposit_no == deposit.c.deposit_no)
        .where(deposit.c.period == month.month, deposit.c.kind.not_in(BACK))
        .order_by(deposit.c.business_date, deposit.c.deposit_no)
    )  # fmt: skip
    money = ("receipts", "withheld", "fees", "over_short", "amount", "credited")
    shape = {"deposit_id": TEXT, "kind": TEXT, "channel": TEXT, "business_date": DATE,
             "expected_date": DATE, "reference": TEXT,
             **{f"{name}_cents": INT for name in money}}  # fmt: skip
    table = month.rows(query, shape)
    words = pa.array([_word(channel) for channel in table["channel"].to_pylist()], TEXT)
    table = table.set_column(2, "channel", words)
    ties = (
        Tie("deposits = receipts, what was withheld, fees, over and short",
            sum(summed(table, f"{name}_cents") for name in money[:4]),
            summed(table, "amount_cents")),
        Tie("fees of deposits = expense in the ledger by the same entries",
            -summed(table, "fees_cents"),
            booked(month, month.chart.fees, month.chart.convenience_fees)),
        Tie("over and short of bags = the ledger by the same entries",
            -summed(table, "over_short_cents"),
            booked(month, month.chart.cash_over, month.chart.cash_short)),
    )  # fmt: skip
    return Statement("Deposit register", shown(table), ties, summed(table, "amount_cents"))


def booked(month: Month, *accounts: str) -> int:
    """Debits less credits of accounts by the month's entries about deposits."""
    return month.number(
        select(total(journal.c.debit_cents) - total(journal.c.credit_cents))
        .join(entry, entry.c.entry_no == journal.c.entry_no)
        .where(entry.c.source == "deposit", entry.c.period == month.month,
               journal.c.gl_account.in_(accounts))
    )  # fmt: skip
