"""Balances at the month's end: the ledger's, and the lists that explain its liabilities."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Select, case, func, select

from recond.exports.columns import FileIds, int64s
from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.exports.statements.cash import SAME
from recond.model import CREDIT, SUSPENSE
from recond.store import schema
from recond.store.sql import total

entry, line, receipt = schema.entry, schema.journal_line, schema.receipt
decision, placement, account = schema.decision, schema.placement, schema.account
TEXT, INT, DATE = pa.string(), pa.int64(), pa.date32()


def gl_balances(month: Month) -> Statement:
    """Every GL account of every fund: opening, debits and credits of the month, closing."""
    net = line.c.debit_cents - line.c.credit_cents
    here = entry.c.period == month.month
    query = (
        select(
            line.c.fund,
            line.c.gl_account,
            total(case((here, 0), else_=net)).label("opening_cents"),
            total(case((here, line.c.debit_cents), else_=0)).label("debit_cents"),
            total(case((here, line.c.credit_cents), else_=0)).label("credit_cents"),
            total(net).label("closing_cents"),
        )
        .join(entry, entry.c.entry_no == line.c.entry_no)
        .where(entry.c.period <= month.month)
        .group_by(line.c.fund, line.c.gl_account)
        .order_by(line.c.fund, line.c.gl_account)
    )
    shape = {"fund": TEXT, "gl_account": TEXT, "opening_cents": INT, "debit_cents": INT,
             "credit_cents": INT, "closing_cents": INT}  # fmt: skip
    table = month.rows(query, shape)
    debits, credits_ = summed(table, "debit_cents"), summed(table, "credit_cents")
    funds = table.group_by("fund").aggregate([("closing_cents", "sum")])
    unbalanced = sum(abs(cents) for cents in funds["closing_cents_sum"].to_pylist())
    chart = month.chart
    pool = month.gl(chart.due_to_funds, fund=chart.pool_fund)
    ties = (
        Tie("debits = credits", debits, credits_),
        Tie("every fund sums to zero", unbalanced, 0),
        Tie("due to funds = equity of the other funds in the pool", -pool,
            month.gl(chart.equity_in_pool)),
    )  # fmt: skip
    return Statement("Ledger balances", shown(table), ties, debits)


def _standing(month: Month, bucket: int) -> Select[Any]:
    """Receipts with money in a bucket at the month's end."""
    return (
        select(
            placement.c.receipt_no,
            placement.c.account_key,
            total(placement.c.cents).label("amount_cents"),
        )
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(placement.c.bucket == bucket, entry.c.period <= month.month)
        .group_by(placement.c.receipt_no, placement.c.account_key)
        .having(func.sum(placement.c.cents) != 0)
    )


def _aged(found: pa.Table, month: Month) -> pa.Table:
    files = FileIds.load(month.connection)
    ids = files.receipts(int64s(found["receipt_no"]))
    days = pc.days_between(found["received_date"], pa.scalar(month.last)).cast(INT)
    table = found.drop_columns(["receipt_no"]).add_column(0, "receipt_id", ids)
    return table.append_column("age_days", days)


def _credits(month: Month) -> pa.Table:
    rows = _standing(month, CREDIT).subquery()
    query = (
        select(rows.c.receipt_no, account.c.account_number, account.c.customer_name,
               account.c.status, receipt.c.received_date, rows.c.amount_cents)
        .join(receipt, receipt.c.receipt_no == rows.c.receipt_no)
        .join(account, account.c.account_key == rows.c.account_key)
        .order_by(account.c.account_number, receipt.c.received_date, rows.c.receipt_no)
    )  # fmt: skip
    shape = {"receipt_no": INT, "account_number": TEXT, "customer_name": TEXT, "status": TEXT,
             "received_date": DATE, "amount_cents": INT}  # fmt: skip
    return _aged(month.rows(query, shape), month)


def _credit_tie(month: Month, listed: int, says: str) -> Tie:
    book = -month.gl(month.chart.customer_credit, fund=month.chart.pool_fund)
    return Tie(says, listed, book)


def unapplied(month: Month) -> Statement:
    """Credit on account by account and receipt, with its age in days since it was received."""
    table = _credits(month)
    amount = summed(table, "amount_cents")
    tie = _credit_tie(month, amount, "credit on account = customer credit in the ledger")
    return Statement("Unapplied credit", shown(table), (tie,), amount)


def closed_with_credit(month: Month) -> Statement:
    """Credit of accounts that are closed: what payers keep sending after they have left."""
    table = _credits(month)
    closed = table.filter(pc.equal(table["status"], "closed"))
    others = table.filter(pc.not_equal(table["status"], "closed"))
    amount = summed(closed, "amount_cents")
    tie = _credit_tie(
        month,
        amount + summed(others, "amount_cents"),
        "credit of closed and of other accounts = customer credit in the ledger",
    )
    return Statement("Closed accounts with credit", shown(closed), (tie,), amount)


def unidentified(month: Month) -> Statement:
    """Money in suspense with its age and the questions that ask about it."""
    rows = _standing(month, SUSPENSE).subquery()
    asked = schema.exception
    code = (
        select(func.min(asked.c.code))
        .where(asked.c.receipt_no == rows.c.receipt_no, asked.c.status != "resolved")
        .scalar_subquery()
    )
    query = (
        select(rows.c.receipt_no, receipt.c.channel, receipt.c.received_date,
               receipt.c.payer_name, receipt.c.reference, rows.c.amount_cents,
               code.label("exception_code"))
        .join(receipt, receipt.c.receipt_no == rows.c.receipt_no)
        .order_by(receipt.c.received_date, rows.c.receipt_no)
    )  # fmt: skip
    shape = {"receipt_no": INT, "channel": TEXT, "received_date": DATE, "payer_name": TEXT,
             "reference": TEXT, "amount_cents": INT, "exception_code": TEXT}  # fmt: skip
    table = _aged(month.rows(query, shape), month)
    amount = summed(table, "amount_cents")
    book = -month.gl(month.chart.suspense, fund=month.chart.pool_fund)
    tie = Tie("unidentified receipts = suspense in the ledger", amount, book)
    return Statement("Unidentified receipts", shown(table), (tie,), amount)


def unclaimed(month: Month) -> Statement:
    """Credit that has been payable for the years after which it counts as abandoned, on the list
    that is due for the dormancy day of its year (domain E52)."""
    table = _credits(month)
    years = month.unclaimed_years
    received = table["received_date"].to_pylist()
    dormant = [_years_later(day, years) for day in received]
    due = [day <= month.last for day in dormant]
    table = table.append_column("dormant_date", pa.array(dormant, DATE))
    listed = table.filter(pa.array(due, pa.bool_()))
    amount = summed(listed, "amount_cents")
    rest = summed(table, "amount_cents") - amount
    tie = _credit_tie(month, amount + rest, "unclaimed and other credit = the ledger")
    return Statement("Unclaimed property candidates", shown(listed), (tie,), amount)


def _years_later(day: dt.date, years: int) -> dt.date:
    """The same day years later; 29 February becomes 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return dt.date(day.year + years, 3, 1)
