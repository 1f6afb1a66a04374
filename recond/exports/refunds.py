"""Refunds for accounts payable (domain E47): what was decided and approved here and is not asked
for yet. AP pays; a refund is confirmed only by its answer.

What AP owes a payer is the sum of the receipt's cents in the bucket *refunded*; what it was asked
for is the sum of the lines that it did not reject. The difference is the next line: REFUND, or
STOP where a refund was taken back here. A payment that came back tells AP nothing by itself: the
question RETURN_AFTER_REFUND asks a person.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, insert, select

from recond import ids
from recond.exports.outbox import Head, Sums, few_lines
from recond.model import REFUNDED, RETURNED
from recond.posting import Chart
from recond.store import schema
from recond.store.sql import total

COLUMNS = (
    "refund_id", "type", "amount", "payee_name", "mailing_address", "account_number", "receipt_id",
    "received_date", "tender", "check_number", "gl_date", "fund", "gl_account", "requested_by",
    "approved_by", "reason", "stops_refund_id",
)  # fmt: skip
placement, decision, entry = schema.placement, schema.decision, schema.entry
sent, answer, made = schema.refund_line, schema.file_answer, schema.decision_made


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a receipt, the last of its versions that the line knows of, and the cents."""

    receipt_no: int
    version: int
    refund_id: str
    cents: int


@dataclass(frozen=True, slots=True)
class Refunds:
    """The lines of a file, in order."""

    found: Sequence[Line]
    chart: Chart
    columns: tuple[str, ...] = COLUMNS

    def names(self) -> list[str]:
        """The ids of the lines with their cents."""
        return [f"{line.refund_id} {line.cents}" for line in self.found]

    def lines(self, connection: Connection, _head: Head, sums: Sums) -> Iterator[bytes]:
        """A line a receipt; refunds are decided by people, so they are few."""
        rows = [_row(connection, line, self.chart) for line in self.found]
        yield from few_lines(rows, COLUMNS, sums)

    def remember(self, connection: Connection, number: int) -> None:
        """One row a line."""
        rows = [
            {"receipt_no": line.receipt_no, "version": line.version, "outbox_no": number,
             "cents": line.cents}
            for line in self.found
        ]  # fmt: skip
        connection.execute(insert(sent), rows)


def again(connection: Connection, row: Row[Any], chart: Chart) -> Refunds:
    """The lines of a file that is written already."""
    found = connection.execute(
        select(sent).where(sent.c.outbox_no == row.outbox_no).order_by(sent.c.receipt_no)
    ).all()
    return Refunds(_lines(connection, [(r.receipt_no, r.version, r.cents) for r in found]), chart)


def fresh(connection: Connection, as_of: dt.date, chart: Chart) -> Refunds | None:
    """What AP was not asked for yet; None when that is nothing."""
    asked = {row.receipt_no: row for row in connection.execute(_asked())}
    found = []
    for row in connection.execute(_standing(as_of)):
        before = asked.get(row.receipt_no)
        was = max(int(before.cents), 0) if before else 0
        # what came back of what AP was asked for is the question RETURN_AFTER_REFUND's
        cents = max(int(row.cents), 0) + min(int(row.back), was) - was
        if cents and not (before is not None and before.version >= row.version):
            found.append((row.receipt_no, row.version, cents))
    return Refunds(_lines(connection, found), chart) if found else None


def handed_on(connection: Connection, receipt_no: int) -> int:
    """Cents of a receipt's refunds that AP was asked for and that did not come back since: money
    that may have left the city."""
    row = connection.execute(_asked().where(sent.c.receipt_no == receipt_no)).first()
    was = max(int(row.cents), 0) if row is not None else 0
    back = connection.scalar(
        select(total(case((_came_back(placement), -placement.c.cents), else_=0))).where(
            placement.c.receipt_no == receipt_no, placement.c.bucket == REFUNDED
        )
    )
    return was - min(int(back or 0), was)


def _came_back(rows: Any) -> ColumnElement[bool]:
    """Whether a placement is of a version by which money came back (or came again)."""
    beside = placement.alias()
    return (
        select(beside.c.line)
        .where(beside.c.receipt_no == rows.c.receipt_no, beside.c.version == rows.c.version,
               beside.c.bucket == RETURNED)
        .exists()
    )  # fmt: skip


def _standing(as_of: dt.date) -> Select[Any]:
    """Receipts that ever stood in the bucket, with its cents and what of them came back."""
    rows = placement.c
    ever = select(rows.receipt_no).where(rows.bucket == REFUNDED)
    gone = and_(rows.bucket == REFUNDED, _came_back(placement))
    return (
        select(
            rows.receipt_no, func.max(rows.version).label("version"),
            func.sum(case((rows.bucket == REFUNDED, rows.cents), else_=0)).label("cents"),
            func.sum(case((gone, -rows.cents), else_=0)).label("back"),
        )
        .join(decision, and_(decision.c.receipt_no == rows.receipt_no,
                             decision.c.version == rows.version))
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(rows.receipt_no.in_(ever), entry.c.business_date <= as_of.isoformat())
        .group_by(rows.receipt_no)
        .order_by(rows.receipt_no)
    )  # fmt: skip


def _asked() -> Select[Any]:
    """What AP was asked for and did not reject, and the last version that it knows of."""
    rejected = (
        select(answer.c.answer_no)
        .where(answer.c.receipt_no == sent.c.receipt_no, answer.c.version == sent.c.version,
               answer.c.status == "REJECTED")
        .exists()
    )  # fmt: skip
    counted = case((rejected, 0), else_=sent.c.cents)
    return select(
        sent.c.receipt_no, func.max(sent.c.version).label("version"),
        func.sum(counted).label("cents"),
    ).group_by(sent.c.receipt_no)  # fmt: skip


def _lines(connection: Connection, found: Sequence[tuple[int, int, int]]) -> list[Line]:
    files = ids.files_of(connection, {number >> schema.ORDINAL_BITS for number, _, _ in found})
    return [
        Line(number, version, refund_id(files, number, version), cents)
        for number, version, cents in found
    ]


def refund_id(files: dict[int, str], receipt_no: int, version: int) -> str:
    """`U`, the receipt's id without its letter, and the version."""
    ordinal = receipt_no & ((1 << schema.ORDINAL_BITS) - 1)
    receipt_id = ids.receipt_id(files[receipt_no >> schema.ORDINAL_BITS], ordinal)
    return f"U{receipt_id[1:]}-{version}"


def _row(connection: Connection, line: Line, chart: Chart) -> dict[str, Any]:
    stop = line.cents < 0
    account, receipt = schema.account, schema.receipt
    last = connection.execute(_moved(line, stop)).one()
    one = connection.execute(
        select(receipt.c.received_date, receipt.c.tender, receipt.c.check_number,
               receipt.c.payer_name, account.c.account_number, account.c.customer_name,
               account.c.mailing_address)
        .outerjoin(account, account.c.account_key == last.account_key)
        .where(receipt.c.receipt_no == line.receipt_no)
    ).one()  # fmt: skip
    by, approved, reason = _people(connection, line.receipt_no, last.version)
    stops = None
    if stop:
        stops = connection.scalar(
            select(func.max(sent.c.version)).where(
                sent.c.receipt_no == line.receipt_no, sent.c.cents > 0,
                sent.c.version < line.version,
            )
        )  # fmt: skip
    stem = line.refund_id[1:].rpartition("-")[0]
    return {
        "refund_id": line.refund_id, "type": "STOP" if stop else "REFUND", "amount": line.cents,
        "payee_name": one.customer_name or one.payer_name, "mailing_address": one.mailing_address,
        "account_number": one.account_number, "receipt_id": f"R{stem}",
        "received_date": one.received_date, "tender": one.tender, "check_number": one.check_number,
        "gl_date": last.effective_date, "fund": chart.pool_fund,
        "gl_account": chart.refunds_payable, "requested_by": by, "approved_by": approved,
        "reason": reason, "stops_refund_id": None if stops is None else f"U{stem}-{stops}",
    }  # fmt: skip


def _moved(line: Line, stop: bool) -> Select[Any]:
    """The last version that put money into the bucket (of a STOP: took it out), its GL date and
    whose money it is."""
    rows = placement.c
    way = rows.cents < 0 if stop else rows.cents > 0
    return (
        select(rows.version, entry.c.effective_date, rows.account_key)
        .join(decision, and_(decision.c.receipt_no == rows.receipt_no,
                             decision.c.version == rows.version))
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(rows.receipt_no == line.receipt_no, rows.version <= line.version,
               rows.bucket == REFUNDED, way, ~_came_back(placement))
        .order_by(rows.version.desc(), rows.line)
        .limit(1)
    )  # fmt: skip


def _people(connection: Connection, receipt_no: int, version: int) -> tuple[str, str, str]:
    """Who asked for it, who approved it, and why: from the decisions as they were written."""
    done = connection.execute(
        select(made)
        .where(made.c.receipt_no == receipt_no, made.c.placed_version == version)
        .order_by(made.c.decision_no.desc())
        .limit(1)
    ).first()
    if done is None:
        return "", "", ""
    if done.answers_id is None or done.action != "approve":
        return done.decided_by, "", done.note
    request = connection.execute(
        select(made.c.decided_by, made.c.note).where(made.c.decision_id == done.answers_id)
    ).one()
    approved = connection.scalars(
        select(made.c.decided_by)
        .where(made.c.answers_id == done.answers_id, made.c.action == "approve")
        .order_by(made.c.decision_no)
    ).all()
    return request.decided_by, "; ".join(approved), request.note
