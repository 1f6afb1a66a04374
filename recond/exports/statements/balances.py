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
from recond.exports.unclaimed import CAME_BACK, Clock, Letter, clock, last_heard, letters
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
    table = found.add_column(0, "receipt_id", ids)
    return table.append_column("age_days", days)


def _credits(month: Month) -> pa.Table:
    rows = _standing(month, CREDIT).subquery()
    query = (
        select(rows.c.receipt_no, rows.c.account_key, account.c.account_number,
               account.c.customer_name, account.c.status, receipt.c.received_date,
               rows.c.amount_cents)
        .join(receipt, receipt.c.receipt_no == rows.c.receipt_no)
        .join(account, account.c.account_key == rows.c.account_key)
        .order_by(account.c.account_number, receipt.c.received_date, rows.c.receipt_no)
    )  # fmt: skip
    shape = {"receipt_no": INT, "account_key": INT, "account_number": TEXT,
             "customer_name": TEXT, "status": TEXT,
             "received_date": DATE, "amount_cents": INT}  # fmt: skip
    return _aged(month.rows(query, shape), month)


def _credit_tie(month: Month, listed: int, says: str) -> Tie:
    book = -month.gl(month.chart.customer_credit, fund=month.chart.pool_fund)
    return Tie(says, listed, book)


def unapplied(month: Month) -> Statement:
    """Credit on account by account and receipt, with its age in days since it was received."""
    table = _credits(month).drop_columns(["receipt_no", "account_key"])
    amount = summed(table, "amount_cents")
    tie = _credit_tie(month, amount, "credit on account = customer credit in the ledger")
    return Statement("Unapplied credit", shown(table), (tie,), amount)


def closed_with_credit(month: Month) -> Statement:
    """Credit of accounts that are closed: what payers keep sending after they have left."""
    table = _credits(month).drop_columns(["receipt_no", "account_key"])
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
    table = _aged(month.rows(query, shape), month).drop_columns(["receipt_no"])
    amount = summed(table, "amount_cents")
    book = -month.gl(month.chart.suspense, fund=month.chart.pool_fund)
    tie = Tie("unidentified receipts = suspense in the ledger", amount, book)
    return Statement("Unidentified receipts", shown(table), (tie,), amount)


def unclaimed(month: Month) -> Statement:
    """Credit whose owner was not heard of for the years after which it counts as abandoned, with
    the report that it belongs to, the letter to its owner and what is to be done (domain E52)."""
    table = _credits(month)
    written = letters(month.connection, month.last)
    rows = []
    columns = (table[name].to_pylist() for name in ("receipt_no", "account_key", "received_date"))
    for number, key, received in zip(*columns, strict=True):  # credit lots: a few thousand
        mine = written.get((number, key), [])
        own = clock(last_heard(received, mine), month.unclaimed)
        about = next((one for one in mine if one.report == own.report), None)
        rows.append({
            "dormant_date": own.dormant, "report_date": own.report,
            "letter_from": own.letter_from, "letter_by": own.letter_by,
            "letter_date": about and about.written,
            "came_back": "yes" if about and about.status in CAME_BACK else "no",
            "state": _to_do(month.last, own, about),
        })  # fmt: skip
    more = pa.Table.from_pylist(rows, schema=_CLOCK)
    listed = pc.less_equal(more["dormant_date"], pa.scalar(month.last))
    table = table.drop_columns(["receipt_no", "account_key"])
    for name in more.column_names:
        table = table.append_column(name, more[name])
    rest = summed(table.filter(pc.invert(listed)), "amount_cents")
    table = table.filter(listed)
    amount = summed(table, "amount_cents")
    tie = _credit_tie(month, amount + rest, "unclaimed and other credit = the ledger")
    return Statement("Unclaimed property candidates", shown(table), (tie,), amount)


_CLOCK = pa.schema(
    [("dormant_date", DATE), ("report_date", DATE), ("letter_from", DATE), ("letter_by", DATE),
     ("letter_date", DATE), ("came_back", TEXT), ("state", TEXT)]
)  # fmt: skip


def _to_do(day: dt.date, own: Clock, letter: Letter | None) -> str:
    """What a credit's clock says on a day. The report wants a letter that was in time."""
    if letter is None:
        if day < own.letter_from:
            return "dormant"
        return "letter due" if day <= own.letter_by else "letter late"
    if day < own.report:
        return "letter written"
    return "to be reported" if letter.written <= own.letter_by else "letter was late"
