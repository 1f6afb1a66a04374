"""Deposits of which the bank brought less because it read a check over too much: a person names the
check, and what it was read over too much leaves the books with the deposit's rest (domain 2.5)."""

from __future__ import annotations

from sqlalchemy import Connection, select

from recond.pipeline import deposit_questions, deposits, moves, takeback
from recond.pipeline.comeback import ADJUSTMENT, Back, worth
from recond.pipeline.run import Run
from recond.store import schema

deposit, clearing, line = schema.deposit, schema.clearing, schema.bank_line


def of_deposit(connection: Connection, run: Run, deposit_no: int) -> Back | None:
    """What the bank brought less of a deposit, at the place of the last line that brought some of
    it; None where it brought no less, or nothing."""
    left = deposits.left_of(connection, deposit_no)
    brought = connection.execute(
        select(line.c.file_no, line.c.ordinal, line.c.value_date, line.c.type_code)
        .join(clearing, (clearing.c.file_no == line.c.file_no)
              & (clearing.c.ordinal == line.c.ordinal))
        .where(clearing.c.deposit_no == deposit_no, clearing.c.cents > 0)
        .order_by(clearing.c.clearing_no.desc())
    ).first()  # fmt: skip
    if left <= 0 or brought is None:
        return None
    return Back(
        brought.file_no, brought.ordinal, ADJUSTMENT, brought.type_code or "", left,
        brought.value_date, (), "the bank credited so much less of its deposit",
        run.today.isoformat(),
    )  # fmt: skip


def cannot_correct(
    connection: Connection, deposit_no: int, one: Back, receipt_no: int
) -> str | None:
    """Why the difference cannot be that check's, in words; None when it can."""
    row = connection.execute(select(deposit).where(deposit.c.deposit_no == deposit_no)).one()
    owner = moves.standing(connection, [receipt_no])[receipt_no]
    file_no = receipt_no >> schema.ORDINAL_BITS
    same_day = (owner.deposit_date or owner.received_date) == row.business_date
    if row.channel != "LOCKBOX" or owner.channel != row.channel:
        return "only a check of a lockbox is corrected so; a drawer is counted again"
    if file_no != row.file_no or not same_day:
        return "it is no check of that deposit"
    if not owner.version or worth(owner) <= one.cents:
        return "it is over no more than the difference"
    known = schema.return_item.c
    if connection.scalar(
        select(known.receipt_no).where(known.file_no == one.file_no, known.ordinal == one.ordinal)
    ):
        return "its line corrected a check before"
    return None


def correct(connection: Connection, run: Run, deposit_no: int, one: Back, receipt_no: int) -> None:
    """Take the difference out of the check and the deposit; its question is answered."""
    (owner,) = moves.standing(connection, [receipt_no]).values()
    takeback.reverse(connection, run, one, owner, fixes=deposit_no)
    deposit_questions.answer(connection, run, [deposit_no])
