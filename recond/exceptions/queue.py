"""The exception queue: questions listed, shown one by one, and written out for clerks.

Everything here reads. What may be answered is the code's list of answers; an `accept_N` is
allowed only where there is a suggestion N.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, ScalarSelect, func, select

from recond import durable
from recond.errors import RefusedError
from recond.exceptions import sheet
from recond.exceptions.codes import CODES
from recond.exceptions.decisions.actions import allowed_actions
from recond.exceptions.decisions.case import QUESTION, Question
from recond.exceptions.questions import KEY_LENGTH, row_key
from recond.exceptions.sheet_xlsx import workbook
from recond.exceptions.suggest import suggestions
from recond.exports.columns import FileIds, int64s
from recond.exports.datasets import dataset, questions
from recond.exports.scope import Scope
from recond.model import SUSPENSE
from recond.money import format_cents
from recond.store import schema
from recond.store.engine import stage

UNRESOLVED = ("open", "assigned", "on_hold", "pending_approval")


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
    suggested = suggestions(connection, [number])
    code = CODES.get(row["code"])
    count = suggested.candidates.num_rows
    row["question"] = code.sentence if code else ""
    row["allowed_actions"] = _allowed_now(row, count)
    row["answer_with"] = _answer_with(row) if _unresolved(row) else ""
    row["candidates"] = [
        {"account_number": c["account_number"], "due": format_cents(c["due_cents"]),
         "why": c["why"]}
        for c in suggested.candidates.to_pylist()
    ]  # fmt: skip
    split = suggested.combined.get(number)
    row["split"] = {"to_account": split.split, "why": split.why} if split else None
    told, made = schema.comment.c, schema.decision_made.c
    row["comments"] = [
        {"said_by": said.said_by, "said_at": said.said_at, "words": said.words}
        for said in connection.execute(
            select(schema.comment).where(told.exception_no == number).order_by(told.comment_no)
        )
    ]
    row["decisions"] = [
        {
            "decision_id": d.decision_id,
            "decided_by": d.decided_by,
            "decided_at": d.decided_at,
            "action": d.action,
            "status": d.status,
            "result": d.result,
        }
        for d in connection.execute(
            select(schema.decision_made)
            .where(made.exception_no == number)
            .order_by(made.decision_no)
        )
    ]
    row["refused"] = [
        {"account_number": r["account_number"], "why": r["why"]}
        for r in suggested.refused.to_pylist()
    ]
    return row


def _allowed_now(row: dict[str, Any], suggested: int) -> list[str]:
    if row["status"] == "pending_approval":
        return ["approve", "deny"]
    return allowed_actions(row["code"], suggested) if _unresolved(row) else []


def _unresolved(row: dict[str, Any]) -> bool:
    return bool(row["status"] != "resolved")


def _answer_with(row: dict[str, Any]) -> str:
    """The command for questions about files, which the work list cannot answer."""
    code = CODES.get(row["code"])
    verbs = [v for v in ("accept", "reject") if code and v in code.answers]
    if not verbs or row["file_id"] is None:
        return ""
    return f"recond files {'|'.join(verbs)} {row['file_id']} --reason …"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the work list shows it: its row, the cells of SHEET, and the account numbers
    that are suggested."""

    question: Question
    receipt_id: str
    cells: dict[str, str]
    suggested: tuple[str, ...]


def work_list(
    connection: Connection, *, key: bytes, filters: Filters | None = None, today: dt.date
) -> pa.Table:
    """The clerk's rows (sheet.SHEET) in order of the questions, unguarded text, answers empty.

    `key` is the home's secret for the `check` column.
    """
    wanted = schema.exception.c.status.in_(UNRESOLVED)
    found = asked_questions(connection, key, wanted)
    kept = [asked.cells for asked in found if filters is None or filters.keep(asked, today)]
    return pa.Table.from_pylist(kept, sheet.SHEET)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which questions a work list holds; None does not ask."""

    code: str | None = None
    owner: str | None = None
    min_age: int | None = None  # days
    min_cents: int | None = None
    approvals: bool | None = None  # only what waits for approval, or only what does not

    def keep(self, asked: Asked, today: dt.date) -> bool:
        """Whether a question is wanted."""
        question = asked.question
        age = (today - dt.date.fromisoformat(question.opened_date)).days
        waits = question.status == "pending_approval"
        return (
            self.code in {None, question.code}
            and self.owner in {None, question.assigned_to}
            and (self.min_age is None or age >= self.min_age)
            and (self.min_cents is None or abs(question.amount_cents or 0) >= self.min_cents)
            and self.approvals in {None, waits}
        )


def questions_named(connection: Connection, key: bytes, stems: Sequence[str]) -> list[Asked]:
    """The questions, resolved ones too, whose ids begin with one of these (`X7K2M9QF`)."""
    if not stems:
        return []
    names = pa.table({"stem": pa.array(sorted(set(stems)), pa.string())})
    staged = stage(connection, "stems", names, key=("stem",))
    begins = func.substr(schema.exception.c.exception_id, 1, 1 + KEY_LENGTH)
    return asked_questions(connection, key, begins.in_(select(staged.c.stem)))


def asked_questions(connection: Connection, key: bytes, wanted: ColumnElement[bool]) -> list[Asked]:
    """Questions with their suggestions, in order of their numbers."""
    found = _questions(connection, wanted)
    open_ = [row["exception_no"] for row in found if row["status"] != "resolved"]
    ranked: dict[int, list[dict[str, Any]]] = {}
    made = suggestions(connection, open_) if open_ else None
    splits = made.combined if made else {}
    for candidate in made.candidates.to_pylist() if made else ():
        ranked.setdefault(candidate["exception_no"], []).append(candidate)
    ids = _receipt_ids(connection, found)
    # as many rows as questions that people answer
    return [
        _asked(
            {**row, "split": splits.get(row["exception_no"])},
            ids[n],
            ranked.get(row["exception_no"], []),
            key,
        )
        for n, row in enumerate(found)
    ]


def identity_of(asked: Asked, version: int) -> tuple[str, ...]:
    """What `check` stands for: the question at a version, its receipt and its reason. What else
    a row shows follows from these, for every change of it is a new version."""
    question = asked.question
    return question.exception_id, str(version), asked.receipt_id, question.code


def _questions(connection: Connection, wanted: ColumnElement[bool]) -> list[dict[str, Any]]:
    question, receipt, file = schema.exception.c, schema.receipt.c, schema.file.c
    statement = (
        select(
            *(question[name] for name in QUESTION),
            receipt.received_date, receipt.channel, receipt.batch, receipt.sequence,
            receipt.payer_name, receipt.account_on_item, receipt.check_number,
            receipt.trace_number, receipt.amount_cents.label("receipt_cents"),
            _suspense().label("suspense_cents"),
            file.file_id, file.inbox, file.name,
        )
        .outerjoin(schema.receipt, receipt.receipt_no == question.receipt_no)
        .outerjoin(schema.file, file.file_no == question.file_no)
        .where(wanted)
        .order_by(question.exception_no)
    )  # fmt: skip
    return [dict(row) for row in connection.execute(statement).mappings()]


def _suspense() -> ScalarSelect[int]:
    """Cents of the question's receipt that stand in suspense; null where none ever did."""
    placement = schema.placement.c
    return (
        select(func.sum(placement.cents))
        .where(placement.receipt_no == schema.exception.c.receipt_no, placement.bucket == SUSPENSE)
        .scalar_subquery()
    )


def _receipt_ids(connection: Connection, found: list[dict[str, Any]]) -> list[str]:
    known = [n for n, row in enumerate(found) if row["receipt_no"] is not None]
    numbers = pa.array([found[n]["receipt_no"] for n in known], pa.int64())
    made = FileIds.load(connection).receipts(int64s(numbers)).to_pylist()
    ids = dict(zip(known, made, strict=True))
    return [ids.get(n, "") for n in range(len(found))]


def _asked(row: dict[str, Any], receipt_id: str, ranked: list[dict[str, Any]], key: bytes) -> Asked:
    question = Question(**{name: row[name] for name in QUESTION})
    suggested = tuple(candidate["account_number"] for candidate in ranked)
    asked = Asked(question, receipt_id, {}, suggested)
    cents = row["amount_cents"] if row["amount_cents"] is not None else row["receipt_cents"]
    code = CODES.get(row["code"])
    sentence, message = code.sentence if code else "", row["message"] or ""
    text = " ".join(
        part
        for part in (
            "" if message.startswith(sentence.rstrip(".")) else sentence,
            message,
            _answer_with(row),
            _split_words(row),
        )
        if part
    )
    cells = {
        "row_key": row_key(question.exception_id, question.version),
        "check": sheet.check(key, identity_of(asked, question.version), suggested),
        "exception_id": question.exception_id,
        "receipt_id": receipt_id,
        "reason": question.code,
        "reason_text": text,
        "received": row["received_date"] or row["opened_date"],
        "source": (row["channel"] or row["inbox"] or "").lower(),
        "file": row["name"],
        "batch": row["batch"],
        "item": row["sequence"],
        "payer": row["payer_name"],
        "account_on_item": row["account_on_item"],
        "check_number": row["check_number"],
        "trace_number": row["trace_number"],
        "amount": sheet.amount_text(cents),
        "suggest_1_why": ranked[0]["why"] if ranked else "",
        "allowed_actions": " ".join(_allowed(question, len(ranked), not row["suspense_cents"])),
    }
    for rank, candidate in enumerate(ranked, 1):
        due = sheet.amount_text(candidate["due_cents"])
        cells[f"suggest_{rank}"] = f"acct {candidate['account_number']} due {due}"
    asked.cells.update({name: cells.get(name) or "" for name in sheet.COLUMNS})
    return asked


def _split_words(row: dict[str, Any]) -> str:
    """The split that adds up, as a clerk writes it; or that the search gave up."""
    found = row["split"]
    if found is None:
        return ""
    return f"Could be split {found.split} ({found.why})." if found.parts else f"{found.why}."


def _allowed(question: Question, suggested: int, placed: bool) -> list[str]:
    if question.status == "pending_approval":
        return ["approve", "deny"]
    placed = placed and question.receipt_no is not None
    return allowed_actions(question.code, suggested, placed)


def export(
    connection: Connection,
    out_dir: Path,
    *,
    today: dt.date,
    key: bytes,
    filters: Filters | None = None,
) -> list[Path]:
    """Write the work list of all waiting questions into `out_dir`, as CSV and as a workbook with
    the same rows; no path when nothing waits.

    The names come from the content, so the same list on the same day is one file.
    """
    rows = work_list(connection, key=key, filters=filters, today=today)
    if not rows.num_rows:
        return []
    stem = sheet.file_stem(rows, today)
    made = {".csv": sheet.work_list_csv(rows), ".xlsx": workbook(rows, stem)}
    for suffix, data in made.items():
        durable.publish(out_dir / f"{stem}{suffix}", data)
    return [out_dir / f"{stem}{suffix}" for suffix in made]
