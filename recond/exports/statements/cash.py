"""Money that came, and what billing was told of it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlalchemy import ColumnElement, and_, case, func, select

from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.model import CREDIT, ITEM, SUSPENSE
from recond.receivables.containment import takes_back_rejected
from recond.store import schema
from recond.store.sql import total

entry, line, receipt = schema.entry, schema.journal_line, schema.receipt
decision, placement = schema.decision, schema.placement
outbox, posted, ack = schema.outbox, schema.posted_entry, schema.acknowledgement
TEXT, INT = pa.string(), pa.int64()

SAME = and_(
    decision.c.receipt_no == placement.c.receipt_no, decision.c.version == placement.c.version
)


PLACES = ((ITEM, "applied_cents"), (CREDIT, "on_account_cents"), (SUSPENSE, "suspense_cents"))


def _first(month: Month) -> ColumnElement[bool]:
    """SQL: a decision is the first about its receipt, and of the month."""
    return and_(decision.c.version == 1, entry.c.period == month.month)


def first_placed(
    month: Month, columns: Sequence[ColumnElement[str]], *counts: ColumnElement[int]
) -> pa.Table:
    """Receipts dated in the month by some columns (text) and `counts`, with their cents where
    they were first placed, `amount_cents` in all."""
    sums = [
        total(case((placement.c.bucket == bucket, placement.c.cents), else_=0)).label(name)
        for bucket, name in PLACES
    ]
    query = (
        select(*columns, *counts, *sums, total(placement.c.cents).label("amount_cents"))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(_first(month))
        .group_by(*columns)
        .order_by(*columns)
    )
    names = [name for _, name in PLACES]
    shape = dict.fromkeys([column.name for column in columns], TEXT)
    shape |= dict.fromkeys([*(one.name for one in counts), *names, "amount_cents"], INT)
    return month.rows(query, shape)


def daily_cash(month: Month) -> Statement:
    """Receipts by day, channel, tender and fund, as they were first placed; what is not on an
    item stands in the pool fund. Ties to the clearing accounts that the money came into."""
    fund = func.coalesce(placement.c.fund, month.chart.pool_fund)
    columns = (entry.c.effective_date, receipt.c.channel, receipt.c.tender, fund.label("fund"))
    table = first_placed(month, columns)
    first = _first(month)
    amount = summed(table, "amount_cents")
    facts = month.number(
        select(total(receipt.c.amount_cents))
        .select_from(decision)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(receipt, receipt.c.receipt_no == decision.c.receipt_no)
        .where(first)
    )
    arrived = (
        select(decision.c.entry_no)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(first)
        .distinct()
    )
    accounts = [account for _, account in month.chart.clearing]
    cleared = month.number(
        select(total(line.c.debit_cents) - total(line.c.credit_cents)).where(
            line.c.gl_account.in_(accounts), line.c.entry_no.in_(arrived)
        )
    )
    ties = (
        Tie("daily cash = receipts dated in the month", amount, facts),
        Tie("daily cash = debits of the clearing accounts by the same entries", amount, cleared),
    )
    return Statement("Daily cash", shown(table), ties, amount)


def posting_files(month: Month) -> Statement:
    """Posting files of the month's business dates with what billing answered. Ties to the
    postings that they hold."""
    answers = (
        select(
            posted.c.outbox_no,
            *(
                func.sum(case((ack.c.status == status, 1), else_=0)).label(status.lower())
                for status in ("ACCEPTED", "DUPLICATE", "REJECTED")
            ),
        )
        .select_from(ack)
        .join(decision, and_(decision.c.receipt_no == ack.c.receipt_no,
                             decision.c.version == ack.c.version))
        .join(posted, posted.c.entry_no == decision.c.entry_no)
        .group_by(posted.c.outbox_no)
        .subquery()
    )  # fmt: skip
    mine = and_(
        outbox.c.kind == "postings",
        outbox.c.business_date >= month.first.isoformat(),
        outbox.c.business_date <= month.last.isoformat(),
    )
    told = ("accepted", "duplicate", "rejected")
    counts = [func.coalesce(answers.c[name], 0).label(name) for name in told]
    query = (
        select(
            outbox.c.file_id, outbox.c.business_date, outbox.c.rows, *counts,
            outbox.c.total_cents.label("amount_cents"), outbox.c.sha256,
        )
        .outerjoin(answers, answers.c.outbox_no == outbox.c.outbox_no)
        .where(mine)
        .order_by(outbox.c.outbox_no)
    )  # fmt: skip
    shape = {
        "file_id": TEXT, "business_date": TEXT, "rows": INT, "accepted": INT, "duplicate": INT,
        "rejected": INT, "amount_cents": INT, "sha256": TEXT,
    }  # fmt: skip
    table = month.rows(query, shape)
    size = 1 << schema.ORDINAL_BITS
    first = schema.file.c.file_no * size
    held = month.number(
        select(total(placement.c.cents))
        .select_from(placement)
        .join(decision, SAME)
        .join(posted, posted.c.entry_no == decision.c.entry_no)
        .join(outbox, outbox.c.outbox_no == posted.c.outbox_no)
        .join(schema.file, placement.c.receipt_no.between(first, first + (size - 1)))
        .where(mine, placement.c.bucket.in_([ITEM, CREDIT]),
               schema.file.c.posted_by == "recond",
               ~takes_back_rejected(placement.c, outbox.c.known_ack))
    )  # fmt: skip
    amount = summed(table, "amount_cents")
    tie = Tie("posting files = the postings that they hold", amount, held)
    return Statement("Posting files and their answers", shown(table), (tie,), amount)
