"""A file was replaced after the bank credited its deposit: the credit goes with the money.

The line that brought the withdrawn deposit brought the one that takes its place: of the same kind,
day and source. Its cents move by two clearings that make no entry, because the clearing account is
the channel's either way. What the new deposit differs by is asked about like any difference.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, func, select

from recond.pipeline import bankbook, deposits
from recond.pipeline.run import Run
from recond.store import schema

deposit, clearing, opened = schema.deposit, schema.clearing, schema.open_deposit
RULE = "carried"


def carry(connection: Connection, run: Run) -> dict[int, int]:
    """Move what the bank brought for withdrawn deposits to the deposits in their place.

    Returns what is left of those: cents by number, negative where more came. Where none or several
    could take the place nothing moves, and the withdrawn deposit stays open.
    """
    left: dict[int, int] = {}
    taken_back = schema.deposit.alias()
    rows = connection.execute(
        select(deposit)
        .join(opened, opened.c.deposit_no == deposit.c.deposit_no)
        .where(
            opened.c.left_cents < 0,
            select(taken_back.c.deposit_no)
            .where(taken_back.c.withdraws_no == deposit.c.deposit_no)
            .exists(),
        )
        .order_by(deposit.c.deposit_no)
    ).all()
    for row in rows:  # files that were replaced: a few a year
        place = _place(connection, row)
        if place is None:
            continue
        lines = connection.execute(
            select(clearing.c.file_no, clearing.c.ordinal, func.sum(clearing.c.cents))
            .where(clearing.c.deposit_no == row.deposit_no)
            .group_by(clearing.c.file_no, clearing.c.ordinal)
            .having(func.sum(clearing.c.cents) != 0)
            .order_by(clearing.c.file_no, clearing.c.ordinal)
        ).all()
        moved = sum(int(one[2]) for one in lines)
        bankbook.remember(connection, run, _moves(row, place.deposit_no, lines))
        left[place.deposit_no] = place.left_cents - moved
        now = deposits.left_of(connection, row.deposit_no) + moved
        deposits.set_left(
            connection, {row.deposit_no: now, place.deposit_no: left[place.deposit_no]}
        )
    return left


def _place(connection: Connection, row: Any) -> Any | None:
    """The one later deposit of that kind, day and source that nothing has brought yet."""
    found = connection.execute(
        select(deposit.c.deposit_no, opened.c.left_cents)
        .join(opened, opened.c.deposit_no == deposit.c.deposit_no)
        .where(
            deposit.c.deposit_no > row.deposit_no,
            deposit.c.kind == row.kind,
            deposit.c.channel == row.channel,
            deposit.c.business_date == row.business_date,
            deposit.c.reference == row.reference,
            deposit.c.withdraws_no.is_(None),
            opened.c.left_cents == deposit.c.amount_cents,
        )
    ).all()
    return found[0] if len(found) == 1 else None


def _moves(row: Any, place_no: int, lines: Any) -> pa.Table:
    made = [
        {
            "file_no": file_no,
            "ordinal": ordinal,
            "deposit_no": number,
            "cents": sign * int(cents),
            "rule": RULE,
            "evidence": f"the file of deposit {row.deposit_id} was replaced",
            "entry_no": None,
        }
        for file_no, ordinal, cents in lines
        for number, sign in ((row.deposit_no, -1), (place_no, 1))
    ]
    shape = {"file_no": pa.int64(), "ordinal": pa.int64(), "deposit_no": pa.int64(),
             "cents": pa.int64(), "rule": pa.string(), "evidence": pa.string(),
             "entry_no": pa.int64()}  # fmt: skip
    return pa.Table.from_pylist(made, schema=pa.schema(list(shape.items())))
