"""The exception queue: questions listed, shown one by one, and written out for clerks.

Everything here reads. What may be answered is the code's list of answers; an `accept_N` is
allowed only where there is a suggestion N.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond.errors import RefusedError
from recond.exceptions import sheet
from recond.exceptions.codes import CODES
from recond.exceptions.questions import row_key
from recond.exceptions.suggest import suggestions
from recond.exports.columns import FileIds, int64s
from recond.exports.datasets import dataset, questions
from recond.exports.scope import Scope
from recond.exports.writers import publish
from recond.money import format_cents
from recond.store import schema

# What waits for a clerk; a proposal waits for an approver and has its own list.
WAITING = ("open", "assigned", "on_hold")
UNRESOLVED = (*WAITING, "pending_approval")


def list_questions(
    connection: Connection,
    *,
    today: dt.date,
    status: tuple[str, ...] = UNRESOLVED,
    code: str | None = None,
    severity: str | None = None,
    scope: str | None = None,
    file_id: str | None = None,
    receipt_id: str | None = None,
) -> pa.Table:
    """The questions that fit every given filter, with the columns of dataset `exceptions`."""
    found = dataset(connection, "exceptions", today=today)
    keep = pc.is_in(found["status"], value_set=pa.array(status, pa.string()))
    filters = {"code": code, "severity": severity, "scope": scope, "file_id": file_id,
               "receipt_id": receipt_id}  # fmt: skip
    for name, value in filters.items():
        if value is not None:
            keep = pc.and_(keep, pc.fill_null(pc.equal(found[name], value), False))
    return found.filter(keep)


def show(connection: Connection, exception_id: str, *, today: dt.date) -> dict[str, Any]:
    """One question with everything that answering it needs: its row, the sentence of its code,
    the allowed actions, the suggestions with reasons and the accounts that are not suggested.

    Raises RefusedError when there is no such question.
    """
    number = connection.scalar(
        select(schema.exception.c.exception_no).where(
            schema.exception.c.exception_id == exception_id
        )
    )
    if number is None:
        raise RefusedError(f"There is no question {exception_id}; see `recond queue list`.")
    batches = list(questions(connection, Scope(today), [number]))
    row: dict[str, Any] = pa.Table.from_batches(batches).to_pylist()[0]
    made = suggestions(connection, [number])
    code = CODES.get(row["code"])
    count = made.candidates.num_rows
    row["question"] = code.sentence if code else ""
    row["allowed_actions"] = allowed_actions(row["code"], count) if _unresolved(row) else []
    row["answer_with"] = _answer_with(row) if _unresolved(row) else ""
    row["candidates"] = [
        {"account_number": c["account_number"], "due": format_cents(c["due_cents"]),
         "why": c["why"]}
        for c in made.candidates.to_pylist()
    ]  # fmt: skip
    row["refused"] = [
        {"account_number": r["account_number"], "why": r["why"]} for r in made.refused.to_pylist()
    ]
    return row


def _unresolved(row: dict[str, Any]) -> bool:
    return bool(row["status"] != "resolved")


def allowed_actions(code: str, suggested: int) -> list[str]:
    """The actions that a row of the work list takes; `suggested` suggestions can be accepted."""
    known = CODES.get(code)
    answers = [answer for answer in known.answers if answer in sheet.ACTIONS] if known else []
    offered = {f"accept_{rank}" for rank in range(1, suggested + 1)}
    return [a for a in answers if not a.startswith("accept_") or a in offered] or ["hold"]


def _answer_with(row: dict[str, Any]) -> str:
    """The command for questions about files, which the work list cannot answer."""
    code = CODES.get(row["code"])
    verbs = [v for v in ("accept", "reject") if code and v in code.answers]
    if not verbs or row["file_id"] is None:
        return ""
    return f"recond files {'|'.join(verbs)} {row['file_id']} --reason …"


def work_list(connection: Connection, *, key: bytes) -> pa.Table:
    """The clerk's rows (sheet.SHEET) in order of the questions, unguarded text, answers empty.

    `key` is the home's secret for the `check` column.
    """
    made = suggestions(connection)
    ranked: dict[int, list[dict[str, Any]]] = {}
    for candidate in made.candidates.to_pylist():
        ranked.setdefault(candidate["exception_no"], []).append(candidate)
    found = _questions(connection)
    ids = _receipt_ids(connection, found)
    # as many rows as questions that people answer
    rows = [_row(row, ids[n], ranked.get(row["exception_no"], []), key)
            for n, row in enumerate(found)]  # fmt: skip
    return pa.Table.from_pylist(rows, sheet.SHEET)


def _questions(connection: Connection) -> list[dict[str, Any]]:
    question, receipt, file = schema.exception.c, schema.receipt.c, schema.file.c
    owner = question.file_no
    statement = (
        select(
            question.exception_no, question.exception_id, question.version, question.code,
            question.amount_cents, question.receipt_no, question.opened_date, question.message,
            receipt.received_date, receipt.channel, receipt.batch, receipt.sequence,
            receipt.payer_name, receipt.account_on_item, receipt.check_number,
            receipt.trace_number, receipt.amount_cents.label("receipt_cents"),
            file.file_id, file.inbox, file.name,
        )
        .outerjoin(schema.receipt, receipt.receipt_no == question.receipt_no)
        .outerjoin(schema.file, file.file_no == owner)
        .where(question.status.in_(WAITING))
        .order_by(question.exception_no)
    )  # fmt: skip
    return [dict(row) for row in connection.execute(statement).mappings()]


def _receipt_ids(connection: Connection, found: list[dict[str, Any]]) -> list[str]:
    known = [n for n, row in enumerate(found) if row["receipt_no"] is not None]
    numbers = pa.array([found[n]["receipt_no"] for n in known], pa.int64())
    made = FileIds.load(connection).receipts(int64s(numbers)).to_pylist()
    ids = dict(zip(known, made, strict=True))
    return [ids.get(n, "") for n in range(len(found))]


def _row(
    row: dict[str, Any], receipt_id: str, ranked: list[dict[str, Any]], key: bytes
) -> dict[str, str]:
    cents = row["amount_cents"] if row["amount_cents"] is not None else row["receipt_cents"]
    amount = sheet.amount_text(cents)
    received = row["received_date"] or row["opened_date"]
    numbers = [candidate["account_number"] for candidate in ranked]
    evidence = (row["exception_id"], str(row["version"]), receipt_id, row["code"], amount, received)
    code = CODES.get(row["code"])
    text = " ".join(
        part for part in (code.sentence if code else "", row["message"], _answer_with(row)) if part
    )
    cells = {
        "row_key": row_key(row["exception_id"], row["version"]),
        "check": sheet.check(key, evidence, tuple(numbers)),
        "exception_id": row["exception_id"],
        "receipt_id": receipt_id,
        "reason": row["code"],
        "reason_text": text,
        "received": received,
        "source": (row["channel"] or row["inbox"] or "").lower(),
        "file": row["name"],
        "batch": row["batch"],
        "item": row["sequence"],
        "payer": row["payer_name"],
        "account_on_item": row["account_on_item"],
        "check_number": row["check_number"],
        "trace_number": row["trace_number"],
        "amount": amount,
        "suggest_1_why": ranked[0]["why"] if ranked else "",
        "allowed_actions": " ".join(allowed_actions(row["code"], len(ranked))),
    }
    for rank, candidate in enumerate(ranked, 1):
        due = sheet.amount_text(candidate["due_cents"])
        cells[f"suggest_{rank}"] = f"acct {candidate['account_number']} due {due}"
    return {name: cells.get(name) or "" for name in sheet.COLUMNS}


def export_csv(connection: Connection, out_dir: Path, *, today: dt.date, key: bytes) -> Path | None:
    """Write the work list of all waiting questions into `out_dir`; None when nothing waits.

    The name comes from the content, so the same list on the same day is one file.
    """
    rows = work_list(connection, key=key)
    if not rows.num_rows:
        return None
    path = out_dir / f"{sheet.file_stem(rows, today)}.csv"
    data = sheet.work_list_csv(rows)
    publish(path, lambda out: out.write(data))
    return path
