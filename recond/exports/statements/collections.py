"""What an agency collects: placed, paid here, recalled, collected, and what it kept (domain
examples E45 and E46)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from sqlalchemy import Select, and_, case, literal, select

from recond.adjusting import COMMISSION, RECOVERED
from recond.exports.collections import PAID, PLACE, RECALL, by_agency, was_rejected
from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.store import schema
from recond.store.sql import total

told, outbox, changed = schema.agency_line, schema.outbox, schema.adjustment
decision, entry, journal = schema.decision, schema.entry, schema.journal_line
item, account = schema.item, schema.account
TEXT, INT = pa.string(), pa.int64()
NAMES = {PLACE: "placed", PAID: "paid_here", RECALL: "recalled"}
MONEY = ("opening", "placed", "paid_here", "recalled", "collected", "closing", "commission")


def collections(month: Month) -> Statement:
    """Every debt that an agency has or had in the month. What it was told ties to the files that
    told it, what it kept to the ledger."""
    sums: dict[int, dict[str, int]] = {}
    for query in _queries(month):
        for key, name, cents in month.connection.execute(query):
            one = sums.setdefault(key, dict.fromkeys(MONEY, 0))
            one[name] += int(cents)
    rows = []
    facts = _facts(month, sorted(sums))
    for key, one in sums.items():
        one["closing"] += sum(one[name] for name in MONEY[:5])
        if any(one.values()):
            rows.append(facts[key] | {f"{name}_cents": cents for name, cents in one.items()})
    rows.sort(key=lambda row: (row["account_number"], row["item_number"]))
    table = pa.Table.from_pylist(rows, schema=_SHAPE)
    moved = sum(summed(table, f"{name}_cents") for name in NAMES.values())
    ties = (
        Tie("placed, paid here and recalled = files for the agency, less what it rejected", moved,
            _files(month)),
        Tie("kept by the agency = its commission in the ledger", summed(table, "commission_cents"),
            _ledger(month)),
    )  # fmt: skip
    return Statement("Debts with an agency", shown(table), ties, summed(table, "closing_cents"))


_SHAPE = pa.schema(
    [(name, TEXT) for name in ("account_number", "item_number", "charge_type", "fund", "status")]
    + [(f"{name}_cents", INT) for name in MONEY]
)


def _queries(month: Month) -> Iterator[Select[Any]]:
    """Debt, column and cents of all that changes what the agency has."""
    first, last = month.first.isoformat(), month.last.isoformat()
    before = outbox.c.business_date < first
    kinds = case(*((told.c.kind == kind, literal(name)) for kind, name in NAMES.items()))
    yield (
        select(told.c.item_key, case((before, literal("opening")), else_=kinds), told.c.cents)
        .join(outbox, outbox.c.outbox_no == told.c.outbox_no)
        .where(outbox.c.business_date <= last, ~was_rejected(last))
    )
    earlier = entry.c.period < month.month
    yield (
        select(changed.c.item_key, case((earlier, literal("opening")), else_=literal("collected")),
               -changed.c.cents)
        .join(entry, entry.c.entry_no == changed.c.entry_no)
        .outerjoin(decision, and_(decision.c.receipt_no == changed.c.receipt_no,
                                  decision.c.version == changed.c.version))
        .where(changed.c.kind == RECOVERED, by_agency(), entry.c.period <= month.month)
    )  # fmt: skip
    yield (
        select(changed.c.item_key, literal("commission"), -changed.c.cents)
        .join(entry, entry.c.entry_no == changed.c.entry_no)
        .where(changed.c.kind == COMMISSION, entry.c.period == month.month)
    )


def _facts(month: Month, keys: list[int]) -> dict[int, dict[str, str]]:
    rows = month.connection.execute(
        select(item.c.item_key, account.c.account_number, item.c.item_number, item.c.charge_type,
               item.c.fund, account.c.status)
        .join(account, account.c.account_key == item.c.account_key)
        .where(item.c.item_key.in_(keys))
    )  # fmt: skip
    return {row[0]: dict(zip(_SHAPE.names[:5], row[1:], strict=True)) for row in rows}


def _files(month: Month) -> int:
    """The totals of the month's files, less their lines that the agency rejected."""
    here = and_(outbox.c.kind == "collections",
                outbox.c.business_date >= month.first.isoformat(),
                outbox.c.business_date <= month.last.isoformat())  # fmt: skip
    rejected = month.number(
        select(total(told.c.cents))
        .join(outbox, outbox.c.outbox_no == told.c.outbox_no)
        .where(here, was_rejected(month.last.isoformat()))
    )
    return month.number(select(total(outbox.c.total_cents)).where(here)) - rejected


def _ledger(month: Month) -> int:
    """Debits less credits of the month on the account of commissions, by entries of adjustments."""
    own = select(changed.c.entry_no).where(changed.c.kind == COMMISSION)
    accounts = select(changed.c.gl_account).where(changed.c.kind == COMMISSION)
    return month.number(
        select(total(journal.c.debit_cents) - total(journal.c.credit_cents))
        .join(entry, entry.c.entry_no == journal.c.entry_no)
        .where(entry.c.period == month.month, journal.c.entry_no.in_(own),
               journal.c.gl_account.in_(accounts))
    )  # fmt: skip
