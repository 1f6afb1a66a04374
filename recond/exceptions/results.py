"""What became of a work list, as files for the clerk: every row with status and message, and the
rows that have to be answered again, ready to be edited. Both are views of what is written in the
database: they can be made again at any time."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
from sqlalchemy import Connection, select

from recond.exceptions import sheet
from recond.exceptions.imports import READ_BACK, Row
from recond.exceptions.queue import asked_questions
from recond.exceptions.sheet_xlsx import workbook
from recond.exports.columns import FileIds, int64s
from recond.store import schema

AGAIN = ("ERROR_KEY", "ERROR_EDITED", "ERROR_ACTION", "ERROR_SELF", "STALE", "CONFLICT",
         "PERIOD_CLOSED")  # fmt: skip
RESULT = (
    "row", "row_key", "exception_id", "receipt_id", "reason", "action", "to_account",
    "amount_to_apply", "note", "status", "message", "decision_id", "decided_by", "decided_at",
)  # fmt: skip


def result_csv(connection: Connection, work_no: int) -> bytes:
    """`NAME.result.csv`: every row of a work list that came back, with status and message."""
    work, question, made = schema.work_row, schema.exception.c, schema.decision_made.c
    rows = connection.execute(
        select(
            work.c.row_no, work.c.cells, work.c.status, work.c.message, work.c.decision_id,
            question.exception_id, question.code, question.receipt_no, made.decided_by,
            made.decided_at,
        )
        .outerjoin(schema.exception, question.exception_no == work.c.exception_no)
        .outerjoin(schema.decision_made, made.decision_id == work.c.decision_id)
        .where(work.c.work_no == work_no)
        .order_by(work.c.row_no)
    ).all()  # fmt: skip
    receipts = _receipt_ids(connection, [row.receipt_no for row in rows])
    told = []
    for row, receipt_id in zip(rows, receipts, strict=True):
        cells = json.loads(row.cells)
        told.append(
            {
                **{name: cells[name] for name in READ_BACK},
                "row": str(row.row_no),
                "exception_id": row.exception_id,
                "receipt_id": receipt_id,
                "reason": row.code,
                "status": row.status,
                "message": row.message,
                "decision_id": row.decision_id,
                "decided_by": row.decided_by,
                "decided_at": row.decided_at,
            }
        )
    shape = pa.schema([pa.field(name, pa.string()) for name in RESULT])
    return sheet.work_list_csv(pa.Table.from_pylist(told, schema=shape))


def _receipt_ids(connection: Connection, numbers: Sequence[int | None]) -> list[str | None]:
    known = [number for number in numbers if number is not None]
    keys = int64s(pa.array(known, pa.int64()))
    made = iter(FileIds.load(connection).receipts(keys).to_pylist())
    return [None if number is None else next(made) for number in numbers]


def fix_workbook(
    connection: Connection, key: bytes, rows: Sequence[Row], stem: str
) -> bytes | None:
    """`NAME.fix.xlsx`: the rows that were refused and whose question is still open, as they are
    asked now, with the clerk's answer and the reason. None when there is none."""
    refused = {
        row.asked.question.exception_no: row
        for row in rows
        if row.asked is not None and row.verdict is not None and row.verdict.status in AGAIN
    }
    if not refused:
        return None
    exception = schema.exception.c
    wanted = exception.exception_no.in_(sorted(refused)) & (exception.status != "resolved")
    made = []
    for asked in asked_questions(connection, key, wanted):
        row = refused[asked.question.exception_no]
        cells = dict(asked.cells)
        for name in sheet.ANSWER:
            cells[name] = row.cells.get(name, "").removeprefix("'")
        if row.verdict is not None:
            cells["reason_text"] = (
                f"{row.verdict.status}: {row.verdict.message} — {cells['reason_text']}"
            )
        made.append(cells)
    return workbook(pa.Table.from_pylist(made, sheet.SHEET), stem) if made else None
