"""What filers filed, paid and still owe a word about (domain examples E49 and E51)."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import select

from recond.adjusting import ASSESSED
from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.exports.statements.receivables import item_balances
from recond.receivables import filings
from recond.store import schema
from recond.store.sql import total

changed, entry, journal = schema.adjustment, schema.entry, schema.journal_line
TEXT, INT, DATE = pa.string(), pa.int64(), pa.date32()


def filings_due(month: Month) -> Statement:
    """Every month of a filer that was due in the month, and those for which money came without a
    bill in it: what was filed and is open, what was assessed by payment, what is missing. What
    the month's entries assessed ties to the billing contra in the ledger."""
    booked = _assessed_now(month)
    after = month.calendar.bank_day(month.last, 1)
    found = {
        (one.filer.rule.name, one.filer.account_key, one.period): one
        for one in filings.expected(
            month.connection, month.filing, month.calendar, month.month, after
        )
        if month.first <= one.due <= month.last
    }
    known = filings.filed(month.connection, month.filing, month.calendar, month.month)
    found |= {key: one for key, one in known.items() if (key[1], key[2]) in booked}
    rows: list[dict[str, Any]] = []
    for one in sorted(found.values(), key=lambda one: (one.due, one.subject)):
        now = booked.pop((one.filer.account_key, one.period), 0)
        rows.append({
            "filing": one.filer.rule.name, "account_number": one.filer.account_number,
            "period": one.period, "due_date": one.due, "bills": one.bills,
            "filed_cents": one.filed_cents, "open_cents": one.open_cents,
            "self_assessed_cents": one.assessed_cents, "assessed_this_month_cents": now,
            "on_account_cents": one.credit_cents, "state": one.state,
        })  # fmt: skip
    zero = dict.fromkeys(["bills", *(name for name in _SHAPE.names if name.endswith("_cents"))], 0)
    for (key, period), cents in sorted(booked.items()):  # of rules that are gone
        told = {"filing": "", "account_number": _number(month, key), "period": period, "state": ""}
        rows.append(zero | told | {"assessed_this_month_cents": cents})
    table = pa.Table.from_pylist(rows, schema=_SHAPE)
    assessed = summed(table, "assessed_this_month_cents")
    others = sum(one.open_cents for key, one in known.items() if key not in found)
    ties = (
        Tie("assessed by payment = billing contra in the ledger by the same entries", assessed,
            _contra(month)),
        Tie("open of these and of other months = open bills of filers",
            summed(table, "open_cents") + others, _open_bills(month)),
    )  # fmt: skip
    return Statement("Filings and remittances", shown(table), ties, assessed)


_SHAPE = pa.schema(
    [("filing", TEXT), ("account_number", TEXT), ("period", TEXT), ("due_date", DATE),
     ("bills", INT), ("filed_cents", INT), ("open_cents", INT), ("self_assessed_cents", INT),
     ("assessed_this_month_cents", INT), ("on_account_cents", INT), ("state", TEXT)]
)  # fmt: skip


def _assessed_now(month: Month) -> dict[tuple[int, str], int]:
    """What the month's entries assessed, by account and the month that it is for."""
    item = schema.item.c
    rows = month.connection.execute(
        select(item.account_key, item.period, total(changed.c.cents))
        .join(schema.item, item.item_key == changed.c.item_key)
        .join(entry, entry.c.entry_no == changed.c.entry_no)
        .where(changed.c.kind == ASSESSED, entry.c.period == month.month)
        .group_by(item.account_key, item.period)
        .order_by(item.account_key, item.period)
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def _number(month: Month, account_key: int) -> str:
    account = schema.account.c
    wanted = select(account.account_number).where(account.account_key == account_key)
    return str(month.connection.scalar(wanted))


def _open_bills(month: Month) -> int:
    """What bills of filers that name a month owe, as the roll-forward knows items."""
    owed = item_balances(month).subquery()
    return sum(
        month.number(
            select(total(owed.c.cents)).where(
                owed.c.item_key.in_(select(filings.bills(rule).subquery().c.item_key))
            )
        )
        for rule in month.filing
    )


def _contra(month: Month) -> int:
    """Credits less debits of the billing contra by the month's entries that assess. Snapshots and
    what they clip have entries of their own."""
    own = select(changed.c.entry_no).where(changed.c.kind == ASSESSED)
    return month.number(
        select(total(journal.c.credit_cents) - total(journal.c.debit_cents))
        .join(entry, entry.c.entry_no == journal.c.entry_no)
        .where(entry.c.period == month.month, journal.c.entry_no.in_(own),
               journal.c.gl_account == month.chart.billing_contra)
    )  # fmt: skip
