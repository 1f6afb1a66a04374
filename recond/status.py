"""`recond status` and the tie-out: what came, what waits, and that the cents agree."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select

from recond.exceptions.desk import open_count
from recond.exports.proof.gather import gather, still_open
from recond.exports.proof.rows import by_account
from recond.exports.scope import Scope
from recond.model import CREDIT, ITEM, REFUNDED, RETURNED, SUSPENSE, VOIDED
from recond.money import format_cents
from recond.store import schema
from recond.store.sql import total

REFUSED_DAYS = 7  # how long a refused work list is told

receipt, decision, placement = schema.receipt, schema.decision, schema.placement
entry, line, file = schema.entry, schema.journal_line, schema.file


@dataclass(frozen=True, slots=True)
class TieOut:
    """Where the cents of receipts are. `difference` is what no bucket explains; it is 0."""

    receipts: int
    received_cents: int
    applied_cents: int
    on_account_cents: int
    suspense_cents: int
    returned_cents: int
    refunded_cents: int
    voided_cents: int
    held_receipts: int
    held_cents: int
    debit_cents: int
    credit_cents: int

    @property
    def difference_cents(self) -> int:
        """Received less everything that says where it is."""
        placed = (
            self.applied_cents
            + self.on_account_cents
            + self.suspense_cents
            + self.returned_cents
            + self.refunded_cents
            + self.voided_cents
        )
        return self.received_cents - placed

    @property
    def balanced(self) -> bool:
        """Whether every cent is explained and the journal balances."""
        return self.difference_cents == 0 and self.debit_cents == self.credit_cents


def tie_out(connection: Connection, day: dt.date | None = None) -> TieOut:
    """The tie-out of all receipts, or of those that a business day's runs posted."""
    on_day = entry.c.business_date == day.isoformat() if day else entry.c.entry_no > 0
    first = and_(decision.c.receipt_no == receipt.c.receipt_no, decision.c.version == 1)
    counted = connection.execute(
        select(func.count(), total(receipt.c.amount_cents))
        .join(decision, first)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(on_day)
    ).one()
    chosen = (
        select(decision.c.receipt_no)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(decision.c.version == 1, on_day)
    )
    sums = {
        row[0]: int(row[1])
        for row in connection.execute(
            select(placement.c.bucket, total(placement.c.cents))
            .where(placement.c.receipt_no.in_(chosen) if day else placement.c.bucket > 0)
            .group_by(placement.c.bucket)
        )
    }
    held = connection.execute(
        select(func.count(), total(receipt.c.amount_cents))
        .outerjoin(decision, decision.c.receipt_no == receipt.c.receipt_no)
        .where(decision.c.receipt_no.is_(None))
    ).one()
    journal = connection.execute(
        select(total(line.c.debit_cents), total(line.c.credit_cents))
        .join(entry, entry.c.entry_no == line.c.entry_no)
        .where(on_day)
    ).one()
    return TieOut(
        receipts=counted[0],
        received_cents=int(counted[1]),
        applied_cents=sums.get(ITEM, 0),
        on_account_cents=sums.get(CREDIT, 0),
        suspense_cents=sums.get(SUSPENSE, 0),
        returned_cents=sums.get(RETURNED, 0),
        refunded_cents=sums.get(REFUNDED, 0),
        voided_cents=sums.get(VOIDED, 0),
        held_receipts=held[0],
        held_cents=int(held[1]),
        debit_cents=int(journal[0]),
        credit_cents=int(journal[1]),
    )


@dataclass(frozen=True, slots=True)
class Status:
    """What a person in charge wants to see first."""

    business_date: dt.date
    files_today: dict[str, int]  # by state
    files_held: int
    files_waiting: int
    lists_refused: list[str]  # work lists dropped by clerks that nobody could read, and why
    open_questions: int
    oldest_question: str | None
    last_posting_at: str | None
    proof_of_cash: str  # of the day, in words
    tie_out: TieOut


def status(connection: Connection, today: dt.date) -> Status:
    """The home at a glance."""
    states = connection.execute(
        select(file.c.state, func.count())
        .where(file.c.business_date == today.isoformat())
        .group_by(file.c.state)
        .order_by(file.c.state)
    )
    held = select(func.count()).select_from(file).where(file.c.state.in_(["held", "partly_held"]))
    waiting = select(func.count()).select_from(schema.waiting)
    oldest = select(func.min(schema.exception.c.opened_date)).where(
        schema.exception.c.status != "resolved"
    )
    return Status(
        today,
        {row[0]: row[1] for row in states},
        int(connection.scalar(held) or 0),
        int(connection.scalar(waiting) or 0),
        _refused_lists(connection, today),
        open_count(connection),
        connection.scalar(oldest),
        connection.scalar(select(func.max(entry.c.posted_at)).where(entry.c.source != "snapshot")),
        _proof(connection, today),
        tie_out(connection, today),
    )


def _refused_lists(connection: Connection, today: dt.date) -> list[str]:
    """Work lists of the last days that were refused whole and did not come again: their answers
    were not carried out."""
    work, later = schema.work_file, schema.work_file.alias()
    since = (today - dt.timedelta(days=REFUSED_DAYS)).isoformat()
    again = (
        select(later.c.work_no)
        .where(later.c.name == work.c.name, later.c.work_no > work.c.work_no)
        .exists()
    )
    rows = connection.execute(
        select(work.c.name, work.c.owner, work.c.message)
        .where(
            work.c.state == "refused",
            work.c.business_date >= since,
            work.c.business_date <= today.isoformat(),
            ~again,
        )
        .order_by(work.c.work_no)
    )
    return [f"{row.name} of {row.owner}: {row.message}" for row in rows]


def _proof(connection: Connection, today: dt.date) -> str:
    """What the day's deposits differ from the bank by, and what is open of all days."""
    rows = by_account(gather(connection, Scope(today, date_from=today, date_to=today)))
    opened = still_open(connection, Scope(today))
    told = [f"difference {format_cents(sum(row.difference for row in rows))}"]
    names = {"in_transit": "in transit", "bank_error": "bank error", "missing": "missing"}
    for name, words in names.items():
        cents = sum(getattr(row, name) for row in opened)
        if cents:
            told.append(f"{words} {format_cents(cents)}")
    oldest = max((row.age_days for row in opened), default=0)
    if oldest > 0:
        told.append(f"oldest {oldest} days after it was expected")
    return ", ".join(told)


def as_dict(found: Status) -> dict[str, Any]:
    """Status as JSON shows it: amounts in decimal dollars."""
    told = asdict(found)
    sums = told.pop("tie_out")
    sums["difference_cents"] = found.tie_out.difference_cents
    shown = {
        name.removesuffix("_cents") if name.endswith("_cents") else name: (
            format_cents(value) if name.endswith("_cents") else value
        )
        for name, value in sums.items()
    }
    return {**told, "tie_out": shown}
