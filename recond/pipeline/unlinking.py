"""A deposit and a line that a person paired, and should not have: both wait again.

The clearing is answered by one of the opposite cents with an entry of its own; what stood in
suspense before the pairing stands there again, and its questions are asked again.
"""

from __future__ import annotations

import pyarrow as pa
from sqlalchemy import Connection, func, select

from recond import posting
from recond.exceptions.questions import exception_id
from recond.pipeline import bankbook, deposits, moves
from recond.pipeline.deposit_questions import DIFFERS, LATE
from recond.pipeline.moves import Move, Stand
from recond.pipeline.run import Run
from recond.store import schema

clearing, deposit, asked = schema.clearing, schema.deposit, schema.exception
BACK = "unlinked"


def linked_cents(connection: Connection, deposit_no: int, line_key: int) -> int:
    """What a line brings of a deposit."""
    return int(
        connection.scalar(
            select(func.sum(clearing.c.cents)).where(
                clearing.c.deposit_no == deposit_no,
                clearing.c.file_no == line_key >> schema.ORDINAL_BITS,
                clearing.c.ordinal == line_key & bankbook.LOW,
            )
        )
        or 0
    )


def unpair(connection: Connection, run: Run, deposit_no: int, line_key: int, words: str) -> None:
    """Take a pairing back. The pair must be linked (`linked_cents` is not zero)."""
    cents = linked_cents(connection, deposit_no, line_key)
    line = schema.bank_line.c
    value_date = connection.scalar(
        select(line.value_date).where(
            line.file_no == line_key >> schema.ORDINAL_BITS,
            line.ordinal == line_key & bankbook.LOW,
        )
    )
    row = connection.execute(select(deposit).where(deposit.c.deposit_no == deposit_no)).one()
    made = {
        "file_no": line_key >> schema.ORDINAL_BITS, "ordinal": line_key & bankbook.LOW,
        "deposit_no": deposit_no, "cents": -cents, "rule": BACK, "evidence": words,
        "value_date": value_date,
    }  # fmt: skip
    rows = pa.Table.from_pylist([made])
    accounts = posting.clearing_account(pa.array([row.channel], pa.string()), run.chart)
    entries = bankbook.book(connection, run, rows, accounts, words)
    bankbook.remember(connection, run, rows.append_column("entry_no", pa.array(entries)))
    left = deposits.left_of(connection, deposit_no) + cents
    deposits.set_left(connection, {deposit_no: left})
    bankbook.open_line(connection, line_key)
    _wait_again(connection, run, line_key, words)
    _ask_again(connection, run, row.deposit_id, line_key, words, whole=left == row.amount_cents)


def _wait_again(connection: Connection, run: Run, line_key: int, words: str) -> None:
    """The receipt that the line was before the pairing took it out of suspense."""
    owner = moves.standing(connection, [line_key]).get(line_key)
    rule = connection.scalar(
        select(schema.decision.c.rule).where(
            schema.decision.c.receipt_no == line_key,
            schema.decision.c.version == (owner.version if owner else 0),
        )
    )
    if owner is None or rule != "settled":
        return
    move = Move(line_key, BACK, words, owner.stands, back_to(connection, line_key, owner.version))
    moves.write(connection, run, [move], BACK, words)


def back_to(connection: Connection, receipt_no: int, version: int) -> list[Stand]:
    """Where the cents stood that a version took away, with what their items owed for it."""
    placement = schema.placement.c
    adjusts = moves.adjusts_of(connection, [receipt_no])
    rows = connection.execute(
        select(schema.placement)
        .where(
            placement.receipt_no == receipt_no,
            placement.version == version,
            placement.reverses_version.is_not(None),
        )
        .order_by(placement.line)
    )
    return [
        Stand(row.bucket, -row.cents, row.account_key, row.item_key, row.charge_type, row.fund,
              adjusts=-adjusts.get((receipt_no, version, row.line), 0))
        for row in rows
    ]  # fmt: skip


def _ask_again(
    connection: Connection, run: Run, deposit_id: str, line_key: int, words: str, *, whole: bool
) -> None:
    """The questions that the pairing answered; one about its difference has none any more."""
    desk = run.desk(connection)
    if whole:
        differs = exception_id(DIFFERS, deposit_id)
        numbers = connection.scalars(
            select(asked.c.exception_no).where(asked.c.exception_id == differs)
        )
        desk.resolve(list(numbers), words)
    closed = connection.execute(
        select(asked.c.exception_no, asked.c.message).where(
            asked.c.status == "resolved",
            (asked.c.exception_id == exception_id(LATE, deposit_id))
            | ((asked.c.receipt_no == line_key) & (asked.c.scope == "BANK")),
        )
    ).all()
    for row in closed:
        desk.reopen(row.exception_no, f"{words}. {row.message}")
