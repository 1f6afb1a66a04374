"""Voids of counter receipts: an approved void takes the original receipt out of the books."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, true

from recond.exceptions.desk import Question
from recond.exports import refunds
from recond.model import RETURNED, VOIDED
from recond.money import format_cents
from recond.pipeline import moves, rematch
from recond.pipeline.numbered import HELD, VOID
from recond.pipeline.run import Run
from recond.store import schema

aside, receipt = schema.set_aside, schema.receipt


@dataclass(frozen=True, slots=True)
class Void:
    """The rows of one void: its own number, the receipt it names, its cents (negative)."""

    number: str
    drawer: str
    original: str
    cents: int
    approved_by: str
    line: int
    held: bool  # its number is another record's


def take_voids(
    connection: Connection,
    run: Run,
    file_no: int,
    file_id: str,
    file_name: str,
    batches: Collection[int] | None = None,
) -> int:
    """Void the receipts that the voids of a file (or of some batches of it) name; ask about those
    that cannot be. Voids of a held batch wait with it.

    Returns how many receipts were voided (contract section 4, cashier receipts CSV).
    """
    questions: list[Question] = []
    voided: list[int] = []
    for void in _voids(connection, file_no, batches):
        originals = _originals(connection, void)
        numbers = [row.receipt_no for row in originals]
        doubt = _doubt(void, originals) or _gone(connection, void, numbers, voided)
        if doubt is None:
            voided.extend(numbers)
            continue
        code, words = doubt
        questions.append(
            Question(
                code,
                _key(file_id, void),
                f"{file_name}, line {void.line}: {words}",
                -void.cents,
                file_no=file_no,
                receipt_no=originals[0].receipt_no if originals else None,
            )
        )
    if voided:
        moves.take_out(connection, run, voided, "void", f"void in {file_name}")
        rematch.pay_reopened(connection, run, voided)
    run.desk(connection).open(questions)
    return len(voided)


def _key(file_id: str, void: Void) -> str:
    key = f"{file_id}/void/{void.drawer}/{void.number}"
    return f"{key}/{void.original}" if void.held else key  # several may have one number


def _voids(connection: Connection, file_no: int, batches: Collection[int] | None) -> list[Void]:
    batch = schema.batch.c
    waits = (
        select(batch.batch_ord)
        .where(batch.file_no == file_no, batch.batch_ord == aside.c.batch_ord,
               batch.state == "held")
        .exists()
    )  # fmt: skip
    mine = true() if batches is None else aside.c.batch_ord.in_(batches)
    rows = connection.execute(
        select(aside)
        .where(aside.c.file_no == file_no, aside.c.kind.in_((VOID, VOID + HELD)), ~waits, mine)
        .order_by(aside.c.ordinal)
    ).all()
    found: dict[tuple[str, str, str, bool], Void] = {}
    for row in rows:  # voids only: a handful a day
        key = (row.drawer or "", row.trace_number or "", row.original or "", row.kind != VOID)
        before = found.get(key)
        cents = (row.amount_cents or 0) + (before.cents if before else 0)
        drawer, number, original, held = key
        found[key] = Void(
            number, drawer, original, cents, row.approved_by or "", row.line or 0, held
        )
    return list(found.values())


def _originals(connection: Connection, void: Void) -> list[Row[Any, Any]]:
    """The receipts (one a tender) with the number that a void names."""
    record = schema.numbered_record.c
    file_no = connection.scalar(
        select(record.file_no).where(
            record.source == f"cashier:{void.drawer}", record.number == void.original
        )
    )
    if file_no is None:
        return []
    rows = connection.execute(
        select(receipt.c.receipt_no, receipt.c.amount_cents)
        .where(
            receipt.c.receipt_no.between(
                schema.receipt_key(file_no, 0), schema.receipt_key(file_no + 1, 0) - 1
            ),
            receipt.c.channel == "CASHIER",
            receipt.c.drawer == void.drawer,
            receipt.c.sequence == void.original,
        )
        .order_by(receipt.c.receipt_no)
    )
    return list(rows.all())


def gone(connection: Connection, owner: moves.Standing) -> str | None:
    """Why a receipt can be voided no more (its money left another way), as words; else None."""
    if owner.in_bucket(VOIDED):
        return "was voided before"
    if owner.in_bucket(RETURNED):
        return "came back from the bank"
    if handed_on := refunds.handed_on(connection, owner.receipt_no):
        return f"was refunded ({format_cents(handed_on)} of it)"
    return None


def _gone(
    connection: Connection, void: Void, numbers: list[int], voided: list[int]
) -> tuple[str, str] | None:
    """The doubt about a void of a receipt that an earlier void, the bank or a refund had."""
    what = f"void {void.number}: receipt {void.original}"
    for owner in moves.standing(connection, numbers).values():
        again = "was voided before" if owner.receipt_no in voided else None
        why = again or gone(connection, owner)
        if why is not None:
            return "VOID_NOT_POSSIBLE", f"{what} {why}; nothing was voided"
    return None


def _doubt(void: Void, originals: list[Row[Any, Any]]) -> tuple[str, str] | None:
    what = f"void {void.number} of receipt {void.original}"
    if void.held:
        words = f"{what}: the number {void.number} came before with other content"
        return "VOID_CONFLICT", f"{words}; the earlier record stands, nothing was voided"
    if not void.approved_by:
        return "VOID_NOT_APPROVED", f"{what} has no approver; nothing was voided"
    if not originals:
        return "VOID_WITHOUT_ORIGINAL", f"{what}: no such receipt of drawer {void.drawer} is known"
    total = sum(row.amount_cents for row in originals)
    if total != -void.cents:
        words = f"{what} is for {format_cents(-void.cents)}, the receipt was for"
        return "VOID_AMOUNT_WRONG", f"{words} {format_cents(total)}; nothing was voided"
    return None
