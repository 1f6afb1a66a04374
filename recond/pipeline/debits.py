"""Debits of the bank that nothing explains, and what a person says of them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond import ids
from recond.exceptions.questions import exception_id
from recond.pipeline import suspense, unreconciled
from recond.pipeline.run import Run
from recond.store import schema

line = schema.bank_line


def asked_about(connection: Connection, question_id: str, file_no: int | None) -> int | None:
    """The key of the debit that a question is about, None where it is about none."""
    if file_no is None:
        return None
    name = ids.files_of(connection, {file_no})[file_no]
    rows = connection.scalars(
        select(line.c.ordinal)
        .where(line.c.file_no == file_no, line.c.amount_cents < 0)
        .order_by(line.c.ordinal)
    )
    for ordinal in rows:  # the debits of one statement
        subject = f"L{name[1:]}-{ordinal}"
        if question_id in {exception_id(code, subject) for code in suspense.DEBITS}:
            return schema.receipt_key(file_no, ordinal)
    return None


def open_debit(connection: Connection, run: Run, key: int) -> dict[str, Any] | None:
    """The row of a debit that nothing explains yet."""
    rows: list[dict[str, Any]] = _lines(connection, run, key).to_pylist()
    return rows[0] if rows else None


def book_fee(connection: Connection, run: Run, key: int) -> None:
    """Book a debit as a fee of the bank because a person says that it is one."""
    rows = _lines(connection, run, key)
    suspense.book_fees(connection, run, rows, "fee_said", f"{run.actor} says it is a fee")
    suspense.answer_debits(connection, run, rows)


def _lines(connection: Connection, run: Run, key: int) -> pa.Table:
    lines = unreconciled.open_lines(connection, run)
    return lines.filter(pc.equal(lines["line_no"], key))
