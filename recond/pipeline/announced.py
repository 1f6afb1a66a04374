"""Payments that a person said came back before the bank did.

The person's word takes the payment back at once and expects the bank's debit; the debit, or the
network's record, that follows is the same event and must meet it, not be asked about as a second
return.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from recond.clearing.tables import PAIRS
from recond.model import RETURNED
from recond.pipeline import costs, deposits, moves, takeback
from recond.pipeline.comeback import CARD, SAID, Back
from recond.pipeline.run import Run
from recond.store import schema

item = schema.return_item


def said(run: Run, owner: moves.Standing) -> Back:
    """What a person says of a payment: its place is the payment's own."""
    low = (1 << schema.ORDINAL_BITS) - 1
    today = run.today.isoformat()
    return Back(
        owner.receipt_no >> schema.ORDINAL_BITS, owner.receipt_no & low, SAID, "",
        owner.amount_cents, today, (owner.receipt_no,), f"{run.actor} says the bank took it back",
        today,
    )  # fmt: skip


def confirm(connection: Connection, run: Run, one: Back) -> bool:
    """The network's record, or the processor's, of a payment that a person said came back: it is
    noted beside it and does nothing more. False when it is of no such payment."""
    if one.restores:
        return False
    fitting = [owner for owner in moves.standing(connection, one.originals).values()
               if owner.amount_cents == one.cents and _waits(connection, owner, one)]  # fmt: skip
    if len(fitting) != 1:
        return False
    # inside a card batch the processor kept the money: the batch expects so much less
    kept = one.cents if one.kind in CARD else 0
    takeback.remember(connection, run, one, fitting[0], kept, None, None)
    return True


def _waits(connection: Connection, owner: moves.Standing, one: Back) -> bool:
    """Whether the payment is gone by a person's word alone."""
    if [stand.bucket for stand in owner.stands] != [RETURNED]:
        return False
    kinds = connection.scalars(select(item.c.kind).where(item.c.receipt_no == owner.receipt_no))
    return list(kinds) == ([] if one.kind in CARD else [SAID])


def met(connection: Connection, debits: dict[int, Back], cents: dict[int, int]) -> pa.Table:
    """PAIRS of debits with the expectation of the one payment that each names, where a person said
    that it came back and no debit met it yet, however many days lie between."""
    pairs = []
    opened = schema.open_deposit.c
    for line_no, back in debits.items():
        rows = connection.execute(
            select(item.c.deposit_no)
            .join(schema.open_deposit, opened.deposit_no == item.c.deposit_no)
            .where(
                item.c.receipt_no.in_(back.originals),
                item.c.kind == SAID,
                opened.left_cents == cents[line_no],
            )
        ).all()
        if len(rows) == 1:
            pairs.append(
                {"deposit_no": rows[0].deposit_no, "line_no": line_no, "cents": cents[line_no],
                 "rule": "announced", "evidence": "a person said that the payment came back"}
            )  # fmt: skip
    return pa.Table.from_pylist(pairs, schema=PAIRS)


def forget(connection: Connection, run: Run, receipt_no: int, entry_no: int, made_no: int) -> None:
    """Take back what a returned item did beside moving its payment (entry `entry_no`): its debit
    is expected no more (by entry `made_no`), its charges are cancelled, the item waits again."""
    row = of_entry(connection, receipt_no, entry_no)
    if row is None:
        return
    if row.deposit_no is not None:
        _expect_no_more(connection, run, row.deposit_no, made_no)
    for kind in (costs.FEE, costs.RECOVERY):
        for charge in costs.owed_charges(connection, receipt_no, kind):
            if (charge.file_no, charge.ordinal) == (row.file_no, row.ordinal):
                costs.cancel_one(connection, run, charge)
    until = schema.cash_only
    for table in (item, until):
        place = (table.c.file_no == row.file_no) & (table.c.ordinal == row.ordinal)
        connection.execute(table.delete().where(place))


def of_entry(connection: Connection, receipt_no: int, entry_no: int) -> Any | None:
    """The returned item that an entry took a payment back for (or brought it again)."""
    deposit = schema.deposit.c
    rows = connection.execute(
        select(item, deposit.entry_no.label("booked_by"))
        .outerjoin(schema.deposit, deposit.deposit_no == item.c.deposit_no)
        .where(item.c.receipt_no == receipt_no, item.c.reversed_cents != 0)
        .order_by(item.c.taken_date.desc(), item.c.file_no.desc(), item.c.ordinal.desc())
    ).all()
    named = [row for row in rows if row.booked_by == entry_no]
    alone = [row for row in rows if row.deposit_no is None]
    return next(iter(named or alone), None)


def is_met(connection: Connection, deposit_no: int | None) -> bool:
    """Whether a line of the bank met some of an expectation."""
    if deposit_no is None:
        return False
    amount = connection.scalar(
        select(schema.deposit.c.amount_cents).where(schema.deposit.c.deposit_no == deposit_no)
    )
    return deposits.left_of(connection, deposit_no) != amount


def _expect_no_more(connection: Connection, run: Run, deposit_no: int, made_no: int) -> None:
    row = connection.execute(
        select(schema.deposit).where(schema.deposit.c.deposit_no == deposit_no)
    ).one()
    day = run.today
    gone = deposits.Expected(
        row.file_no, row.batch_ord, row.kind, row.channel, day, day,
        aside_cents=-row.amount_cents, reference=row.reference, entry_no=made_no,
    )  # fmt: skip
    gone.withdraws_no = deposit_no
    deposits.write(connection, run, [gone])
    deposits.set_left(connection, {deposit_no: 0})
