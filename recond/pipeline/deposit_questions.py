"""Questions about deposits: credited with another amount, never credited, or which of several."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond.clearing.tables import Doubt
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.money import format_cents
from recond.pipeline.run import Run
from recond.store import schema

deposit = schema.deposit
DIFFERS, LATE = "DEPOSIT_AMOUNT_DIFFERS", "DEPOSIT_NOT_CREDITED"
UNMATCHED = "BANK_CREDIT_UNMATCHED"


def _open_questions(connection: Connection) -> dict[str, int]:
    question = schema.exception.c
    rows = connection.execute(
        select(question.exception_id, question.exception_no).where(
            question.code.in_((DIFFERS, LATE)), question.status != "resolved"
        )
    )
    return {row.exception_id: row.exception_no for row in rows}


def _facts(connection: Connection, numbers: list[int]) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(numbers), 500):
        found += connection.execute(
            select(deposit)
            .where(deposit.c.deposit_no.in_(numbers[start : start + 500]))
            .order_by(deposit.c.deposit_no)
        ).all()
    return found


def answer(connection: Connection, run: Run, numbers: list[int]) -> None:
    """Close the questions about deposits that are credited in full now."""
    asked = _open_questions(connection)
    if not asked:
        return
    done = [
        asked[key]
        for row in _facts(connection, numbers)
        for code in (DIFFERS, LATE)
        if (key := exception_id(code, row.deposit_id)) in asked
    ]
    run.desk(connection).resolve(done, "the bank has credited it")


def ask_differing(
    connection: Connection, run: Run, numbers: list[int], left: dict[int, int]
) -> None:
    """Ask about deposits of which the bank brought another amount; `left` by number."""
    asked = _open_questions(connection)
    desk = run.desk(connection)
    for row in _facts(connection, numbers):
        brought = row.amount_cents - left[row.deposit_no]
        words = (
            f"{row.kind} deposit {row.reference} of {row.business_date}: expected"
            f" {format_cents(row.amount_cents)}, the bank credited {format_cents(brought)}. Ask the"
            " bank to correct it; its correction clears the rest."
        )
        number = asked.get(exception_id(DIFFERS, row.deposit_id))
        if number is not None:
            desk.restate(number, words, -left[row.deposit_no])
            continue
        desk.open(
            [Question(DIFFERS, row.deposit_id, words, -left[row.deposit_no], file_no=row.file_no)]
        )
        late = asked.get(exception_id(LATE, row.deposit_id))
        if late is not None:
            desk.resolve([late], "the bank has credited another amount")


def ask_late(connection: Connection, run: Run) -> int:
    """Deposits that no line brought some bank days after they were expected (contract 5)."""
    opened = schema.open_deposit.c
    days = run.home.settings.clearing.late_days
    rows = connection.execute(
        select(deposit)
        .join(schema.open_deposit, opened.deposit_no == deposit.c.deposit_no)
        .where(
            deposit.c.expected_date < run.today.isoformat(),
            deposit.c.amount_cents > 0,
            deposit.c.kind != "return",
            opened.left_cents == deposit.c.amount_cents,
        )
        .order_by(deposit.c.deposit_no)
    ).all()
    late = [
        row
        for row in rows
        if run.calendar.bank_days_between(dt.date.fromisoformat(row.expected_date), run.today)
        >= days
    ]
    known = _known(connection, [exception_id(LATE, row.deposit_id) for row in late])
    questions = [
        Question(
            LATE,
            row.deposit_id,
            f"{row.kind} deposit {row.reference} of {row.business_date} over"
            f" {format_cents(row.amount_cents)} was expected at the bank on {row.expected_date} and"
            " is on no statement. Ask the bank; link the line that brought it.",
            row.amount_cents,
            file_no=row.file_no,
        )
        for row in late
        if exception_id(LATE, row.deposit_id) not in known
    ]
    return run.desk(connection).open(questions)


def _known(connection: Connection, wanted: list[str]) -> set[str]:
    question = schema.exception.c
    found: set[str] = set()
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        found.update(
            connection.scalars(select(question.exception_id).where(question.exception_id.in_(part)))
        )
    return found


def told(connection: Connection, doubt: Doubt) -> tuple[str, str]:
    """Code and words of a doubt about a line."""
    names = [
        f"{row.deposit_id} ({row.kind} {row.reference} of {row.business_date},"
        f" {format_cents(row.amount_cents)})"
        for row in _facts(connection, list(doubt.deposits))
    ]
    if doubt.code == "CREDIT_ELSEWHERE":
        return doubt.code, f"it fits {', '.join(names)}, but names another source"
    return doubt.code, f"it fits more than one of {', '.join(names)}"


# --- credits that bring money of held batches -----------------------------------------------------


def beside_held(connection: Connection, lines: pa.Table) -> dict[int, tuple[str, str]]:
    """Code and words of credits that equal what a file's held batches bring, alone or with a
    deposit of the file: somebody has to decide the batch, then the credit is paired (E34)."""
    fresh = pc.and_(pc.greater(lines["amount_cents"], 0), pc.invert(lines["suspended"]))
    credits_ = lines.filter(fresh)
    held = _held(connection) if credits_.num_rows else {}
    if not held:
        return {}
    sums: dict[int, list[str]] = {}
    opened = schema.open_deposit.c
    for file_no, parts in sorted(held.items()):  # files with held batches: a few a month
        if len(parts) > 1:
            parts.append((" and ".join(name for name, _ in parts), sum(c for _, c in parts)))
        rows = connection.execute(
            select(deposit.c.deposit_id, opened.left_cents)
            .join(schema.open_deposit, opened.deposit_no == deposit.c.deposit_no)
            .where(deposit.c.file_no == file_no)
            .order_by(deposit.c.deposit_no)
        )
        beside = [("", 0), *((f"deposit {row[0]} plus ", int(row[1])) for row in rows)]
        for name, cents in parts:
            for first, left in beside:
                sums.setdefault(cents + left, []).append(f"{first}{name}")
    found = {}
    for row in credits_.select(["line_no", "amount_cents"]).to_pylist():
        if row["amount_cents"] in sums:
            words = " or ".join(sums[row["amount_cents"]][:3])
            words = f"it equals {words}, which is held; once that is decided the credit is paired"
            found[row["line_no"]] = (UNMATCHED, words)
    return found


def _held(connection: Connection) -> dict[int, list[tuple[str, int]]]:
    """Held batches of each file, with what was found in them."""
    batch, file = schema.batch.c, schema.file.c
    rows = connection.execute(
        select(batch.file_no, file.name, batch.batch, batch.found_cents)
        .join(schema.file, file.file_no == batch.file_no)
        .where(batch.state == "held", batch.found_cents > 0)
        .order_by(batch.file_no, batch.batch_ord)
    )
    found: dict[int, list[tuple[str, int]]] = {}
    for row in rows:
        name = f"batch {row.batch} of {row.name} ({format_cents(int(row.found_cents))})"
        found.setdefault(row.file_no, []).append((name, int(row.found_cents)))
    return found
