"""Bank statements on their way into the books: which lines count, and whether balances chain.

Prior-day lines count, same-day ones are shown. A line that is an item of another line's total
(BAI2 116 below 115) never counts beside it. A statement that does not open with the balance that
the one before closed with is accepted with a question (contract section 5).
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond.balances import BALANCES, LINES, of_accounts, parts_of_totals
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.money import format_cents
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import fetch_arrow, insert_table
from recond.store.withdrawals import is_replaced, is_withdrawn, replaced_by

CODE = "STATEMENT_CHAIN_BROKEN"

line, statement = schema.bank_line, schema.statement


def keep(connection: Connection, file_no: int) -> None:
    """Open the lines of a statement that was kept, and remember its balances. Lines that stand of
    the statement that it corrects count in its sums and are open already."""
    lines = fetch_arrow(
        connection,
        select(*(line.c[name] for name in LINES.names))
        .where(line.c.file_no == file_no)
        .order_by(line.c.ordinal),
        LINES,
    )
    parts = parts_of_totals(lines)
    constants = {"file_no": file_no}
    insert_table(
        connection, schema.line_part, lines.filter(parts).select(["ordinal"]), constants=constants
    )
    counts = pc.invert(pc.or_(parts, lines["same_day"]))
    counts = pc.and_(counts, pc.not_equal(lines["amount_cents"], 0))
    insert_table(
        connection, schema.open_line, lines.filter(counts).select(["ordinal"]), constants=constants
    )
    if earlier := replaced_by(connection, file_no):
        standing = (
            select(*(line.c[name] for name in LINES.names))
            .where(line.c.file_no.in_(earlier), ~is_withdrawn())
            .order_by(line.c.file_no, line.c.ordinal)
        )
        lines = pa.concat_tables([lines, fetch_arrow(connection, standing, LINES)])
    balances = fetch_arrow(
        connection,
        select(*(schema.bank_balance.c[name] for name in BALANCES.names))
        .where(schema.bank_balance.c.file_no == file_no)
        .order_by(schema.bank_balance.c.ordinal),
        BALANCES,
    )
    rows = [
        {"bank_account": one["account"], "first_date": one["first"], "as_of_date": one["day"],
         "opening_cents": one["opening"], "closing_cents": one["closing"],
         "lines_cents": one["sum"]}
        for one in of_accounts(lines, balances)
        if one["opening"] is not None or one["closing"] is not None
    ]  # fmt: skip
    if rows:
        kinds = {c.name: pa.int64() if c.type is schema.INT else pa.string() for c in statement.c}
        shape = pa.schema([pa.field(name, kinds[name]) for name in rows[0]])
        insert_table(
            connection, statement, pa.Table.from_pylist(rows, schema=shape), constants=constants
        )


def ask_chain(connection: Connection, run: Run) -> None:
    """Ask about each statement that does not open where the one before closed, and close the
    questions whose missing statement came since. The first statement of an account sets its
    opening balance."""
    rows = connection.execute(
        select(
            statement.c.file_no, schema.file.c.file_id, schema.file.c.name,
            statement.c.bank_account, statement.c.first_date, statement.c.as_of_date,
            statement.c.opening_cents, statement.c.closing_cents,
        )
        .join(schema.file, schema.file.c.file_no == statement.c.file_no)
        .where(~is_replaced(statement.c.file_no))
        .order_by(statement.c.bank_account, statement.c.first_date, statement.c.file_no)
    ).all()  # fmt: skip
    desk = run.desk(connection)
    asked = _asked(connection)
    before: Any = None
    for row in rows:  # one a statement, not one a line
        key = f"{row.file_id}/{row.bank_account}"
        broken = (
            before is not None
            and before.bank_account == row.bank_account
            and before.closing_cents is not None
            and row.opening_cents is not None
            and before.closing_cents != row.opening_cents
        )
        number = asked.get(exception_id(CODE, key))
        if broken and number is None:
            desk.open([_chain_question(row, before, key)])
        elif not broken and number is not None:
            desk.resolve([number], "the statement that was missing came")
        before = row


def _asked(connection: Connection) -> dict[str, int]:
    """Chain questions that were ever asked and are not answered by a person."""
    question = schema.exception.c
    rows = connection.execute(
        select(question.exception_id, question.exception_no).where(question.code == CODE)
    )
    return {row.exception_id: row.exception_no for row in rows}


def _chain_question(row: Any, before: Any, key: str) -> Question:
    difference = row.opening_cents - before.closing_cents
    return Question(
        CODE,
        key,
        f"{row.name}: account {row.bank_account} opens {row.first_date} with"
        f" {format_cents(row.opening_cents)}; {before.name} closed {before.as_of_date} with"
        f" {format_cents(before.closing_cents)}. A statement between them may be missing.",
        difference,
        file_no=row.file_no,
    )
