"""What the bank brought, booked: pairs of deposits and lines, and what is left of the deposits."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, select

from recond import posting
from recond.arrays import ints
from recond.pipeline import bankbook, deposit_questions, moves, settlements, suspense
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import fetch_arrow, insert_table, stage

deposit = schema.deposit


def lines_of(pairs: pa.Table) -> pa.Array:
    """The lines of PAIRS, each once."""
    return pc.unique(pairs["line_no"]).cast(pa.int64())


def write(connection: Connection, run: Run, lines: pa.Table, pairs: pa.Table) -> int:
    """Book pairs and remember them; money that stood in suspense leaves it first."""
    if pairs.num_rows == 0:
        return 0
    paired = lines_of(pairs)
    mine = lines.filter(pc.is_in(lines["line_no"], value_set=paired))
    waited = mine.filter(mine["suspended"])["line_no"].to_pylist()
    if waited:
        moves.take_out(connection, run, waited, "settled", "the deposit that it brings came")
    rows = pairs.join(mine.select(["line_no", "file_no", "ordinal", "value_date"]), "line_no")
    rows = rows.join(_channels(connection, pairs), "deposit_no")
    rows = rows.sort_by([("line_no", "ascending"), ("deposit_no", "ascending")]).combine_chunks()
    accounts = posting.clearing_account(rows["channel"].combine_chunks(), run.chart)
    entries = bankbook.book(connection, run, rows, accounts, "deposits credited by the bank")
    bankbook.remember(connection, run, rows.append_column("entry_no", pa.array(entries)))
    bankbook.close_lines(connection, ints(paired))
    suspense.answer_debits(connection, run, mine)
    _bring(connection, run, rows)
    return len(paired)


def _channels(connection: Connection, pairs: pa.Table) -> pa.Table:
    numbers = pc.unique(pairs["deposit_no"]).cast(pa.int64()).sort()
    staged = stage(connection, "paired", pa.table({"deposit_no": numbers}), key=("deposit_no",))
    return fetch_arrow(
        connection,
        select(deposit.c.deposit_no, deposit.c.channel)
        .join(staged, staged.c.deposit_no == deposit.c.deposit_no)
        .order_by(deposit.c.deposit_no),
        pa.schema([pa.field("deposit_no", pa.int64()), pa.field("channel", pa.string())]),
    )


def _bring(connection: Connection, run: Run, rows: pa.Table) -> None:
    """What is left of the deposits, and the questions that this answers or raises."""
    sums = rows.group_by("deposit_no").aggregate([("cents", "sum")]).sort_by("deposit_no")
    staged = stage(connection, "brought", sums, key=("deposit_no",))
    opened = schema.open_deposit.c
    found = connection.execute(
        select(opened.deposit_no, opened.left_cents - staged.c.cents_sum)
        .join(staged, staged.c.deposit_no == opened.deposit_no)
        .order_by(opened.deposit_no)
    ).all()
    left = {row[0]: int(row[1]) for row in found}
    _set_left(connection, staged, left)
    open_rest = [
        number
        for number, cents in left.items()
        if cents and not settlements.round_off(connection, run, number, cents)
    ]
    deposit_questions.answer(connection, run, sorted(set(left) - set(open_rest)))
    if open_rest:
        deposit_questions.ask_differing(connection, run, open_rest, left)


def _set_left(connection: Connection, staged: Any, left: dict[int, int]) -> None:
    opened = schema.open_deposit
    found = select(staged.c.deposit_no).where(staged.c.deposit_no == opened.c.deposit_no)
    connection.execute(delete(opened).where(found.exists()))
    rows = [{"deposit_no": number, "left_cents": cents} for number, cents in left.items() if cents]
    if rows:
        insert_table(connection, opened, pa.Table.from_pylist(rows))
